"""A labelled part of a stored run, weighted to a test prior, and the numbers that scores get on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores, summary_metrics
from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.evaluation.prior import prior_weights
from imbalance_bench.evaluation.resampling import metrics_and_precisions, resampled_classes, row_weights
from imbalance_bench.strategies.base import Context, Floats

PER_CLASS = ("class", "precision", "recall", "f1", "support", "average_precision")
REPLICATES = 200


@dataclass(frozen=True, eq=False)
class Scores:
    """The numbers of one strategy on one run.

    Attributes:
        per_class: one mapping per class, with the names of `PER_CLASS`; undefined is NaN.
        summary: the metrics by name; undefined is NaN.
        test_prior: (C,) class shares that the numbers stand for.
        shift: (C,) what the places after training add to logits of 0.
        replicates: the metrics by name, (B,), on resampled test rows, and the numbers of `clinical`; empty
            where nothing was resampled.
        class_replicates: precision, recall, F1 and average precision likewise, (B, C).
        calibration: the numbers of `calibrated.NUMBERS`; empty for references.
        reliability: (bins, 4), see `calibrated.reliability_rows`; empty for references.
        clinical: the numbers of `clinical.clinical_numbers`: value, low, high.
        correction: how the prior was corrected there: "exact" or "fitted".
    """

    per_class: list[dict[str, Any]]
    summary: dict[str, float]
    test_prior: Floats
    shift: Floats = field(default_factory=lambda: np.zeros(0))
    replicates: Mapping[str, Floats] = field(default_factory=dict)
    class_replicates: Mapping[str, Floats] = field(default_factory=dict)
    calibration: Mapping[str, float] = field(default_factory=dict)
    reliability: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    clinical: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    correction: str | None = None

    @property
    def classes_predicted(self) -> int:
        """How many classes are ever decided for: those with a precision."""
        return sum(row["precision"] == row["precision"] for row in self.per_class)


@dataclass(frozen=True, eq=False)
class Part:
    """The labels of validation or test, with the weights that make them stand for the test prior.

    Attributes:
        labels: (n,) int64.
        weight: (n,) float64 of mean 1.
        context: of the run's training rows.
        prior: (C,) class shares that the weighted rows have.
        groups: (n,) as of patients, where rows are resampled by whole groups.
    """

    labels: NDArray[np.int64]
    weight: Floats
    context: Context
    prior: Floats
    kind: str
    groups: NDArray[np.int64] | None = None

    def numbers(
        self,
        logits: Floats,
        decided: NDArray[np.int64],
        resample: bool = False,
        like: Scores | None = None,
    ) -> Scores:
        """All metrics of logits (n, C) and decisions (n,), and where asked those of resampled rows.

        `like` are the numbers of the same logits under other decisions: what decisions leave alone is theirs.
        """
        names = self.context.class_names
        minority = int(np.argmin(self.context.class_counts))
        found = Scores(
            per_class_rows(self.labels, decided, names, ranking_scores(logits), self.weight),
            summary_metrics(self.labels, logits, names, self.weight, y_pred=decided, minority=minority),
            self.prior,
        )
        if not resample:
            return found
        draws = self.draws()
        wanted = tuple(METRICS) if like is None else DECISION_METRICS
        drawn, precisions = metrics_and_precisions(
            self.labels, logits, decided, draws, self.weight, minority, wanted
        )
        if like is not None:
            drawn = {**like.replicates, **drawn}
            precisions = like.class_replicates.get("average_precision")
        by_class = resampled_classes(self.labels, decided, len(names), draws, self.weight)
        if precisions is not None:
            by_class["average_precision"] = precisions
        return replace(found, replicates=drawn, class_replicates=by_class)

    def draws(self) -> Floats:
        """(B, n) weights of resampled rows: the same for every strategy and seed on the same test part.

        Where the test prior fixes the class shares they are kept, class by class.
        """
        strata = None if self.kind == "dataset" else self.labels.tobytes()
        return _draws(len(self.labels), strata, None if self.groups is None else self.groups.tobytes())


@lru_cache(maxsize=2)
def _draws(n: int, strata: bytes | None, groups: bytes | None = None) -> Floats:
    labels = None if strata is None else np.frombuffer(strata, dtype=np.int64)
    rng = np.random.default_rng(0)
    if groups is None:
        return row_weights(n, REPLICATES, rng, strata=labels)
    units = np.frombuffer(groups, dtype=np.int64)
    if labels is None:
        return row_weights(n, REPLICATES, rng, units)
    if len(np.unique(np.stack([units, labels]), axis=1).T) == len(np.unique(units)):
        return row_weights(n, REPLICATES, rng, units, labels)
    # Groups that hold several classes can't be drawn class by class: what a class weighs is restored instead.
    weights = row_weights(n, REPLICATES, rng, units)
    for label in np.unique(labels):
        inside = labels == label
        mean = weights[:, inside].mean(axis=1, keepdims=True)
        weights[:, inside] /= np.where(mean > 0, mean, 1.0)
    return weights


def context_of(record: Mapping[str, Any]) -> Context:
    """The context of the rows that a run was trained on."""
    names = tuple(record["class_names"])
    return Context(
        record["class_counts"],
        names,
        positive=-1 if record["positive_class"] is None else names.index(record["positive_class"]),
        effective_prior=np.asarray(record["effective_prior"]),
    )


def part_of(
    labels: NDArray[np.int64],
    stored: Mapping[str, NDArray[Any]],
    context: Context,
    kind: str,
    name: str,
) -> Part:
    """A part's rows, weighted to the shares of a test prior.

    With the data set's own prior a class that validation lacks is left out of account, never refused.
    """
    n_classes = context.n_classes
    groups = stored.get("test_groups") if name == "test" else None
    if kind == "train":
        target = context.prior
    elif kind == "uniform":
        target = np.full(n_classes, 1 / n_classes)
    else:
        test_labels = stored["test_labels"]
        target = np.asarray(np.bincount(test_labels, minlength=n_classes) / len(test_labels))
        reachable = np.where(np.bincount(labels, minlength=n_classes) > 0, target, 0.0)
        if not reachable.any():
            # Validation and test share no class: nothing can be weighed, so every row counts alike.
            return Part(labels, np.ones(len(labels)), context, target, kind, groups)
        target = reachable / reachable.sum()
    try:
        weight = prior_weights(labels, target, context.class_names)
    except ValueError as error:
        raise RequestError(
            f"--test-prior {kind}: the {name} part can't be weighted: {error} "
            "Use --test-prior dataset, or give that class rows."
        ) from None
    return Part(labels, weight, context, target, kind, groups)
