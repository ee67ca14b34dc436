"""Steps, rates and phases."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.strategies import Stage, TrainingView, create
from imbalance_bench.training.schedule import Optimisation, phases

Schedule = Literal["one-cycle", "cosine", "constant"]


def how(
    steps: int | None = 10,
    epochs: float | None = None,
    batch_size: int = 50,
    schedule: Schedule = "one-cycle",
) -> Optimisation:
    return Optimisation(steps, epochs, batch_size, 1e-2, schedule, 1e-2)


@pytest.mark.parametrize(("spec", "steps"), [("cross-entropy", 20), ("undersample", 4), ("oversample", 36)])
def test_one_epoch_in_steps(spec: str, steps: int) -> None:
    # golden.md, Budget: 900/100 rows, batch 50.
    labels = np.repeat(np.arange(2), [900, 100]).astype(np.int64)
    view = TrainingView(labels, 2, lambda rows: np.zeros(0))
    plan = create(spec).plan(view, np.random.default_rng(0))
    assert how(None, 1).total_steps(len(plan)) == steps


@pytest.mark.parametrize(
    ("epochs", "n", "batch", "steps"),
    [
        (1, 101, 50, 3),
        (0.5, 100, 50, 1),
        (0.001, 10, 50, 1),
        (3, 100, 30, 10),
        (1.1, 100, 10, 11),
        (2, 16, 32, 1),
    ],
)
def test_epochs_are_rounded_up(epochs: float, n: int, batch: int, steps: int) -> None:
    assert how(None, epochs, batch).total_steps(n) == steps


def test_steps_are_steps() -> None:
    assert how(7).total_steps(1_000_000) == 7


def test_one_cycle_goes_up_and_down() -> None:
    rates = [how().rate(p) for p in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[25] == pytest.approx(1)
    assert rates[100] == pytest.approx(1 / 1000)
    assert rates[:26] == sorted(rates[:26])
    assert rates[25:] == sorted(rates[25:], reverse=True)


def test_cosine_goes_down_and_constant_stays() -> None:
    cosine = how(schedule="cosine")
    assert [cosine.rate(0), cosine.rate(0.5), cosine.rate(1)] == pytest.approx([1, 0.5005, 0.001])
    assert [how(schedule="constant").rate(p) for p in (0, 0.5, 1)] == [1, 1, 1]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(any), st.integers(1, 500))
def test_phases_add_up(parts: list[int], total: int) -> None:
    stages = [Stage(part / sum(parts)) for part in parts]
    found = phases(stages, total)
    assert sum(phase.steps for phase in found) == total
    given_steps = [steps for phase in found for _, steps in phase.stages]
    assert all(steps > 0 for steps in given_steps)
    wanted = [total * part / sum(parts) for part in parts]
    assert all(min(abs(steps - w) for w in wanted) <= 1 for steps in given_steps)


def test_stages_alike_share_a_phase() -> None:
    stages = [
        Stage(0.5, resample=False),
        Stage(0.2),
        Stage(0.2, trainable="head"),
        Stage(0.1, trainable="head", inputs="features"),
    ]
    found = phases(stages, 20)
    assert [(phase.trainable, phase.inputs, phase.steps) for phase in found] == [
        ("all", "images", 14),
        ("head", "images", 4),
        ("head", "features", 2),
    ]
    assert [steps for _, steps in found[0].stages] == [10, 4]


def test_a_stage_without_a_step_is_left_out() -> None:
    found = phases([Stage(0.999), Stage(0.001, trainable="head")], 10)
    assert [(phase.trainable, phase.steps) for phase in found] == [("all", 10)]


@pytest.mark.parametrize("fractions", [[], [0.5], [0.5, 0.6], [1.5, -0.5]])
def test_fractions_that_do_not_sum_to_one_are_refused(fractions: list[float]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        phases([Stage(f) for f in fractions], 10)
