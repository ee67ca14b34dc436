"""Square-root sampling draws N rows a pass, of each class by a power of its size."""

from __future__ import annotations

import numpy as np
import pytest

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import TrainingView, create

COUNTS = [400, 100, 25]


def view_of(counts: list[int]) -> TrainingView:
    labels = np.random.default_rng(9).permutation(np.repeat(np.arange(len(counts)), counts))
    return TrainingView(labels.astype(np.int64), len(counts), lambda rows: np.zeros(0))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("square-root-sampling", [300, 150, 75]),
        ("square-root-sampling:power=1", COUNTS),
        ("square-root-sampling:power=0", [175, 175, 175]),
    ],
)
def test_the_shares_follow_the_power(spec: str, expected: list[int]) -> None:
    view, strategy = view_of(COUNTS), create(spec)
    plan = strategy.plan(view, np.random.default_rng(0))
    plan.check(len(view))
    assert plan.class_mass(view.labels, 3).tolist() == expected
    assert strategy.redraws
    assert strategy.prior_is_exact


def test_power_zero_is_class_balanced_sampling_and_power_one_every_row() -> None:
    view = view_of(COUNTS)
    zero, balanced, one = (
        create(spec).plan(view, np.random.default_rng(3)).base
        for spec in (
            "square-root-sampling:power=0",
            "class-balanced-sampling",
            "square-root-sampling:power=1",
        )
    )
    assert zero.tolist() == balanced.tolist()
    assert sorted(one.tolist()) == list(range(len(view)))


def test_every_pass_is_drawn_anew() -> None:
    view, rng, strategy = view_of(COUNTS), np.random.default_rng(0), create("square-root-sampling")
    assert set(strategy.plan(view, rng).rows().tolist()) != set(strategy.plan(view, rng).rows().tolist())


@pytest.mark.parametrize("power", ["-0.1", "1.5", "nan"])
def test_powers_beyond_the_range_are_refused(power: str) -> None:
    with pytest.raises(RequestError, match="power"):
        create(f"square-root-sampling:power={power}")
