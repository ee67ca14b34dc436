"""Deferred re-weighting: class-balanced weights for the last part of training only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Floats, Strategy
from imbalance_bench.strategies.class_balanced import beta_parameter, effective_weights, hardly_a_weight
from imbalance_bench.strategies.registry import register

DEFERRED = 0.8
"""The share of training after which deferred remedies begin: 160 of the 200 epochs of Cao et al."""


def start_parameter() -> Any:
    """The parameter of what begins late."""
    return param(DEFERRED, low=0.0, high=1.0, help="share of the steps before it begins", usual="0.7 to 0.9")


@register
@dataclass(frozen=True)
class Drw(Strategy):
    """No weights up to `start` of training, from there on those of `class-balanced`."""

    name = "drw"
    summary = "plain training first, class-balanced weights for the last fifth of the steps"
    formula = "w_y (-log p_y), w = 1 before progress start, then w_c ~ (1 - beta) / (1 - beta^n_c)"
    caution = (
        "The paper lowers the learning rate where the weights begin; here the rate goes on falling as it "
        "does for every strategy. Late weights move the scores less far than weights from the first step "
        "on."
    )
    paper = "Cao et al. (2019), Learning imbalanced datasets with label-distribution-aware margin loss"

    beta: float = beta_parameter()
    start: float = start_parameter()

    @property
    def prior_is_exact(self) -> bool:
        """Not where the weights come too late to have the full effect."""
        return self.start == 0

    def notes(self, context: Context) -> tuple[str, ...]:
        """Whether beta does anything to these counts."""
        return hardly_a_weight(self.name, context, self.beta)

    def weights(self, context: Context, progress: float) -> Floats | None:
        """(C,) from `start` on."""
        return effective_weights(context, self.beta) if progress >= self.start else None
