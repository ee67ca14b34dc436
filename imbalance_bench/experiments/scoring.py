"""From a stored run to its numbers: adjustment, decision, test prior, metrics. Needs logits only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores, summary_metrics
from imbalance_bench.evaluation.prior import prior_weights
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Context, FittingData, Floats, Strategy

PER_CLASS = ("class", "precision", "recall", "f1", "support", "average_precision")


@dataclass(frozen=True, eq=False)
class Scores:
    """The numbers of one strategy on one run.

    Attributes:
        per_class: one mapping per class, with the names of `PER_CLASS`; undefined is NaN.
        summary: the metrics by name; undefined is NaN.
        test_prior: (C,) class shares that the numbers stand for.
    """

    per_class: list[dict[str, Any]]
    summary: dict[str, float]
    test_prior: Floats


def score(run: StoredRun, strategy: Strategy, test_prior: str) -> Scores:
    """The numbers of `strategy` on the run that it trained or adjusts.

    `test_prior` is "dataset", "train" or "uniform". RequestError where a class that it weighs has no rows.
    """
    return score_record(run.record, run.predictions, strategy, test_prior, run)


def score_record(
    record: Mapping[str, Any],
    predictions: Mapping[str, NDArray[Any]],
    strategy: Strategy | None = None,
    test_prior: str = "dataset",
    run: StoredRun | None = None,
) -> Scores:
    """As `score`, from a run's record and predictions; without `strategy`, the logits as they are."""
    names = tuple(record["class_names"])
    context = Context(
        record["class_counts"],
        names,
        positive=-1 if record["positive_class"] is None else names.index(record["positive_class"]),
        effective_prior=np.asarray(record["effective_prior"]),
    )
    logits = predictions["test_logits"].astype(np.float64)
    labels = predictions["test_labels"]
    prior = _target(labels, context, test_prior)
    weight = _row_weights(labels, prior, context, test_prior, "test")
    if strategy is not None and run is not None:
        val_labels = predictions["val_labels"]
        val_weight = _row_weights(val_labels, prior, context, test_prior, "validation")
        val_logits = predictions["val_logits"].astype(np.float64)
        fitting = FittingData(val_logits, val_labels, val_weight, run.head_weight)
        adjust = strategy.fit_adjust(fitting, context)
        logits = adjust(logits)
        fitting = replace(fitting, logits=adjust(val_logits))
        predicted = strategy.fit_decision(fitting, context)(logits)
    else:
        predicted = logits.argmax(axis=1)
    minority = int(np.argmin(context.class_counts))
    return Scores(
        per_class_rows(labels, predicted, names, ranking_scores(logits), weight),
        summary_metrics(labels, logits, names, weight, y_pred=predicted, minority=minority),
        prior,
    )


def softmax_loss(logits: NDArray[Any], labels: NDArray[np.int64]) -> Floats:
    """(n,) float64: -log softmax of the true class."""
    z = logits.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels])


def _target(test_labels: NDArray[np.int64], context: Context, kind: str) -> Floats:
    """(C,) class shares that the numbers are to stand for."""
    if kind == "train":
        return context.prior
    if kind == "uniform":
        return np.full(context.n_classes, 1 / context.n_classes)
    return np.asarray(np.bincount(test_labels, minlength=context.n_classes) / len(test_labels))


def _row_weights(labels: NDArray[np.int64], target: Floats, context: Context, kind: str, part: str) -> Floats:
    """(n,) weights of mean 1 that give the rows of a part the target's shares.

    With the data set's own prior a class that validation lacks is left out of account, never refused.
    """
    if kind == "dataset":
        present = np.bincount(labels, minlength=context.n_classes) > 0
        target = np.where(present, target, 0.0)
        target = target / target.sum()
    try:
        return prior_weights(labels, target, context.class_names)
    except ValueError as error:
        raise RequestError(
            f"--test-prior {kind}: the {part} part can't be weighted: {error} "
            "Use --test-prior dataset, or give that class rows."
        ) from None
