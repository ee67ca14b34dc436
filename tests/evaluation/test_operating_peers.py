"""Operating points and net benefit of degenerate rows against imbalanced-learn, scikit-learn and formulas."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import sensitivity_score, specificity_score
from made_cases import Rows, rows
from scipy.special import expit
from scipy.stats import binomtest, norm
from sklearn.metrics import confusion_matrix, precision_score

from imbalance_bench.evaluation.cuts import Cases
from imbalance_bench.evaluation.operating import at_threshold, net_benefit, predictive_values
from imbalance_bench.evaluation.proportions import Share, exact_interval

two_classes = rows(classes=(2, 2))


def share(value: float, n: float) -> Share:
    return Share(value, *exact_interval(value, n), n)


def cases_of(case: Rows) -> Cases:
    return Cases.of(case.logits, case.truth, 1, case.weight)


@settings(max_examples=60, deadline=None)
@given(two_classes, st.sampled_from([-1e9, -1.0, 0.0, 0.3, 1e3]))
def test_sensitivity_and_specificity_are_imbalanced_learns(case: Rows, threshold: float) -> None:
    cases = cases_of(case)
    found = at_threshold(cases, threshold)
    called = (case.logits[:, 1] - case.logits[:, 0] > threshold).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of a class without weight
        # Of binary labels the specificity is the other class's sensitivity; theirs knows no weights.
        each = sensitivity_score(
            case.truth, called, labels=[0, 1], average=None, sample_weight=case.weight
        ).tolist()
        if case.kinds[-1] == "ones" and 0 in case.truth:
            assert specificity_score(case.truth, called, labels=[1], average=None)[0] == each[0]
    sides = zip((found.specificity, found.sensitivity), (0, 1), each, strict=True)
    for share_, side, expected in sides:
        rows_of_side = case.weight[case.truth == side]
        count = int((rows_of_side > 0).sum())
        assert (found.negatives, found.positives)[side] == count
        if not count:
            assert math.isnan(share_.value)
            continue
        assert share_.value == pytest.approx(expected, abs=1e-12)
        if np.ptp(rows_of_side[rows_of_side > 0]) == 0:
            interval = binomtest(round(expected * count), count).proportion_ci(0.95, "exact")
            assert (share_.low, share_.high) == pytest.approx((interval.low, interval.high), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(two_classes, st.floats(0.001, 0.999))
def test_predictive_values_are_the_precisions_at_that_prevalence(case: Rows, prevalence: float) -> None:
    cases = cases_of(case)
    point, called = at_threshold(cases, 0.3), cases.scores > 0.3
    inside, outside = (case.weight[case.truth == side].sum() for side in (1, 0))
    if not (inside > 0 and outside > 0):
        assert math.isnan(point.ppv(prevalence).value)
        assert math.isnan(point.npv(prevalence).value)
        return
    weight = case.weight * np.where(cases.hit, prevalence / inside, (1 - prevalence) / outside)
    for found, label in ((point.ppv(prevalence), 1), (point.npv(prevalence), 0)):
        said = (called if label else ~called) & (weight > 0)
        expected = precision_score(
            case.truth, called, pos_label=label, sample_weight=weight, zero_division=np.nan
        )
        # A share of less than a rounding error of its side counts as none there.
        if not said.any() or weight[said].sum() < 1e-9:
            continue
        assert found.value == pytest.approx(expected, rel=1e-6)
        assert found.low <= found.value <= found.high


@settings(max_examples=60, deadline=None)
@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.integers(1, 500), st.floats(0.001, 0.999))
def test_the_logit_interval_is_the_delta_method(se: float, sp: float, n: int, prevalence: float) -> None:
    """By derivatives of the logits themselves, taken numerically, and the binomial variances."""

    def logits(se: float, sp: float) -> np.ndarray:
        caught, alarms = prevalence * se, (1 - prevalence) * (1 - sp)
        missed, free = prevalence * (1 - se), (1 - prevalence) * sp
        return np.log([caught / alarms, free / missed])

    step = 1e-6
    slopes = [
        (logits(se + step, sp) - logits(se - step, sp)) / (2 * step),
        (logits(se, sp + step) - logits(se, sp - step)) / (2 * step),
    ]
    variance = slopes[0] ** 2 * se * (1 - se) / n + slopes[1] ** 2 * sp * (1 - sp) / (2 * n)
    found = predictive_values(share(se, n), share(sp, 2 * n), prevalence)
    for value, centre, deviation in zip(found, logits(se, sp), np.sqrt(variance), strict=True):
        ends = expit(centre + norm.ppf([0.025, 0.975]) * deviation)
        assert (value.value, value.low, value.high) == pytest.approx((expit(centre), *ends), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(two_classes, st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4))
def test_net_benefit_is_the_formula_on_scikit_learns_counts(case: Rows, thresholds: list[float]) -> None:
    p = expit(case.logits[:, 1] - case.logits[:, 0])
    whole = case.weight.sum()
    for t, found in zip(thresholds, net_benefit(p, cases_of(case), thresholds), strict=True):
        called = (p >= t).astype(int)
        counts = confusion_matrix(case.truth, called, labels=[0, 1], sample_weight=case.weight)
        (free, false), (missed, true) = counts / whole
        assert found.threshold == t
        assert found.model.value == pytest.approx(true - false * t / (1 - t), rel=1e-9, abs=1e-9)
        everything = true + missed - (false + free) * t / (1 - t)
        assert found.treat_all == pytest.approx(everything, rel=1e-9, abs=1e-9)
        assert found.over_best == pytest.approx(found.model.value - max(everything, 0), rel=1e-9, abs=1e-9)
        assert found.model.low <= found.model.value <= found.model.high
