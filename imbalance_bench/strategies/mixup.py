"""Mixup: training on weighted means of two images and of their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Mixup(Strategy):
    """Rows are mixed two by two, each with a weight from Beta(alpha, alpha), drawn anew for every pass.

    Two partners mix with each other by one weight: each row's mixtures are distributed as in the paper, and
    what a row gives away in one image it takes part with in the other, so that a pass holds every row once.
    """

    name = "mixup"
    summary = "mix each image and its label with those of a random partner, anew each pass"
    formula = "x = x_i + w (x_j - x_i), loss = (1 - w) L(y_i) + w L(y_j), w ~ Beta(alpha, alpha)"
    caution = (
        "It regularises and leaves the balance of the classes: partners are mostly of the large ones. In "
        "short trainings, or where a faint detail decides, mixing can blur what there is to learn."
    )
    paper = "Zhang et al. (2018), mixup: beyond empirical risk minimization, arXiv:1710.09412"

    alpha: float = param(
        0.2,
        low=0.0,
        high=100.0,
        low_open=True,
        help="of the Beta distribution of the weights; near 0 hardly mixes, 1 takes all weights alike",
        usual="0.1 to 1",
    )

    @property
    def redraws(self) -> bool:
        """True: every pass has new partners."""
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """Every row once, each with a partner and a weight; one row stays alone where their number is odd."""
        rows = np.arange(len(view), dtype=np.int64)
        pairs = rng.permutation(rows)[: len(rows) // 2 * 2].reshape(-1, 2)
        share = rng.beta(self.alpha, self.alpha, size=len(pairs)).astype(np.float32)
        partner, weight = rows.copy(), np.zeros(len(rows), dtype=np.float32)
        partner[pairs] = pairs[:, ::-1]
        weight[pairs] = share[:, None]
        return SamplingPlan(rows, partner, weight, neighbour_labels=view.labels[partner])
