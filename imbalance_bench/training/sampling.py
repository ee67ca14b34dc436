"""The plans of a strategy as training asks for them: checked, and counted."""

from __future__ import annotations

import numpy as np

from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView


class PlanSource:
    """One plan for all passes, or a new one for each where the strategy redraws.

    Attributes:
        first: the plan of the first pass.
        touched: (N,) bool, the training rows that any plan so far held.
    """

    def __init__(self, strategy: Strategy, view: TrainingView, rng: np.random.Generator) -> None:
        self._strategy, self._view, self._rng = strategy, view, rng
        self.touched = np.zeros(len(view), dtype=bool)
        self.first = self._draw()
        self._fresh = True

    def next(self) -> SamplingPlan:
        """The plan of the coming pass."""
        if self._fresh or not self._strategy.redraws:
            self._fresh = False
            return self.first
        return self._draw()

    def _draw(self) -> SamplingPlan:
        plan = self._strategy.plan(self._view, self._rng)
        plan.check(len(self._view))
        rows = plan.rows()
        self.touched[rows[rows < len(self._view)]] = True
        return plan
