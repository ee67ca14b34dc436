"""Asymmetric loss: one-vs-rest sigmoids that forget easy negatives."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Asymmetric(Strategy):
    """A focal term for the own class, one for each other, which is 0 up to a margin."""

    name = "asymmetric"
    summary = "one-vs-rest sigmoids, each class's negatives focused and cut off where they are easy"
    formula = (
        "(1 - p_y)^gamma_pos (-log p_y) + sum over c != y of q_c^gamma_neg (-log(1 - q_c)), p = sigmoid(z),"
        " q = max(p - margin, 0)"
    )
    caution = (
        "Made for many labels per image, where negatives outnumber positives in every class: with one label"
        " of few classes there is little of that to cure. Its scores are no posterior of one class out of "
        "C."
    )
    paper = "Ridnik et al. (2021), Asymmetric loss for multi-label classification, arXiv:2009.14119"

    gamma_pos: float = param(
        0.0, low=0.0, high=50.0, help="focusing parameter of the row's own class", usual="0 to 1"
    )
    gamma_neg: float = param(
        4.0, low=0.0, high=50.0, help="focusing parameter of the other classes", usual="2 to 4"
    )
    margin: float = param(
        0.05,
        low=0.0,
        high=1.0,
        high_open=True,
        help="probability up to which another class costs nothing",
        usual="0 to 0.2",
    )

    def loss(self, context: Context) -> RowLoss:
        """The sum over classes, one value per row."""
        from imbalance_bench.losses.asymmetric import asymmetric_rows

        return lambda logits, targets: asymmetric_rows(
            logits, targets, self.gamma_pos, self.gamma_neg, self.margin
        )
