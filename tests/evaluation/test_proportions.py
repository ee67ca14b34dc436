"""Exact intervals against their tail probabilities, and what weights do to them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import Rows, rows
from scipy.stats import beta, binomtest

from imbalance_bench.evaluation.proportions import FEW_ROWS, exact_interval, few, weighted_share


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 12), (19, 20)])
def test_the_exact_interval_is_scipys(hits: int, n: int) -> None:
    expected = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert exact_interval(hits / n, n) == pytest.approx((expected.low, expected.high))


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


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.just(0.0) | st.floats(1e-9, 1), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_other_levels_and_rows_that_are_not_whole(n: int, share: float, level: float) -> None:
    hits = round(share * n)
    expected = binomtest(hits, n).proportion_ci(level, "exact")
    assert exact_interval(hits / n, n, level) == pytest.approx((expected.low, expected.high), abs=1e-9)
    found, tail, some = exact_interval(share, n + 0.4, level), (1 - level) / 2, share * (n + 0.4)
    rest = n + 0.4 - some
    low = beta.ppf(tail, some, rest + 1) if some > 0 else 0.0
    high = beta.ppf(1 - tail, some + 1, rest) if rest > 0 else 1.0
    assert found == pytest.approx((low, high), abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(rows())
def test_any_weights_against_korn_and_graubard_row_by_row(case: Rows) -> None:
    hit, w = case.truth == 0, case.weight
    found = weighted_share(hit, w)
    inside, outside = (math.fsum(w[side]) for side in (hit, ~hit))
    whole = inside + outside
    assert found.value == pytest.approx(inside / whole, rel=1e-12)
    kept = hit[w > 0]
    if kept.all() or not kept.any():
        assert found.rows == pytest.approx(whole**2 / math.fsum(w * w))
        assert (found.low, found.high)[int(kept.all())] == float(kept.all())
    else:
        f = inside / whole
        variance = math.fsum((w / whole) ** 2 * np.where(hit, outside / whole, f) ** 2)
        assert found.rows == pytest.approx(f * (outside / whole) / variance)
    assert 0 <= found.low <= found.value <= found.high <= 1
    if case.kinds[-1] == "ones":
        expected = binomtest(int(hit.sum()), len(hit)).proportion_ci(0.95, "exact")
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
