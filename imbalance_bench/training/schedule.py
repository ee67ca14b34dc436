"""How many steps, at which rate, in which stretches: the part of training that needs no tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Literal

from imbalance_bench.strategies.base import Stage

WARM_UP = 0.25
START, END = 1 / 25, 1 / 1000


@dataclass(frozen=True)
class Optimisation:
    """How the weights move: the same for every strategy of a comparison.

    Attributes:
        steps: optimiser steps; None where `epochs` are meant.
        epochs: passes over the strategy's plan of n rows: ceil(epochs * n / batch_size) steps; or None.
        batch_size: rows per step.
        lr: peak learning rate of AdamW.
        schedule: course of the rate: up and down ("one-cycle"), down ("cosine"), or "constant".
        weight_decay: AdamW's.
    """

    steps: int | None
    epochs: float | None
    batch_size: int
    lr: float
    schedule: Literal["one-cycle", "cosine", "constant"]
    weight_decay: float

    def total_steps(self, n: int) -> int:
        """Optimiser steps for a plan of `n` rows."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, math.ceil(self.epochs * n / self.batch_size - 1e-9))

    def rate(self, progress: float) -> float:
        """The factor on `lr` at `progress` in [0, 1] of a phase."""
        if self.schedule == "constant":
            return 1.0
        if self.schedule == "one-cycle":
            if progress < WARM_UP:
                return START + (1 - START) * (1 - math.cos(math.pi * progress / WARM_UP)) / 2
            progress = (progress - WARM_UP) / (1 - WARM_UP)
        return END + (1 - END) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class Phase:
    """Consecutive stages that train the same weights on the same inputs: one optimiser, one schedule.

    A stage that draws the head anew begins a phase: moments of the old head would move the new one.

    Attributes:
        trainable, inputs: as in `Stage`.
        stages: the stages with their steps, none of 0.
    """

    trainable: Literal["all", "head"]
    inputs: Literal["images", "features"]
    stages: tuple[tuple[Stage, int], ...]

    @property
    def steps(self) -> int:
        """The steps of all stages."""
        return sum(steps for _, steps in self.stages)


def phases(stages: Sequence[Stage], total: int) -> list[Phase]:
    """The stages' shares of `total` steps, rounded so that they add up, grouped into phases.

    Raises:
        ValueError: where the fractions are negative or do not sum to 1.
    """
    fractions = [stage.fraction for stage in stages]
    if not stages or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"the stages' fractions are {fractions}; they must be at least 0 and sum to 1.")
    ends = [round(total * sum(fractions[: i + 1])) for i in range(len(stages))]
    shares = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    allotted = [(stage, steps) for stage, steps in zip(stages, shares, strict=True) if steps]
    resets = accumulate(stage.reset_head for stage, _ in allotted)
    numbered = zip(allotted, resets, strict=True)
    grouped = groupby(numbered, key=lambda item: (item[0][0].trainable, item[0][0].inputs, item[1]))
    return [
        Phase(trainable, inputs, tuple(stage for stage, _ in items))
        for (trainable, inputs, _), items in grouped
    ]
