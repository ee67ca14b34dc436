"""`imbench compare`: several strategies on the same data, the main job."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imbalance_bench.cli.guard import FAILED
from imbalance_bench.cli.request import any_failures, prepared, read_config, write_result


def command(
    strategies: Annotated[
        str | None,
        typer.Option(help="Comma-separated, as ce,focal:alpha=0.25,gamma=2. "
                          "(default: ce, undersample, oversample, smote, focal, logit-adjustment)",
                     show_default=False),
    ] = None,
    *,
    flags: dict[str, Any],
) -> None:  # fmt: skip
    """Train several strategies on the same data, splits and initial weights, and compare them.

    Several data sets, as --dataset digits,synthetic, each make a comparison; then the strategies are ranked.

    Example: imbench compare --dataset fashion-mnist --imbalance-ratio 100 --seeds 5
    """
    from imbalance_bench.api import compare_settings
    from imbalance_bench.config import Settings, merge
    from imbalance_bench.configfile import refuse_unknown
    from imbalance_bench.data.progress import listening
    from imbalance_bench.experiments.planning import dataset_list

    config = read_config(flags)
    if config is not None:
        refuse_unknown(config, Settings.model_fields)
    settings = merge(config, {"strategies": strategies, **flags})
    reporter = prepared(settings, config, datasets=len(dataset_list(settings)))
    try:
        with listening(reporter.reading):
            result = compare_settings(settings, reporter)
    finally:
        reporter.close()
    reporter.notices(result.notices)
    write_result([result], settings.format, settings.output)
    if any_failures([result]):
        raise typer.Exit(FAILED)
