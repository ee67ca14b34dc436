"""Combinations: what can't be combined, and that the parts act together in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import torch

from imbalance_bench.errors import RefusedError, RequestError
from imbalance_bench.strategies import Context, FittingData, SamplingPlan, Stage, Strategy, create
from imbalance_bench.strategies import registry as module
from imbalance_bench.strategies.base import Adjust, Decide, Floats, is_afterwards_only
from imbalance_bench.strategies.composite import combine
from imbalance_bench.strategies.plan import TrainingView
from imbalance_bench.strategies.registry import available, register, trained_part

CONTEXT = Context(np.array([90, 10]), ("a", "b"))


@dataclass(frozen=True)
class Late(Strategy):
    """Weights from the middle of training on."""

    name = "toy-late"

    def weights(self, context: Context, progress: float) -> Floats | None:
        return np.array([1.0, 3.0]) if progress >= 0.5 else None


@dataclass(frozen=True)
class Double(Strategy):
    name = "toy-double"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        return lambda logits: 2 * logits


@dataclass(frozen=True)
class Centre(Strategy):
    """Takes away the mean of the validation logits that it is fitted on."""

    name = "toy-centre"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        mean = run.logits.mean()
        return lambda logits: logits - mean


@dataclass(frozen=True)
class Always(Strategy):
    name = "toy-always"

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        return lambda logits: np.ones(len(logits), dtype=np.int64)


@dataclass(frozen=True)
class Never(Always):
    name = "toy-never"


@dataclass(frozen=True)
class Staged(Strategy):
    name = "toy-staged"

    def stages(self) -> Sequence[Stage]:
        return (Stage(0.5), Stage(0.5, trainable="head"))

    @property
    def head(self) -> Literal["linear", "cosine"]:
        return "cosine"

    @property
    def requires(self) -> str | None:
        return "cross-entropy"


@dataclass(frozen=True)
class OnFocal(Late):
    name = "toy-on-focal"

    @property
    def requires(self) -> str | None:
        return "focal"


@dataclass(frozen=True)
class Redrawn(Strategy):
    name = "toy-redrawn"

    @property
    def redraws(self) -> bool:
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        return SamplingPlan(np.zeros(3, dtype=np.int64))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    available()
    monkeypatch.setattr(module, "_registered", dict(module._registered))
    for cls in (Late, Double, Centre, Always, Never, Staged, OnFocal, Redrawn):
        register(cls)


def fitting(logits: Floats) -> FittingData:
    n = len(logits)
    return FittingData(logits, np.zeros(n, np.int64), np.ones(n), lambda: np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("ce+focal", "cross-entropy and focal, which both set the loss"),
        ("undersample+oversample", "undersample and oversample, which both set which rows are drawn"),
        ("focal+undersample+ce", "focal and cross-entropy"),
        ("toy-always+focal+toy-never", "both set the decision"),
        ("focal+focal:gamma=1", "'focal' twice"),
        ("toy-staged+toy-on-focal", "start from two stored runs: cross-entropy, focal"),
    ],
)
def test_one_place_one_part(spec: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        create(spec)


def test_one_part_is_no_composite() -> None:
    part = create("focal")
    assert combine([part]) is part


def test_weights_multiply() -> None:
    both = create("class-weights+toy-late")
    alone = create("class-weights").weights(CONTEXT, 0.0)
    assert alone is not None
    early, late = both.weights(CONTEXT, 0.2), both.weights(CONTEXT, 0.8)
    assert early is not None
    assert late is not None
    assert early.tolist() == alone.tolist()
    assert late.tolist() == (alone * [1, 3]).tolist()
    assert create("undersample+focal").weights(CONTEXT, 0.5) is None


def test_each_place_comes_from_its_part() -> None:
    whole = create("toy-redrawn+focal:alpha=0.25,gamma=0+toy-staged+toy-late")
    assert whole.redraws
    view = TrainingView(np.zeros(9, np.int64), 2, lambda rows: np.zeros(0))
    assert whole.plan(view, np.random.default_rng(0)).base.tolist() == [0, 0, 0]
    assert whole.loss(CONTEXT)(torch.zeros(1, 2), torch.tensor([1])).item() == pytest.approx(
        0.25 * np.log(2), rel=1e-6
    )
    factors = whole.loss_factors(CONTEXT)
    assert factors is not None
    assert factors.tolist() == [0.75, 0.25]
    assert [stage.trainable for stage in whole.stages()] == ["all", "head"]
    assert whole.head == "cosine"
    assert whole.requires == "cross-entropy"
    assert create("undersample+focal").head == "linear"
    assert not create("undersample+focal").redraws


def test_every_part_checks_the_data() -> None:
    three = Context(np.array([5, 3, 2]), ("a", "b", "c"))
    with pytest.raises(RefusedError, match="only rescale"):
        create("oversample+focal:alpha=0.25").check(three)


def test_adjustments_chain_in_order_each_fitted_on_what_comes_before() -> None:
    val, test = np.array([[1.0, 3.0]]), np.array([[5.0, 7.0]])
    # Doubled first, the validation mean is 4; centred first, it is 2 and doubled afterwards.
    assert create("toy-double+toy-centre").fit_adjust(fitting(val), CONTEXT)(test).tolist() == [[6, 10]]
    assert create("toy-centre+toy-double").fit_adjust(fitting(val), CONTEXT)(test).tolist() == [[6, 10]]
    shifted = create("toy-centre+toy-always").fit_adjust(fitting(val), CONTEXT)(test)
    assert shifted.tolist() == [[3, 5]]
    decided = create("toy-centre+toy-always").fit_decision(fitting(val), CONTEXT)(test)
    assert decided.tolist() == [1]


def test_an_adjustment_sees_the_logits_of_those_before_it() -> None:
    seen = []

    @register
    @dataclass(frozen=True)
    class Watch(Strategy):
        name = "toy-watch"

        def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
            seen.append(run.logits.tolist())
            return lambda logits: logits

    create("toy-watch+toy-double").fit_adjust(fitting(np.array([[1.0, 3.0]])), CONTEXT)
    create("toy-double+toy-watch").fit_adjust(fitting(np.array([[1.0, 3.0]])), CONTEXT)
    assert seen == [[[1, 3]], [[2, 6]]]


@pytest.mark.parametrize(
    ("spec", "trained"),
    [
        ("focal", "focal"),
        ("toy-double", "cross-entropy"),
        ("toy-double+toy-always", "cross-entropy"),
        ("focal+toy-double", "focal"),
        ("toy-double+oversample+focal+toy-always", "oversample+focal"),
        ("toy-staged+toy-always", "toy-staged"),
    ],
)
def test_trained_part(spec: str, trained: str) -> None:
    assert trained_part(create(spec)).spec == trained


def test_afterwards_only() -> None:
    assert is_afterwards_only(create("toy-double"))
    assert is_afterwards_only(create("toy-always"))
    assert not is_afterwards_only(create("cross-entropy"))
    assert not is_afterwards_only(create("toy-late"))
