"""Row weights for other class shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbalance_bench.evaluation.metrics import per_class_rows, summary_metrics
from imbalance_bench.evaluation.prior import prior_weights


def test_by_hand():
    """Shares .75/.25 made .5/.5: weights 2/3 and 2."""
    weights = prior_weights([0, 0, 1, 0], [0.5, 0.5], ["healthy", "diseased"])
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2, 2 / 3])
    assert weights.dtype == np.float64


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_weights_have_mean_1_and_give_the_target_shares(seed, n_classes, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    target = np.bincount(labels, minlength=n_classes) * rng.random(n_classes)
    target /= target.sum()
    weights = prior_weights(labels, target, [f"c{i}" for i in range(n_classes)])
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(np.bincount(labels, weights, minlength=n_classes) / n, target, atol=1e-12)


def test_own_shares_weigh_every_row_1():
    labels = np.array([0, 0, 2, 2, 2, 0, 0])
    np.testing.assert_allclose(prior_weights(labels, [4 / 7, 0, 3 / 7], ["a", "b", "c"]), 1)


def test_a_class_without_share_may_have_no_rows_and_rows_without_share_weigh_nothing():
    np.testing.assert_allclose(prior_weights([0, 1], [1.0, 0.0, 0.0], ["a", "b", "c"]), [2, 0])


def test_a_class_with_a_share_and_no_rows_is_refused_by_name():
    with pytest.raises(ValueError, match="'diseased'") as error:
        prior_weights([0, 0], [0.9, 0.1], ["healthy", "diseased"])
    assert "'healthy'" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "target", "message"),
    [
        ([], [0.5, 0.5], "at least one row"),
        ([0, 2], [0.5, 0.5], "0 to 2"),
        ([0, -1], [0.5, 0.5], "-1 to 0"),
        ([0.0, 1.0], [0.5, 0.5], "float64"),
        ([0, 1], [0.5, 0.25, 0.25], r"\(3,\)"),
        ([0, 1], [0.5, 0.6], "sum to 1"),
        ([0, 1], [1.5, -0.5], "at least 0"),
        ([0, 1], [np.nan, 1.0], "nan"),
    ],
)
def test_what_is_none_is_refused(labels, target, message):
    with pytest.raises(ValueError, match=message):
        prior_weights(labels, target, ["a", "b"])


def test_recall_stays_and_precision_moves_with_the_prior():
    """Recalls .9 and .8; at equal shares the precision of class 1 is .8 / (.8 + .1), whatever was drawn."""
    truth = np.repeat([0, 1], [100, 10])
    predicted = np.concatenate([np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [2, 8])])
    weights = prior_weights(truth, [0.5, 0.5], ["a", "b"])
    plain = per_class_rows(truth, predicted, ["a", "b"])
    moved = per_class_rows(truth, predicted, ["a", "b"], sample_weight=weights)
    assert [row["recall"] for row in plain] == pytest.approx([0.9, 0.8])
    assert [row["recall"] for row in moved] == pytest.approx([0.9, 0.8])
    assert plain[1]["precision"] == pytest.approx(8 / 18)
    assert moved[1]["precision"] == pytest.approx(8 / 9)
    assert [row["support"] for row in moved] == [100, 10]
    summary = summary_metrics(truth, np.eye(2)[predicted], ["a", "b"], weights)
    assert summary["accuracy"] == pytest.approx(summary["balanced_accuracy"])
