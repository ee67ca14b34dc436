"""Calibration of degenerate test sets against plain loops, scikit-learn's regression and scipy's minima."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import MILD, Rows, bins_of, debiased_square, rows
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from imbalance_bench.evaluation.calibration import (
    calibration_error,
    errors_above_prevalence,
    fit_temperature,
    recalibrations,
    reliability,
    squared_errors,
)
from imbalance_bench.evaluation.metrics import ranking_scores

law = settings(deadline=None, max_examples=60)
VARIED = ("ones", "with zeros", "wide", "by class")


def by_loop(p: np.ndarray, hit: np.ndarray, weight: np.ndarray) -> float:
    return debiased_square(p, hit, weight, bins_of(p, weight))


@law
@given(rows(weights=MILD))
def test_each_class_has_its_published_square(case: Rows) -> None:
    p = softmax(case.logits, axis=1)
    found = squared_errors(p, case.truth, case.weight)
    expected = [by_loop(p[:, c], case.truth == c, case.weight) for c in range(case.n_classes)]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@law
@given(rows(weights=MILD))
def test_above_the_prevalence_it_is_that_of_the_rows_there(case: Rows) -> None:
    p = softmax(case.logits, axis=1)
    found = errors_above_prevalence(p, case.truth, case.weight)
    for c in range(case.n_classes):
        hit = case.truth == c
        share = np.average(hit, weights=case.weight)
        above = p[:, c] > share + 1e-9
        if share == 0 or not case.weight[above].any():
            assert math.isnan(found[c])
            continue
        square = by_loop(p[above, c], hit[above], case.weight[above])
        assert math.isnan(found[c]) is math.isnan(square)
        if not math.isnan(square):
            assert found[c] ** 2 == pytest.approx(max(0.0, square), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 9), st.floats(0.01, 0.99), st.integers(0, 10**6))
def test_the_square_has_no_bias_whatever_the_weights(n: int, true: float, seed: int) -> None:
    """Over all 2^n labels that n rows of one score can have, each as likely as it is."""
    rng = np.random.default_rng(seed)
    weight, said = rng.uniform(0.1, 5, n), rng.random()
    p = np.full((n, 2), [1 - said, said])
    mean = 0.0
    for number in range(2**n):
        truth = number >> np.arange(n) & 1
        chance = float(np.prod(np.where(truth, true, 1 - true)))
        mean += chance * squared_errors(p, truth, weight)[1]
    assert mean == pytest.approx((said - true) ** 2, abs=1e-12)


@law
@given(rows(weights=MILD), st.data())
def test_the_reliability_diagram_is_the_bins_one_by_one(case: Rows, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, case.n_classes - 1))
    p, hit = softmax(case.logits, axis=1)[:, c], case.truth == c
    bins = bins_of(p, case.weight)
    found = reliability(p, hit, case.weight)
    assert len(found) == len(bins)
    assert sum(b.share for b in found) == pytest.approx(1)
    for bin_, each in zip(found, bins, strict=True):
        w = case.weight[each]
        assert bin_.rows == len(each)
        assert bin_.share == pytest.approx(w.sum() / case.weight.sum())
        assert bin_.mean_probability == pytest.approx(np.average(p[each], weights=w), abs=1e-12)
        assert bin_.frequency == pytest.approx(np.average(hit[each], weights=w), abs=1e-12)
        assert 0 <= bin_.low <= bin_.frequency <= bin_.high <= 1


def test_one_class_one_row_and_saturated_probabilities() -> None:
    for n in (1, 2, 50):
        truth = np.zeros(n, dtype=np.int64)
        for size, right in ((1e3, 0.0), (-1e3, 1.0)):
            p = softmax(np.array([[size, 0.0]] * n), axis=1)
            found = calibration_error(p, truth, np.ones(n), positive=0)
            assert found == right or (n == 1 and math.isnan(found))


# --- slope and intercept -------------------------------------------------------------------------


def apart(z: np.ndarray, hit: np.ndarray) -> bool:
    """Whether a cut, either way round, leaves the two sides overlapping in one score at most."""
    return any(
        (sign * z[hit] <= cut).all() and (sign * z[~hit] >= cut).all() for sign in (1, -1) for cut in sign * z
    )


@law
@given(rows(weights=VARIED, scores=("ties", "smooth", "mixed", "constant", "perfect")))
def test_slope_and_intercept_are_an_unpenalised_regression(case: Rows) -> None:
    scores, kept = ranking_scores(case.logits), case.kept
    z = ranking_scores(kept.logits)
    for c, found in enumerate(recalibrations(scores, case.truth, case.weight)):
        hit = kept.truth == c
        if hit.all() or not hit.any():
            assert np.isnan([found.slope, found.intercept, found.in_the_large]).all()
            continue
        # In the large: the mean probability then is the frequency.
        mean = np.average(expit(z[:, c] + found.in_the_large), weights=kept.weight)
        assert mean == pytest.approx(np.average(hit, weights=kept.weight), abs=1e-9)
        if apart(z[:, c], hit):
            assert np.isnan([found.slope, found.intercept]).all()
            continue
        unit = z[:, c].std()
        fit = LogisticRegression(C=1e12, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, of steps too small to gain
            fit.fit(z[:, [c]] / unit, hit, sample_weight=kept.weight / kept.weight.mean())
        slope, intercept = fit.coef_[0, 0] / unit, fit.intercept_[0]
        assert found.slope == pytest.approx(slope, rel=1e-4, abs=1e-4 / unit)
        assert found.intercept == pytest.approx(intercept, rel=1e-4, abs=1e-4)


# --- temperature ---------------------------------------------------------------------------------


@law
@given(rows(weights=MILD))
def test_no_temperature_within_bounds_has_less_loss(case: Rows) -> None:
    def loss(temperature: float) -> float:
        log_p = log_softmax(case.logits / temperature, axis=1)
        return float(-np.average(log_p[np.arange(len(log_p)), case.truth], weights=case.weight))

    found = fit_temperature(case.logits, case.truth, case.weight)
    assert 0.01 <= found <= 100
    edges = np.log([0.01, 100])
    for low, high in zip(np.linspace(*edges, 9)[:-1], np.linspace(*edges, 9)[1:], strict=True):
        best = minimize_scalar(lambda at: loss(math.exp(at)), bounds=(low, high), method="bounded")
        assert loss(found) <= best.fun * (1 + 1e-9) + 1e-9
