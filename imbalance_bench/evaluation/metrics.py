"""The metrics that every table shows, per class and in summary, from labels and stored logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from imbalance_bench.evaluation._checks import (
    FloatArray,
    IntArray,
    check_class_names,
    check_labels,
    check_logits,
    check_scores,
    check_weights,
)
from imbalance_bench.evaluation.ece import calibration_error
from imbalance_bench.evaluation.ranking import curve_average_precision, curve_roc_auc, rank_curve
from imbalance_bench.evaluation.scores import log_softmax, ranking_scores

if TYPE_CHECKING:
    import pandas as pd

PER_CLASS_COLUMNS = ("class", "precision", "recall", "f1", "support", "average_precision")
SUMMARY_METRICS = (
    "macro_f1",
    "balanced_accuracy",
    "g_mean",
    "mcc",
    "worst_class_recall",
    "macro_ap",
    "minority_ap",
    "macro_auc",
    "accuracy",
    "log_loss",
    "brier",
    "ece",
)


class _ClassMetrics(NamedTuple):
    """Per-class values, each (C,) with NaN where undefined."""

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def per_class_rows(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str],
    scores: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> list[dict[str, Any]]:
    """Precision, recall, F1, support and average precision of every class, in class order.

    Parameters
    ----------
    y_true, y_pred : (N,) int in 0..C-1
    class_names : C names, C >= 2
    scores : (N, C) float, optional
        Column c ranks the rows for class c (one against the rest); only the order within a column matters.
    sample_weight : (N,) float >= 0, optional
        Enters every value except `support`, which is the raw count of rows. Only ratios of weights matter.

    Returns
    -------
    list of dict
        Keys `class`, `precision`, `recall`, `f1`, `support`, `average_precision`. F1 is 2TP / (2TP + FP + FN): 0
        for a class that is present and never predicted. NaN: precision of a class never predicted; recall, F1
        and average precision of a class absent from the truth (or present with weight 0 only); average
        precision without `scores`.

    Raises
    ------
    ValueError
        On empty input, shapes that differ, labels outside 0..C-1, NaN scores, negative, non-finite or all-zero
        weights.
    """
    names = check_class_names(class_names)
    truth = check_labels("y_true", y_true, len(names))
    predicted = check_labels("y_pred", y_pred, len(names), len(truth))
    ranks = None if scores is None else check_scores(scores, len(truth), len(names))
    weight = check_weights(sample_weight, len(truth))
    support = np.bincount(truth, minlength=len(names))

    kept = weight > 0
    truth, predicted, weight = truth[kept], predicted[kept], weight[kept]
    values = _class_metrics(_confusion(truth, predicted, weight, len(names)))
    if ranks is None:
        precision_averages = np.full(len(names), math.nan)
    else:
        precision_averages, _ = _ranking_metrics(truth, ranks[kept], weight)
    columns = (*(column.tolist() for column in values), support.tolist(), precision_averages.tolist())
    return [dict(zip(PER_CLASS_COLUMNS, row, strict=True)) for row in zip(names, *columns, strict=True)]


def per_class_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str],
    scores: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """The rows of `per_class_rows` (see there) as a data frame: one row per class, in class order.

    Examples
    --------
    >>> report = per_class_report([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2], ["a", "b", "c"])
    >>> report["f1"].round(6).tolist()
    [0.666667, 0.8, 1.0]
    """
    import pandas as pd

    rows = per_class_rows(y_true, y_pred, class_names, scores, sample_weight)
    return pd.DataFrame(rows, columns=list(PER_CLASS_COLUMNS))


def summary_metrics(
    y_true: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    sample_weight: ArrayLike | None = None,
    *,
    y_pred: ArrayLike | None = None,
    minority: int | None = None,
) -> dict[str, float]:
    """One number per metric of `SUMMARY_METRICS`, from logits and, where given, decisions made elsewhere.

    Parameters
    ----------
    y_true : (N,) int in 0..C-1
    logits : (N, C) float, finite
        Their softmax is the probability; ranks come from the log odds, which don't saturate.
    class_names : C names, C >= 2
    sample_weight : (N,) float >= 0, optional
        Enters every metric. Only ratios of weights matter. A class of weight 0 counts as absent.
    y_pred : (N,) int in 0..C-1, optional
        The decisions; argmax of `logits` (the first on ties) by default. Metrics of scores don't see them.
    minority : int, optional
        Class of `minority_ap`, and of `ece` with two classes. Default: the fewest rows in `y_true`, weights
        not considered, among the classes that have any; the first on ties.

    Returns
    -------
    dict of float
        `macro_f1`, `balanced_accuracy` (mean recall), `g_mean` (geometric mean of recalls, 0 as soon as one is),
        `worst_class_recall`, `macro_ap`: over the classes present in the truth. `macro_auc`: one against the
        rest, over classes with both sides; NaN where there is none. `minority_ap`: NaN where that class is
        absent. `mcc`: Gorodkin 2004, 0 where only one class is true or predicted. `accuracy`. `log_loss`: in
        nats, not clipped. `brier`: summed over classes, in [0, 2]. `ece`: root mean square, debiased, 15 bins
        of equal mass (see `imbalance_bench.evaluation.ece`); NaN with too few rows.

    Raises
    ------
    ValueError
        On empty input, shapes that differ, labels outside 0..C-1, non-finite logits, negative, non-finite or
        all-zero weights.

    Examples
    --------
    >>> logits = [[2.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.0, 1.0]]
    >>> summary_metrics([0, 0, 1, 1], logits, ["healthy", "diseased"])["balanced_accuracy"]
    0.75
    """
    names = check_class_names(class_names)
    n_classes = len(names)
    truth = check_labels("y_true", y_true, n_classes)
    z = check_logits(logits, len(truth), n_classes)
    predicted = z.argmax(axis=1) if y_pred is None else check_labels("y_pred", y_pred, n_classes, len(truth))
    weight = check_weights(sample_weight, len(truth))
    rare = _rarest(truth) if minority is None else _check_minority(minority, n_classes)

    kept = weight > 0
    truth, z, predicted, weight = truth[kept], z[kept], predicted[kept], weight[kept]
    values = {
        **_decision_summary(_confusion(truth, predicted, weight, n_classes)),
        **_ranking_summary(truth, ranking_scores(z), weight, rare),
        **_probability_summary(truth, log_softmax(z), weight, rare),
    }
    return {name: float(values[name]) for name in SUMMARY_METRICS}


def _rarest(truth: IntArray) -> int:
    counts = np.bincount(truth)
    present = np.flatnonzero(counts)
    return int(present[counts[present].argmin()])


def _check_minority(minority: int, n_classes: int) -> int:
    if isinstance(minority, bool) or minority not in range(n_classes):
        raise ValueError(f"minority is {minority!r}; a class index 0..{n_classes - 1} is needed")
    return int(minority)


def _confusion(truth: IntArray, predicted: IntArray, weight: FloatArray, n_classes: int) -> FloatArray:
    """Weight by true class (rows) and predicted class (columns), (C, C)."""
    cells = np.bincount(truth * n_classes + predicted, weights=weight, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def _divide(above: FloatArray, below: FloatArray) -> FloatArray:
    """`above / below`, NaN where `below` is 0."""
    return np.divide(above, below, out=np.full(above.shape, math.nan), where=below > 0)


def _class_metrics(confusion: FloatArray) -> _ClassMetrics:
    hits, true, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = np.where(true > 0, _divide(2 * hits, true + predicted), math.nan)
    return _ClassMetrics(_divide(hits, predicted), _divide(hits, true), f1)


def _decision_summary(confusion: FloatArray) -> dict[str, float]:
    metrics = _class_metrics(confusion)
    present = ~np.isnan(metrics.recall)
    recall = metrics.recall[present]
    return {
        "macro_f1": metrics.f1[present].mean(),
        "balanced_accuracy": recall.mean(),
        "g_mean": math.exp(np.log(recall).mean()) if recall.all() else 0.0,
        "mcc": _matthews(confusion / confusion.sum()),
        "worst_class_recall": recall.min(),
        "accuracy": confusion.trace() / confusion.sum(),
    }


def _matthews(share: FloatArray) -> float:
    """Gorodkin's K-class correlation of a confusion matrix that sums to 1; 0 where a side has one class only."""
    true, predicted = share.sum(axis=1), share.sum(axis=0)
    if np.count_nonzero(true) < 2 or np.count_nonzero(predicted) < 2:
        return 0.0
    spread = (true @ (1 - true)) * (predicted @ (1 - predicted))
    covariance = share.trace() - true @ predicted
    return float(np.clip(covariance / math.sqrt(spread), -1.0, 1.0)) if spread > 0 else 0.0


def _ranking_metrics(
    truth: IntArray, scores: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Average precision and ROC AUC of each class against the rest, (C,) each, from one sort per class."""
    curves = [
        rank_curve(truth == c, column, weight) for c, column in enumerate(np.ascontiguousarray(scores.T))
    ]
    return (
        np.array([curve_average_precision(curve) for curve in curves]),
        np.array([curve_roc_auc(curve) for curve in curves]),
    )


def _ranking_summary(truth: IntArray, scores: FloatArray, weight: FloatArray, rare: int) -> dict[str, float]:
    precision, auc = _ranking_metrics(truth, scores, weight)
    known = auc[~np.isnan(auc)]
    return {
        "macro_ap": precision[~np.isnan(precision)].mean(),
        "minority_ap": precision[rare],
        "macro_auc": known.mean() if len(known) else math.nan,
    }


def _probability_summary(
    truth: IntArray, log_probability: FloatArray, weight: FloatArray, rare: int
) -> dict[str, float]:
    rows = np.arange(len(truth))
    probability = np.exp(log_probability)
    error = probability.copy()
    error[rows, truth] -= 1
    total = weight.sum()
    return {
        "log_loss": -(weight @ log_probability[rows, truth]) / total,
        "brier": weight @ (error**2).sum(axis=1) / total,
        "ece": calibration_error(probability, truth, weight, rare),
    }
