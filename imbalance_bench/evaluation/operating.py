"""Clinical operating points of two classes: sensitivity, specificity, predictive values, net benefit.

Every interval is at 95 %. Within the class, and within the rest, weights are mostly equal: the exact
intervals of sensitivity and specificity then are Clopper & Pearson's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from imbalance_bench.evaluation.cuts import Cases, sensitivity_cut, specificity_cut
from imbalance_bench.evaluation.proportions import UNDEFINED, Share, few, weighted_share

Fixed = Literal["specificity", "sensitivity", "threshold"]
FittedOn = Literal["validation", "test", "given"]
TARGETS = (0.9, 0.95)
Z = 1.959963984540054
"""The normal quantile at .975."""


@dataclass(frozen=True)
class OperatingPoint:
    """What one threshold does to the rows of a test part.

    Attributes:
        threshold: rows scored above it are called; NaN where it could not be fitted.
        sensitivity: share of the class that is called, with an exact interval.
        specificity: share of the rest that is not called, likewise.
        positives, negatives: rows (not weights) of the class and of the rest.
        fixed: what was aimed at, or "threshold".
        target: the share aimed at; NaN for a given threshold.
        fitted_on: "validation": met there, both shares are estimates. "test": a point of the test set's own
            ROC curve: its aim is met by choice, which the other share's interval leaves out of account.
    """

    threshold: float
    sensitivity: Share
    specificity: Share
    positives: int
    negatives: int
    fixed: Fixed = "threshold"
    target: float = float("nan")
    fitted_on: FittedOn = "given"

    @property
    def few(self) -> bool:
        """Whether the class or the rest has too few rows for a verdict: `proportions.FEW_ROWS`."""
        return bool(few([self.positives, self.negatives]).any())

    def ppv(self, prevalence: float) -> Share:
        """Positive predictive value at a stated prevalence; see `predictive_values`."""
        return predictive_values(self.sensitivity, self.specificity, prevalence)[0]

    def npv(self, prevalence: float) -> Share:
        """Negative predictive value at a stated prevalence; see `predictive_values`."""
        return predictive_values(self.sensitivity, self.specificity, prevalence)[1]


def at_threshold(cases: Cases, threshold: float) -> OperatingPoint:
    """Sensitivity and specificity of calling `score > threshold`; undefined for a NaN or a missing side."""
    hit, counted = cases.hit, cases.weight > 0
    called = cases.scores > threshold
    lost = bool(np.isnan(threshold))
    return OperatingPoint(
        threshold,
        UNDEFINED if lost else weighted_share(called[hit], cases.weight[hit]),
        UNDEFINED if lost else weighted_share(~called[~hit], cases.weight[~hit]),
        int((hit & counted).sum()),
        int((~hit & counted).sum()),
    )


def operating_points(
    validation: Cases, test: Cases, targets: Sequence[float] = TARGETS
) -> list[OperatingPoint]:
    """Points at each fixed specificity, then at each fixed sensitivity, on `test`.

    Each twice: with the threshold that reaches the target on validation, as one would use it, and with the
    test set's own, as ROC curves are read. A threshold that validation can't give (no rows of a side) is NaN,
    and so is what it does.
    """
    sides: tuple[tuple[Fixed, Callable[[Cases, float], float]], ...] = (
        ("specificity", specificity_cut),
        ("sensitivity", sensitivity_cut),
    )
    parts: tuple[tuple[FittedOn, Cases], ...] = (("validation", validation), ("test", test))
    return [
        replace(at_threshold(test, cut(part, target)), fixed=fixed, target=target, fitted_on=name)
        for fixed, cut in sides
        for target in targets
        for name, part in parts
    ]


def predictive_values(sensitivity: Share, specificity: Share, prevalence: float) -> tuple[Share, Share]:
    """PPV and NPV by Bayes' rule at a stated prevalence in (0, 1), with logit intervals.

    Mercaldo, Lau & Zhou 2007, "Confidence intervals for predictive values with an emphasis to case-control
    studies", Statistics in Medicine 26: the variance of logit PPV is (1 - se) / (se n1) + sp / ((1 - sp) n0),
    of logit NPV se / ((1 - se) n1) + (1 - sp) / (sp n0). Where a share is 0 or 1 the interval is that of
    their adjusted shares (x + z^2 / 2) / (n + z^2), stretched to hold the estimate. A PPV is NaN where
    nothing is called, an NPV where everything is.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}; a share above 0 and below 1 is needed.")
    se, sp, n1, n0 = sensitivity.value, specificity.value, sensitivity.rows, specificity.rows
    if not (n1 > 0 and n0 > 0):
        return UNDEFINED, UNDEFINED
    odds = prevalence / (1 - prevalence)
    ppv, npv = _from_odds(se * odds, 1 - sp), _from_odds(sp, (1 - se) * odds)
    missed, alarms = 1 - se, 1 - sp
    if not (0 < se < 1 and 0 < sp < 1):
        # Each side by itself: of very many rows, 1 less the one would be 0.
        missed, alarms = _adjusted(missed, n1), _adjusted(alarms, n0)
        se, sp, n1, n0 = _adjusted(se, n1), _adjusted(sp, n0), n1 + Z**2, n0 + Z**2
    of_ppv = sqrt(missed / (se * n1) + sp / (alarms * n0))
    of_npv = sqrt(se / (missed * n1) + alarms / (sp * n0))
    return (
        _around(ppv, log(se * odds / alarms), of_ppv),
        _around(npv, log(sp / (missed * odds)), of_npv),
    )


def _adjusted(share: float, n: float) -> float:
    return (share * n + Z**2 / 2) / (n + Z**2)


def _from_odds(right: float, wrong: float) -> float:
    return right / (right + wrong) if right + wrong > 0 else float("nan")


def _around(value: float, centre: float, deviation: float) -> Share:
    if np.isnan(value):
        return UNDEFINED
    from scipy.special import expit

    low, high = (float(expit(centre + side * Z * deviation)) for side in (-1, 1))
    return Share(value, min(low, value), max(high, value))


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit per row at one threshold probability; calling none has 0.

    Attributes:
        threshold: the probability at or above which a row is called.
        model: of these probabilities, with its interval at the prevalence of the weighted rows.
        treat_all: of calling everything.
        over_best: of the model less the better of calling all and none, the simple policies.
    """

    threshold: float
    model: Share
    treat_all: float
    over_best: float


def net_benefit(probability: ArrayLike, cases: Cases, thresholds: Sequence[float]) -> list[NetBenefit]:
    """Decision curve: TP / n - FP / n * t / (1 - t) at each threshold probability t in (0, 1).

    Vickers & Elkin 2006, "Decision curve analysis", Medical Decision Making 26. A row is called where its
    probability is at least t. The interval takes the prevalence as given, since the table names it, and joins
    the exact ones of sensitivity and specificity by MOVER (Zou & Donner 2008, Statistics in Medicine 27).

    Args:
        probability: (n,) of the class, standing for the prevalence of the weighted rows.
        cases: those rows; of their scores no use is made.
        thresholds: probabilities above 0 and below 1.
    """
    p = np.asarray(probability, dtype=np.float64)
    if p.shape != cases.hit.shape:
        raise ValueError(f"probability has shape {p.shape}; {cases.hit.shape} is needed.")
    total = cases.weight.sum()
    prevalence = float((cases.weight * cases.hit).sum() / total) if total > 0 else float("nan")
    found = []
    for t in thresholds:
        if not 0 < t < 1:
            raise ValueError(f"a threshold probability is {t}; it must lie above 0 and below 1.")
        called = p >= t
        price = (1 - prevalence) * t / (1 - t)
        true = weighted_share(called[cases.hit], cases.weight[cases.hit])
        false = weighted_share(called[~cases.hit], cases.weight[~cases.hit])
        everything = prevalence - price
        model = _mover(prevalence, true, price, false)
        found.append(NetBenefit(t, model, everything, model.value - max(everything, 0.0)))
    return found


def _mover(gain: float, true: Share, price: float, false: Share) -> Share:
    """gain * true - price * false; a side that has no rows has no part in it."""
    sides = [(factor, share) for factor, share in ((gain, true), (-price, false)) if factor]
    if any(np.isnan(share.value) for _, share in sides) or np.isnan(gain):
        return UNDEFINED
    value = sum(factor * share.value for factor, share in sides)
    down = sum((f * ((s.low if f > 0 else s.high) - s.value)) ** 2 for f, s in sides)
    up = sum((f * ((s.high if f > 0 else s.low) - s.value)) ** 2 for f, s in sides)
    return Share(value, value - sqrt(down), value + sqrt(up))
