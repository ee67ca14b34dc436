"""Average precision and ROC AUC against scikit-learn, ties and weights included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from imbalance_bench.evaluation.ranking import average_precision, roc_auc

quick = settings(deadline=None, max_examples=80)


@st.composite
def problems(draw):
    """Truth with both kinds, scores on a coarse or a fine grid, weights or none."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(2, 60))
    truth = rng.random(n) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    truth[:2] = [True, False]
    scores = np.round(rng.normal(size=n), draw(st.sampled_from([0, 1, 8])))
    weight = draw(st.sampled_from([None, rng.random(n) + 0.01, rng.integers(1, 4, n).astype(float)]))
    if weight is not None and draw(st.booleans()):
        weight[2:] *= rng.random(n - 2) < 0.7  # rows without weight
    return truth, scores, weight


@given(problems())
@quick
def test_both_equal_scikit_learn(problem):
    truth, scores, weight = problem
    expected = average_precision_score(truth, scores, sample_weight=weight)
    assert average_precision(truth, scores, weight) == pytest.approx(expected, abs=1e-12)
    expected = roc_auc_score(truth, scores, sample_weight=weight)
    assert roc_auc(truth, scores, weight) == pytest.approx(expected, abs=1e-12)


@given(problems(), st.floats(1e-6, 1e6))
@quick
def test_scale_of_weights_and_order_of_rows_change_nothing(problem, scale):
    truth, scores, weight = problem
    weight = np.ones(len(truth)) if weight is None else weight
    order = np.random.default_rng(0).permutation(len(truth))
    for metric in (average_precision, roc_auc):
        again = metric(truth[order], scores[order], scale * weight[order])
        assert again == pytest.approx(metric(truth, scores, weight), abs=1e-9)


@given(problems())
@quick
def test_a_whole_weight_is_a_repeated_row(problem):
    truth, scores, _ = problem
    times = np.random.default_rng(1).integers(0, 4, len(truth))
    times[:2] = 1
    for metric in (average_precision, roc_auc):
        repeated = metric(np.repeat(truth, times), np.repeat(scores, times))
        assert metric(truth, scores, times) == pytest.approx(repeated, abs=1e-12)


def test_by_hand():
    """Ranked 1 0 1: AP = 1/2 * 1 + 1/2 * 2/3; one of two pairs is in order. All tied: prevalence and 1/2."""
    assert average_precision([1, 0, 1], [3, 2, 1]) == pytest.approx(5 / 6)
    assert roc_auc([1, 0, 1], [3, 2, 1]) == 0.5
    assert average_precision([True, False, False, False], [0, 0, 0, 0]) == 0.25
    assert roc_auc([True, False, False, False], [0, 0, 0, 0]) == 0.5
    assert average_precision([True, False], [np.inf, -np.inf]) == 1
    assert roc_auc([True, False, False], [np.inf, np.inf, -np.inf]) == 0.75


@pytest.mark.parametrize(
    ("truth", "weight", "ap", "auc"),
    [
        ([False, False], None, math.nan, math.nan),
        ([True, True], None, 1.0, math.nan),
        ([True, False], [0, 1], math.nan, math.nan),
        ([True, False], [1, 0], 1.0, math.nan),
        ([True, False], [0, 0], math.nan, math.nan),
        ([], None, math.nan, math.nan),
    ],
)
def test_undefined_is_nan(truth, weight, ap, auc):
    scores = np.arange(len(truth))
    assert average_precision(truth, scores, weight) == pytest.approx(ap, nan_ok=True)
    assert roc_auc(truth, scores, weight) == pytest.approx(auc, nan_ok=True)


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        average_precision([True, False], [1, 2, 3])
    with pytest.raises(ValueError, match=r"weights \(1,\)"):
        roc_auc([True, False], [1, 2], [1])
    with pytest.raises(ValueError, match="NaN"):
        roc_auc([True, False], [1, np.nan])
