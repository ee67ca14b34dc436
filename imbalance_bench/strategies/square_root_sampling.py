"""Square-root sampling: shares halfway between those of the training set and equal ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.power import power_rows
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class SquareRootSampling(Strategy):
    """N rows a pass, drawn anew, of each class a share proportional to n_c^power.

    The counts are exact and the rows of a class take turns, as in `class-balanced-sampling`.
    """

    name = "square-root-sampling"
    summary = "draw rows of every class by the square root of its size, N in all, anew for every pass"
    formula = "N n_c^power / (sum over classes of n^power) rows of each class a pass; loss -log p_y"
    caution = (
        "A compromise: rare classes are repeated less often than under class-balanced sampling, and the "
        "scores still lean towards the large ones."
    )
    paper = (
        "Mahajan et al. (2018), Exploring the limits of weakly supervised pretraining, arXiv:1805.00932; "
        "Kang et al. (2020), Decoupling representation and classifier for long-tailed recognition, "
        "arXiv:1910.09217"
    )

    power: float = param(
        0.5,
        low=0.0,
        high=1.0,
        help="shares are proportional to n_c^power: 0 makes classes equal, 1 leaves them as they are",
        usual="0.25 to 0.75",
    )

    @property
    def redraws(self) -> bool:
        """True: every pass holds other rows of the larger classes."""
        return True

    @property
    def prior_is_exact(self) -> bool:
        """True: the draw changes the shares of the classes alone."""
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """N rows, of each class N n_c^power / (sum of n^power) to the nearest whole number."""
        classes = [view.rows_of(label) for label in range(view.n_classes)]
        return SamplingPlan(power_rows(classes, self.power, len(view), rng))
