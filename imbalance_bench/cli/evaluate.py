"""`imbench evaluate`: the tables of a comparison for predictions made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from imbalance_bench.cli.options import AIMS, DATA

READ = ("test_prior", "primary_metric", *AIMS)


def command(
    files: Annotated[
        list[str],
        typer.Argument(
            help="npz or csv files of labels and scores. The name STRATEGY-seed-S.npz counts where the "
            "file itself does not say strategy and seed.",
            metavar="FILE...",
            show_default=False,
        ),
    ],
    baseline: Annotated[
        str | None,
        typer.Option(
            help="The strategy that others are compared with (default: cross-entropy, else the first).",
            rich_help_panel=DATA, metavar="NAME", show_default=False,
        ),
    ] = None,
    train_counts: Annotated[
        str | None,
        typer.Option(
            help="Training rows of each class, as 900,80,20 (default: what the files say, else the counts of "
            "validation or test).",
            rich_help_panel=DATA, metavar="LIST", show_default=False,
        ),
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(
            help="How seeds and test images meet: crossed, one test part for all; independent, each seed its "
            "own; resplit, each splits one pool again (default: crossed where test labels agree, else "
            "resplit).",
            rich_help_panel=DATA, metavar="NAME", show_default=False,
        ),
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column whose values, as patients, are resampled whole; none for none (default: group).",
            rich_help_panel=DATA, metavar="NAME", show_default=False,
        ),
    ] = None,
    positive_class: Annotated[
        str | None,
        typer.Option(
            help="Of two classes the one that single scores speak for (default: 1 where labels are 0 and 1).",
            rich_help_panel=DATA, metavar="NAME", show_default=False,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(help="What the result calls the data.", rich_help_panel=DATA, metavar="NAME"),
    ] = "predictions",
    *,
    flags: dict[str, Any],
) -> None:  # fmt: skip
    """The tables, intervals and tests of a comparison for predictions made elsewhere; trains nothing.

    npz: test_labels (n,), test_logits or test_probabilities (n, C); the same with val_ to tune thresholds on.
    csv: a row per image, columns label, p_CLASS or logit_CLASS for each class (or score, of two), and where
    wanted split, strategy, seed, group.

    Example: imbench evaluate cross-entropy-seed-0.npz focal-seed-0.npz --train-counts 900,80,20
    """
    from imbalance_bench.cli.request import check_output, write_result
    from imbalance_bench.cli.streams import say
    from imbalance_bench.config import merge
    from imbalance_bench.elsewhere import evaluate
    from imbalance_bench.errors import RequestError

    settings = merge(None, {"positive_class": positive_class, **flags})
    check_output(settings.output)
    if settings.output is not None and settings.output.resolve() in [Path(file).resolve() for file in files]:
        raise RequestError(f"--output {settings.output} would overwrite the predictions; name another file.")
    result = evaluate(
        files,
        baseline=baseline,
        train_counts=train_counts,
        design=design,
        group_column=group_column,
        positive_class=settings.positive_class,
        name=name,
        **{name: value for name, value in flags.items() if name in READ},
    )
    for line in () if settings.quiet else result.notices:
        say(f"note: {line}")
    write_result([result], settings.format, settings.output)
