"""Inverse-frequency class weights, scikit-learn's `balanced`."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.strategies.base import Context, Floats, Strategy, mean_one
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class ClassWeights(Strategy):
    """Every row weighs N / (C n_c), c being its class: each class has the same say in the loss."""

    name = "class-weights"
    summary = "weigh each row by N / (C n_c), so that every class has the same say in the loss"
    formula = "w_y (-log p_y), w_c = N / (C n_c)"
    caution = (
        "For a network that can fit its training rows the weights fade with training; before that they move"
        " the balance of the classes, which a threshold does as well. Large ratios make single rows decide "
        "a step."
    )
    paper = "King & Zeng (2001), Logistic regression in rare events data"

    def weights(self, context: Context, progress: float) -> Floats:
        """(C,) N / (C n_c): their mean over the training rows is 1."""
        return mean_one(1.0 / context.class_counts, context)
