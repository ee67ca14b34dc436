"""How far probabilities stand from frequencies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 15


def calibration_error(
    probabilities: Floats, truth: NDArray[np.int64], weight: Floats, *, positive: int
) -> float:
    """Expected calibration error, 15 bins of equal mass, debiased.

    The root of the mean squared gap between probability and frequency, each bin's gap less the variance
    that its finite number of rows adds (Kumar, Liang & Ma 2019, Verified Uncertainty Calibration; the L2
    form, since the plug-in L1 form is biased upwards).

    Args:
        probabilities: (n, C).
        truth: (n,) in 0..C-1.
        weight: (n,) of at least 0, not all 0.
        positive: for two classes, the class whose probability is judged; more classes: each against the
            rest, and the mean over them.
    """
    n_classes = probabilities.shape[1]
    judged = [positive] if n_classes == 2 else list(range(n_classes))
    return float(np.mean([_one_class(probabilities[:, c], truth == c, weight) for c in judged]))


def _one_class(probability: Floats, hit: NDArray[np.bool_], weight: Floats) -> float:
    used = weight > 0
    probability, hit, weight = probability[used], hit[used], weight[used]
    order = np.argsort(probability, kind="stable")
    p, y, w = probability[order], hit[order].astype(np.float64), weight[order]
    middle = (np.cumsum(w) - w / 2) / w.sum()
    index = np.minimum((middle * BINS).astype(np.int64), BINS - 1)

    def total(values: Floats) -> Floats:
        return np.bincount(index, weights=values, minlength=BINS)

    mass, squares = total(w), total(w**2)
    full = mass > 0
    mass, squares = mass[full], squares[full]
    frequency, mean = total(w * y)[full] / mass, total(w * p)[full] / mass
    rows = mass**2 / squares
    variance = frequency * (1 - frequency) / np.maximum(rows - 1, 1)
    gaps = (mean - frequency) ** 2 - variance
    return float(np.sqrt(max(0.0, (gaps * mass).sum() / mass.sum())))
