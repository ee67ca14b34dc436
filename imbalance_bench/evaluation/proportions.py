"""Shares of rows, with exact intervals that take weights into account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FEW_ROWS = 20
"""Below so many positives in a part, what is said of them needs exact intervals and carries no verdict."""


@dataclass(frozen=True)
class Share:
    """An estimate with its 95 % interval.

    Attributes:
        value, low, high: NaN where undefined.
        rows: effective number of rows it rests on (not whole under weights); NaN where it rests on no
            single group.
    """

    value: float
    low: float
    high: float
    rows: float = float("nan")


UNDEFINED = Share(float("nan"), float("nan"), float("nan"), 0.0)


def few(counts: ArrayLike) -> NDArray[np.bool_]:
    """Whether each count of rows is below `FEW_ROWS`; the shape of `counts`."""
    return np.asarray(np.asarray(counts) < FEW_ROWS)


def exact_interval(value: float, rows: float, level: float = 0.95) -> tuple[float, float]:
    """Low and high end for a share `value` found in `rows` rows: Clopper & Pearson 1934.

    `rows` need not be whole: the beta quantiles then are those of Korn & Graubard 1998.
    """
    from scipy.special import betaincinv

    tail, hits = (1 - level) / 2, value * rows
    misses = rows - hits
    low = float(betaincinv(hits, misses + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, misses, 1 - tail)) if misses > 0 else 1.0
    return low, high


def weighted_share(hit: ArrayLike, weight: ArrayLike) -> Share:
    """The weighted share of hits (n,) with its exact interval; `UNDEFINED` where no row has weight.

    The effective number of rows is f (1 - f) / v, v = sum w^2 (y - f)^2 / (sum w)^2 being the linearised
    variance of the share f (Korn & Graubard 1998, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24); where all or none are
    hits, (sum w)^2 / sum w^2. With equal weights it is the number of rows.
    """
    y, w = np.asarray(hit, dtype=np.float64), np.asarray(weight, dtype=np.float64)
    y, w = y[w > 0], w[w > 0]
    if not len(w):
        return UNDEFINED
    w = w / w.max()
    total = w.sum()
    # Each share from its own sum: 1 - f would be rounded away beside one heavy row.
    value, rest = (w * y).sum() / total, (w * (1 - y)).sum() / total
    spread = float((w * w * np.where(y > 0, rest, value) ** 2).sum())
    varied = value > 0 and rest > 0 and spread > 0
    rows = value * rest * total**2 / spread if varied else total**2 / (w * w).sum()
    value = float(min(value, 1.0))
    return Share(value, *exact_interval(value, float(rows)), float(rows))
