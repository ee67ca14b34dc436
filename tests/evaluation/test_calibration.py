"""Calibration error: near 0 where probabilities are right, the right size where they are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from imbalance_bench.evaluation.calibration import BINS, calibration_error

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
    assert calibration_error(p, truth, ones, positive=0) == pytest.approx(np.mean(single), rel=1e-12)
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
