"""Undersampling keeps the smallest class whole and draws as many rows of the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.under_sampling import RandomUnderSampler

from imbalance_bench.strategies import TrainingView, create


def view_of(counts: list[int]) -> TrainingView:
    labels = np.random.default_rng(9).permutation(np.repeat(np.arange(len(counts)), counts))
    return TrainingView(labels.astype(np.int64), len(counts), lambda rows: np.zeros(0))


def rows(spec: str, view: TrainingView, seed: int = 0) -> np.ndarray:
    plan = create(spec).plan(view, np.random.default_rng(seed))
    plan.check(len(view))
    return plan.base


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_all_classes_end_at_the_smallest(counts: list[int]) -> None:
    view = view_of(counts)
    base = rows("undersample", view)
    assert len(set(base.tolist())) == len(base)
    assert np.bincount(view.labels[base], minlength=len(counts)).tolist() == [min(counts)] * len(counts)
    smallest = int(np.argmin(counts))
    assert set(view.rows_of(smallest)) <= set(base)


@pytest.mark.parametrize("counts", [[100, 10], [7, 200], [50, 20, 10], [30, 30]])
def test_counts_agree_with_imbalanced_learn(counts: list[int]) -> None:
    view = view_of(counts)
    _, y = RandomUnderSampler(random_state=0).fit_resample(np.zeros((len(view), 1)), view.labels)
    assert np.bincount(view.labels[rows("undersample", view)]).tolist() == np.bincount(y).tolist()


@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.3, 0.5, 1.0])
def test_ratios_agree_with_imbalanced_learn(ratio: float) -> None:
    view = view_of([300, 30])
    sampler = RandomUnderSampler(sampling_strategy=ratio, random_state=0)
    _, y = sampler.fit_resample(np.zeros((len(view), 1)), view.labels)
    base = rows(f"undersample:ratio={ratio}", view)
    assert np.bincount(view.labels[base]).tolist() == np.bincount(y).tolist()


def test_classes_below_the_target_are_left_alone() -> None:
    view = view_of([100, 18, 10])
    base = rows("undersample:ratio=0.5", view)
    assert np.bincount(view.labels[base]).tolist() == [20, 18, 10]


@pytest.mark.parametrize("ratio", ["0.01", "1e-300", "1e-320"])
def test_a_tiny_ratio_keeps_every_row(ratio: str) -> None:
    view = view_of([50, 10])
    assert rows(f"undersample:ratio={ratio}", view).tolist() == list(range(60))


def test_the_draw_depends_on_the_generator_alone() -> None:
    view = view_of([100, 10])
    assert rows("undersample", view, 1).tolist() == rows("undersample", view, 1).tolist()
    assert rows("undersample", view, 1).tolist() != rows("undersample", view, 2).tolist()


def test_redraw() -> None:
    assert not create("undersample").redraws
    strategy = create("undersample:redraw=pass")
    assert strategy.redraws
    view, rng = view_of([100, 10]), np.random.default_rng(0)
    first, second = strategy.plan(view, rng).base, strategy.plan(view, rng).base
    assert first.tolist() != second.tolist()
    assert set(view.rows_of(1)) <= set(first) & set(second)
