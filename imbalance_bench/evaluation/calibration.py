"""How far probabilities stand from frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.evaluation.proportions import weighted_share

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BINS = 15
ROUNDING = 1e-9  # the order of rows, classes or sums moves no row to another bin
COLDEST, HOTTEST = 0.01, 100.0


def calibration_error(probabilities: Floats, truth: Ints, weight: Floats, *, positive: int) -> float:
    """Expected calibration error in the L2 form, over bins of equal mass, debiased.

    For one class: sqrt(max(0, sum_b m_b [(mean p - mean y)^2 - var(y) / (n_b - 1)])), m_b being the bin's
    share of the weight and n_b = (sum w)^2 / sum w^2 its (effective) number of rows: Kumar, Liang & Ma 2019,
    "Verified Uncertainty Calibration", arXiv:1909.10155. It is the root of a mean square, not a mean
    absolute gap, since the plug-in L1 form is biased upwards.

    More than two classes: each against the rest, and the root of the mean of the C debiased squares, floored
    once (their marginal calibration error, classes alike). A mean of C roots, each floored, would stand well
    above 0 for calibrated probabilities, as chance then counts only where it is up.

    Equal probabilities share a bin. There are 15 bins, fewer for fewer than 30 rows, so that a bin has two on
    average; a bin of one row tells nothing of its variance and is left out: NaN where none remains.

    Args:
        probabilities: (n, C).
        truth: (n,) in 0..C-1.
        weight: (n,) of at least 0, not all 0.
        positive: for two classes, the class whose probability is judged.
    """
    squares = squared_errors(probabilities, truth, weight)
    return _root(float(squares[positive] if len(squares) == 2 else squares.mean()))


def squared_errors(probabilities: Floats, truth: Ints, weight: Floats) -> Floats:
    """(C,) debiased squared calibration errors of each class against the rest: below 0 by chance, too.

    Arguments as for `calibration_error`.
    """
    classes = range(probabilities.shape[1])
    return np.array([_one_class(probabilities[:, c], truth == c, weight) for c in classes])


def errors_above_prevalence(probabilities: Floats, truth: Ints, weight: Floats) -> Floats:
    """(C,) calibration error of each class among the rows scored above the class's share.

    There the rare class is decided upon; over all rows its error drowns in easy rows of the rest. Choosing
    rows by their probability keeps calibrated probabilities calibrated. NaN for a class absent from the truth
    and where fewer than two rows are left. Arguments as for `calibration_error`.
    """
    found = np.full(probabilities.shape[1], np.nan)
    for c in range(len(found)):
        hit = truth == c
        share = (weight * hit).sum() / weight.sum()
        above = (probabilities[:, c] > share + ROUNDING) & (weight > 0)
        if share > 0 and above.any():
            found[c] = _root(_one_class(probabilities[above, c], hit[above], weight[above]))
    return found


def _root(square: float) -> float:
    return float(np.sqrt(square if np.isnan(square) else max(0.0, square)))


def _one_class(probability: Floats, hit: NDArray[np.bool_], weight: Floats) -> float:
    order, index = _equal_mass(probability, weight)
    p, y, w = probability[order], hit[order], weight[order]
    mass, squares = np.bincount(index, w), np.bincount(index, w * w)
    rows = np.divide(mass**2, squares, out=np.zeros_like(mass), where=squares > 0)
    kept = rows > 1
    if not kept.any():
        return float("nan")
    mass, rows = mass[kept], rows[kept]
    frequency = np.bincount(index, w * y)[kept] / mass
    mean = np.bincount(index, w * p)[kept] / mass
    variance = frequency * np.maximum(1 - frequency, 0.0) / (rows - 1)
    gaps = (mean - frequency) ** 2 - variance
    return float(np.sum(mass * gaps) / mass.sum())


def resampled_errors(
    probabilities: Floats, truth: Ints, weight: Floats, draws: Floats, *, positive: int
) -> Floats:
    """(B,) `calibration_error` for each of the weights draws (B, n) * weight, in the bins of `weight` alone.

    Bins that stay make it a matter of sums; NaN for a draw of nothing.
    """
    from scipy.sparse import csr_array

    n_classes = probabilities.shape[1]
    squares = []
    for c in [positive] if n_classes == 2 else range(n_classes):
        order, index = _equal_mass(probabilities[:, c], weight)
        p, y = probabilities[order, c], truth[order] == c
        bins = csr_array((np.ones(len(order)), (index, np.arange(len(order)))))
        w = np.ascontiguousarray((draws[:, order] * weight[order]).T)
        mass, members, squares_of = bins @ w, bins @ (w * y[:, None]), bins @ (w * w)
        rows = np.divide(mass**2, squares_of, out=np.zeros_like(mass), where=squares_of > 0)
        kept = rows > 1
        unit = np.where(kept, mass, 1.0)
        frequency, mean = members / unit, (bins @ (w * p[:, None])) / unit
        variance = frequency * np.maximum(1 - frequency, 0.0) / np.maximum(rows - 1, 1e-12)
        gaps = np.where(kept, mass * ((mean - frequency) ** 2 - variance), 0.0).sum(axis=0)
        total = np.where(kept, mass, 0.0).sum(axis=0)
        squares.append(np.divide(gaps, total, out=np.full(len(draws), np.nan), where=total > 0))
    mean_square = np.mean(squares, axis=0)
    return np.asarray(np.sqrt(np.where(mean_square < 0, 0.0, mean_square)))


def _equal_mass(probability: Floats, weight: Floats) -> tuple[Ints, Ints]:
    """(m,) the rows with weight, by rising probability, and (m,) their bin of equal mass; ties share one."""
    order = np.argsort(probability)
    order = order[weight[order] > 0]
    p, w = probability[order], weight[order]
    tie = np.cumsum(np.append(False, np.diff(p) > ROUNDING))
    tie_mass = np.bincount(tie, w)
    middle = (np.cumsum(tie_mass) - tie_mass / 2) / tie_mass.sum()
    n_bins = max(1, min(BINS, len(p) // 2))
    # The nudge keeps a middle that lies on an edge in one bin, however its sum was rounded.
    return order, np.minimum((middle * n_bins + ROUNDING).astype(np.int64), n_bins - 1)[tie]


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of a reliability diagram.

    Attributes:
        rows: how many rows fell here.
        share: their part of the whole weight.
        mean_probability: their weighted mean.
        frequency: weighted share of the class among them, with its 95 % interval low..high.
    """

    rows: int
    share: float
    mean_probability: float
    frequency: float
    low: float
    high: float


def reliability(probability: Floats, hit: NDArray[np.bool_], weight: Floats) -> list[ReliabilityBin]:
    """Bins of equal mass, those of `calibration_error`, by rising probability; empty ones are left out.

    The intervals are exact: see `weighted_share`.

    Args:
        probability: (n,) of one class.
        hit: (n,) whether the row is of that class.
        weight: (n,) of at least 0, not all 0.
    """
    order, index = _equal_mass(probability, weight)
    found = []
    for number in np.unique(index):
        rows = order[index == number]
        w = weight[rows]
        frequency = weighted_share(hit[rows], w)
        found.append(
            ReliabilityBin(
                rows=len(rows),
                share=float(w.sum() / weight.sum()),
                mean_probability=float(np.average(probability[rows], weights=w)),
                frequency=frequency.value,
                low=frequency.low,
                high=frequency.high,
            )
        )
    return found


@dataclass(frozen=True)
class Recalibration:
    """Logistic regression of a class on the log odds it was given; 1, 0 and 0 where they are right.

    Attributes:
        slope: below 1 the probabilities are too extreme, above 1 too timid.
        intercept: fitted along with the slope.
        in_the_large: the intercept at a slope of 1: above 0 the probabilities are too low on the whole.
    """

    slope: float
    intercept: float
    in_the_large: float


def recalibrations(log_odds: Floats, truth: Ints, weight: Floats) -> list[Recalibration]:
    """For each of the C classes against the rest, calibration slope and intercept, by weighted likelihood.

    Cox 1958, "Two further applications of a model for binary regression"; Van Calster et al. 2019,
    "Calibration: the Achilles heel of predictive analytics". NaN where the likelihood has no maximum: a class
    with no or all rows, log odds that separate it from the rest, or do not vary.

    Args:
        log_odds: (n, C) finite log odds of each class against the rest (`ranking_scores` of logits).
        truth: (n,) in 0..C-1.
        weight: (n,) of at least 0, not all 0.
    """
    kept = weight > 0
    z, y, w = log_odds[kept], truth[kept], weight[kept] / weight.max()
    return [_recalibrate(z[:, c], y == c, w) for c in range(z.shape[1])]


def _recalibrate(z: Floats, hit: NDArray[np.bool_], weight: Floats) -> Recalibration:
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    nan = float("nan")
    share = (weight * hit).sum() / weight.sum()
    if not 0 < share < 1:
        return Recalibration(nan, nan, nan)
    low, high = logit(share) - z.max(), logit(share) - z.min()
    large = (
        float(brentq(lambda a: (weight * (expit(a + z) - hit)).sum(), low - 1e-6, high + 1e-6))
        if high > low
        else float(low)
    )
    overlap = z[hit].min() < z[~hit].max() and z[~hit].min() < z[hit].max()
    if not overlap:
        return Recalibration(nan, nan, large)
    slope, intercept = _logistic(z, hit.astype(np.float64), weight)
    return Recalibration(slope, intercept, large)


def _logistic(z: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Slope and intercept of the weighted logistic regression, by damped Newton steps on scaled z."""
    from scipy.special import expit, logit

    w = weight / weight.sum()
    centre = float((w * z).sum())
    spread = float(np.sqrt((w * (z - centre) ** 2).sum()))
    design = np.stack([(z - centre) / spread, np.ones_like(z)])

    def loss(at: Floats) -> float:
        eta = at @ design
        return float((w * (np.logaddexp(0.0, eta) - y * eta)).sum())

    at = np.array([0.0, float(logit((w * y).sum()))])
    value = loss(at)
    for _ in range(200):
        p = expit(at @ design)
        gradient = design @ (w * (p - y))
        hessian = (design * (w * p * (1 - p))) @ design.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10 and loss(at - size * step) > value:
            size /= 2
        at = at - size * step if size > 1e-10 else at
        before, value = value, loss(at)
        if np.abs(gradient).max() < 1e-12 or before - value <= 1e-15 * value:
            break
    slope = float(at[0] / spread)
    return slope, float(at[1] - slope * centre)


def fit_temperature(logits: Floats, truth: Ints, weight: Floats) -> float:
    """The positive T for which the softmax of logits / T has the least weighted log-loss.

    Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599. The loss
    is convex in 1 / T, so its only minimum is found by the sign of its slope; where it lies outside 0.01..100
    the nearer end is taken (logits that separate the classes would have T = 0).

    Args:
        logits: (n, C) finite.
        truth: (n,) in 0..C-1.
        weight: (n,) of at least 0, not all 0.
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    z = logits - logits.max(axis=1, keepdims=True)
    w = weight / weight.sum()
    right = float((w * z[np.arange(len(z)), truth]).sum())

    def slope(sharpness: float) -> float:
        return float((w * (softmax(sharpness * z, axis=1) * z).sum(axis=1)).sum()) - right

    if slope(1 / COLDEST) <= 0:
        return COLDEST
    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-12, rtol=1e-12))
