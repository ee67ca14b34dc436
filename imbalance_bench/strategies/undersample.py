"""Random undersampling: every larger class gives up rows, drawn at random, until it fits the smallest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Undersample(Strategy):
    """Rows of the larger classes are left out, without replacement, down to n_min / ratio rows."""

    name = "undersample"
    summary = "leave out random rows of the larger classes, down to the size of the smallest"
    formula = "all rows of the rarest class, n_min / ratio rows of each other, drawn without replacement"
    caution = (
        "With few images of the rarest class the network sees next to nothing of the others: average "
        "precision usually falls, and more decisions for the rare class are no more than a moved threshold."
    )
    paper = "Drummond & Holte (2003), C4.5, class imbalance, and cost sensitivity"

    ratio: float = param(
        1.0,
        low=0.0,
        high=1.0,
        low_open=True,
        help="size of the smallest class over that of the others afterwards; 1 makes all equal",
        usual="0.1 to 1",
    )
    redraw: str = param(
        "once",
        kind="word",
        words=("once", "pass"),
        help="draw the kept rows once, or a new part of the larger classes for every pass",
    )

    @property
    def redraws(self) -> bool:
        """Whether every pass draws a new part of the larger classes."""
        return self.redraw == "pass"

    @property
    def prior_is_exact(self) -> bool:
        """True: rows that are left out change the shares of the classes alone."""
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """Keep all rows of classes of at most n_min / ratio rows; draw that many of the others."""
        rows = [view.rows_of(label) for label in range(view.n_classes)]
        sizes = [len(r) for r in rows]
        target = int(min(min(sizes) / self.ratio, max(sizes)) + 1e-9)
        kept = [r if len(r) <= target else rng.choice(r, target, replace=False) for r in rows]
        return SamplingPlan(np.sort(np.concatenate(kept)))
