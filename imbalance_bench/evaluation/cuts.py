"""Two classes: every threshold that the scores allow, what it catches, and the best for an aim."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Cases:
    """Rows scored for one class.

    Attributes:
        scores: (n,) finite, larger for the class (log odds, where costs matter).
        hit: (n,) whether the row is of the class.
        weight: (n,) of at least 0.
    """

    scores: Floats
    hit: NDArray[np.bool_]
    weight: Floats

    def __post_init__(self) -> None:
        scores, weight = (np.asarray(v, dtype=np.float64) for v in (self.scores, self.weight))
        hit = np.asarray(self.hit, dtype=bool)
        if not scores.shape == hit.shape == weight.shape or scores.ndim != 1:
            raise ValueError(
                f"scores {scores.shape}, hit {hit.shape} and weight {weight.shape} differ in shape; "
                "all must be (n,)."
            )
        if not (np.isfinite(scores).all() and np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError("scores must be finite, and weights finite and at least 0.")
        for name, value in (("scores", scores), ("hit", hit), ("weight", weight)):
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls, logits: ArrayLike, labels: ArrayLike, positive: int, weight: ArrayLike | None = None
    ) -> Cases:
        """From logits (n, 2), labels (n,) and weights (n,): log odds of the class `positive`."""
        z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
        if z.ndim != 2 or z.shape[1] != 2 or positive not in (0, 1):
            raise ValueError(
                f"logits have shape {z.shape}, positive is {positive}; (n, 2) and 0 or 1 are needed."
            )
        w = np.ones(len(z)) if weight is None else np.asarray(weight, dtype=np.float64)
        return cls(z[:, positive] - z[:, 1 - positive], y == positive, w)


@dataclass(frozen=True, eq=False)
class Cuts:
    """What calling `score > at` catches, from nothing called to everything called.

    Attributes:
        at: (T + 1,) falling; halfway between neighbouring scores, 1 beyond the ends.
        caught, alarms: (T + 1,) weight of the class, and of the rest, that is called.
    """

    at: Floats
    caught: Floats
    alarms: Floats

    @property
    def positives(self) -> float:
        """Weight of the class."""
        return float(self.caught[-1])

    @property
    def negatives(self) -> float:
        """Weight of the rest."""
        return float(self.alarms[-1])


def cuts_of(cases: Cases) -> Cuts:
    """All cuts of the rows that have weight. ValueError where none has."""
    kept = cases.weight > 0
    if not kept.any():
        raise ValueError("no row has weight; a threshold needs at least one.")
    scores, hit = cases.scores[kept], cases.hit[kept]
    weight = cases.weight[kept] / cases.weight.max()
    distinct, group = np.unique(-scores, return_inverse=True)
    high = -distinct
    caught = np.bincount(group, weight * hit, minlength=len(high)).cumsum()
    alarms = np.bincount(group, weight * ~hit, minlength=len(high)).cumsum()
    middle = high[1:] + (high[:-1] - high[1:]) / 2
    # Between neighbouring floats there is no room: the lower one calls the upper just as well.
    middle = np.where(middle < high[:-1], middle, high[1:])
    # Beyond 2^53 a step of 1 is none, and the lowest score would not be called.
    lowest = min(high[-1] - 1, np.nextafter(high[-1], -np.inf))
    return Cuts(
        np.concatenate([[max(high[0] + 1, np.nextafter(high[0], np.inf))], middle, [lowest]]),
        np.append(0.0, caught),
        np.append(0.0, alarms),
    )


def recall_cut(cases: Cases, target: float) -> float:
    """The cut of highest precision among those whose recall reaches `target` in (0, 1].

    Of equal precision, the one of more recall. ValueError where no row of the class has weight: everything
    called has recall 1, so any other target can be reached.
    """
    found = cuts_of(cases)
    if found.positives <= 0:
        raise ValueError("no row of the class has weight, so no recall can be reached.")
    if not 0 < target <= 1:
        raise ValueError(f"target is {target}; a recall above 0 and at most 1 is needed.")
    reached = np.flatnonzero(found.caught >= (target - CLOSE) * found.positives)
    precision = found.caught[reached] / (found.caught[reached] + found.alarms[reached])
    best = reached[precision >= precision.max() - CLOSE]
    return float(found.at[best[-1]])


def sensitivity_cut(cases: Cases, target: float) -> float:
    """The highest cut whose sensitivity reaches `target`, so the most specific; NaN without the class.

    ValueError for a target outside 0..1.
    """
    _check_share(target)
    found = cuts_of(cases)
    if found.positives <= 0:
        return float("nan")
    return float(found.at[np.argmax(found.caught >= (target - CLOSE) * found.positives)])


def specificity_cut(cases: Cases, target: float) -> float:
    """The lowest cut whose specificity reaches `target`, so the most sensitive; NaN without the rest.

    ValueError for a target outside 0..1.
    """
    _check_share(target)
    found = cuts_of(cases)
    if found.negatives <= 0:
        return float("nan")
    allowed = found.alarms <= (1 - target + CLOSE) * found.negatives
    return float(found.at[np.flatnonzero(allowed)[-1]])


def _check_share(target: float) -> None:
    if not 0 <= target <= 1:
        raise ValueError(f"target is {target}; a share in 0..1 is needed.")


def cheapest_cut(cases: Cases, cost_fn: float, cost_fp: float) -> float:
    """The cut of least total cost on these very rows, missing one costing `cost_fn`, an alarm `cost_fp`.

    Of equally cheap cuts the one nearest to log(cost_fp / cost_fn), right for calibrated log odds. With few
    rows of the class it follows chance: `strategies/threshold.py` tells why probabilities decide instead.
    """
    if not (cost_fn > 0 and cost_fp > 0 and np.isfinite([cost_fn, cost_fp]).all()):
        raise ValueError(f"the costs are {cost_fn} and {cost_fp}; finite numbers above 0 are needed.")
    found = cuts_of(cases)
    cost = cost_fn * (found.positives - found.caught) + cost_fp * found.alarms
    best = np.flatnonzero(cost <= cost.min() + CLOSE * max(cost_fn, cost_fp))
    return float(found.at[best[np.abs(found.at[best] - log(cost_fp / cost_fn)).argmin()]])


def least_cost(logits: ArrayLike, cost: ArrayLike) -> NDArray[np.int64]:
    """(n,) the decisions of least expected cost; Elkan 2001, "The foundations of cost-sensitive learning".

    Args:
        logits: (n, C) finite; their softmax must be the probabilities that the costs are weighed with.
        cost: (C, C) cost[truth, decision]. Two classes with costs of 0 on the diagonal: the class is called
            where its probability exceeds c_fp / (c_fp + c_fn).

    Equal expected costs go to the likelier class.
    """
    from scipy.special import softmax

    z, costs = np.asarray(logits, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    if costs.shape != (z.shape[1], z.shape[1]) or not np.isfinite(costs).all():
        raise ValueError(f"cost has shape {costs.shape}; {(z.shape[1],) * 2} finite numbers are needed.")
    expected = softmax(z, axis=1) @ costs
    spread = np.abs(costs).max() * CLOSE * 1e-3
    cheap = expected <= expected.min(axis=1, keepdims=True) + spread
    return np.asarray(np.where(cheap, z, -np.inf).argmax(axis=1), dtype=np.int64)
