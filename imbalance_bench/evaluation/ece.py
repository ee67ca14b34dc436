"""Debiased calibration error over equal-mass bins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.evaluation._checks import FloatArray, IntArray

N_BINS = 15


def calibration_error(
    probabilities: FloatArray, labels: IntArray, weight: FloatArray, minority: int, n_bins: int = N_BINS
) -> float:
    """Debiased root mean square calibration error; unchecked.

    Two classes: of the minority's probability. More: the root of the average over all classes of the debiased
    squared error of each column, which is the marginal calibration error of Kumar, Liang & Ma 2019, "Verified
    Uncertainty Calibration", definition 2.3, with equal class weights. (With two classes both columns have the
    same error, so the two cases agree.) This is the L2 form, not the mean absolute gap of the first ECE.

    The floor at 0 comes last, after bins and classes are summed: a floor on each would bring the bias back.

    Parameters
    ----------
    probabilities : (N, C) float
    labels : (N,) int
    weight : (N,) float
        Every weight above 0.
    minority : int
        Read with two classes only.

    Returns
    -------
    float
        At least 0; NaN where no bin holds two rows (about 15 rows or fewer), as a single row tells no variance.
    """
    columns = [minority] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    squares = [squared_error(probabilities[:, c], labels == c, weight, n_bins) for c in columns]
    known = [square for square in squares if not math.isnan(square)]
    return math.sqrt(max(sum(known) / len(known), 0.0)) if known else math.nan


def squared_error(
    probability: FloatArray, truth: NDArray[np.bool_], weight: FloatArray, n_bins: int = N_BINS
) -> float:
    """Debiased squared calibration error of one probability: may be below 0, NaN where no bin has two rows.

    Per bin, with r = p - y: mean(r)^2 - var(r) / (n - 1), averaged over bins by mass. Kumar, Liang & Ma 2019
    (section 4; likewise Bröcker 2012) write var(y), for a p that is constant within a bin. There the two are the
    same; where p varies within a bin, as in the broad last bin of a rare class, var(y) would count the spread of
    p as noise and subtract too much, while var(r) keeps the estimate of the squared gap unbiased.

    With weights, var(r) / (n - 1) becomes sum w^2 (r - mean)^2 / W^2 x n_eff / (n_eff - 1), n_eff = W^2 / sum w^2:
    the variance of a weighted mean, right also where the weight depends on the class. Hence scaling the weights
    changes nothing, and a weight of 2 is not the same as two independent rows.
    Bins with a single row are left out, and their mass with them.
    """
    bins = equal_mass_bins(probability, weight, n_bins)
    residual = probability - truth
    mass = np.bincount(bins, weights=weight, minlength=n_bins)
    usable = np.bincount(bins, minlength=n_bins) >= 2
    if not usable.any():
        return math.nan
    safe_mass = np.where(usable, mass, 1.0)
    gap = np.bincount(bins, weights=weight * residual, minlength=n_bins) / safe_mass
    share = weight / safe_mass[bins]
    spread = np.bincount(bins, weights=(share * (residual - gap[bins])) ** 2, minlength=n_bins)
    one_over_n = np.bincount(bins, weights=share**2, minlength=n_bins)
    # 1 / n_eff rounds to 1 where one row outweighs all others; the spread is 0 there as well.
    denominator = np.where(usable & (one_over_n < 1), 1 - one_over_n, 1.0)
    error = gap**2 - spread / denominator
    return float((mass * error)[usable].sum() / mass[usable].sum())


def equal_mass_bins(values: FloatArray, weight: FloatArray, n_bins: int = N_BINS) -> IntArray:
    """Bin 0..n_bins - 1 of each row, (N,) int64: the rank, by weight, of the middle of its group of equal values.

    Equal values share a bin, so that the order of the rows doesn't matter.
    """
    order = np.argsort(values)
    ranked = values[order]
    starts_group = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    group = np.cumsum(starts_group) - 1
    mass = np.bincount(group, weights=weight[order])
    upper = np.cumsum(mass)
    middle = (upper - mass / 2) / upper[-1]
    # The small term keeps a middle that lies on an edge there, whatever the rounding of the weights.
    group_bin = np.minimum((middle * n_bins + 1e-9).astype(np.int64), n_bins - 1)
    bins = np.empty(len(values), dtype=np.int64)
    bins[order] = group_bin[group]
    return bins
