"""Rows per class where its share is a power of its size, and the rows themselves.

A class of n_c rows gets a share proportional to n_c^power (Kang et al. 2020, arXiv:1910.09217, section 4.1):
0 makes all classes equal, 1 leaves the shares as they are, 1/2 stands between (Mahajan et al. 2018,
arXiv:1805.00932).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def rows_per_class(counts: Sequence[int] | Ints, power: float, total: int) -> Ints:
    """(C,) int64 that sum to `total`, as near to shares proportional to counts^power as whole numbers are.

    What rounding down leaves goes to the largest remainders; among equal ones (to six decimals) to the
    class of fewer rows, then to the first. A class without rows gets none; every other gets at least one
    where `total` suffices for that. At power 1 with `total` the sum of `counts`, the answer is `counts`.

    Args:
        counts: (C,) rows that each class has, at least 0.
        power: any finite number; below 0 the smaller classes get the larger share.
        total: rows to share out, at least 1.

    Raises:
        ValueError: where a power is not finite, a count is below 0, no class has a row or `total` is below 1.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    if not math.isfinite(power):
        raise ValueError(f"power is {power}; a finite number is needed.")
    if total < 1:
        raise ValueError(f"total is {total}; at least one row is needed.")
    if sizes.ndim != 1 or (sizes < 0).any() or not sizes.any():
        raise ValueError(f"counts is {sizes.tolist()}; rows per class are needed, some of them above 0.")
    present = np.flatnonzero(sizes)
    found = np.zeros(len(sizes), dtype=np.int64)
    found[present] = _apportioned(sizes[present], power, total)
    return found


def _apportioned(sizes: Ints, power: float, total: int) -> Ints:
    # Against the class of the largest share, so that no power overflows: what underflows has no share.
    weights: Floats = (sizes / (sizes.max() if power >= 0 else sizes.min())) ** power
    quotas = total * weights / weights.sum()
    if total >= len(sizes):
        # Classes below one row are lifted to one, which may push others below it.
        free = np.ones(len(sizes), dtype=bool)
        while (low := free & (quotas < 1)).any():
            free &= ~low
            rest = weights * free
            quotas = np.where(free, (total - (~free).sum()) * rest / (rest.sum() or 1.0), 1.0)
    whole: Ints = np.floor(quotas).astype(np.int64)
    order = np.lexsort((np.arange(len(sizes)), sizes, -np.round(quotas - whole, 6)))
    whole[order[: total - whole.sum()]] += 1
    return whole


def permutations_of(rows: Ints, total: int, rng: np.random.Generator) -> Ints:
    """(total,) int64 from consecutive permutations of `rows` (n,), the last one cut short.

    So every row comes floor(total / n) or ceil(total / n) times, and again only after all the others.
    """
    times = -(-total // len(rows)) if total else 0
    return rng.permuted(np.tile(rows, (times, 1)), axis=1).ravel()[:total]


def power_rows(classes: Sequence[Ints], power: float, total: int, rng: np.random.Generator) -> Ints:
    """(total,) int64 row numbers, class by class: `rows_per_class` of each as in `permutations_of`.

    Args:
        classes: C arrays (n_c,) of the row numbers of each class.
        power, total: as in `rows_per_class`.
        rng: what the draw depends on.
    """
    wanted = rows_per_class([len(rows) for rows in classes], power, total)
    drawn = [permutations_of(rows, int(m), rng) for rows, m in zip(classes, wanted, strict=True) if m]
    return np.concatenate(drawn)
