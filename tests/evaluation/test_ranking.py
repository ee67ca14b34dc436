"""Average precision and ROC AUC against scikit-learn, with ties, weights and absent classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_cases import Rows, exact_auc, exact_average_precision, rows
from sklearn.metrics import average_precision_score, roc_auc_score

from imbalance_bench.evaluation.ranking import average_precision, roc_auc, threshold_counts

law = settings(deadline=None, max_examples=100)
WEIGHTS = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 7.3])


class Ranked(NamedTuple):
    truth: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any]


@st.composite
def ranked(draw: st.DrawFn, weights: st.SearchStrategy[float] = WEIGHTS) -> Ranked:
    """1 to 25 rows; half of the draws have few distinct scores, and weights may be 0 but not all of them."""
    n = draw(st.integers(1, 25))
    values = draw(st.sampled_from([st.integers(-2, 2).map(float), st.floats(-1e6, 1e6)]))
    weight = draw(arrays(np.float64, n, elements=weights).filter(np.any))
    return Ranked(draw(arrays(np.bool_, n)), draw(arrays(np.float64, n, elements=values)), weight)


@law
@given(ranked())
def test_agrees_with_scikit_learn(case: Ranked) -> None:
    truth, scores, weight = case
    positive, negative = weight[truth].sum(), weight[~truth].sum()
    if positive:
        expected = average_precision_score(truth, scores, sample_weight=weight)
        assert average_precision(truth, scores, weight) == pytest.approx(expected, rel=1e-12)
    else:
        assert math.isnan(average_precision(truth, scores, weight))
    if positive and negative:
        expected = roc_auc_score(truth, scores, sample_weight=weight)
        assert roc_auc(truth, scores, weight) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    else:
        assert math.isnan(roc_auc(truth, scores, weight))


@settings(deadline=None, max_examples=40)
@given(rows(most=25, classes=(2, 2)), st.sampled_from([1.0, 1e-9, 1e300]))
def test_extreme_weights_and_scores_round_nothing_away(case: Rows, unit: float) -> None:
    hit, scores = case.truth == 1, unit * case.logits[:, 1]
    found = average_precision(hit, scores, case.weight), roc_auc(hit, scores, case.weight)
    expected = tuple(peer(hit, scores, case.weight) for peer in (exact_average_precision, exact_auc))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
    # The area is a share of pairs whichever side is rare.
    assert math.isnan(found[1]) or 0 <= found[1] <= 1 + 1e-12


@law
@given(ranked(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: Ranked, random: Any) -> None:
    order = list(range(len(case.truth)))
    random.shuffle(order)
    for metric in (average_precision, roc_auc):
        moved = metric(case.truth[order], case.scores[order], case.weight[order])
        assert moved == pytest.approx(metric(*case), rel=1e-12, abs=1e-15, nan_ok=True)


@law
@given(ranked(weights=st.integers(0, 4).map(float)))
def test_an_integer_weight_is_a_repeated_row(case: Ranked) -> None:
    times = case.weight.astype(int)
    truth, scores = np.repeat(case.truth, times), np.repeat(case.scores, times)
    for metric in (average_precision, roc_auc):
        assert metric(*case) == pytest.approx(metric(truth, scores), rel=1e-12, abs=1e-15, nan_ok=True)


@law
@given(ranked(), st.floats(1e-3, 1e3))
def test_scaling_the_weights_changes_nothing(case: Ranked, factor: float) -> None:
    for metric in (average_precision, roc_auc):
        scaled = metric(case.truth, case.scores, case.weight * factor)
        assert scaled == pytest.approx(metric(*case), rel=1e-9, abs=1e-12, nan_ok=True)


@law
@given(ranked())
def test_auc_of_the_other_class_is_the_complement_of_the_reversed_order(case: Ranked) -> None:
    truth, scores, weight = case
    assert roc_auc(~truth, -scores, weight) == pytest.approx(roc_auc(*case), abs=1e-12, nan_ok=True)
    assert roc_auc(~truth, scores, weight) == pytest.approx(1 - roc_auc(*case), abs=1e-12, nan_ok=True)


def test_values_by_hand() -> None:
    truth, scores = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert average_precision(truth, scores) == pytest.approx(0.833333, abs=1e-6)  # (1/1 + 2/3) / 2
    assert roc_auc(truth, scores) == pytest.approx(0.75)  # 3 of 4 pairs


def test_all_scores_tied_give_the_prevalence_and_one_half() -> None:
    assert average_precision([1, 0, 0, 0], [2, 2, 2, 2]) == 0.25
    assert roc_auc([1, 0, 0, 0], [2, 2, 2, 2]) == 0.5


def test_infinite_scores_are_ordered() -> None:
    assert average_precision([1, 0], [np.inf, -np.inf]) == 1.0
    assert roc_auc([0, 1], [np.inf, -np.inf]) == 0.0


@pytest.mark.parametrize("metric", [average_precision, roc_auc])
def test_no_row_and_one_class_are_undefined(metric: Callable[..., float]) -> None:
    assert math.isnan(metric([], []))
    assert math.isnan(metric([0], [1.0]))
    assert math.isnan(metric([1, 0], [1.0, 2.0], [0, 0]))
    assert math.isnan(metric([1, 0], [1.0, 2.0], [0, 1]))
    assert average_precision([1], [1.0]) == 1.0
    assert math.isnan(roc_auc([1], [1.0]))


def test_rows_without_weight_set_no_threshold() -> None:
    hit, miss = threshold_counts([1, 0, 1], [3.0, 2.0, 1.0], [1, 0, 2])
    assert hit.tolist() == [1.0, 3.0]
    assert miss.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("metric", [average_precision, roc_auc])
def test_refusals(metric: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match=r"truth \(2,\), scores \(3,\) and weights \(3,\) differ in shape"):
        metric([1, 0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"weights \(1,\) differ in shape"):
        metric([1, 0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match=r"all must be \(N,\)"):
        metric([[1, 0]], [[1.0, 2.0]], [[1.0, 1.0]])
    with pytest.raises(ValueError, match="scores hold NaN"):
        metric([1, 0], [1.0, np.nan])
