"""The comparison of predictions made elsewhere: the same tables, intervals and tests, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast, get_args

from imbalance_bench.config import merge
from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.experiments.foreign.checks import checked
from imbalance_bench.experiments.foreign.files import read_file
from imbalance_bench.experiments.foreign.raw import Raw, read_mapping
from imbalance_bench.experiments.foreign.runs import (
    Design,
    Elsewhere,
    ForeignRun,
    baseline_of,
    few_groups,
    foreign_runs,
)
from imbalance_bench.report.comparison import comparison
from imbalance_bench.report.notices import unequal_seeds
from imbalance_bench.report.reading import Reading
from imbalance_bench.report.result import Result


def evaluate(
    predictions: str | Path | Sequence[str | Path] | Mapping[tuple[str, int], Mapping[str, Any]],
    *,
    baseline: str | None = None,
    train_counts: str | Sequence[int] | None = None,
    design: str | None = None,
    group_column: str | None = None,
    positive_class: str | None = None,
    name: str = "predictions",
    **asked: Any,
) -> Result:
    """Compare predictions made elsewhere as `compare` compares its own; trains, keeps and writes nothing.

    Args:
        predictions: npz or csv files, or arrays by strategy and seed, as {("focal", 0): {"test_labels": (n,)
            class numbers or names, "test_logits": (n, C)}}. In place of `test_logits`: `test_probabilities`
            (n, C); for two classes (n,) log odds or probabilities of the positive class. Optional:
            `val_labels` and `val_logits` or `val_probabilities`, without which no threshold is tuned;
            `test_groups` (n,), as patients, resampled whole; `class_names` (C,); `train_counts` (C,).
            A file may also hold `strategy` and `seed`; else its name says them: STRATEGY-seed-S.npz.
        baseline: the strategy that others are compared with; default: cross-entropy, else the first.
        train_counts: (C,) training rows per class; default: what the predictions say, else the counts of
            validation, else of test, and a notice says which.
        design: "crossed" (one test part for all seeds), "independent" (each seed has its own images) or
            "resplit" (each splits one pool again); default: crossed where all test labels agree in order,
            else resplit, the cautious reading.
        group_column: csv column, or array, of the groups; "none" for none; default: `group`, `test_groups`.
        positive_class: the class that scores (n,) speak for; default: class 1 where labels are numbers.
        name: what the result calls the data.
        asked: `test_prior`, `primary_metric`, `prevalence`, `target_recall`, `cost_fn`, `cost_fp`, as in
            `compare`.

    Returns:
        The object of `imbench compare --format json`; costs are None.

    Raises:
        RequestError: for files that can't be read, and values, classes or rows that don't fit: says where.
    """
    design, baseline, group_column, positive_class = (
        None if word is None else str(word) for word in (design, baseline, group_column, positive_class)
    )
    _check_word("--design", design, get_args(Design))
    reading = _reading(asked)
    said: list[str] = []
    given = checked(_read(predictions, group_column), positive_class, said)
    runs = foreign_runs(
        given, _numbers(train_counts), cast("Design | None", design), positive_class, reading.test_prior, said
    )
    return _compared(runs, baseline, reading, name, said)


def _compared(
    runs: Sequence[ForeignRun],
    baseline: str | None,
    reading: Reading,
    name: str,
    said: list[str],
) -> Result:
    by_strategy: dict[str, list[ForeignRun]] = {}
    for run in runs:
        by_strategy.setdefault(run.config.strategy, []).append(run)
    base = baseline_of(list(by_strategy), baseline, said)
    names = runs[0].record["class_names"]
    reading.check(names)
    arms = reading.arms(
        [
            (Elsewhere(label), sorted(own, key=lambda run: run.config.seed))
            for label, own in sorted(by_strategy.items(), key=lambda item: item[0] != base)
        ]
    )
    content = comparison(
        arms,
        [],
        dataset=name,
        seeds=sorted({run.config.seed for run in runs}),
        class_names=names,
        reading=reading,
        baseline=base,
    )
    if "test_groups" in runs[0].predictions:
        resampled = not content["intervals"].startswith("95 % intervals: t over")
        if resampled:
            content["intervals"] += "; test images are resampled by whole groups"
        said.append(
            "test images are resampled by whole groups."
            if resampled
            else "groups change nothing here: intervals go by seeds, each with its own images."
        )
    few = few_groups(runs)
    said += [few] if few else []
    if "val_labels" not in runs[0].predictions and len(by_strategy) > 1:
        content["verdict"].append(
            "Without validation rows nothing tells a gain in decisions from a moved threshold."
        )
    return Result(content, [*said, *unequal_seeds(arms)])


def _read(predictions: Any, groups: str | None) -> list[Raw]:
    if isinstance(predictions, Mapping):
        return read_mapping(predictions, groups)
    files = [predictions] if isinstance(predictions, str | Path) else predictions
    if not isinstance(files, list | tuple) or not all(isinstance(file, str | Path) for file in files):
        raise RequestError(
            f"predictions: found {shown(predictions)}; a path, a list of paths, or arrays by (strategy, "
            "seed) are needed."
        )
    return [raw for path in files for raw in read_file(Path(path), groups)]


def _reading(asked: Mapping[str, Any]) -> Reading:
    known = [field.name for field in fields(Reading)]
    for name in asked:
        if name not in known:
            raise RequestError(
                f"evaluate takes no {name!r}; known are: {', '.join(known)}.{nearest(name, known)}"
            )
    return Reading.of(merge(None, asked))


def _numbers(values: str | Sequence[int] | None) -> Sequence[int] | None:
    if not isinstance(values, str):
        return values
    try:
        return [int(piece) for piece in values.split(",")]
    except ValueError:
        raise RequestError(
            f"--train-counts: found {shown(values)}; whole numbers with commas between them are needed, "
            "as 900,80,20."
        ) from None


def _check_word(flag: str, value: str | None, words: Sequence[str]) -> None:
    if value is not None and value not in words:
        raise RequestError(
            f"{flag}: found {shown(value)}; allowed: {', '.join(words)}.{nearest(value, words)}"
        )
