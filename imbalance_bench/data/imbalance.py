"""Imbalance profiles: how many training rows each class keeps, from the head to the tail."""

from __future__ import annotations

import math

from imbalance_bench.errors import RequestError, nearest

PROFILES = ("exp", "step", "linear")


def profile_shares(kind: str, n_classes: int, ratio: float, minority_fraction: float = 0.5) -> list[float]:
    """The share of `n_max` that each class gets, head first: (n_classes,) from 1 down to 1 / ratio.

    exp: R^(-i/(C-1)) (Cui et al. 2019); linear: 1 - (1 - 1/R) i/(C-1); step: the last `minority_fraction` of
    the classes (to the nearest class, at least one, not all) get 1/R (Buda et al. 2018).
    RequestError for an unknown profile, a ratio below 1, fewer than two classes, a fraction outside (0, 1).
    """
    if kind not in PROFILES:
        raise RequestError(
            f"the profile is {kind!r}; allowed: {', '.join(PROFILES)}.{nearest(str(kind), PROFILES)}"
        )
    if not (math.isfinite(ratio) and ratio >= 1):
        raise RequestError(f"the imbalance ratio is {ratio:g}; it is largest over smallest class: 1 or more.")
    if n_classes < 2:
        raise RequestError(f"an imbalance profile needs two classes or more; found {n_classes}.")
    place = [i / (n_classes - 1) for i in range(n_classes)]
    if kind == "exp":
        return [ratio**-p for p in place]
    if kind == "linear":
        return [1 - (1 - 1 / ratio) * p for p in place]
    if not 0 < minority_fraction < 1:
        raise RequestError(
            f"the minority fraction is {minority_fraction:g}; it must lie between 0 and 1, both excluded."
        )
    few = min(max(math.floor(minority_fraction * n_classes + 0.5), 1), n_classes - 1)
    return [1.0] * (n_classes - few) + [1 / ratio] * few


def profile_counts(
    kind: str, n_classes: int, n_max: int, ratio: float, minority_fraction: float = 0.5
) -> list[int]:
    """Training rows per class, head first: `int(n_max * share)` with `profile_shares`.

    RequestError as there, for `n_max` below 1, and where a class would get no row.
    """
    shares = profile_shares(kind, n_classes, ratio, minority_fraction)
    if n_max < 1:
        raise RequestError(f"n_max is {n_max}; the largest class needs at least one row.")
    counts = [whole(n_max * share) for share in shares]
    if counts[-1] == 0:
        raise RequestError(
            f"profile {kind} with ratio {ratio:g} and n_max {n_max} leaves "
            f"{', '.join(map(str, counts))} rows: {counts.count(0)} of {n_classes} classes would have none. "
            f"Use a ratio of at most {n_max}, or an n_max of at least {math.ceil(ratio)}."
        )
    return counts


def whole(value: float) -> int:
    """The integer part of a number that may fall short of a whole one by rounding, as 29.999999999999996."""
    return math.floor(value + max(1e-9, 1e-12 * value))
