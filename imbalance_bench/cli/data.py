"""`imbench data`: what there is to know of a data set before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imbalance_bench.cli.streams import print_result, say

if TYPE_CHECKING:
    from imbalance_bench.data.inspection import Inspection

LONGEST = 40
"""Lines of classes on a terminal; of more, the largest and the smallest are shown."""


def command(
    dataset: Annotated[str, typer.Argument(help="Which images; see `imbench list datasets`.")],
    save_grid: Annotated[
        str | None,
        typer.Option(help="Write a picture with a line of images for each class to this PNG.",
                     metavar="FILE", show_default=False),
    ] = None,
    *,
    flags: dict[str, Any],
) -> None:  # fmt: skip
    """Counts per class and part, ratio, sizes, pixels, copies, groups, files left aside. Trains nothing."""
    import json

    from imbalance_bench.cli.request import Reporter, check_output, write_text
    from imbalance_bench.config import merge
    from imbalance_bench.data.progress import listening
    from imbalance_bench.errors import RequestError
    from imbalance_bench.experiments.looking import look

    settings = merge(None, {"dataset": dataset, **flags})
    if settings.format not in ("terminal", "json"):
        raise RequestError(f"--format {settings.format}: allowed are terminal and json.")
    check_output(settings.output)
    reporter = Reporter(settings.quiet)
    try:
        with listening(reporter.reading):
            found = look(settings, save_grid)
    finally:
        reporter.close()
    for line in () if settings.quiet else found.notes:
        say(f"note: {line}")
    if settings.format == "json":
        text = json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n"
        write_text(lambda width, color: text, "json", settings.output)
    elif settings.output is not None:
        write_text(lambda width, color: _page(found, width), "terminal", settings.output)
    else:
        import shutil

        print_result(_page(found, shutil.get_terminal_size((80, 24)).columns))


def _page(found: Inspection, width: int) -> str:
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    channels, height, wide = found.shape
    console.print(Text(f"{found.dataset}: {sum(sum(one.rows) for one in found.classes):,} images of "
                       f"{height}x{wide} pixels, {_channels(channels)}, {found.kind}"))  # fmt: skip
    total = sum(one.rows[2] for one in found.classes)
    rarest = min(found.classes, key=lambda one: one.rows[0])
    prevalence = f", {rarest.rows[2] / total:.1%} of test" if total else ""
    console.print(Text(f"imbalance ratio {found.ratio:.3g} in training; rarest: {rarest.name}{prevalence}\n"))
    grid = Table(box=None, pad_edge=False)
    grid.add_column("class")
    for head in ("train", "val", "test", "pixels", "recall .90 would mean"):
        grid.add_column(head, justify="right")
    shown = list(found.classes)
    if len(shown) > LONGEST:
        by_size = sorted(shown, key=lambda one: -one.rows[0])
        shown = [*by_size[: LONGEST // 2], *by_size[-LONGEST // 2 :]]
    for one in shown:
        recall = "-" if one.recall is None else f"{one.recall[0]:.2f} to {one.recall[1]:.2f}"
        pixels = "-" if one.low != one.low else f"{one.low:.4g} to {one.high:.4g}, mean {one.mean:.3g}"
        grid.add_row(Text(one.name), *(f"{n:,}" for n in one.rows), pixels, recall)
    console.print(grid)
    if len(found.classes) > LONGEST:
        console.print(Text(f"the {LONGEST // 2} largest and smallest of {len(found.classes)} classes"))
    for line in _lines(found):
        console.print(Text(line))
    file: Any = console.file
    return str(file.getvalue())


def _lines(found: Inspection) -> list[str]:
    copies = found.copies
    said = [""]
    if found.drawn:
        how = "by image" if found.groups is None else "in whole groups"
        said.append(f"{', '.join(found.drawn)} drawn {how}, anew for each seed")
    if found.files.modes:
        said.append(f"kinds of file: {_counts(found.files.modes)}; sizes: {_counts(found.files.sizes)}")
    if copies.sets:
        inside = ", ".join(f"{n} within {part}" for part, n in copies.within.items() if n)
        said.append(
            f"exact copies: {copies.images} images show only {copies.sets} different ones"
            f"{f' ({inside})' if inside else ''}; {copies.across} across parts; {copies.conflicting} with "
            "different labels"
        )
        said += ["  " + " = ".join(names) for names in copies.examples]
    else:
        said.append("exact copies: none")
    if found.groups is not None:
        n, crossing, least, most = found.groups
        size = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        said.append(f"groups: {n:,} of {size} images; {crossing:,} stand in more than one part")
    for why, names in found.files.ignored.items():
        said.append(f"left aside, {why}: {len(names)} ({', '.join(names[:3])}{', ...' * (len(names) > 3)})")
    if found.files.unreadable:
        said.append(f"unreadable: {len(found.files.unreadable)}")
        said += [f"  {name}: {why}" for name, why in found.files.unreadable[:5]]
    said += [f"beware: {line}" for line in found.warnings]
    if found.files.unreadable:
        said.append("compare and run refuse unreadable files, unless --skip-bad goes on without them")
    if found.drawn and found.groups is None and found.files.modes:
        said.append(
            "where several images belong together, as those of a patient, name the group: --group-pattern "
            "on the paths, or --group-column of a csv"
        )
    return said


def _counts(found: Mapping[str, int]) -> str:
    common = sorted(found.items(), key=lambda item: -item[1])
    more = f" and {len(common) - 4} other" if len(common) > 4 else ""
    return ", ".join(f"{name} {n:,}" for name, n in common[:4]) + more


def _channels(n: int) -> str:
    return {1: "grey", 3: "rgb"}.get(n, f"{n} channels")
