"""Class-balanced sampling: every class gives as many rows to a pass, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.power import power_rows
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class ClassBalancedSampling(Strategy):
    """N / C rows of each class a pass, drawn anew: large classes give a part, small ones repeat theirs.

    A pass stays as long as the training set has rows. Where the paper draws a class and then a row of it,
    here the counts are exact and the rows of a class take turns: the same shares with less chance in them.
    """

    name = "class-balanced-sampling"
    summary = "draw as many rows of every class, N in all, anew for every pass"
    formula = "N / C rows of each class a pass, a class's rows in turn; loss -log p_y"
    caution = (
        "Rows of a rare class come again and again, so that a long training learns them by heart, while a "
        "pass shows few of the large classes. It moves the balance of the classes as weights do."
    )
    paper = (
        "Kang et al. (2020), Decoupling representation and classifier for long-tailed recognition, "
        "arXiv:1910.09217"
    )

    @property
    def redraws(self) -> bool:
        """True: every pass holds other rows of the larger classes."""
        return True

    @property
    def prior_is_exact(self) -> bool:
        """True: the draw changes the shares of the classes alone."""
        return True

    @property
    def exponent(self) -> float:
        """Of a class's size in its share of the rows."""
        return 0.0

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """N rows, of each class N n_c^exponent / (sum of n^exponent) to the nearest whole number."""
        classes = [view.rows_of(label) for label in range(view.n_classes)]
        return SamplingPlan(power_rows(classes, self.exponent, len(view), rng))
