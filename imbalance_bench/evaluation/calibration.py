"""How far probabilities stand from frequencies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 15
ROUNDING = 1e-9  # the order of rows, classes or sums moves no row to another bin


def calibration_error(
    probabilities: Floats, truth: NDArray[np.int64], weight: Floats, *, positive: int
) -> float:
    """Expected calibration error in the L2 form, over bins of equal mass, debiased.

    For one class: sqrt(max(0, sum_b m_b [(mean p - mean y)^2 - var(y) / (n_b - 1)])), m_b being the bin's
    share of the weight and n_b = (sum w)^2 / sum w^2 its (effective) number of rows: Kumar, Liang & Ma 2019,
    "Verified Uncertainty Calibration", arXiv:1909.10155. It is the root of a mean square, not a mean
    absolute gap, since the plug-in L1 form is biased upwards.

    Equal probabilities share a bin. There are 15 bins, fewer for fewer than 30 rows, so that a bin has two on
    average; a bin of one row tells nothing of its variance and is left out: NaN where none remains.

    Args:
        probabilities: (n, C).
        truth: (n,) in 0..C-1.
        weight: (n,) of at least 0, not all 0.
        positive: for two classes, the class whose probability is judged; more classes: each of the C
            against the rest, and the mean over them.
    """
    n_classes = probabilities.shape[1]
    judged = [positive] if n_classes == 2 else range(n_classes)
    return float(np.mean([_one_class(probabilities[:, c], truth == c, weight) for c in judged]))


def _one_class(probability: Floats, hit: NDArray[np.bool_], weight: Floats) -> float:
    order = np.argsort(probability)
    return _sorted_error(probability[order], hit[order], weight[order])


def resampled_error(
    probabilities: Floats, truth: NDArray[np.int64], weights: Floats, *, positive: int
) -> Floats:
    """(B,) `calibration_error` for each of the weights (B, n), sorting once; NaN where all are 0."""
    n_classes = probabilities.shape[1]
    judged = [positive] if n_classes == 2 else range(n_classes)
    weighed = np.flatnonzero(weights.any(axis=1))
    errors = np.zeros(len(weights))
    for c in judged:
        order = np.argsort(probabilities[:, c])
        p, y = probabilities[order, c], truth[order] == c
        ties = _ties(p)
        errors[weighed] += [_sorted_error(p, y, row[order], ties) for row in weights[weighed]]
    errors[~weights.any(axis=1)] = np.nan
    return errors / len(judged)


def _ties(p: Floats) -> NDArray[np.int64]:
    """(n,) number of the group of equal probabilities that each belongs to, for sorted ones."""
    return np.cumsum(np.append(False, np.diff(p) > ROUNDING))


def _sorted_error(p: Floats, y: NDArray[np.bool_], w: Floats, tie: NDArray[np.int64] | None = None) -> float:
    """The error of one class whose rows are in the order of their probability; `tie` as `_ties` gives it."""
    if not w.min() > 0:
        kept = w > 0
        p, y, w, tie = p[kept], y[kept], w[kept], None
    if tie is None:
        tie = _ties(p)
    alone = tie[-1] == len(tie) - 1
    tie_mass = w if alone else np.bincount(tie, w)
    end = np.cumsum(tie_mass)
    middle = (end - tie_mass / 2) / end[-1]
    n_bins = max(1, min(BINS, len(p) // 2))
    # The nudge keeps a middle that lies on an edge in one bin, however its sum was rounded.
    edges = (np.arange(n_bins) - ROUNDING) / n_bins
    first_tie = np.searchsorted(middle, edges)
    start = np.unique(first_tie if alone else np.searchsorted(tie, first_tie))
    start = start[start < len(p)]
    mass, squares = np.add.reduceat(w, start), np.add.reduceat(w * w, start)
    rows = np.divide(mass**2, squares, out=np.zeros_like(mass), where=squares > 0)
    kept = rows > 1
    if not kept.any():
        return float("nan")
    frequency = np.add.reduceat(w * y, start)[kept] / mass[kept]
    mean = np.add.reduceat(w * p, start)[kept] / mass[kept]
    mass, rows = mass[kept], rows[kept]
    variance = frequency * np.maximum(1 - frequency, 0.0) / (rows - 1)
    gaps = (mean - frequency) ** 2 - variance
    return float(np.sqrt(max(0.0, np.sum(mass * gaps) / mass.sum())))
