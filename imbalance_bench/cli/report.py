"""`imbench report`: the tables of stored runs, without training anything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imbalance_bench.cli.guard import FAILED


def command(
    results: Annotated[str, typer.Argument(help="A results folder, or one of its folders.")] = "results",
    strategies: Annotated[
        str | None,
        typer.Option(help="Which strategies, in which order. (default: all stored)", show_default=False),
    ] = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Tables of the runs stored in a folder, one comparison for each set of runs made alike.

    Where these are the same strategies on several data sets, the strategies' ranks follow.
    """
    from imbalance_bench.cli.request import any_failures, check_output, write_result
    from imbalance_bench.cli.streams import say
    from imbalance_bench.config import merge
    from imbalance_bench.report.reading import Reading
    from imbalance_bench.stored import stored_results

    settings = merge(None, {"results": results, **flags})
    check_output(settings.output)
    found = stored_results(settings.results, strategies, Reading.of(settings))
    for line in () if settings.quiet else dict.fromkeys(line for each in found for line in each.notices):
        say(f"note: {line}")
    write_result(found, settings.format, settings.output)
    if any_failures(found):
        raise typer.Exit(FAILED)
