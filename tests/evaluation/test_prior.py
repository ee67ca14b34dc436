"""Weights that give a part other class shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import Rows, rows
from sklearn.metrics import accuracy_score, recall_score
from sklearn.utils.class_weight import compute_sample_weight

from imbalance_bench.evaluation.metrics import per_class_rows
from imbalance_bench.evaluation.prior import prior_weights

NAMES = ["cat", "dog", "eel"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20)), min_size=2, max_size=6), st.integers(0, 99)
)
def test_weighted_shares_are_the_target(classes: list[tuple[int, int]], seed: int) -> None:
    counts, parts = np.array(classes).T
    if not parts.any():
        parts = parts + 1
    target = parts / parts.sum()
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    weight = prior_weights(labels, target, [str(c) for c in range(len(counts))])
    assert weight.shape == labels.shape
    assert weight.mean() == pytest.approx(1, rel=1e-12)
    assert np.bincount(labels, weight) / weight.sum() == pytest.approx(target, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(rows(weights=("ones",)), st.integers(0, 99))
def test_weights_are_scikit_learns_and_accuracy_is_the_mixture_of_recalls(case: Rows, seed: int) -> None:
    held = np.unique(case.truth)
    target = np.zeros(case.n_classes)
    target[held] = np.random.default_rng(seed).dirichlet(np.ones(len(held)))
    weight = prior_weights(case.truth, target, case.names)
    by_class = {c: target[c] / np.mean(case.truth == c) for c in held}
    assert weight == pytest.approx(compute_sample_weight(by_class, case.truth))
    recalls = recall_score(case.truth, case.predicted, labels=held, average=None, zero_division=0)
    accuracy = accuracy_score(case.truth, case.predicted, sample_weight=weight)
    assert accuracy == pytest.approx(target[held] @ recalls)


@settings(deadline=None, max_examples=40)
@given(rows(weights=("ones",), truths=("all classes", "one class")))
def test_uniform_shares_are_scikit_learns_balanced_weights(case: Rows) -> None:
    held = np.unique(case.truth)
    target = np.where(np.isin(range(case.n_classes), held), 1 / len(held), 0.0)
    weight = prior_weights(case.truth, target, case.names)
    assert weight == pytest.approx(compute_sample_weight("balanced", case.truth))


def test_the_own_shares_weigh_every_row_one() -> None:
    assert prior_weights([0, 0, 0, 1], [0.75, 0.25], ["a", "b"]).tolist() == [1, 1, 1, 1]


def test_a_share_of_091_becomes_one_half() -> None:
    # golden.md, "Prior shift": 10 to 1, and the majority kept to a tenth of its weight against the rest.
    labels = np.repeat([0, 1], [10, 1])
    weight = prior_weights(labels, [0.5, 0.5], ["a", "b"])
    assert np.mean(labels) == pytest.approx(0.091, abs=5e-4)
    assert np.average(labels, weights=weight) == pytest.approx(0.5)
    assert weight[0] / weight[-1] == pytest.approx(0.1)


def test_recall_stays_and_precision_moves() -> None:
    truth = np.repeat([0, 1], [10, 10])
    predicted = np.repeat([0, 1, 0, 1], [9, 1, 2, 8])
    weight = prior_weights(truth, [0.9, 0.1], ["a", "b"])
    even, skewed = (per_class_rows(truth, predicted, ["a", "b"], None, w)[1] for w in (None, weight))
    assert skewed["recall"] == pytest.approx(even["recall"]) == pytest.approx(0.8)
    assert even["precision"] == pytest.approx(8 / 9)
    assert skewed["precision"] == pytest.approx(0.1 * 0.8 / (0.1 * 0.8 + 0.9 * 0.1))


def test_a_class_without_share_and_without_row_is_allowed() -> None:
    assert prior_weights([0, 1, 1], [0.5, 0.5, 0], NAMES).tolist() == [1.5, 0.75, 0.75]
    assert prior_weights([0, 2, 2], [1, 0, 0], NAMES).tolist() == [3, 0, 0]


def test_classes_with_a_share_but_no_row_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"classes without a row: 'dog' \(0\.3\), 'eel' \(0\.1\)\."
    ) as caught:
        prior_weights([0, 0], [0.6, 0.3, 0.1], NAMES)
    assert "cat" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "target", "message"),
    [
        ([], [0.5, 0.3, 0.2], r"labels has shape \(0,\)"),
        ([[0, 1]], [0.5, 0.3, 0.2], r"labels has shape \(1, 2\)"),
        ([0.0, 1.0], [0.5, 0.3, 0.2], "labels has type float64; integers in 0..2"),
        ([0, 3], [0.5, 0.3, 0.2], "labels ranges from 0 to 3; 0 to 2 are allowed"),
        ([-1, 1], [0.5, 0.3, 0.2], "labels ranges from -1 to 1"),
        ([0, 1, 2], [0.5, 0.5], r"target prior has shape \(2,\); \(3,\) is needed"),
        ([0, 1, 2], [0.5, 0.3, 0.3], "sum to 1"),
        ([0, 1, 2], [1.2, -0.4, 0.2], "shares of at least 0"),
        ([0, 1, 2], [np.nan, 0.5, 0.5], "shares of at least 0"),
        ([0, 1, 2], [np.inf, -np.inf, 1], "shares of at least 0"),
    ],
)
def test_refusals(labels: Any, target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prior_weights(labels, target, NAMES)
