"""`imbench run`: one strategy and its per-class table."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imbalance_bench.cli.guard import FAILED, complain
from imbalance_bench.cli.request import prepared, read_config, write_result


def command(
    ctx: typer.Context,
    strategy: Annotated[
        str | None,
        typer.Option(help="The strategy; `imbench list strategies` shows all. (default: cross-entropy)",
                     show_default=False),
    ] = None,
    *,
    flags: dict[str, Any],
) -> None:  # fmt: skip
    """Train one strategy and print its precision and recall for every class.

    Any other --key value is a parameter of the strategy: imbench run --strategy focal --alpha 0.25 --gamma 2
    """
    from imbalance_bench.api import RunFailedError, run_settings
    from imbalance_bench.config import merge
    from imbalance_bench.data.progress import listening

    config = read_config(flags)
    settings = merge(config, {"strategy": strategy, **flags})
    spec = settings.strategy or "cross-entropy"
    params: dict[str, Any] = dict(config.unknown) if config else {}
    check_parameters(spec, {name: config.where(name) for name in params} if config else {})
    on_line = extra_parameters(ctx.args)
    check_parameters(spec, dict.fromkeys(on_line, ""))
    params |= on_line
    reporter = prepared(settings, config)
    try:
        with listening(reporter.reading):
            result = run_settings(settings, params, reporter)
    except RunFailedError as error:
        complain(f"no run came through: {error}")
        raise typer.Exit(FAILED) from None
    finally:
        reporter.close()
    reporter.notices(result.notices)
    write_result([result], settings.format, settings.output)
    if result["failures"]:
        raise typer.Exit(FAILED)


def extra_parameters(args: list[str]) -> dict[str, str]:
    """`--key value` and `--key=value` pairs; RequestError for anything else."""
    from imbalance_bench.errors import RequestError

    params: dict[str, str] = {}
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or word == "--":
            raise RequestError(f"{word!r} is not expected here; flags are written as --key value.")
        key, given, value = word[2:].partition("=")
        if not given:
            if not rest or rest[0].startswith("--"):
                raise RequestError(f"{word} has no value; write {word} VALUE.")
            value = rest.pop(0)
        name = key.replace("-", "_")
        if name in params:
            raise RequestError(f"--{key} is given twice; keep one.")
        params[name] = value
    return params


def check_parameters(spec: str, places: dict[str, str]) -> None:
    """RequestError, naming the nearest flag and the strategy's own, for what neither of them knows.

    `places` says for each name where it stands: FILE:LINE, or nothing for the command line.
    """
    from imbalance_bench.cli.options import AIMS, FLAGS
    from imbalance_bench.errors import RequestError, nearest
    from imbalance_bench.strategies.composite import parts_of
    from imbalance_bench.strategies.registry import create, why_not

    strategy = create(spec)
    own = [name for part in parts_of(strategy) for name in part.own_parameters]
    flags = [name for name in FLAGS if name not in AIMS]
    for name, place in places.items():
        if name not in own and (reason := why_not(spec, name)):
            raise RequestError(f"{place}{': ' if place else ''}{reason}")
        if name not in own:
            dashes = "" if place else "--"
            written, *known = (dashes + n.replace("_", "-") for n in (name, *own, "strategy", *flags))
            mine = ", ".join(known[: len(own)]) or "no parameters"
            raise RequestError(
                f"{place}{': ' if place else ''}there is no {'setting' if place else 'flag'} {written}; "
                f"{strategy.spec} takes {mine}, and `imbench run --help` shows the rest."
                f"{nearest(written, known)}"
            )
