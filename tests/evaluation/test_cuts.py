"""Thresholds against exhaustive search and scikit-learn's ROC curve, and decisions by cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import MILD, Rows, rows
from scipy.special import expit
from sklearn.metrics import precision_recall_curve, precision_score, recall_score, roc_curve

from imbalance_bench.evaluation.cuts import (
    Cases,
    cheapest_cut,
    cuts_of,
    least_cost,
    recall_cut,
    sensitivity_cut,
    specificity_cut,
)


def drawn(seed: int, n: int = 40, ties: bool = True) -> Cases:
    rng = np.random.default_rng(seed)
    hit = rng.random(n) < 0.4
    hit[:2] = True, False
    scores = rng.normal(size=n) + 1.2 * hit
    return Cases(scores.round(1) if ties else scores, hit, rng.uniform(0.2, 2, n))


def rates(cases: Cases, cut: float) -> tuple[float, float]:
    """Sensitivity and specificity, counted."""
    called, w = cases.scores > cut, cases.weight
    return float(np.average(called[cases.hit], weights=w[cases.hit])), float(
        np.average(~called[~cases.hit], weights=w[~cases.hit])
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_cuts_are_scikit_learns_roc_curve(seed: int, ties: bool) -> None:
    cases = drawn(seed, ties=ties)
    found = cuts_of(cases)
    false, true, _ = roc_curve(cases.hit, cases.scores, sample_weight=cases.weight, drop_intermediate=False)
    assert found.caught / found.positives == pytest.approx(true)
    assert found.alarms / found.negatives == pytest.approx(false)
    for k, cut in enumerate(found.at):
        assert rates(cases, cut) == pytest.approx((true[k], 1 - false[k]))


two_classes = rows(classes=(2, 2), weights=MILD)
overlapping = rows(classes=(2, 2), truths=("all classes",), scores=("ties", "smooth"), weights=("wide",))


@settings(max_examples=60, deadline=None)
@given(two_classes, st.sampled_from([1.0, 1e-12, 1e15, 1e300]))
def test_degenerate_rows_are_cut_as_scikit_learn_does(case: Rows, unit: float) -> None:
    cases = Cases.of(unit * case.logits, case.truth, 1, case.weight)
    found, kept = cuts_of(cases), case.weight > 0
    hit, scores, weight = cases.hit[kept], cases.scores[kept], case.weight[kept]
    whole = weight[hit].sum(), weight[~hit].sum()
    assert (np.diff(found.at) < 0).all()
    assert (found.caught[0], found.alarms[0]) == (0, 0)
    # Of the same scale as the heaviest row.
    unit_weight = case.weight.max()
    for cut, caught, alarms in zip(found.at, found.caught, found.alarms, strict=True):
        called = scores > cut
        assert caught * unit_weight == pytest.approx(weight[called & hit].sum())
        assert alarms * unit_weight == pytest.approx(weight[called & ~hit].sum())
    assert (found.positives * unit_weight, found.negatives * unit_weight) == pytest.approx(whole)
    if all(whole):
        false, true, _ = roc_curve(hit, scores, sample_weight=weight, drop_intermediate=False)
        assert found.caught / found.positives == pytest.approx(true)
        assert found.alarms / found.negatives == pytest.approx(false)


@settings(max_examples=60, deadline=None)
@given(two_classes | overlapping, st.floats(0.05, 1))
def test_degenerate_targets_against_scikit_learns_curves(case: Rows, target: float) -> None:
    cases = Cases.of(case.logits, case.truth, 1, case.weight)
    inside, outside = case.weight[cases.hit].sum(), case.weight[~cases.hit].sum()
    cuts = sensitivity_cut(cases, target), specificity_cut(cases, target)
    assert [math.isnan(cut) for cut in cuts] == [inside == 0, outside == 0]
    if inside > 0:
        precision, recall, _ = precision_recall_curve(cases.hit, cases.scores, sample_weight=case.weight)
        called = cases.scores > recall_cut(cases, target)
        best = precision[:-1][recall[:-1] >= target - 1e-9].max()
        assert recall_score(cases.hit, called, sample_weight=case.weight) >= target - 1e-9
        assert precision_score(cases.hit, called, sample_weight=case.weight) == pytest.approx(best)
    if inside > 0 and outside > 0:
        false, true, _ = roc_curve(
            cases.hit, cases.scores, sample_weight=case.weight, drop_intermediate=False
        )
        assert rates(cases, cuts[0])[1] == pytest.approx(1 - false[true >= target - 1e-9].min())
        assert rates(cases, cuts[1])[0] == pytest.approx(true[1 - false >= target - 1e-9].max())


@settings(max_examples=60, deadline=None)
@given(rows(most=10), st.integers(0, 10**6))
def test_least_cost_is_the_least_of_the_expected_costs(case: Rows, seed: int) -> None:
    cost = np.random.default_rng(seed).integers(-3, 10, (case.n_classes, case.n_classes)).astype(float)
    for z, said in zip(case.logits, least_cost(case.logits, cost), strict=True):
        p = [1 / math.fsum(math.exp(min(other - own, 700)) for other in z) for own in z]
        expected = [
            math.fsum(p[truth] * cost[truth, decision] for truth in range(len(z)))
            for decision in range(len(z))
        ]
        assert expected[said] == pytest.approx(min(expected), abs=1e-9)
        tied = [d for d, value in enumerate(expected) if value <= min(expected) + 1e-14]
        assert z[said] >= max(z[d] for d in tied)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 1))
def test_each_is_the_best_that_reaches_its_target(seed: int, target: float) -> None:
    cases = drawn(seed)
    every = {cut: rates(cases, cut) for cut in cuts_of(cases).at.tolist()}
    sensitivity, specificity = rates(cases, sensitivity_cut(cases, target))
    assert sensitivity >= target - 1e-9
    assert specificity == pytest.approx(max(sp for se, sp in every.values() if se >= target - 1e-9))
    sensitivity, specificity = rates(cases, specificity_cut(cases, target))
    assert specificity >= target - 1e-9
    assert sensitivity == pytest.approx(max(se for se, sp in every.values() if sp >= target - 1e-9))

    def precision(cut: float) -> float:
        called = cases.scores > cut
        return float(precision_score(cases.hit, called, sample_weight=cases.weight, zero_division=0))

    cut = recall_cut(cases, target)
    assert recall_score(cases.hit, cases.scores > cut, sample_weight=cases.weight) >= target - 1e-9
    reached = [c for c, v in every.items() if v[0] >= target - 1e-9]
    assert precision(cut) == pytest.approx(max(precision(c) for c in reached))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 50), st.floats(0.1, 50))
def test_the_cheapest_by_exhaustion(seed: int, cost_fn: float, cost_fp: float) -> None:
    cases = drawn(seed)

    def cost(cut: float) -> float:
        called = cases.scores > cut
        missed, alarm = cases.hit & ~called, ~cases.hit & called
        return float(cases.weight @ (cost_fn * missed + cost_fp * alarm))

    found = cheapest_cut(cases, cost_fn, cost_fp)
    assert cost(found) == pytest.approx(min(cost(cut) for cut in cuts_of(cases).at.tolist()))


def test_recall_by_hand() -> None:
    # Falling: + - + - - +; recall 2/3 is reached first with 2 of 3 right, recall 1 with 3 of 6.
    cases = Cases(np.arange(6.0)[::-1], np.array([1, 0, 1, 0, 0, 1], dtype=bool), np.ones(6))
    assert recall_cut(cases, 0.6) == 2.5
    assert recall_cut(cases, 0.9) == -1
    # A recall of 1/3 is reached by the first alone, always right.
    assert recall_cut(cases, 0.3) == 4.5
    # Of equal precision, the more recall: + + - after one another.
    assert recall_cut(Cases(np.array([3.0, 2, 1]), np.array([1, 1, 0], dtype=bool), np.ones(3)), 0.1) == 1.5


def test_a_side_without_rows() -> None:
    alone = Cases(np.array([1.0, 2.0]), np.array([False, False]), np.ones(2))
    assert math.isnan(sensitivity_cut(alone, 0.9))
    assert specificity_cut(alone, 0.9) == 3
    with pytest.raises(ValueError, match="no recall can be reached"):
        recall_cut(alone, 0.9)
    assert math.isnan(specificity_cut(Cases(alone.scores, ~alone.hit, alone.weight), 0.9))
    with pytest.raises(ValueError, match="no row has weight"):
        cuts_of(Cases(alone.scores, alone.hit, np.zeros(2)))


def test_neighbouring_floats_are_told_apart() -> None:
    scores = np.array([1.0, np.nextafter(1.0, 2)])
    cases = Cases(scores, np.array([False, True]), np.ones(2))
    cut = recall_cut(cases, 1.0)
    assert (scores > cut).tolist() == [False, True]


def test_least_cost_of_two_classes_is_the_known_threshold() -> None:
    p = np.linspace(0.01, 0.99, 99)
    logits = np.stack([np.zeros(99), np.log(p / (1 - p))], axis=1)
    said = least_cost(logits, [[0, 1], [10, 0]])
    assert (said == (p > 1 / 11)).all()
    # Equal costs: the likelier class; the middle row is a tie.
    assert (least_cost(logits, [[0, 3], [3, 0]]) == (expit(logits[:, 1]) > 0.5 + 1e-12)).all()
    # Of equally costly decisions the likelier class.
    assert (least_cost(logits, np.ones((2, 2))) == logits.argmax(axis=1)).all()


def test_least_cost_of_more_classes_by_hand() -> None:
    logits = np.log([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    cost = np.array([[0, 1, 1], [2, 0, 1], [8, 4, 0]])
    # Expected costs .3*2+.2*8 = 2.2, .5+.2*4 = 1.3, .5+.3 = .8; .1+.4 = .5, .9+.2 = 1.1, .95
    assert least_cost(logits, cost).tolist() == [2, 0]
    order = [2, 0, 1]
    assert [order[d] for d in least_cost(logits[:, order], cost[np.ix_(order, order)])] == [2, 0]


def test_costs_of_calibrated_log_odds_meet_both_ways() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(-2, 2, 200_000)
    hit = rng.random(len(z)) < expit(z)
    cut = cheapest_cut(Cases(z, hit, np.ones(len(z))), 10, 1)
    assert cut == pytest.approx(math.log(1 / 10), abs=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_scaled_weights_and_reordered_rows_change_nothing(seed: int, unit: float) -> None:
    cases, order = drawn(seed), np.random.default_rng(seed).permutation(40)
    moved = Cases(cases.scores[order], cases.hit[order], unit * cases.weight[order])
    for fit in (sensitivity_cut, specificity_cut, recall_cut):
        assert fit(moved, 0.85) == fit(cases, 0.85)
    assert cheapest_cut(moved, 7, 2) == cheapest_cut(cases, 7, 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_swapping_the_positive_class_swaps_the_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(50, 2)), np.arange(50) % 3 // 2
    one, other = (Cases.of(logits, labels, positive) for positive in (1, 0))
    assert (one.scores == -other.scores).all()
    assert (one.hit == ~other.hit).all()
    at_one, at_other = specificity_cut(one, 0.9), sensitivity_cut(other, 0.9)
    assert rates(one, at_one) == pytest.approx(rates(other, at_other)[::-1])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Cases(np.zeros(2), np.zeros(3, dtype=bool), np.ones(2)), "differ in shape"),
        (lambda: Cases(np.array([np.nan]), np.array([True]), np.ones(1)), "finite"),
        (lambda: Cases(np.zeros(1), np.array([True]), -np.ones(1)), "at least 0"),
        (lambda: Cases.of(np.zeros((2, 3)), [0, 1], 1), r"\(n, 2\)"),
        (lambda: recall_cut(drawn(0), 0.0), "recall above 0"),
        (lambda: cheapest_cut(drawn(0), 0.0, 1.0), "above 0"),
        (lambda: least_cost(np.zeros((2, 2)), np.zeros((3, 3))), "cost has shape"),
    ],
)
def test_bad_input(call: object, said: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=said):
        call()
