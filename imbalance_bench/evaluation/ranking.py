"""How well scores rank one class above the rest: average precision and area under the ROC curve.

Both group tied scores and take row weights, as scikit-learn does; undefined is NaN, never a warning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def average_precision(truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Step-wise area under the precision-recall curve: sum over thresholds of (R_k - R_{k-1}) P_k.

    Args:
        truth: (N,) booleans, true for the rows of the class.
        scores: (N,) numbers, larger for the class; ties count as one threshold.
        sample_weight: (N,) weights, none negative; None weighs every row 1.

    Returns NaN where no row of the class has weight. ValueError on shapes that differ or a score that is NaN.
    """
    return precision_from_counts(*threshold_counts(truth, scores, sample_weight))


def roc_auc(truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """The chance that a row of the class scores above one of the rest, ties counting half.

    Arguments as for `average_precision`. Returns NaN where either side has no weight.
    """
    return auc_from_counts(*threshold_counts(truth, scores, sample_weight))


def threshold_counts(
    truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """True and false positives (T,), (T,) at each distinct score, from the highest down.

    Rows without weight set no threshold. Both are empty where no row has weight.
    """
    is_class = np.asarray(truth, dtype=bool)
    score = np.asarray(scores, dtype=np.float64)
    weight = np.ones(len(score)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if not is_class.shape == score.shape == weight.shape or score.ndim != 1:
        raise ValueError(
            f"truth {is_class.shape}, scores {score.shape} and weights {weight.shape} differ in shape; "
            "all must be (N,)."
        )
    if np.isnan(score).any():
        raise ValueError("scores hold NaN; every row needs a score that can be ordered.")
    if not (weight > 0).all():
        kept = weight > 0
        is_class, score, weight = is_class[kept], score[kept], weight[kept]
    if len(score) == 0:
        return np.empty(0), np.empty(0)
    order = np.argsort(-score)
    score, weight = score[order], weight[order]
    hit = np.cumsum(np.where(is_class[order], weight, 0.0))
    miss = np.cumsum(np.where(is_class[order], 0.0, weight))
    last_of_tie = np.append(score[1:] != score[:-1], True)
    return hit[last_of_tie], miss[last_of_tie]


def precision_from_counts(hit: Floats, miss: Floats) -> float:
    """Average precision from `threshold_counts`."""
    if len(hit) == 0 or hit[-1] <= 0:
        return float("nan")
    steps = np.diff(hit, prepend=0.0) / hit[-1]
    return float(np.sum(steps * (hit / (hit + miss))))


def auc_from_counts(hit: Floats, miss: Floats) -> float:
    """Area under the ROC curve, by trapezoids, from `threshold_counts`."""
    if len(hit) == 0 or hit[-1] <= 0 or miss[-1] <= 0:
        return float("nan")
    true_rate = np.append(0.0, hit / hit[-1])
    false_rate = np.append(0.0, miss / miss[-1])
    return float(np.sum(np.diff(false_rate) * (true_rate[1:] + true_rate[:-1])) / 2)
