"""Which scores are a posterior under the effective prior, and which only a fit can correct."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from imbalance_bench.strategies import Context, Strategy, create
from imbalance_bench.strategies.base import Adjust, FittingData, Floats, RowLoss


@pytest.mark.parametrize(
    ("spec", "exact"),
    [
        ("cross-entropy", True),
        ("undersample", True),
        ("undersample:ratio=0.5,redraw=pass", True),
        ("oversample", True),
        ("class-balanced-sampling", True),
        ("square-root-sampling:power=0.3", True),
        ("class-weights", True),
        ("logit-adjustment:tau=0.5", True),
        ("threshold:metric=mcc", True),
        ("focal:gamma=0", True),
        ("focal:alpha=0.25,gamma=0", True),
        ("focal", False),
        ("smote", False),
        ("oversample+class-weights+logit-adjustment+threshold", True),
        ("oversample+focal", False),
        ("smote+class-weights", False),
    ],
)
def test_what_a_strategy_says(spec: str, exact: bool) -> None:
    assert create(spec).prior_is_exact is exact


@dataclass(frozen=True)
class OwnLoss(Strategy):
    """A loss that nobody vouches for."""

    name = "toy-own-loss"

    def loss(self, context: Context) -> RowLoss:
        return super().loss(context)


@dataclass(frozen=True)
class OwnScores(Strategy):
    """Scores that are not only shifted."""

    name = "toy-own-scores"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        return lambda logits: 2 * logits


@dataclass(frozen=True)
class OwnWeights(Strategy):
    """Weights, which the effective prior accounts for."""

    name = "toy-own-weights"

    def weights(self, context: Context, progress: float) -> Floats:
        return np.ones(context.n_classes)


def test_nothing_is_claimed_that_was_not_said() -> None:
    assert [cls().prior_is_exact for cls in (OwnLoss, OwnScores, OwnWeights)] == [False, False, True]
