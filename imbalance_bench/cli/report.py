"""`imbench report`: the tables of stored runs, without training anything."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    results: Annotated[str, typer.Argument(help="A results folder, or one of its folders.")] = "results",
    strategies: Annotated[
        str | None,
        typer.Option(help="Which strategies, in which order. (default: all stored)", show_default=False),
    ] = None,
    test_prior: Annotated[
        str,
        typer.Option(
            help="Class shares that the numbers stand for: dataset, train or uniform.", metavar="NAME"
        ),
    ] = "dataset",
    primary_metric: Annotated[
        str | None, typer.Option(help="The metric that decides.", show_default=False)
    ] = None,
    format: Annotated[
        str, typer.Option(help="terminal, markdown, csv or json.", metavar="NAME")
    ] = "terminal",
    output: Annotated[
        str | None, typer.Option(help="Write to this file instead of stdout.", show_default=False)
    ] = None,
) -> None:
    """Tables of the runs stored in a folder, one comparison for each set of runs made alike.

    Where these are the same strategies on several data sets, the strategies' ranks follow.
    """
    from imbalance_bench.api import stored_results
    from imbalance_bench.cli.request import check_output, write_result
    from imbalance_bench.cli.streams import say
    from imbalance_bench.config import merge

    settings = merge(None, {"results": results, "test_prior": test_prior, "format": format, "output": output})
    check_output(settings.output)
    found = stored_results(settings.results, strategies, settings.test_prior, primary_metric)
    for line in dict.fromkeys(line for result in found for line in result.notices):
        say(f"note: {line}")
    write_result(found, settings.format, settings.output)
