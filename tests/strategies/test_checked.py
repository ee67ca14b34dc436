"""What a strategy may not give is told: by its spec, the place, what was found and what is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from imbalance_bench.errors import RefusedError
from imbalance_bench.strategies import (
    Context,
    FittingData,
    SamplingPlan,
    Stage,
    Strategy,
    TrainingView,
    create,
)
from imbalance_bench.strategies.base import Floats
from imbalance_bench.strategies.checked import Checked, FaultyError
from imbalance_bench.strategies.composite import Composite

CONTEXT = Context(np.array([6, 4]), ("a", "b"))
LOGITS = np.arange(20.0).reshape(10, 2)
FITTING = FittingData(LOGITS, np.zeros(10, np.int64), np.ones(10), lambda: np.zeros((2, 3), np.float32))
NO_NUMBERS = "gave values that are no finite numbers; a finite score for each is needed."
NO_GRADIENT = "values without a gradient; a loss that depends on the logits is needed."
OF_A_CLASS = "a finite number for each class, each at least 0 and not all 0, is needed."
ROWS = np.arange(10, dtype=np.int64)


def view() -> TrainingView:
    return TrainingView(np.repeat([0, 1], [6, 4]), 2, lambda rows: np.zeros((len(rows), 1, 2, 2)), ("a", "b"))


def faulty(place: str, given: Any) -> Checked:
    """A strategy whose `place` is `given`, a function of its arguments, or raises it."""

    def act(self: Strategy, *arguments: Any) -> Any:
        if isinstance(given, Exception):
            raise given
        return given(*arguments)

    read = isinstance(getattr(Strategy, place), property)
    cls = type("Faulty", (Strategy,), {"name": "p-x", place: property(act) if read else act})
    return Checked(dataclass(frozen=True)(cls)())


def said(place: str, given: Any, use: Any) -> str:
    with pytest.raises(FaultyError) as error:
        use(faulty(place, given))
    return str(error.value)


def adjusted(strategy: Strategy) -> Floats:
    return strategy.fit_adjust(FITTING, CONTEXT)(LOGITS)


def decided(strategy: Strategy) -> Any:
    return strategy.fit_decision(FITTING, CONTEXT)(LOGITS)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (ZeroDivisionError("by nought.\nmore"), "raised ZeroDivisionError: by nought."),
        (lambda *_: None, "gave nothing; a function is needed."),
        (lambda *_: lambda z: None, "gave nothing; (10, 2) is needed."),
        (lambda *_: lambda z: np.hstack([z, z[:, :1]]), "gave shape (10, 3); (10, 2) is needed."),
        (lambda *_: lambda z: z * np.nan, NO_NUMBERS),
        (lambda *_: lambda z: z / 0, "raised FloatingPointError: divide by zero encountered in divide."),
        (lambda *_: lambda z: z.astype(str), NO_NUMBERS),
    ],
)  # fmt: skip
def test_adjustments(given: Any, found: str) -> None:
    with np.errstate(divide="raise"):
        assert said("fit_adjust", given, adjusted) == f"p-x: its fit_adjust {found}"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (lambda z: np.full(len(z), 2), "label 2; one of 0 to 1 is needed."),
        (lambda z: np.full(len(z), -1), "label -1; one of 0 to 1 is needed."),
        (lambda z: np.zeros(len(z)), "type float64; int64 is needed."),
        (lambda z: z.astype(int), "shape (10, 2); (10,) is needed."),
        (lambda z: z[:3].argmax(axis=1), "shape (3,); (10,) is needed."),
    ],
)
def test_decisions(labels: Any, found: str) -> None:
    assert said("fit_decision", lambda *_: labels, decided) == f"p-x: its fit_decision gave {found}"


def test_an_adjustment_in_place_leaves_the_logits() -> None:
    def doubling(z: Floats) -> Floats:
        z *= 2
        return z

    before = LOGITS.copy()
    assert np.array_equal(adjusted(faulty("fit_adjust", lambda *_: doubling)), 2 * before)
    assert np.array_equal(LOGITS, before)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([1.0, 2.0, 3.0], "shape (3,); (2,) is needed."),
        (2.0, "shape (); (2,) is needed."),
        ([1.0, -1.0], "[1.0, -1.0]; " + OF_A_CLASS),
        ([0.0, 0.0], "[0.0, 0.0]; " + OF_A_CLASS),
        ([1.0, np.inf], "[1.0, inf]; " + OF_A_CLASS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["weights", "loss_factors"])
def test_weights(place: str, given: Any, found: str) -> None:
    arguments = (CONTEXT, 0.5) if place == "weights" else (CONTEXT,)
    told = said(place, lambda *_: given, lambda s: getattr(s, place)(*arguments))
    assert told == f"p-x: its {place} gave {found}"


def test_weights_that_can_be_used() -> None:
    assert faulty("weights", lambda *_: None).weights(CONTEXT, 0.0) is None
    assert faulty("weights", lambda *_: [0, 2]).weights(CONTEXT, 0.0).tolist() == [0, 2]  # type: ignore[union-attr]
    assert faulty("loss_shift", lambda *_: [-1, 0]).loss_shift(CONTEXT).tolist() == [-1, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (lambda z, y: z.sum(), "shape (); (4,) is needed."),
        (lambda z, y: z, "shape (4, 2); (4,) is needed."),
        (lambda z, y: 1.5, "1.5; (4,) is needed."),
        (lambda z, y: y, "type torch.int64; a tensor of floating numbers is needed."),
        (lambda z, y: z.detach()[:, 0], NO_GRADIENT),
    ],
)  # fmt: skip
def test_losses(rows: Any, found: str) -> None:
    import torch

    logits = torch.zeros(4, 2, requires_grad=True)
    targets = torch.zeros(4, dtype=torch.int64)
    told = said("loss", lambda *_: rows, lambda s: s.loss(CONTEXT)(logits, targets))
    assert told == f"p-x: its loss gave {found}"
    found_rows = faulty("loss", lambda *_: lambda z, y: z[:, 0] + 1).loss(CONTEXT)(logits, targets)
    assert found_rows.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("stages", "found"),
    [
        ([], "the fractions []; a sum of 1, each at least 0, is needed."),
        ([Stage(0.5)], "the fractions [0.5]; a sum of 1, each at least 0, is needed."),
        ([Stage(trainable="body")], "trainable='body'; 'all' or 'head' is needed."),  # type: ignore[arg-type]
        ([Stage(inputs="pixels")], "inputs='pixels'; 'images' or 'features' is needed."),  # type: ignore[arg-type]
        (Stage(), "Stage(fraction=1.0, trainable='all', inputs='images', resample=True, reset_he...; "
                  "a list of Stage is needed."),
    ],
)  # fmt: skip
def test_stages(stages: Any, found: str) -> None:
    assert said("stages", lambda: stages, lambda s: s.stages()) == f"p-x: its stages gave {found}"


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        (ROWS, "its plan gave array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]); a SamplingPlan is needed."),
        (SamplingPlan(ROWS + 1), "its plan can't be used: base holds rows outside 0..9."),
        (SamplingPlan([0, 1]), "its plan can't be used: 'list' object has no attribute 'dtype'"),  # type: ignore[arg-type]
        (SamplingPlan(ROWS, ROWS, np.full(10, 0.5, np.float32), np.full(10, 2)),
         "its plan can't be used: neighbour_labels holds labels outside 0..1."),
        (SamplingPlan(ROWS + 1, extra_images=np.full((1, 1, 2, 2), np.inf), extra_labels=np.array([1])),
         "its plan can't be used: extra_images, the images that it makes, hold values that are not finite "
         "numbers."),
        (SamplingPlan(ROWS + 1, extra_images=np.zeros((1, 1, 2, 2)), extra_labels=np.array([2])),
         "its plan can't be used: extra_labels holds labels outside 0..1."),
        (SamplingPlan(ROWS + 1, extra_images=np.zeros((1, 1, 2, 2)), extra_labels=np.array([1.0])),
         "its plan can't be used: extra_labels has type float64; int64 labels are needed."),
    ],
)  # fmt: skip
def test_plans(plan: Any, found: str) -> None:
    assert (
        said("plan", lambda *_: plan, lambda s: s.plan(view(), np.random.default_rng(0))) == f"p-x: {found}"
    )


def test_a_plan_can_not_write_to_the_labels() -> None:
    labels = np.zeros(3, dtype=np.int64)
    seen = TrainingView(labels, 2, lambda rows: rows)
    with pytest.raises(ValueError, match="read-only"):
        seen.labels[0] = 1
    labels[0] = 1  # who owns them still may
    assert seen.labels.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("place", "given", "found"),
    [
        ("head", "square", "gave 'square'; 'linear' or 'cosine' is needed."),
        ("head_scale", 0, "gave 0; a finite number above 0 is needed."),
        ("prior_is_exact", "yes", "gave 'yes'; True or False is needed."),
    ],
)
def test_properties(place: str, given: Any, found: str) -> None:
    assert said(place, lambda: given, lambda s: getattr(s, place)) == f"p-x: its {place} {found}"
    told = said(place, KeyError("k"), lambda s: getattr(s, place))
    assert told == f"p-x: its {place} raised KeyError: 'k'."


def test_refusals_pass() -> None:
    with pytest.raises(RefusedError, match="too few"):
        faulty("check", RefusedError("too few")).check(CONTEXT)
    assert (
        said("check", ValueError("no"), lambda s: s.check(CONTEXT)) == "p-x: its check raised ValueError: no."
    )
    told = said("notes", lambda *_: "one sentence", lambda s: s.notes(CONTEXT))
    assert told == "p-x: its notes gave 'one sentence'; a tuple of sentences is needed."


def test_of_a_combination_the_part_is_named() -> None:
    bad = faulty("weights", lambda *_: [1.0]).of
    with pytest.raises(FaultyError, match=r"^p-x: its weights gave"):
        Checked(Composite((create("focal"), bad))).weights(CONTEXT, 0.0)
    with pytest.raises(FaultyError, match=r"^class-weights\+p-x: its weights raised ValueError"):
        Checked(Composite((create("class-weights"), faulty("weights", lambda *_: [1.0] * 3).of))).weights(
            CONTEXT, 0.0
        )


@pytest.mark.parametrize(
    ("weights", "known"),
    [
        (lambda context, progress: None, True),
        (lambda context, progress: [1, 2], True),
        (lambda context, progress: [1 + progress, 2 + 2 * progress], True),  # the same shares
        (lambda context, progress: [1, 2] if progress >= 0.8 else None, False),
        (lambda context, progress: [1, 1 + progress], False),
    ],
)
def test_weights_that_change_are_no_known_prior_by_default(weights: Any, known: bool) -> None:
    strategy = faulty("weights", weights)
    assert strategy.prior_is_exact
    assert strategy.prior_is_known(CONTEXT) is known
    assert Checked(Composite((strategy.of, create("oversample")))).prior_is_known(CONTEXT) is known


def test_who_says_so_is_believed() -> None:
    assert Checked(create("drw:start=0")).prior_is_known(CONTEXT)
    assert not Checked(create("drw")).prior_is_known(CONTEXT)
    assert Checked(create("class-weights")).prior_is_known(CONTEXT)
