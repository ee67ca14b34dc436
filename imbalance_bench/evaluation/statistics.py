"""Means over seeds with intervals and p-values, for the three ways in which seeds and test rows can meet.

A value m_st of seed s on test sample t is taken as mu + a_s + b_t + e_st: what this training is worth, what
this test sample is worth to every training, and what is left. Values are metrics of one arm, or differences
of two arms seed by seed (then pairing removes what both share, and mean, interval and p-value are of the
difference). Seeds whose value is NaN are left out; nothing here warns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
CROSSED = "crossed: two-way moments of seeds and test rows"
INDEPENDENT = "independent: t over seeds, each with its own data"
RESPLIT = "resplit: t over seeds, corrected for shared rows (Nadeau & Bengio 2003)"
ONE_SEED = "one seed: test rows only, says nothing of other seeds"
MOST_SEEDS = 10_000


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: NaN where no seed has a value.
        low, high: the interval; NaN where there is nothing to judge the spread by.
        p_value: two-sided, of the mean being 0; meant for differences. 1 where every value is 0; NaN where
            values do not vary and are not 0.
        df: degrees of freedom of the t distribution that was used.
        method: how, in words to print.
        n: seeds that have a value.
    """

    mean: float
    low: float
    high: float
    p_value: float
    df: float
    method: str
    n: int


@dataclass(frozen=True)
class Components:
    """Estimated variances of the value of one seed, each at least 0.

    Attributes:
        seed: over seeds on this test set: of a_s + e_st.
        test: over test samples of this size, for the mean over infinitely many seeds: of b_t.
        residual: of e_st alone, which `seed` contains.
        test_df: degrees of freedom of `test`; few where few rows carry it.
        n: seeds with a value.
    """

    seed: float
    test: float
    residual: float
    test_df: float
    n: int


@dataclass(frozen=True)
class Needed:
    """What it takes to tell a difference.

    Attributes:
        seeds: about how many in all; None where no number is enough on this test set.
        smallest: the smallest difference that any number of seeds tells on this test set.
        rows_factor: how many times as many test rows it would take with no end of seeds; 1 or less: enough.
    """

    seeds: int | None
    smallest: float
    rows_factor: float


def paired_t(values: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Student's t over values (S,), where every seed draws training and test data afresh."""
    return _over_seeds(values, 1.0, INDEPENDENT, confidence)


def resplit(values: ArrayLike, n_train: float, n_test: float, confidence: float = CONFIDENCE) -> Estimate:
    """t over values (S,) whose seeds split one pool again: the variance is s^2 (1/S + n_test / n_train).

    Nadeau & Bengio 2003, "Inference for the generalization error", Machine Learning 52. Training parts of
    several seeds share rows, so that s^2 / S alone is too small. It is a heuristic, and wide.
    """
    if not (n_train > 0 and n_test > 0):
        raise ValueError(f"n_train is {n_train} and n_test {n_test}; both must be above 0.")
    found = _defined(values)
    return _over_seeds(found, 1 + len(found) * n_test / n_train, RESPLIT, confidence)


def one_seed(value: float, resampled: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """The interval of one seed's value for other test samples, from its replicates (B,)."""
    draws = _defined(resampled)
    if not math.isfinite(value):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0.0, ONE_SEED, 0)
    if len(draws) < 2:
        return Estimate(float(value), math.nan, math.nan, math.nan, 0.0, ONE_SEED, 1)
    return _estimate(float(value), _variance(draws), _replicate_df(draws), ONE_SEED, 1, confidence)


def crossed(values: ArrayLike, resampled: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Mean over seeds that were all judged on one test set, for other seeds and other test samples.

    Args:
        values: (S,) a metric, or a difference of two arms.
        resampled: (S, B) the same on replicates of `row_weights`, the same replicates for every seed.
        confidence: of the interval.

    The mean has variance (var a + var e) / S + var b. Over seeds, the values' variance / S estimates the
    first term without bias, as b is common to all (V_seed). Over replicates, that of the mean over seeds
    estimates var b + var e / S, the seeds being held (V_test), and that of a seed's distance from this mean
    var e, times (S - 1) / S (V_residual = var e / S). So V = V_seed + V_test - V_residual: both samples'
    shares, and what both contain once. V_seed - V_residual and V_test - V_residual each estimate a variance
    and are taken as 0 where negative, so that V is never below V_seed or V_test. Replicates in which a value
    is NaN are left out. That the replicates' own variance is unbiased is up to `row_weights`.

    The quantile is Student's with Satterthwaite's degrees of freedom: S - 1 for V_seed, and for
    V_test - V_residual as many as the replicates' kurtosis tells (`components`). They are taken at
    V_seed (1 + 2 / (S - 1)): where seeds vary more than rows and few seeds lie together by chance, the plain
    formula finds a small variance and many degrees of freedom at once, and covers at worst .93 of the time
    with three seeds and .88 with two; this covers .94 and .92. With more than this a few seeds on which rows
    matter would seldom tell anything (`benchmarks.aa_study`). One seed gives `one_seed`.
    """
    found, draws = _crossed_inputs(values, resampled)
    if len(found) == 1:
        return one_seed(float(found[0]), draws[0], confidence)
    if not len(found):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0.0, CROSSED, 0)
    parts = components(found, draws)
    n = parts.n
    if math.isnan(parts.test):
        return Estimate(float(found.mean()), math.nan, math.nan, math.nan, 0.0, CROSSED, n)
    variance = max(parts.seed, parts.residual) / n + parts.test
    df = _satterthwaite(parts, n, parts.residual)
    return _estimate(float(found.mean()), variance, df, CROSSED, n, confidence)


def components(values: ArrayLike, resampled: ArrayLike | None = None) -> Components:
    """The variances that `crossed` rests on; without replicates all is laid to the seeds.

    Rows carry the test sample's variance unequally: of 40 positives, those on which two arms differ. With
    influences f_i of rows, an estimate of sum f_i^2 has relative variance sum f_i^4 / (sum f_i^2)^2, which
    is 2 / df. Gamma weights have a fourth cumulant of 6, so replicates have 6 times that ratio as excess
    kurtosis: df = 12 / kurtosis, and never more than B - 1, as B replicates estimate a variance.
    """
    if resampled is None:
        found = _defined(values)
        seed = _variance(found) if len(found) > 1 else math.nan
        return Components(seed, 0.0, 0.0, math.inf, len(found))
    found, draws = _crossed_inputs(values, resampled)
    n = len(found)
    if not n or draws.shape[1] < 2:
        return Components(_variance(found) if n > 1 else math.nan, math.nan, math.nan, 0.0, n)
    common = draws.mean(axis=0)
    test, seed, residual = _variance(common), math.nan, 0.0
    if n > 1:
        seed = _variance(found)
        residual = sum(_variance(row) for row in draws - common) / (n - 1)
    return Components(seed, max(0.0, test - residual / n), residual, _replicate_df(common), n)


def holm(p_values: ArrayLike) -> Floats:
    """Holm's corrected p-values (1979), in the order given; NaN stays, and is no member of the family.

    ValueError unless they are (k,).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values has shape {p.shape}; (k,) is needed.")
    corrected = np.full(p.shape, np.nan)
    members = np.flatnonzero(~np.isnan(p))
    order = members[np.argsort(p[members], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected


def seeds_needed(
    difference: float,
    parts: Components,
    *,
    power: float = 0.8,
    confidence: float = CONFIDENCE,
    comparisons: int = 1,
) -> Needed:
    """About how many seeds tell a true difference, by the estimated variances.

    `comparisons` divides the error level, as Holm's first step does. An estimate of variances from few
    seeds is itself rough: read the number as an order of magnitude.
    """
    if comparisons < 1:
        raise ValueError(f"comparisons is {comparisons}; at least 1 is needed.")
    level = (1 - confidence) / 2 / comparisons
    ends = _quantile(1 - level, math.inf) + _quantile(power, math.inf)
    smallest = ends * math.sqrt(parts.test)
    size = abs(difference)
    factor = math.inf if size == 0 else (smallest / size) ** 2
    if not size > smallest or not math.isfinite(parts.seed):
        return Needed(None, smallest, factor)

    def enough(seeds: int) -> bool:
        df = _satterthwaite(parts, seeds)
        error = math.sqrt(parts.seed / seeds + parts.test)
        return size >= (_quantile(1 - level, df) + _quantile(power, df)) * error

    low, high = 1, 2
    while high < MOST_SEEDS and not enough(high):
        low, high = high, 2 * high
    if high >= MOST_SEEDS and not enough(high):
        return Needed(None, smallest, factor)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return Needed(high, smallest, factor)


def _satterthwaite(parts: Components, n: int, floor: float = 0.0) -> float:
    """Degrees of freedom of the variance of a mean over n seeds, each of at least `floor`; see `crossed`."""
    cautious = parts.seed * (1 + 2 / (n - 1)) / n
    rows = parts.test + max(0.0, floor / n - cautious)  # what replicates alone tell
    noise = cautious**2 / (n - 1) + (rows**2 / parts.test_df if rows else 0.0)
    return (cautious + rows) ** 2 / noise if noise > 0 else math.inf


def _over_seeds(values: ArrayLike, factor: float, method: str, confidence: float) -> Estimate:
    found = _defined(values)
    n = len(found)
    if n < 2:
        mean = float(found[0]) if n else math.nan
        return Estimate(mean, math.nan, math.nan, math.nan, 0.0, method, n)
    return _estimate(float(found.mean()), _variance(found) / n * factor, n - 1, method, n, confidence)


def _estimate(mean: float, variance: float, df: float, method: str, n: int, confidence: float) -> Estimate:
    from scipy.special import ndtr, stdtr

    if not variance > 0:
        # Without any spread a difference of 0 is none; of any other there is nothing to judge it by.
        return Estimate(mean, mean, mean, 1.0 if mean == 0 else math.nan, float(df), method, n)
    error = math.sqrt(variance)
    half = _quantile((1 + confidence) / 2, df) * error
    distance = -abs(mean) / error
    p_value = float(2 * (stdtr(df, distance) if math.isfinite(df) else ndtr(distance)))
    return Estimate(mean, mean - half, mean + half, p_value, float(df), method, n)


def _quantile(level: float, df: float) -> float:
    """Of Student's t, or of the normal distribution for infinite df."""
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(df, level) if math.isfinite(df) else ndtri(level))


def _defined(values: ArrayLike) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"values have shape {found.shape}; one dimension is needed.")
    return found[np.isfinite(found)]


def _crossed_inputs(values: ArrayLike, resampled: ArrayLike) -> tuple[Floats, Floats]:
    """Defined values (S',) and their replicates (S', B'), all defined."""
    found, draws = np.asarray(values, dtype=np.float64), np.asarray(resampled, dtype=np.float64)
    if found.ndim != 1 or draws.ndim != 2 or len(draws) != len(found):
        raise ValueError(
            f"values have shape {found.shape} and replicates {draws.shape}; (S,) and (S, B) are needed."
        )
    kept = np.isfinite(found)
    found, draws = found[kept], draws[kept]
    return found, draws[:, np.isfinite(draws).all(axis=0)]


def _variance(values: Floats) -> float:
    """With n - 1; exactly 0 for equal values."""
    return 0.0 if (values == values[0]).all() else float(values.var(ddof=1))


def _replicate_df(draws: Floats) -> float:
    """Degrees of freedom of a variance over replicates (B,); see `components`."""
    b = len(draws)
    spread = draws.var()
    if b < 4 or not spread > 0:
        return float(b - 1)
    excess = float(((draws - draws.mean()) ** 4).mean() / spread**2 - 3)
    excess = (b - 1) / ((b - 2) * (b - 3)) * ((b + 1) * excess + 6)
    return 1 / (max(excess, 0.0) / 12 + 1 / (b - 1))
