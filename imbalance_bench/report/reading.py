"""How stored logits become the numbers of a comparison: what can be asked of them without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from imbalance_bench.config import Settings
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm, score_arm, tuned_metric, with_companions
from imbalance_bench.report.estimates import Value, of_class
from imbalance_bench.strategies.base import Context, Floats, Strategy
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
        aims = [f"--{name.replace('_', '-')}" for name in AIMS if getattr(self, name) is not None]
        if aims and name in DECISION_METRICS:
            raise RequestError(
                f"--primary-metric {name} is one of decisions, and {' and '.join(aims)} tune these for "
                "something else; name a metric of scores, as minority_ap, or leave one of them out."
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

    @property
    def served(self) -> str:
        """What the decisions of X+threshold serve: a metric, or "expected_cost", or "target_recall"."""
        if self.target_recall is not None:
            return "target_recall"
        return "expected_cost" if self.cost_fn is not None else tuned_metric(self.primary_metric)

    def aims(self, positive: int) -> dict[str, Value]:
        """The numbers by which an aim of two classes is judged, of class `positive`."""
        if self.target_recall is not None:
            return {f"positive_{name}": of_class(name, positive) for name in ("recall", "precision")}
        if self.cost_fn is None or self.cost_fp is None:
            return {}
        missed, alarmed = self.cost_fn, self.cost_fp
        found, spared = of_class("recall", positive), of_class("recall", 1 - positive)

        def expected_cost(scores: Scores) -> tuple[float, Floats | None]:
            share = float(scores.test_prior[positive])
            (hit, hits), (kept, keeps) = found(scores), spared(scores)

            def cost(hit: Any, kept: Any) -> Any:
                return missed * share * (1 - hit) + alarmed * (1 - share) * (1 - kept)

            return cost(hit, kept), None if hits is None or keeps is None else cost(hits, keeps)

        return {"expected_cost": expected_cost}

    def one(self, strategy: Strategy, runs: Sequence[StoredRun]) -> ScoredArm:
        """One strategy with its runs, scored."""
        tuned_for = tuned_metric(self.primary_metric)
        return score_arm(strategy, runs, self.test_prior, tuned_for, prevalence=self.prevalence)

    def arms(self, made: Sequence[tuple[Strategy, Sequence[StoredRun]]]) -> list[ScoredArm]:
        """Each strategy with its runs, scored; each again with a tuned threshold; the references."""
        tuned_for = tuned_metric(self.primary_metric)
        arms = [self.one(strategy, runs) for strategy, runs in made]
        return with_companions(arms, self.test_prior, tuned_for, self.threshold(), self.prevalence)
