"""Weighted average precision and area under the ROC curve, equal to scikit-learn's, in numpy alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation._checks import FloatArray


class RankCurve(NamedTuple):
    """Weight at or above each distinct score, scores falling; both arrays have shape (distinct scores,)."""

    true_positives: FloatArray
    false_positives: FloatArray


def rank_curve(truth: NDArray[np.bool_], scores: FloatArray, weight: FloatArray) -> RankCurve:
    """Cumulative weights of positives and negatives over the distinct scores; unchecked.

    Rows with the same score form one step, so their order in the input doesn't matter.

    Parameters
    ----------
    truth, scores, weight : (N,) arrays
        N >= 1, every weight above 0, no NaN.
    """
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    positive = np.where(truth, weight, 0.0)[order]
    negative = np.where(truth, 0.0, weight)[order]
    return RankCurve(np.cumsum(positive)[ends], np.cumsum(negative)[ends])


def curve_average_precision(curve: RankCurve) -> float:
    """Sum over steps of (gain in recall) x precision; NaN without positives."""
    positives = curve.true_positives[-1]
    if positives == 0:
        return math.nan
    precision = curve.true_positives / (curve.true_positives + curve.false_positives)
    gain = np.diff(curve.true_positives, prepend=0.0)
    return min(float(gain @ precision / positives), 1.0)


def curve_roc_auc(curve: RankCurve) -> float:
    """Trapezoidal area under the ROC curve: ties count half; NaN without positives or without negatives."""
    positives, negatives = curve.true_positives[-1], curve.false_positives[-1]
    if positives == 0 or negatives == 0:
        return math.nan
    recall = curve.true_positives / positives
    before = np.concatenate(([0.0], recall[:-1]))
    step = np.diff(curve.false_positives / negatives, prepend=0.0)
    return min(float(step @ (before + recall) / 2), 1.0)


def average_precision(truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Average precision as scikit-learn's `average_precision_score`: step-wise, ties grouped.

    Parameters
    ----------
    truth : (N,) bool
        Whether the row is a positive.
    scores : (N,) float
        Higher means more likely positive; only the order matters.
    sample_weight : (N,) float >= 0, optional

    Returns
    -------
    float
        In (0, 1]; NaN where no positive has weight above 0.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or a weight is negative or not finite.
    """
    curve = _checked_curve(truth, scores, sample_weight)
    return math.nan if curve is None else curve_average_precision(curve)


def roc_auc(truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve as scikit-learn's `roc_auc_score`: a tie counts half.

    Parameters and errors are those of `average_precision`.

    Returns
    -------
    float
        In [0, 1]; NaN where positives or negatives have no weight.
    """
    curve = _checked_curve(truth, scores, sample_weight)
    return math.nan if curve is None else curve_roc_auc(curve)


def _checked_curve(truth: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None) -> RankCurve | None:
    """The curve over rows with weight, or None where there is no such row."""
    positive, score = np.asarray(truth, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    weight = np.ones(score.shape) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if score.ndim != 1 or positive.shape != score.shape or weight.shape != score.shape:
        raise ValueError(
            f"truth has shape {positive.shape}, scores {score.shape}, sample_weight {weight.shape}; "
            "all must be (N,) with the same N"
        )
    if np.isnan(score).any():
        raise ValueError(f"scores holds nan at row {int(np.isnan(score).argmax())}; numbers are needed")
    bad = ~(np.isfinite(weight) & (weight >= 0))
    if bad.any():
        raise ValueError(f"sample_weight holds {weight[bad][0]}; finite weights >= 0 are allowed")
    weight = weight / (weight.max(initial=0.0) or 1.0)
    kept = weight > 0
    return rank_curve(positive[kept], score[kept], weight[kept]) if kept.any() else None
