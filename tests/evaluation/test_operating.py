"""Operating points by hand, against their formulas, and by the coverage of their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm

from imbalance_bench.evaluation.cuts import Cases
from imbalance_bench.evaluation.operating import (
    OperatingPoint,
    at_threshold,
    net_benefit,
    operating_points,
    predictive_values,
)
from imbalance_bench.evaluation.proportions import Share, exact_interval


def drawn(seed: int, positives: int = 30, negatives: int = 300) -> Cases:
    hit = np.repeat([True, False], [positives, negatives])
    rng = np.random.default_rng(seed)
    return Cases(rng.normal(size=len(hit)) + 2 * hit, hit, np.ones(len(hit)))


def share(value: float, n: float) -> Share:
    return Share(value, *exact_interval(value, n), n)


def close(one: Share, other: Share) -> bool:
    return bool(np.allclose(list(vars(one).values()), list(vars(other).values()), rtol=1e-9, equal_nan=True))


def test_by_hand() -> None:
    cases = Cases(np.array([3.0, 2, 1, 0, -1]), np.array([1, 0, 1, 0, 0], dtype=bool), np.ones(5))
    point = at_threshold(cases, 1.5)
    assert (point.sensitivity.value, point.specificity.value) == (0.5, pytest.approx(2 / 3))
    assert (point.positives, point.negatives, point.few) == (2, 3, True)
    # Clopper & Pearson, 1 of 2: .025 = 1 - (1 - low)^2
    assert point.sensitivity.low == pytest.approx(1 - math.sqrt(0.975))
    assert not at_threshold(drawn(0), 0).few
    lost = at_threshold(cases, math.nan)
    assert math.isnan(lost.sensitivity.value)
    assert math.isnan(lost.ppv(0.1).value)


def test_a_target_is_met_where_it_was_fitted() -> None:
    validation, test = drawn(1), drawn(2)
    points = operating_points(validation, test, (0.8, 0.95))
    assert [(p.fixed, p.target, p.fitted_on) for p in points] == [
        (fixed, target, part)
        for fixed in ("specificity", "sensitivity")
        for target in (0.8, 0.95)
        for part in ("validation", "test")
    ]
    for point in points:
        part = validation if point.fitted_on == "validation" else test
        met = getattr(at_threshold(part, point.threshold), point.fixed).value
        step = 1 / (300 if point.fixed == "specificity" else 30)
        assert point.target - 1e-9 <= met < point.target + step
        again = at_threshold(test, point.threshold)
        assert (again.sensitivity, again.specificity) == (point.sensitivity, point.specificity)


def test_a_side_that_validation_lacks() -> None:
    lacking = Cases(np.array([0.0, 1.0]), np.array([False, False]), np.ones(2))
    fixed_specificity, _, fixed_sensitivity, of_test = operating_points(lacking, drawn(0), (0.9,))
    assert math.isfinite(fixed_specificity.threshold)
    assert math.isnan(fixed_sensitivity.threshold)
    assert math.isnan(fixed_sensitivity.specificity.value)
    assert math.isfinite(of_test.specificity.value)


def test_predictive_values_by_bayes_with_logit_intervals() -> None:
    # Sensitivity 90 of 100, specificity 160 of 200, prevalence 10 %.
    ppv, npv = predictive_values(share(0.9, 100), share(0.8, 200), 0.1)
    assert ppv.value == pytest.approx(0.09 / (0.09 + 0.18))
    assert npv.value == pytest.approx(0.72 / (0.72 + 0.01))
    for found, variance in (
        (ppv, 0.1 / 0.9 / 100 + 0.8 / 0.2 / 200),
        (npv, 0.9 / 0.1 / 100 + 0.2 / 0.8 / 200),
    ):
        reach = 1.959963984540054 * math.sqrt(variance)
        centre = logit(found.value)
        assert (found.low, found.high) == pytest.approx((expit(centre - reach), expit(centre + reach)))


@pytest.mark.parametrize("sensitivity", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("specificity", [0.0, 0.7, 1.0])
def test_predictive_values_at_the_ends(sensitivity: float, specificity: float) -> None:
    ppv, npv = predictive_values(share(sensitivity, 20), share(specificity, 50), 0.2)
    assert math.isnan(ppv.value) is (sensitivity == 0 and specificity == 1)
    assert math.isnan(npv.value) is (sensitivity == 1 and specificity == 0)
    for found in (ppv, npv):
        if not math.isnan(found.value):
            assert 0 <= found.low <= found.value <= found.high <= 1
            assert found.high - found.low > 0.01


def test_net_benefit_by_hand() -> None:
    hit = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    p = np.array([0.9, 0.2, 0.25, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    cases = Cases(np.zeros(10), hit, np.ones(10))
    low, high, never = net_benefit(p, cases, [0.2, 0.5, 0.95])
    # At .2, two caught and two alarms (a probability of just .2 is called): .2 - .2 / 4.
    assert low.model.value == pytest.approx(0.15)
    assert low.treat_all == pytest.approx(0.2 - 0.8 / 4)
    assert low.over_best == pytest.approx(0.15)
    assert high.model.value == pytest.approx(0.1)
    assert high.treat_all == pytest.approx(-0.6)
    assert high.over_best == pytest.approx(0.1)
    assert never.model.value == 0
    assert never.model.low < 0 < never.model.high
    # MOVER: sensitivity 1/2, no alarms of 8.
    sensitivity, alarms = share(0.5, 2), share(0.0, 8)
    assert 0.1 - high.model.low == pytest.approx(math.hypot(0.2 * (0.5 - sensitivity.low), 0.8 * alarms.high))
    assert high.model.high - 0.1 == pytest.approx(0.2 * (sensitivity.high - 0.5))


def test_net_benefit_of_one_class() -> None:
    cases = Cases(np.zeros(3), np.zeros(3, dtype=bool), np.ones(3))
    (found,) = net_benefit(np.array([0.1, 0.6, 0.7]), cases, [0.5])
    assert found.model.value == pytest.approx(-2 / 3)
    (nothing,) = net_benefit(np.array([0.1, 0.6, 0.7]), Cases(np.zeros(3), cases.hit, np.zeros(3)), [0.5])
    assert math.isnan(nothing.model.value)


def test_weights_stand_for_another_prevalence() -> None:
    cases = drawn(3)
    prior = 0.02
    weighted = Cases(cases.scores, cases.hit, np.where(cases.hit, prior / 30, (1 - prior) / 300))
    plain, other = at_threshold(cases, 1.0), at_threshold(weighted, 1.0)
    # Sensitivity and specificity are those of the rows; the exact intervals too.
    assert close(plain.sensitivity, other.sensitivity)
    assert close(plain.specificity, other.specificity)
    called = cases.scores > 1
    (found,) = net_benefit(np.where(called, 0.5, 0.01), weighted, [0.1])
    se, sp = plain.sensitivity.value, plain.specificity.value
    assert found.model.value == pytest.approx(prior * se - (1 - prior) * (1 - sp) / 9)
    # The predictive value is the weighted precision.
    precision = np.average(cases.hit[called], weights=weighted.weight[called])
    assert other.ppv(prior).value == pytest.approx(precision)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(0.01, 0.99))
def test_laws(seed: int, unit: float, prevalence: float) -> None:
    cases, rng = drawn(seed, 12, 40), np.random.default_rng(seed)
    order = rng.permutation(52)
    moved = Cases(cases.scores[order], cases.hit[order], unit * cases.weight[order])
    one, again = at_threshold(cases, 0.8), at_threshold(moved, 0.8)
    assert close(one.sensitivity, again.sensitivity)
    assert close(one.specificity, again.specificity)
    p = rng.random(52)
    (before,), (after,) = (net_benefit(q, c, [0.3]) for q, c in ((p, cases), (p[order], moved)))
    assert close(before.model, after.model)
    # The other class as the positive one: what is called is what was not.
    swapped = at_threshold(Cases(-cases.scores, ~cases.hit, cases.weight), -0.8)
    assert close(swapped.sensitivity, one.specificity)
    assert close(swapped.ppv(1 - prevalence), one.npv(prevalence))
    assert close(swapped.npv(1 - prevalence), one.ppv(prevalence))


def test_intervals_cover() -> None:
    """20 positives, 400 of the rest: 300 draws; a 95 % interval misses 15, more than 27 once in 1,000."""
    prevalence, t = 0.05, 0.1
    se, sp = norm.sf(-0.5), norm.cdf(1.5)
    odds = t / (1 - t)
    truth = np.array(
        [
            se,
            sp,
            prevalence * se / (prevalence * se + (1 - prevalence) * (1 - sp)),
            (1 - prevalence) * sp / ((1 - prevalence) * sp + prevalence * (1 - se)),
            prevalence * se - (1 - prevalence) * (1 - sp) * odds,
        ]
    )
    missed = np.zeros(5)
    for seed in range(300):
        cases = drawn(seed, 20, 400)
        weight = np.where(cases.hit, prevalence / 20, (1 - prevalence) / 400)
        weighted = Cases(cases.scores, cases.hit, weight)
        point = at_threshold(weighted, 1.5)
        (benefit,) = net_benefit(np.where(weighted.scores > 1.5, 0.5, 0.01), weighted, [t])
        found = [point.sensitivity, point.specificity, point.ppv(prevalence), point.npv(prevalence)]
        missed += [not s.low <= v <= s.high for s, v in zip([*found, benefit.model], truth, strict=True)]
    assert (missed <= 27).all(), missed


def test_bad_input() -> None:
    cases = drawn(0, 2, 2)
    point: OperatingPoint = at_threshold(cases, 0)
    with pytest.raises(ValueError, match="prevalence is 1"):
        point.ppv(1)
    with pytest.raises(ValueError, match="threshold probability is 0"):
        net_benefit(np.full(4, 0.5), cases, [0])
    with pytest.raises(ValueError, match="probability has shape"):
        net_benefit(np.full(3, 0.5), cases, [0.5])


@pytest.mark.parametrize("n1", [10.0, 1e6, 7.7e18, 1e100])
def test_predictive_values_of_ever_more_rows(n1: float) -> None:
    ppv, npv = predictive_values(Share(1.0, 1.0, 1.0, n1), Share(1.0, 0.03, 1.0, 1.01), 0.5)
    assert ppv.value == npv.value == 1
    assert 0 < ppv.low < 1
    # The adjusted share of misses is (z^2 / 2) / (n + z^2): what many rows leave of the odds against.
    z2 = 1.959964**2
    missed, sp = z2 / 2 / (n1 + z2), (1.01 + z2 / 2) / (1.01 + z2)
    se, alarms = (n1 + z2 / 2) / (n1 + z2), z2 / 2 / (1.01 + z2)
    deviation = math.sqrt(se / (missed * (n1 + z2)) + alarms / (sp * (1.01 + z2)))
    odds = math.exp(math.log(sp / missed) - math.sqrt(z2) * deviation)
    assert npv.low == pytest.approx(odds / (1 + odds), rel=1e-5)
