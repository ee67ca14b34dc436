"""Operating points and net benefit of one run on two classes, as flat numbers with their exact intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.evaluation.cuts import Cases
from imbalance_bench.evaluation.operating import net_benefit, operating_points
from imbalance_bench.experiments.parts import Part
from imbalance_bench.strategies.base import Floats

BENEFIT_AT = (0.01, 0.05, 0.1, 0.2)
"""Threshold probabilities of the net benefit: how many false alarms one found case is worth."""

Span = tuple[float, float, float]
"""Value, low, high."""


def clinical_numbers(
    val: Part,
    val_logits: Floats,
    test: Part,
    logits: Floats,
    prevalence: float | None,
    resample: bool = False,
) -> tuple[dict[str, Span], dict[str, Floats]]:
    """By name `AIM:TARGET:FITTED_ON:QUANTITY` or `net_benefit:P:QUANTITY`; empty for more than two classes.

    With them, where asked, the same (B,) on resampled test rows: the thresholds stay as they are.

    Args:
        val_logits, logits: (n, 2) whose softmax is the (corrected) probability under the test prior.
        prevalence: for which predictive values hold; None: the test prior's share of the positive class.
    """
    context = test.context
    if context.n_classes != 2:
        return {}, {}
    positive = context.positive
    share = float(test.prior[positive]) if prevalence is None else prevalence
    cases = Cases.of(logits, test.labels, positive, test.weight)
    rates = _Resampled(test.draws() * cases.weight, cases.hit) if resample else None
    found: dict[str, Span] = {}
    drawn: dict[str, Floats] = {}
    for point in operating_points(Cases.of(val_logits, val.labels, positive, val.weight), cases):
        name = f"{point.fixed}:{point.target:g}:{point.fitted_on}"
        shares = {"sensitivity": point.sensitivity, "specificity": point.specificity}
        if 0 < share < 1:
            shares |= {"ppv": point.ppv(share), "npv": point.npv(share)}
        found |= {f"{name}:{what}": (s.value, s.low, s.high) for what, s in shares.items()}
        if rates is not None:
            drawn |= {
                f"{name}:{what}": values
                for what, values in rates.of(cases.scores > point.threshold, share).items()
            }
    probability = 1 / (1 + np.exp(-np.clip(cases.scores, -700, 700)))
    for benefit in net_benefit(probability, cases, BENEFIT_AT):
        name = f"net_benefit:{benefit.threshold:g}"
        found[f"{name}:model"] = (benefit.model.value, benefit.model.low, benefit.model.high)
        found[f"{name}:treat_all"] = (benefit.treat_all,) * 3
        if rates is not None:
            t = benefit.threshold
            called, own = rates.of(probability >= t, share), float(test.prior[positive])
            price = (1 - own) * t / (1 - t)
            drawn[f"{name}:model"] = own * called["sensitivity"] - price * (1 - called["specificity"])
    return found, {name: values for name, values in drawn.items() if name in found}


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Weights (B, n) of resampled rows, of which `hit` (n,) are positive."""

    weight: Floats
    hit: NDArray[np.bool_]

    def of(self, called: NDArray[np.bool_], share: float) -> dict[str, Floats]:
        """What calling these rows (n,) does in each replicate; predictive values at a prevalence `share`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            sensitivity = self.weight @ (called & self.hit) / (self.weight @ self.hit)
            specificity = self.weight @ ~(called | self.hit) / (self.weight @ ~self.hit)
            true, false = share * sensitivity, (1 - share) * (1 - specificity)
            kept, missed = (1 - share) * specificity, share * (1 - sensitivity)
            ppv, npv = true / (true + false), kept / (kept + missed)
        return {"sensitivity": sensitivity, "specificity": specificity, "ppv": ppv, "npv": npv}
