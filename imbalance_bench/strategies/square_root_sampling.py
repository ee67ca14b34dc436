"""Square-root sampling: shares halfway between those of the training set and equal ones."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.params import param
from imbalance_bench.strategies.class_balanced_sampling import ClassBalancedSampling
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class SquareRootSampling(ClassBalancedSampling):
    """N rows a pass, drawn anew, of each class a share proportional to n_c^power.

    The counts are exact and the rows of a class take turns, as in `class-balanced-sampling`.
    """

    name = "square-root-sampling"
    summary = "draw rows of every class by the square root of its size, N in all, anew for every pass"
    formula = "N n_c^power / (sum over k of n_k^power) rows of class c a pass; loss -log p_y"
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
    def exponent(self) -> float:
        """The parameter."""
        return self.power
