"""The numbers of one test set: per class, and summed up for a whole strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.calibration import calibration_error
from imbalance_bench.evaluation.checks import as_labels, as_logits, as_scores, as_weights
from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.evaluation.ranking import (
    auc_from_counts,
    average_precision,
    precision_from_counts,
    threshold_counts,
)

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = ("class", "precision", "recall", "f1", "support", "average_precision")


def per_class_rows(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str],
    scores: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> list[dict[str, Any]]:
    """One mapping per class, in the order of the classes, with the names of `COLUMNS`.

    Args:
        y_true: (N,) integers in 0..C-1.
        y_pred: (N,) integers in 0..C-1, the decisions.
        class_names: the C >= 2 names.
        scores: (N, C), column c larger where class c is likelier (`ranking_scores` of logits; probabilities
            do, but tie where they saturate). Without them average precision is NaN.
        sample_weight: (N,) weights, none negative, not all 0. Support stays the count of rows.

    Undefined is NaN: precision of a class never predicted; recall, F1 and average precision of a class
    absent from the truth. F1 = 2TP / (2TP + FP + FN), so 0 for a class that is present and never predicted.
    ValueError on shapes that differ, labels outside 0..C-1, weights or scores that are none.
    """
    n_classes = _n_classes(class_names)
    truth = as_labels(y_true, n_classes, "y_true")
    predicted = as_labels(y_pred, n_classes, "y_pred", len(truth))
    weight = as_weights(sample_weight, len(truth))
    precision, recall, f1 = _rates(_confusion(truth, predicted, weight, n_classes))
    ap = np.full(n_classes, np.nan)
    if scores is not None:
        columns = as_scores(scores, "scores", (len(truth), n_classes))
        ap = np.array([average_precision(truth == c, columns[:, c], weight) for c in range(n_classes)])
    support = np.bincount(truth, minlength=n_classes)
    values = zip(class_names, precision, recall, f1, support, ap, strict=True)
    return [
        dict(zip(COLUMNS, (str(name), float(p), float(r), float(f), int(n), float(a)), strict=True))
        for name, p, r, f, n, a in values
    ]


def per_class_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    class_names: Sequence[str],
    scores: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """`per_class_rows` as a table: a row per class, the columns of `COLUMNS`, undefined NaN.

    >>> per_class_report([0, 0, 1], [0, 1, 1], ["cat", "dog"])["f1"].round(3).tolist()
    [0.667, 0.667]
    """
    import pandas as pd

    rows = per_class_rows(y_true, y_pred, class_names, scores, sample_weight)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summary_metrics(
    y_true: ArrayLike,
    logits: ArrayLike,
    class_names: Sequence[str],
    sample_weight: ArrayLike | None = None,
    *,
    y_pred: ArrayLike | None = None,
    minority: int | None = None,
) -> dict[str, float]:
    """The metrics by name (`imbalance_bench.evaluation.names`); undefined is NaN.

    Args:
        y_true: (N,) integers in 0..C-1.
        logits: (N, C) finite numbers whose softmax is the probability.
        class_names: the C >= 2 names.
        sample_weight: (N,) weights, none negative, not all 0; scaling them changes nothing.
        y_pred: (N,) decisions in 0..C-1; None takes the argmax of the logits.
        minority: index of the class of `minority_ap` and, of two classes, of `ece`; None takes the class
            with the fewest rows among those in y_true, the first of several.

    Macro values, G-mean and the worst recall are over the classes present in the truth; `macro_auc`, one
    against the rest, over those where it is defined. `mcc` is 0 where truth or decisions hold one class only.
    `log_loss` is in nats and never clipped; `brier` is summed over classes (0 to 2); `ece` see
    `calibration_error`.
    ValueError on shapes that differ, labels outside 0..C-1, logits or weights that are none.
    """
    n_classes = _n_classes(class_names)
    truth = as_labels(y_true, n_classes, "y_true")
    z = as_logits(logits, (len(truth), n_classes))
    predicted = z.argmax(axis=1) if y_pred is None else as_labels(y_pred, n_classes, "y_pred", len(truth))
    weight = as_weights(sample_weight, len(truth))
    rarest = minority_class(minority, truth, n_classes)
    if not (weight > 0).all():
        kept = weight > 0
        truth, z, predicted, weight = truth[kept], z[kept], predicted[kept], weight[kept]
    values = _decision_metrics(_confusion(truth, predicted, weight, n_classes))
    values |= _ranking_metrics(truth, ranking_scores(z), weight, rarest)
    values |= _probability_metrics(truth, z, weight, rarest)
    return {name: values[name] for name in METRICS}


def ranking_scores(logits: ArrayLike) -> Floats:
    """(N, C) log-odds of each class against the rest: log p_c - log(1 - p_c), from the logits.

    They order rows as the probabilities do, and go on doing so where those round to 0 or 1. For two
    classes they are the signed difference of the logits. ValueError unless logits are finite (N, C >= 2).
    """
    z = as_logits(logits)
    with np.errstate(over="ignore"):
        if z.shape[1] == 2:
            difference = z[:, 0] - z[:, 1]
            return np.stack([difference, -difference], axis=1)
        # Sorted, so that a row's sum does not depend on the order of the classes.
        ordered = np.sort(z, axis=1)
        top, second = ordered[:, -1:], ordered[:, -2:-1]
        without_top = (top - second) - np.log(np.exp(ordered[:, :-1] - second).sum(axis=1, keepdims=True))
        gap = z - top
        # The rest of any other class holds the top one, so what is left is 1 or more: nothing cancels.
        rest = np.exp(ordered - top).sum(axis=1, keepdims=True) - np.exp(gap)
        scores: Floats = np.where(gap == 0, without_top, gap - np.log(np.maximum(rest, 1.0)))
        return scores


def _decision_metrics(confusion: Floats) -> dict[str, float]:
    _, recall, f1 = _rates(confusion)
    found = recall[~np.isnan(recall)]
    return {
        "macro_f1": float(np.mean(f1[~np.isnan(f1)])),
        "balanced_accuracy": float(np.mean(found)),
        "g_mean": float(np.exp(np.mean(np.log(found)))) if (found > 0).all() else 0.0,
        "mcc": _mcc(confusion),
        "worst_class_recall": float(found.min()),
        "accuracy": float(np.trace(confusion) / confusion.sum()),
    }


def _ranking_metrics(truth: Ints, scores: Floats, weight: Floats, minority: int) -> dict[str, float]:
    counts = [threshold_counts(truth == c, scores[:, c], weight) for c in range(scores.shape[1])]
    ap = np.array([precision_from_counts(*count) for count in counts])
    auc = np.array([auc_from_counts(*count) for count in counts])
    return {
        "macro_ap": float(np.mean(ap[~np.isnan(ap)])),
        "minority_ap": float(ap[minority]),
        "macro_auc": float("nan") if np.isnan(auc).all() else float(np.nanmean(auc)),
    }


def _probability_metrics(truth: Ints, logits: Floats, weight: Floats, minority: int) -> dict[str, float]:
    rows = np.arange(len(truth))
    with np.errstate(over="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    ece = calibration_error(p, truth, weight, positive=minority)
    log_loss = float(np.average(-log_p[rows, truth], weights=weight))
    p[rows, truth] -= 1
    brier = float(np.average((p * p).sum(axis=1), weights=weight))
    return {"log_loss": log_loss, "brier": brier, "ece": ece}


def _confusion(truth: Ints, predicted: Ints, weight: Floats, n_classes: int) -> Floats:
    """(C, C) weight of each pair: truth in rows, decision in columns."""
    flat = np.bincount(truth * n_classes + predicted, weight, minlength=n_classes**2)
    return np.asarray(flat, dtype=np.float64).reshape(n_classes, n_classes)


def _rates(confusion: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1, each (C,), NaN where undefined."""
    hit, present, called = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)

    def share(part: Floats, whole: Floats, defined: NDArray[np.bool_]) -> Floats:
        quotient: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=defined)
        return quotient

    f1 = share(2 * hit, present + called, present > 0)
    return share(hit, called, called > 0), share(hit, present, present > 0), f1


def _mcc(confusion: Floats) -> float:
    """Multi-class Matthews correlation (Gorodkin 2004), from shares."""
    shares = confusion / confusion.sum()
    present, called = shares.sum(axis=1), shares.sum(axis=0)
    if np.count_nonzero(present) < 2 or np.count_nonzero(called) < 2:
        return 0.0
    # Each class against the rest, in sums: where 1 - x or a sum of shares near 1 were taken off one another,
    # a rare class's weight would be rounded away. A root each, so that no product underflows.
    others = 1 - np.eye(len(present))
    spread = np.sqrt(present @ (others @ present)) * np.sqrt(called @ (others @ called))
    rest = ((others @ shares) * others).sum(axis=1)
    missed, false = (shares * others).sum(axis=1), (shares * others).sum(axis=0)
    along = (np.diag(shares) * rest - missed * false).sum()
    return float(along / spread) if spread > 0 else 0.0


def minority_class(minority: int | None, truth: Ints, n_classes: int) -> int:
    """The class asked for, or the one with the fewest rows among those in truth, the first of several."""
    if minority is None:
        counts = np.bincount(truth, minlength=n_classes)
        return int(np.argmin(np.where(counts > 0, counts, len(truth) + 1)))
    if not 0 <= minority < n_classes:
        raise ValueError(f"minority is {minority}; allowed are 0 to {n_classes - 1}.")
    return int(minority)


def _n_classes(class_names: Sequence[str]) -> int:
    if len(class_names) < 2:
        raise ValueError(f"class_names has {len(class_names)} names; at least 2 are needed.")
    return len(class_names)
