"""Random oversampling: rows of the smaller classes are drawn again until they match the largest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register


def ratio_to_largest() -> Any:
    """The parameter of what makes classes grow."""
    return param(
        1.0,
        low=0.0,
        high=1.0,
        low_open=True,
        help="size of the smaller classes over that of the largest afterwards; 1 makes all equal",
        usual="0.1 to 1",
    )


def grown_size(largest: int, ratio: float) -> int:
    """The rows that each class has at least afterwards, rounded down as by imbalanced-learn."""
    return int(largest * ratio + 1e-9)


@register
@dataclass(frozen=True)
class Oversample(Strategy):
    """Rows of the smaller classes are repeated, drawn with replacement, up to ratio * n_max rows."""

    name = "oversample"
    summary = "repeat random rows of the smaller classes, up to the size of the largest"
    formula = "every row once, and rows of each class drawn again, with replacement, up to ratio * n_max"
    caution = (
        "The few rows of a rare class are seen so often that a network can learn them by heart: watch "
        "average precision and calibration against cross-entropy, above all in long trainings."
    )
    paper = "Batista, Prati & Monard (2004), A study of the behavior of several methods for balancing"

    ratio: float = ratio_to_largest()

    @property
    def prior_is_exact(self) -> bool:
        """True: rows drawn again change the shares of the classes alone.

        In the limit: a network that has learnt the repeated rows by heart is corrected too far.
        """
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """Every row once, and draws with replacement from each class below ratio * n_max rows."""
        rows = [view.rows_of(label) for label in range(view.n_classes)]
        target = grown_size(max(len(r) for r in rows), self.ratio)
        again = [rng.choice(r, target - len(r)) for r in rows if len(r) < target]
        return SamplingPlan(np.concatenate([np.arange(len(view), dtype=np.int64), *again]))
