"""Several strategies on several data sets: ranks, and whether they differ (Demsar 2006, JMLR 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.statistics import holm

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankTest:
    """Friedman's test of k strategies on N data sets, each a block.

    Attributes:
        mean_ranks: (k,) 1 is best; ties share their mean rank.
        chi_square, p_chi_square: Friedman's statistic, corrected for ties, with k - 1 degrees of freedom.
        f, p_f: Iman & Davenport's (1980), less conservative, with k - 1 and (k - 1)(N - 1); infinite
            where all data sets rank alike.
        n: data sets.
    """

    mean_ranks: Floats
    chi_square: float
    p_chi_square: float
    f: float
    p_f: float
    n: int


def ranks(scores: ArrayLike, *, larger_is_better: bool = True) -> Floats:
    """(N, k) ranks within each data set of scores (N, k); 1 is best, ties share their mean rank.

    ValueError unless there are two columns or more and no NaN: a strategy that failed somewhere has no rank.
    """
    from scipy.stats import rankdata

    found = np.asarray(scores, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] < 1 or found.shape[1] < 2:
        raise ValueError(
            f"scores has shape {found.shape}; (N, k) with N >= 1 data sets and k >= 2 strategies is needed."
        )
    if np.isnan(found).any():
        row, column = np.argwhere(np.isnan(found))[0]
        raise ValueError(
            f"scores holds NaN for data set {row}, strategy {column}; leave one of them out of the ranking."
        )
    return np.asarray(rankdata(-found if larger_is_better else found, axis=1))


def friedman(scores: ArrayLike, *, larger_is_better: bool = True) -> RankTest:
    """Do k strategies differ over N >= 2 data sets? `scores` (N, k): one number each."""
    from scipy.special import chdtrc, fdtrc

    ranked = ranks(scores, larger_is_better=larger_is_better)
    n, k = ranked.shape
    if n < 2:
        raise ValueError("scores has one data set; at least 2 are needed to test ranks.")
    means = ranked.mean(axis=0)
    # Within a data set ranks have the variance (k^2 - 1) / 12, and less where they tie.
    spread = float(ranked.var(axis=1, ddof=1).mean())
    if spread == 0:
        return RankTest(means, 0.0, 1.0, 0.0, 1.0, n)
    chi = n * float(((means - (k + 1) / 2) ** 2).sum()) / spread
    rest = n * (k - 1) - chi
    f = (n - 1) * chi / rest if rest > 1e-9 * n * k else math.inf
    p_f = float(fdtrc(k - 1, (k - 1) * (n - 1), f)) if math.isfinite(f) else 0.0
    return RankTest(means, chi, float(chdtrc(k - 1, chi)), f, p_f, n)


def critical_difference(k: int, n: int, confidence: float = 0.95) -> float:
    """Nemenyi's: two of k mean ranks over n data sets differ if they lie at least this far apart."""
    from scipy.stats import studentized_range

    if k < 2 or n < 1:
        raise ValueError(f"k is {k} and n is {n}; at least 2 strategies and 1 data set are needed.")
    q = float(studentized_range.ppf(confidence, k, math.inf)) / math.sqrt(2)
    return q * _rank_error(k, n)


def against_control(mean_ranks: ArrayLike, n: int, control: int = 0) -> tuple[Floats, Floats]:
    """z (k,) of each mean rank less the control's, and Holm's p-values (k,); NaN for the control.

    ValueError for mean ranks of another shape, no data sets, or a control that is none of them.
    """
    from scipy.special import ndtr

    found = np.asarray(mean_ranks, dtype=np.float64)
    if found.ndim != 1 or n < 1 or not 0 <= control < len(found):
        raise ValueError(
            f"mean_ranks has shape {found.shape}, n is {n}, control {control}; (k,), at least 1 and one of "
            "the k are needed."
        )
    z = (found - found[control]) / _rank_error(len(found), n)
    p = 2 * ndtr(-np.abs(z))
    z[control] = p[control] = np.nan
    return z, holm(p)


def not_told_apart(mean_ranks: ArrayLike, difference: float) -> list[tuple[int, ...]]:
    """The bars of a critical-difference diagram: largest sets of 2 or more inside `difference`."""
    found = np.asarray(mean_ranks, dtype=np.float64)
    order: Sequence[int] = np.argsort(found, kind="stable").tolist()
    bars: list[tuple[int, ...]] = []
    reached = 0
    for start, first in enumerate(order):
        inside = [other for other in order[start:] if found[other] - found[first] < difference]
        if len(inside) > 1 and start + len(inside) > reached:
            bars.append(tuple(inside))
            reached = start + len(inside)
    return bars


def _rank_error(k: int, n: int) -> float:
    """Standard error of the difference of two mean ranks."""
    return math.sqrt(k * (k + 1) / (6 * n))
