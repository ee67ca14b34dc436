"""Poly-1: cross-entropy with its first Taylor coefficient changed."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Poly1(Strategy):
    """Loss -log p_y + epsilon (1 - p_y)."""

    name = "poly-1"
    summary = "add epsilon (1 - p) to each row's cross-entropy, its first Taylor term"
    formula = "-log p_y + epsilon (1 - p_y)"
    caution = (
        "It knows nothing of the classes' sizes: above 0 it makes the network surer of itself, below 0 less"
        " so. The paper found 2 good for ImageNet, and below 0 for the rare boxes of detection."
    )
    paper = "Leng et al. (2022), PolyLoss: a polynomial expansion perspective, arXiv:2204.12511"

    epsilon: float = param(
        2.0,
        low=-1.0,
        high=1000.0,
        help="added to the coefficient of 1 - p; 0 is cross-entropy, below -1 errors would pay",
        usual="-1 to 6",
    )

    @property
    def prior_is_exact(self) -> bool:
        """At epsilon 0 only: otherwise the loss is least at other probabilities than the true ones."""
        return self.epsilon == 0

    def loss(self, context: Context) -> RowLoss:
        """One value per row."""
        from imbalance_bench.losses.poly1 import poly1_rows

        return lambda logits, targets: poly1_rows(logits, targets, self.epsilon)
