"""Class-balanced sampling draws N rows a pass, as many of every class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.strategies import TrainingView, create

SPEC = "class-balanced-sampling"


def view_of(counts: list[int]) -> TrainingView:
    labels = np.random.default_rng(9).permutation(np.repeat(np.arange(len(counts)), counts))
    return TrainingView(labels.astype(np.int64), len(counts), lambda rows: np.zeros(0))


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_a_pass_holds_n_rows_shared_equally_and_rows_take_turns(counts: list[int]) -> None:
    view = view_of(counts)
    plan = create(SPEC).plan(view, np.random.default_rng(0))
    plan.check(len(view))
    drawn = plan.class_mass(view.labels, len(counts))
    assert drawn.sum() == sum(counts)
    assert np.ptp(drawn) <= 1
    times = np.bincount(plan.base, minlength=len(view))
    assert all(np.ptp(times[view.rows_of(label)]) <= 1 for label in range(len(counts)))


def test_every_pass_is_drawn_anew_and_the_draw_depends_on_the_generator_alone() -> None:
    strategy, view = create(SPEC), view_of([100, 10])
    assert strategy.redraws
    rng = np.random.default_rng(0)
    first, second = strategy.plan(view, rng).base, strategy.plan(view, rng).base
    assert set(first.tolist()) != set(second.tolist())
    assert strategy.plan(view, np.random.default_rng(0)).base.tolist() == first.tolist()


def test_over_many_passes_every_row_of_a_class_comes_alike_often() -> None:
    strategy, view, rng = create(SPEC), view_of([100, 10]), np.random.default_rng(0)
    times = sum(np.bincount(strategy.plan(view, rng).base, minlength=110) for _ in range(400))
    large, small = view.rows_of(0), view.rows_of(1)
    # 55 of 100 rows a pass: 220 in 400, standard deviation 10.
    assert times[large].min() > 170
    assert times[large].max() < 270
    assert times[small].sum() == 55 * 400


def test_the_prior_is_known() -> None:
    assert create(SPEC).prior_is_exact
    assert not create(f"{SPEC}+focal").prior_is_exact
