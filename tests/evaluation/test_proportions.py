"""Exact intervals against their tail probabilities, and what weights do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from imbalance_bench.evaluation.proportions import FEW_ROWS, exact_interval, few, weighted_share


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.floats(0, 1))
def test_whole_rows_have_clopper_and_pearsons_interval(n: int, share: float) -> None:
    hits = round(share * n)
    expected = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert exact_interval(hits / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    found = weighted_share(np.arange(n) < hits, np.full(n, 3.0))
    assert found.value == pytest.approx(hits / n)
    assert found.rows == pytest.approx(n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_weights_by_hand() -> None:
    # f = 3/5; sum w^2 (y - f)^2 = 9 * .16 + .36 + .36 = 2.16; rows = .24 * 25 / 2.16
    found = weighted_share([True, False, False, True], [3, 1, 1, 0])
    assert (found.value, found.rows) == pytest.approx((0.6, 0.24 * 25 / 2.16))
    assert found.low < 0.6 < found.high
    all_hit = weighted_share([True, True], [3, 1])
    assert (all_hit.value, all_hit.high, all_hit.rows) == (1.0, 1.0, pytest.approx(16 / 10))
    nothing = weighted_share([True], [0.0])
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert nothing.rows == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_laws(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    hit, weight = rng.random(30) < 0.3, rng.uniform(0.1, 2, 30)
    found, order = weighted_share(hit, weight), rng.permutation(30)
    again = weighted_share(hit[order], unit * weight[order])
    assert list(vars(again).values()) == pytest.approx(list(vars(found).values()))
    other = weighted_share(~hit, weight)
    assert (other.value, other.low, other.high) == pytest.approx(
        (1 - found.value, 1 - found.high, 1 - found.low)
    )


def test_few() -> None:
    assert FEW_ROWS == 20
    assert few([0, 19, 20, 500]).tolist() == [True, True, False, False]
