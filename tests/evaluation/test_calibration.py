"""Calibration error: near 0 where probabilities are right, the right size where they are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from imbalance_bench.evaluation.calibration import (
    BINS,
    Recalibration,
    calibration_error,
    errors_above_prevalence,
    fit_temperature,
    recalibrations,
    reliability,
    squared_errors,
)
from imbalance_bench.evaluation.metrics import ranking_scores

Array = np.ndarray[Any, Any]


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def binary(p: Array) -> Array:
    """(n, 2) probabilities from those of class 1."""
    return np.stack([1 - p, p], axis=1)


def error(p: Array, y: Array, weight: Array | None = None) -> float:
    return calibration_error(binary(p), y, np.ones(len(y)) if weight is None else weight, positive=1)


def simulated(seed: int, n: int = 20_000) -> tuple[Array, Array]:
    """(n,) log odds and (n,) labels drawn with exactly their probability."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 1.5, n)
    return z, (rng.random(n) < sigmoid(z)).astype(np.int64)


def plug_in(p: Array, y: Array) -> float:
    """The same error without its correction, over equal-mass bins."""
    parts = np.array_split(np.argsort(p), BINS)
    return math.sqrt(sum(len(b) * (p[b].mean() - y[b].mean()) ** 2 for b in parts) / len(p))


def test_exactly_calibrated_probabilities_have_almost_none() -> None:
    squares, plug_in_squares = [], []
    for seed in range(20):
        z, y = simulated(seed)
        p = sigmoid(z)
        assert error(p, y) < 0.015
        squares.append(error(p, y) ** 2)
        plug_in_squares.append(plug_in(p, y) ** 2)
    # Floored at 0, so not unbiased, yet most of the plug-in's bias is gone.
    assert np.mean(squares) < 0.3 * np.mean(plug_in_squares)
    assert np.median(squares) < 0.1 * np.median(plug_in_squares)


@pytest.mark.parametrize("shift", [-1.0, 0.5, 1.0, 2.0])
def test_a_shift_of_the_log_odds_has_its_known_size(shift: float) -> None:
    z, y = simulated(3)
    expected = np.sqrt(np.mean((sigmoid(z + shift) - sigmoid(z)) ** 2))
    assert error(sigmoid(z + shift), y) == pytest.approx(expected, rel=0.08)


def test_a_constant_gap_is_read_off() -> None:
    y = np.repeat([0, 1], [700, 300])
    # One tied score: gap .2, less the variance .21 / 999 of a frequency of .3 in 1000 rows.
    assert error(np.full(1000, 0.5), y) == pytest.approx(math.sqrt(0.04 - 0.21 / 999), rel=1e-12)
    assert error(np.full(1000, 0.3), y) == 0.0


def test_equal_probabilities_share_a_bin_whatever_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    p = rng.choice([0.1, 0.25, 0.4, 0.8], 300)
    y = (rng.random(300) < 0.5).astype(np.int64)
    expected = error(p, y)
    square = 0.0
    for value in np.unique(p):
        hit = y[p == value]
        gap = (value - hit.mean()) ** 2 - hit.mean() * (1 - hit.mean()) / (len(hit) - 1)
        square += len(hit) * gap / 300
    assert expected == pytest.approx(math.sqrt(square), rel=1e-12)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(300)
        assert error(p[order], y[order]) == pytest.approx(expected, rel=1e-12)


def test_an_exact_bin_edge_does_not_hang_on_rounding() -> None:
    # Ties whose middle falls on an edge: weights of another unit must not move them to another bin.
    rng = np.random.default_rng(1)
    for trial in range(200):
        n = int(rng.integers(4, 60))
        p, y = rng.choice([0.1, 0.3, 0.5, 0.9], n), rng.integers(0, 2, n)
        weight = rng.integers(1, 4, n).astype(float)
        expected = error(p, y, weight)
        for unit in (0.1, 1 / 3, 0.7):
            found = error(p, y, weight * unit)
            assert found == pytest.approx(expected, rel=1e-7, abs=1e-7, nan_ok=True), trial


def test_two_classes_judge_the_positive_and_more_are_averaged() -> None:
    rng = np.random.default_rng(2)
    p, truth, ones = rng.dirichlet([1, 1, 1], 900), rng.integers(0, 3, 900), np.ones(900)
    single = [error(p[:, c], (truth == c).astype(np.int64)) for c in range(3)]
    root_of_mean = np.sqrt(np.mean(np.square(single)))
    assert calibration_error(p, truth, ones, positive=0) == pytest.approx(root_of_mean, rel=1e-12)
    assert calibration_error(p, truth, ones, positive=2) == calibration_error(p, truth, ones, positive=0)

    z, y = simulated(4, 2_000)
    two = binary(sigmoid(z + 1))
    for positive in (0, 1):
        alone = error(two[:, positive], (y == positive).astype(np.int64))
        assert calibration_error(two, y, np.ones(2_000), positive=positive) == alone


def test_rows_without_weight_do_not_count() -> None:
    z, y = simulated(5, 400)
    p = sigmoid(z + 1)
    weight = np.repeat([1.0, 0.0], 200)
    assert error(p, y, weight) == error(p[:200], y[:200])


def test_a_bin_of_one_row_tells_nothing() -> None:
    assert math.isnan(error(np.array([0.3]), np.array([1])))
    assert math.isnan(error(np.array([0.3, 0.4]), np.array([1, 0]), np.array([0.0, 1.0])))
    # One row holds all but a rounding error of the weight.
    assert math.isnan(error(np.array([0.3, 0.4]), np.array([1, 0]), np.array([1.0, 1e-200])))


def test_a_hard_wrong_answer_has_error_one() -> None:
    assert error(np.ones(50), np.zeros(50, dtype=np.int64)) == 1.0


def many_classes(seed: int, n: int = 2_000, n_classes: int = 6, scale: float = 1.5) -> tuple[Array, Array]:
    """(n, C) unequal logits, the last class the rarest, and labels drawn with exactly their softmax."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, n_classes)) * scale - 0.8 * np.arange(n_classes)
    return z, (softmax(z, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


def test_more_classes_are_floored_once_so_that_chance_counts_both_ways() -> None:
    squares, errors, means_of_roots = [], [], []
    for seed in range(60):
        z, truth = many_classes(seed)
        p, ones = softmax(z, axis=1), np.ones(len(z))
        per_class = squared_errors(p, truth, ones)
        squares.append(per_class.mean())
        errors.append(calibration_error(p, truth, ones, positive=0))
        means_of_roots.append(np.sqrt(np.maximum(per_class, 0)).mean())
    # Before the floor it is centred on 0; after it the error is near 0, which the mean of roots is not.
    assert abs(np.mean(squares)) < 3 * np.std(squares) / math.sqrt(60)
    assert np.mean(errors) < 0.8 * np.mean(means_of_roots)
    assert np.median(errors) < 0.4 * np.median(means_of_roots)
    assert np.mean(errors) < 0.005


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_more_classes_have_the_known_size_of_a_wrong_temperature(factor: float) -> None:
    z, truth = many_classes(1, 20_000)
    right, wrong = softmax(z, axis=1), softmax(factor * z, axis=1)
    # E[p | wrong p_c] by narrow bins of the exact probabilities: no labels, so no noise.
    gaps = []
    for c in range(6):
        parts = np.array_split(np.argsort(wrong[:, c]), 200)
        gaps.append(np.mean([(wrong[b, c].mean() - right[b, c].mean()) ** 2 for b in parts]))
    found = calibration_error(wrong, truth, np.ones(len(z)), positive=0)
    assert found == pytest.approx(math.sqrt(np.mean(gaps)), rel=0.1)


def test_above_the_prevalence_the_error_of_a_rare_class_is_seen() -> None:
    rng = np.random.default_rng(7)
    z = rng.normal(-6, 2.5, 20_000)
    y = (rng.random(len(z)) < expit(z)).astype(np.int64)
    ones = np.ones(len(z))
    assert (errors_above_prevalence(binary(expit(z)), y, ones) < 0.03).all()
    wrong = binary(expit(z + 1.5))
    above = errors_above_prevalence(wrong, y, ones)
    assert above[1] > 1.5 * calibration_error(wrong, y, ones, positive=1)
    # By hand: the rows above, and no others.
    kept = wrong[:, 1] > y.mean()
    assert above[1] == calibration_error(wrong[kept], y[kept], ones[kept], positive=1)
    # An absent class, and one that no row is scored above.
    absent = errors_above_prevalence(np.full((9, 3), 1 / 3), np.arange(9) % 2, np.ones(9))
    assert np.isnan(absent).all()


def test_reliability_is_scikit_learns_curve_where_masses_are_equal() -> None:
    z, y = simulated(8, 3_000)
    p = sigmoid(z)
    bins = reliability(p, y == 1, np.ones(len(y)))
    frequency, mean = calibration_curve(y, p, n_bins=BINS, strategy="quantile")
    assert [b.frequency for b in bins] == pytest.approx(frequency, rel=1e-9)
    assert [b.mean_probability for b in bins] == pytest.approx(mean, rel=1e-9)
    assert [b.rows for b in bins] == [200] * BINS
    assert sum(b.share for b in bins) == pytest.approx(1)
    assert all(b.low < b.frequency < b.high for b in bins)
    assert sum(b.low <= b.mean_probability <= b.high for b in bins) >= BINS - 2


def test_reliability_by_hand_with_weights() -> None:
    p = np.array([0.1, 0.1, 0.9, 0.9, 0.5])
    bins = reliability(p, np.array([False, True, True, True, True]), np.array([3.0, 1.0, 2.0, 2.0, 0.0]))
    assert [(b.rows, b.share, b.mean_probability, b.frequency) for b in bins] == [
        (2, 0.5, pytest.approx(0.1), 0.25),
        (2, 0.5, pytest.approx(0.9), 1.0),
    ]
    # Two of two: the exact lower end is .025 ** (1 / 2).
    assert (bins[1].low, bins[1].high) == (pytest.approx(0.025**0.5), 1.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_slope_and_intercept_are_those_of_a_logistic_regression(weighted: bool) -> None:
    z, truth = many_classes(2, 1_500, 4)
    weight = np.random.default_rng(0).uniform(0.2, 3, len(z)) if weighted else np.ones(len(z))
    scores = ranking_scores(1.7 * z + [0, 1, 0, -1])
    for c, found in enumerate(recalibrations(scores, truth, weight)):
        fit = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000)
        fit.fit(scores[:, [c]], truth == c, sample_weight=weight)
        assert found.slope == pytest.approx(fit.coef_[0, 0], rel=1e-4)
        assert found.intercept == pytest.approx(fit.intercept_[0], rel=1e-4, abs=1e-4)
        # In the large: the mean probability then is the frequency.
        mean = np.average(expit(scores[:, c] + found.in_the_large), weights=weight)
        assert mean == pytest.approx(np.average(truth == c, weights=weight), abs=1e-9)


def test_a_known_distortion_is_read_off() -> None:
    z, y = simulated(9, 100_000)
    distorted = 2 * z + 1
    rest, found = recalibrations(np.stack([-distorted, distorted], axis=1), y, np.ones(len(y)))
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(-0.5, abs=0.03)
    assert (rest.slope, rest.intercept) == (pytest.approx(found.slope), pytest.approx(-found.intercept))
    right = recalibrations(np.stack([-z, z], axis=1), y, np.ones(len(y)))[1]
    assert (right.slope, right.intercept, right.in_the_large) == pytest.approx((1, 0, 0), abs=0.03)


@pytest.mark.parametrize(
    ("scores", "labels", "in_the_large"),
    [
        ([-1.0, -2.0, 3.0, 4.0], [0, 0, 1, 1], True),  # separated
        ([3.0, 4.0, -1.0, -2.0], [0, 0, 1, 1], True),  # separated the wrong way round
        ([-1.0, 0.0, 0.0, 4.0], [0, 0, 1, 1], True),  # touching
        ([0.7, 0.7, 0.7, 0.7], [0, 0, 0, 1], True),  # not varying
        ([-1e5, 1e5, 5e4, 1e4], [0, 0, 1, 1], True),  # extreme
        ([-1.0, -2.0, 3.0, 4.0], [0, 0, 0, 0], False),  # one class
    ],
)
def test_slopes_that_do_not_exist(scores: list[float], labels: list[int], in_the_large: bool) -> None:
    z = np.array(scores)
    rest, found = recalibrations(np.stack([-z, z], axis=1), np.array(labels), np.ones(4))
    assert math.isnan(found.slope) is (max(scores) < 1e5)
    assert math.isnan(found.slope) is math.isnan(found.intercept) is math.isnan(rest.slope)
    assert math.isfinite(found.in_the_large) is in_the_large
    if not in_the_large:
        assert str(found) == str(Recalibration(math.nan, math.nan, math.nan))


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_applied_is_found(factor: float) -> None:
    z, truth = many_classes(3, 8_000)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(z))
    found = fit_temperature(factor * z, truth, weight)
    assert found == pytest.approx(factor, rel=0.05)

    def loss(temperature: float) -> float:
        log_p = log_softmax(factor * z / temperature, axis=1)
        return float(-np.average(log_p[np.arange(len(z)), truth], weights=weight))

    best = minimize_scalar(loss, bounds=(0.01, 100), method="bounded", options={"xatol": 1e-10})
    assert loss(found) <= best.fun + 1e-12


def test_the_temperature_stays_within_bounds() -> None:
    z = np.array([[5.0, 0.0], [0.0, 5.0]])
    assert fit_temperature(z, np.array([0, 1]), np.ones(2)) == 0.01
    assert fit_temperature(z, np.array([1, 0]), np.ones(2)) == 100
    assert fit_temperature(np.zeros((2, 2)), np.array([1, 0]), np.ones(2)) in (0.01, 100)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_scaled_weights_and_reordered_rows_and_classes_change_nothing(seed: int, unit: float) -> None:
    z, truth = many_classes(seed, 120, 3)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2, len(z))
    rows, classes = rng.permutation(len(z)), rng.permutation(3)
    moved = z[rows][:, classes], np.argsort(classes)[truth[rows]], unit * weight[rows]

    def numbers(z: Array, truth: Array, weight: Array) -> Array:
        p = softmax(z, axis=1)
        slopes = [list(vars(found).values()) for found in recalibrations(ranking_scores(z), truth, weight)]
        per_class = [squared_errors(p, truth, weight), errors_above_prevalence(p, truth, weight) ** 2]
        return np.column_stack([*per_class, slopes])

    expected, found = numbers(z, truth, weight)[classes], numbers(*moved)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert fit_temperature(moved[0], moved[1], moved[2]) == pytest.approx(fit_temperature(z, truth, weight))
    bins = reliability(softmax(z, axis=1)[:, 0], truth == 0, weight)
    again = reliability(softmax(z, axis=1)[rows, 0], truth[rows] == 0, unit * weight[rows])
    for one, other in zip(bins, again, strict=True):
        assert list(vars(one).values()) == pytest.approx(list(vars(other).values()), rel=1e-6)


def test_a_bound_of_the_brier_score() -> None:
    # scikit-learn's Brier score is at least the squared calibration error.
    from sklearn.metrics import brier_score_loss

    z, y = simulated(11, 4_000)
    p = sigmoid(2 * z)
    assert error(p, y) ** 2 <= brier_score_loss(y, p)
    assert logit(p).std() == pytest.approx(2 * z.std())
