"""`imbench list`: what there is to choose from, with what each means."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from imbalance_bench.cli.streams import print_result

KINDS = "strategies|datasets|models|metrics"
EXPLAINED = {
    "aliases": "also",
    "formula": "formula",
    "acts_on": "acts on",
    "caution": "beware",
    "paper": "source",
    "example": "write",
    "samplers": "samplers",
}
"""What is told of one entry beside its summary, and under which title."""
PLACES = {
    "plan": "rows",
    "loss": "loss",
    "weights": "class weights",
    "stages": "stages",
    "head": "head",
    "fit_adjust": "scores afterwards",
    "fit_decision": "decision afterwards",
}
"""The places of a strategy that `+` puts together: two parts may not both act on one, but for the weights
and the scores."""


def command(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="strategies, datasets, models or metrics.")
    ] = "strategies",
    name: Annotated[str | None, typer.Argument(help="One of them, explained.")] = None,
    format: Annotated[str, typer.Option(help="terminal or json.", metavar="NAME")] = "terminal",
) -> None:
    """Strategies, datasets, models or metrics; with a name, that one with its parameters."""
    from imbalance_bench.errors import RequestError, nearest

    sources = {
        "strategies": _strategies,
        "datasets": _datasets,
        "models": lambda: _models(name),
        "metrics": _metrics,
    }
    if kind not in sources:
        raise RequestError(
            f"there is nothing to list by the name {kind!r}; allowed: {KINDS}.{nearest(kind, sources)}"
        )
    if format not in ("terminal", "json"):
        raise RequestError(f"--format {format}: allowed are terminal and json.")
    entries = sources[kind]()
    if name is not None and kind == "strategies":
        _show_strategies(name, entries, format)
    elif name is not None:
        wanted = [e for e in entries if name in (e["name"], e.get("group"), *e.get("aliases", []))]
        if not wanted:
            known = [entry["name"] for entry in entries]
            raise RequestError(
                f"there is no {name!r} among the {kind}: {', '.join(known)}.{nearest(name, known)}"
            )
        _print(wanted, format, explain=len(wanted) == 1)
    else:
        _print(entries, format, explain=False)


def _show_strategies(spec: str, entries: list[dict[str, Any]], format: str) -> None:
    """Each part of what may be a name, a spec with parameters, or a combination; samplers by name."""
    from imbalance_bench.specs import split_spec
    from imbalance_bench.strategies.registry import find

    wanted = []
    for part in split_spec(spec):
        cls = find(part.name)
        entry = next(entry for entry in entries if entry["name"] == cls.name)
        wanted.append({**entry, **cls.more()})
    _print(wanted, format, explain=True)


def _print(entries: list[dict[str, Any]], format: str, explain: bool) -> None:
    if format == "json":
        print_result(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
    else:
        _show(entries, explain)


def _show(entries: list[dict[str, Any]], explain: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column()
    for entry in entries:
        grid.add_row(Text(entry["name"], "bold"), Text(entry["summary"]))
        for key, title in EXPLAINED.items() if explain else ():
            if said := entry.get(key):
                grid.add_row(Text(title, "dim"), Text(said if isinstance(said, str) else ", ".join(said)))
        parameters = entry.get("parameters", [])
        if parameters and not explain:
            grid.add_row("", Text(", ".join(f"{p['name']}={p['default']}" for p in parameters), "dim"))
        for parameter in parameters if explain else ():
            usual = f"; usual: {parameter['usual']}" if parameter.get("usual") else ""
            text = f"{parameter['help']}; {parameter['allowed']}{usual} [default: {parameter['default']}]"
            grid.add_row(Text(f"  {parameter['name']}"), Text(text))
    console.print(grid)


def _strategies() -> list[dict[str, Any]]:
    from imbalance_bench.strategies.base import Strategy
    from imbalance_bench.strategies.registry import registry

    def acts_on(cls: type[Strategy]) -> list[str]:
        return [word for place, word in PLACES.items() if getattr(cls, place) is not getattr(Strategy, place)]

    told = ("formula", "caution", "paper", "example")
    return [
        _described(cls) | {name: getattr(cls, name) for name in told} | {"acts_on": acts_on(cls)}
        for cls in registry().values()
    ]


def _datasets() -> list[dict[str, Any]]:
    from imbalance_bench.data.registry import available

    return [_described(cls) for cls in available().values()]


def _models(name: str | None) -> list[dict[str, Any]]:
    """Our own models, with torchvision's as one entry; for the name of one of those, each of them."""
    from imbalance_bench.models import names

    own = [{"name": known, "summary": summary} for known, summary in names.MODELS.items()]
    if name is None or name in names.MODELS:
        return [*own, {"name": names.TORCHVISION, "summary": names.TORCHVISION_SUMMARY}]
    if name != names.TORCHVISION:
        names.check_name(name)
    found = [(known, *names.torchvision_summary(known)) for known in names.torchvision_names()]
    return [
        {"name": known, "summary": summary, "group": names.TORCHVISION, "paper": paper}
        for known, summary, paper in found
    ]


def _metrics() -> list[dict[str, Any]]:
    from imbalance_bench.evaluation.names import METRICS

    return [{"name": name, "summary": summary} for name, summary in METRICS.items()]


def _described(cls: Any) -> dict[str, Any]:
    import dataclasses

    from imbalance_bench.params import canonical, rules

    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(cls)}
    parameters = [
        {
            "name": name,
            "default": canonical(defaults[name]),
            "allowed": rule.allowed(),
            "help": rule.help,
            "usual": rule.usual,
        }
        for name, rule in rules(cls).items()
    ]
    return {"name": cls.name, "aliases": list(cls.aliases), "summary": cls.summary, "parameters": parameters}
