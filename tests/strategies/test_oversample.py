"""Oversampling keeps every row and repeats those of the smaller classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler

from imbalance_bench.strategies import TrainingView, create


def view_of(counts: list[int]) -> TrainingView:
    labels = np.random.default_rng(9).permutation(np.repeat(np.arange(len(counts)), counts))
    return TrainingView(labels.astype(np.int64), len(counts), lambda rows: np.zeros(0))


def rows(spec: str, view: TrainingView, seed: int = 0) -> np.ndarray:
    plan = create(spec).plan(view, np.random.default_rng(seed))
    plan.check(len(view))
    return plan.base


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_all_classes_end_at_the_largest_and_no_row_is_lost(counts: list[int]) -> None:
    view = view_of(counts)
    base = rows("oversample", view)
    assert np.bincount(view.labels[base]).tolist() == [max(counts)] * len(counts)
    times = np.bincount(base, minlength=len(view))
    assert times.min() == 1
    assert (times[view.rows_of(int(np.argmax(counts)))] == 1).all()


@pytest.mark.parametrize("counts", [[100, 10], [7, 200], [50, 20, 10], [30, 30]])
def test_counts_agree_with_imbalanced_learn(counts: list[int]) -> None:
    view = view_of(counts)
    _, y = RandomOverSampler(random_state=0).fit_resample(np.zeros((len(view), 1)), view.labels)
    assert np.bincount(view.labels[rows("oversample", view)]).tolist() == np.bincount(y).tolist()


@pytest.mark.parametrize("ratio", [0.15, 0.25, 0.3, 0.5, 1.0])
def test_ratios_agree_with_imbalanced_learn(ratio: float) -> None:
    view = view_of([300, 30])
    sampler = RandomOverSampler(sampling_strategy=ratio, random_state=0)
    _, y = sampler.fit_resample(np.zeros((len(view), 1)), view.labels)
    base = rows(f"oversample:ratio={ratio}", view)
    assert np.bincount(view.labels[base]).tolist() == np.bincount(y).tolist()


def test_classes_above_the_target_are_left_alone() -> None:
    view = view_of([100, 70, 10])
    base = rows("oversample:ratio=0.5", view)
    assert np.bincount(view.labels[base]).tolist() == [100, 70, 50]


def test_a_class_of_one_row_is_repeated() -> None:
    view = view_of([20, 1])
    times = np.bincount(rows("oversample", view))
    assert times[view.rows_of(1)].tolist() == [20]


def test_the_draw_depends_on_the_generator_alone() -> None:
    view = view_of([100, 10])
    assert rows("oversample", view, 1).tolist() == rows("oversample", view, 1).tolist()
    assert rows("oversample", view, 1).tolist() != rows("oversample", view, 2).tolist()


def test_it_draws_once() -> None:
    assert not create("oversample").redraws
