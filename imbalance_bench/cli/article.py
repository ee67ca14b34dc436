"""`imbench article`: the article's worked example, recomputed, and what the article has wrong."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    alpha: Annotated[
        str,
        typer.Option(
            help="Weight of the diseased class in [0, 1], the healthy one getting 1 - alpha; or one weight "
            "per class (0.2/0.8); balanced; none.",
            metavar="A",
        ),
    ] = "0.25",
    gamma: Annotated[str, typer.Option(help="Focusing parameter; 0 gives cross-entropy.", metavar="G")] = "2",
    format: Annotated[
        str, typer.Option(help="terminal, markdown, csv or json.", metavar="NAME")
    ] = "terminal",
    output: Annotated[
        str | None, typer.Option(help="Write to this file instead of stdout.", show_default=False)
    ] = None,
) -> None:
    """The worked example of the article on focal loss, recomputed, with its slips."""
    import numpy as np

    from imbalance_bench.cli.request import check_output, write_text
    from imbalance_bench.config import merge
    from imbalance_bench.params import build
    from imbalance_bench.report.article import CLASSES, EXAMPLE
    from imbalance_bench.report.article_page import article_result, render_article
    from imbalance_bench.strategies.base import Context
    from imbalance_bench.strategies.focal import Focal

    settings = merge(None, {"format": format, "output": output})
    check_output(settings.output)
    # The strategy that trains reads alpha and gamma, so that both commands allow and mean the same.
    asked = build(Focal, {"alpha": alpha, "gamma": gamma}, what="focal")
    counts = np.bincount([image.label for image in EXAMPLE])
    weights = asked.loss_factors(Context(counts, CLASSES))
    result = article_result(asked.alpha, asked.gamma, None if weights is None else weights.tolist())
    write_text(
        lambda width, color: render_article(result, settings.format, width, color),
        settings.format,
        settings.output,
    )
