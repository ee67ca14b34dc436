"""Decisions that serve a metric: one offset per class, added to the scores before the argmax."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.checks import as_logits
from imbalance_bench.evaluation.names import DECISION_METRICS

Floats = NDArray[np.float64]
CELLS = 60_000
"""Cuts times classes that one search looks at; with more rows, neighbouring cuts are taken together."""
SWEEPS = 20
EPSILON = 1e-12
ROUNDING = 1e-9
FLAT = 1e-7
"""Spread below which all decisions are one class's: differences of sums leave the others about 1e-15 of them,
whose root, not 0, would make a correlation out of rounding."""
TAUS = np.round(np.arange(-1, 2.01, 0.05), 2)
OWN_ROWS = 20


def fit_offsets(logits: ArrayLike, mass: ArrayLike, metric: str, prior: ArrayLike | None = None) -> Floats:
    """(C,) offsets o, of mean 0, for which argmax(logits + o) makes `metric` large.

    Two classes have one threshold, found exactly. With more, a first search goes along one line, the one
    that takes the class shares out, -tau log prior; then one offset after another is set to its best value
    until none gains (coordinate ascent). Where a `prior` is given, which is where known labels are few, only
    classes of at least `OWN_ROWS` rows get an offset of their own: fitted to a handful of rows, it
    would be noise. Of equally good offsets the one nearest to the last is kept, so that where nothing is
    gained nothing moves. Cuts lie halfway between neighbouring scores.

    Args:
        logits: (n, C) finite numbers.
        mass: (n, C), none negative: the weight with which a row counts as a member of each class; one-hot
            rows times the sample weight for known labels, posterior probabilities for expected values.
        metric: one of `DECISION_METRICS`; over the classes that have mass.
        prior: (C,) positive class shares of the training rows; None: those of `mass`, and every class has
            an offset of its own.

    ValueError for shapes that differ, for mass or shares that are none, for another metric.
    """
    if metric not in DECISION_METRICS:
        raise ValueError(f"metric is {metric!r}; allowed are {', '.join(DECISION_METRICS)}.")
    z = as_logits(logits)
    counted = np.asarray(mass, dtype=np.float64)
    if counted.shape != z.shape or not np.isfinite(counted).all() or (counted < 0).any():
        raise ValueError(
            f"mass has shape {counted.shape}; {z.shape} numbers, finite and at least 0, are needed."
        )
    present = counted.sum(axis=0)
    if not present.any():
        raise ValueError("mass is 0 everywhere; at least one row must count.")
    own = np.ones(z.shape[1], dtype=bool)
    shares = np.maximum(present / present.sum(), EPSILON)
    if prior is not None:
        shares = np.asarray(prior, dtype=np.float64)
        if shares.shape != own.shape or not (np.isfinite(shares).all() and (shares > 0).all()):
            raise ValueError(f"prior is {shares.tolist()}; {len(own)} positive shares are needed.")
        own = (counted > 0).sum(axis=0) >= OWN_ROWS
    if z.shape[1] == 2:
        found = _ascend(z, counted, present, np.zeros(2), np.array([False, True]), metric)
    else:
        start = _along(z, counted, present, -np.log(shares), metric)
        found = _ascend(z, counted, present, start, own, metric)
    return np.asarray(found - found.mean())


def _along(z: Floats, mass: Floats, present: Floats, direction: Floats, metric: str) -> Floats:
    """The best offsets tau * direction, tau from `TAUS`; of equally good ones the least."""
    values = np.array([value_at(z + tau * direction, mass, present, metric) for tau in TAUS])
    best = np.flatnonzero(values >= values.max() - EPSILON)
    return np.asarray(TAUS[best[np.abs(TAUS[best]).argmin()]] * direction)


def _ascend(
    z: Floats, mass: Floats, present: Floats, start: Floats, own: NDArray[np.bool_], metric: str
) -> Floats:
    """Offsets that no change of a single one of the classes `own` improves."""
    offsets = start.copy()
    value = value_at(z + offsets, mass, present, metric)
    for _ in range(SWEEPS):
        before = value
        for label in np.flatnonzero(own).tolist():
            offset, better = _best_offset(z, mass, present, offsets, label, metric)
            if better > value + EPSILON:
                offsets[label], value = offset, better
        if value <= before + EPSILON:
            break
    return offsets


def _best_offset(
    z: Floats, mass: Floats, present: Floats, offsets: Floats, label: int, metric: str
) -> tuple[float, float]:
    """The best offset of one class, the others fixed, and the metric's value there."""
    rivals = z + offsets
    rivals[:, label] = -np.inf
    runner_up = rivals.argmax(axis=1)
    gap = rivals.max(axis=1) - z[:, label]
    order = np.argsort(gap)
    # Scores that tie but for rounding stay together: no cut between them would hold.
    near = ROUNDING * np.maximum(1.0, np.abs(gap[order][1:]))
    tie = np.cumsum(np.append(False, np.diff(gap[order]) > near))
    group = np.empty(len(gap), dtype=np.int64)
    group[order] = tie
    last = np.append(np.diff(tie) > 0, True)
    first_of = np.append(True, np.diff(tie) > 0)
    low, high = gap[order][first_of], gap[order][last]
    n_classes = z.shape[1]
    n_groups = min(len(low), max(2, CELLS // n_classes))
    first = np.arange(n_groups) * len(low) // n_groups
    group = np.searchsorted(first, group, "right") - 1
    between = (high[first[1:] - 1] + low[first[1:]]) / 2
    cuts = np.concatenate([[low[0] - 1], between, [high[-1] + 1]])
    weight = mass.sum(axis=1)
    rows = np.arange(len(z))

    def moved(by: Floats, to: NDArray[np.int64]) -> Floats:
        """(groups + 1, C): what the classes `to` lose as the groups go over to `label`, cumulated."""
        flat = np.bincount(group * n_classes + to, by, minlength=n_groups * n_classes)
        return np.concatenate([np.zeros((1, n_classes)), flat.reshape(n_groups, n_classes).cumsum(axis=0)])

    hit = np.bincount(runner_up, mass[rows, runner_up], minlength=n_classes) - moved(
        mass[rows, runner_up], runner_up
    )
    called = np.bincount(runner_up, weight, minlength=n_classes) - moved(weight, runner_up)
    own = np.zeros(len(z), dtype=np.int64)
    hit[:, label] = moved(mass[:, label], own)[:, 0]
    called[:, label] = moved(weight, own)[:, 0]
    values = decision_values(hit, called, present, metric)
    best = np.flatnonzero(values >= values.max() - EPSILON)
    at = best[np.abs(cuts[best] - offsets[label]).argmin()]
    return float(cuts[at]), float(values[at])


def value_at(scores: Floats, mass: Floats, present: Floats, metric: str) -> float:
    """The value of a metric of `DECISION_METRICS` at the argmax of scores (n, C).

    mass: (n, C) with which a row counts as a member of each class; present: (C,) its sums.
    """
    decided, rows, n_classes = scores.argmax(axis=1), np.arange(len(scores)), scores.shape[1]
    hit = np.bincount(decided, mass[rows, decided], minlength=n_classes).astype(np.float64)
    called = np.bincount(decided, mass.sum(axis=1), minlength=n_classes).astype(np.float64)
    return float(decision_values(hit[None], called[None], present, metric)[0])


def decision_values(hit: Floats, called: Floats, present: Floats, metric: str) -> Floats:
    """(k,) values of a metric of `DECISION_METRICS` from counts, over the classes with mass.

    hit, called: (k, C) right decisions and all decisions for each class; present: (C,) mass of each class.
    """
    there = present > 0
    recall = hit[:, there] / present[there]
    if metric == "macro_f1":
        return np.asarray((2 * hit[:, there] / (called[:, there] + present[there])).mean(axis=1))
    if metric == "balanced_accuracy":
        return np.asarray(recall.mean(axis=1))
    if metric == "worst_class_recall":
        return np.asarray(recall.min(axis=1))
    if metric == "g_mean":
        return np.asarray(np.prod(np.maximum(recall, 0) ** (1 / recall.shape[1]), axis=1))
    if metric == "accuracy":
        return np.asarray(hit.sum(axis=1) / present.sum())
    share, call, right = present / present.sum(), called / present.sum(), hit.sum(axis=1) / present.sum()
    spread = np.sqrt(np.maximum(1 - (call**2).sum(axis=1), 0) * max(1 - (share**2).sum(), 0))
    mcc: Floats = np.divide(right - call @ share, spread, out=np.zeros(len(hit)), where=spread > FLAT)
    return mcc
