"""Two-phase training: on balanced classes first, on all rows as they are afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Stage, Strategy
from imbalance_bench.strategies.oversample import Oversample
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register
from imbalance_bench.strategies.undersample import Undersample


@register
@dataclass(frozen=True)
class TwoPhase(Strategy):
    """Trains on an under- or oversampled set up to `switch`, then on every row once a pass."""

    name = "two-phase"
    summary = "train on balanced classes first, then the head alone on all rows as they are"
    formula = "rows of undersample or oversample before progress switch, then every row once a pass"
    caution = (
        "The second phase leads the scores back to the training shares: the study that compared it found it"
        " between plain training and the sampling that it starts from. It is the reverse of drs and crt, "
        "which tend to do better."
    )
    paper = (
        "Buda, Maki & Mazurowski (2018), A systematic study of the class imbalance problem, arXiv:1710.05381"
    )

    first: str = param(
        "undersample",
        kind="word",
        words=("undersample", "oversample"),
        help="how the rows of the first phase are balanced",
    )
    switch: float = param(
        0.5, low=0.0, high=1.0, help="share of the steps in the first phase", usual="0.3 to 0.8"
    )
    tune: str = param(
        "head",
        kind="word",
        words=("head", "all"),
        help="what the second phase trains: the head alone, as in the study, or all weights",
    )

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """The balanced rows of the first phase."""
        sampler = Undersample() if self.first == "undersample" else Oversample()
        return sampler.plan(view, rng)

    def stages(self) -> Sequence[Stage]:
        """Balanced rows, then all rows."""
        then = 1 - self.switch
        second = (
            Stage(then, resample=False)
            if self.tune == "all"
            else Stage(then, trainable="head", inputs="features", resample=False)
        )
        return (Stage(self.switch), second)
