"""How stored logits become the numbers of a comparison: what can be asked of them without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from imbalance_bench.config import Settings
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm, score_arm, tuned_metric, with_companions
from imbalance_bench.strategies.base import Context, Strategy
from imbalance_bench.strategies.registry import create

AIMS = ("target_recall", "cost_fn", "cost_fp")
"""What X+threshold can serve instead of a metric: parameters of the strategy threshold."""


@dataclass(frozen=True)
class Reading:
    """The test prior, the metric that decides, and what decisions shall serve.

    Attributes:
        test_prior: "dataset", "train" or "uniform".
        primary_metric: one of `METRICS`; None: the default of the data.
        prevalence: of the positive class, for predictive values; None: the test prior's.
        target_recall, cost_fn, cost_fp: what X+threshold serves instead of a metric; see `Threshold`.

    Raises:
        RequestError: for an unknown metric, and aims that exclude each other.
    """

    test_prior: str = "dataset"
    primary_metric: str | None = None
    prevalence: float | None = None
    target_recall: float | None = None
    cost_fn: float | None = None
    cost_fp: float | None = None

    def __post_init__(self) -> None:
        name = self.primary_metric
        if name is not None and name not in METRICS:
            raise RequestError(
                f"there is no metric {name!r}; known are: {', '.join(METRICS)}.{nearest(name, METRICS)}"
            )
        self.threshold()

    @classmethod
    def of(cls, settings: Settings) -> Reading:
        """What validated settings ask."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def threshold(self) -> Strategy:
        """The strategy that tunes each X+threshold."""
        aims = {name: getattr(self, name) for name in AIMS}
        return create("threshold", **{name: value for name, value in aims.items() if value is not None})

    def check(self, class_names: Sequence[str]) -> None:
        """RefusedError where the aim does not fit these classes, before anything is trained."""
        context = Context(np.ones(len(class_names), dtype=np.int64), tuple(class_names))
        self.threshold().check(context)

    def one(self, strategy: Strategy, runs: Sequence[StoredRun]) -> ScoredArm:
        """One strategy with its runs, scored."""
        tuned_for = tuned_metric(self.primary_metric)
        return score_arm(strategy, runs, self.test_prior, tuned_for, prevalence=self.prevalence)

    def arms(self, made: Sequence[tuple[Strategy, Sequence[StoredRun]]]) -> list[ScoredArm]:
        """Each strategy with its runs, scored; each again with a tuned threshold; the references."""
        tuned_for = tuned_metric(self.primary_metric)
        arms = [self.one(strategy, runs) for strategy, runs in made]
        return with_companions(arms, self.test_prior, tuned_for, self.threshold())
