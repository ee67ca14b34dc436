"""Deferred re-sampling: class-balanced sampling for the last part of training only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imbalance_bench.strategies.base import Stage
from imbalance_bench.strategies.class_balanced_sampling import ClassBalancedSampling
from imbalance_bench.strategies.drw import start_parameter
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Drs(ClassBalancedSampling):
    """All rows as they are up to `start` of training, from there on equally many of each class."""

    name = "drs"
    summary = "plain training first, class-balanced sampling for the last fifth of the steps"
    formula = "rows as they are before progress start, then N / C rows of each class a pass"
    caution = (
        "The rows of a small class come again and again within few steps, so that the last fifth can "
        "overfit them. Where drw does as well, it is the simpler way."
    )
    paper = "Cao et al. (2019), Learning imbalanced datasets with label-distribution-aware margin loss"

    start: float = start_parameter()

    @property
    def prior_is_exact(self) -> bool:
        """Not where the balance comes too late to have the full effect."""
        return self.start == 0

    def stages(self) -> Sequence[Stage]:
        """Two, with one optimiser and one course of the rate."""
        return (Stage(self.start, resample=False), Stage(1 - self.start))
