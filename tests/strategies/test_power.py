"""Rows per class by a power of its size: apportioned exactly, and drawn in turns."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imbalance_bench.strategies.power import permutations_of, power_rows, rows_per_class

sizes = st.lists(st.integers(1, 10_000), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("counts", "power", "total", "expected"),
    [
        ([90, 10], 0, 100, [50, 50]),
        ([90, 10], 1, 100, [90, 10]),
        ([81, 16, 1], 0.5, 28, [18, 8, 2]),
        ([100, 10], -1, 110, [10, 100]),
        ([4, 2], 2, 10, [8, 2]),
        # What is left goes to the class of fewer rows, then to the first.
        ([90, 10], 0, 101, [50, 51]),
        ([10, 10, 10], 0, 8, [3, 3, 2]),
        ([1, 3], 1, 2, [1, 1]),
        # Every class that has rows gets one, if there are enough.
        ([1000, 1, 1], 1, 10, [8, 1, 1]),
        ([1000, 1, 1], 1, 2, [2, 0, 0]),
        ([5, 0, 5], 0, 10, [5, 0, 5]),
        ([7], 0.5, 3, [3]),
    ],
)
def test_literals(counts: list[int], power: float, total: int, expected: list[int]) -> None:
    assert rows_per_class(counts, power, total).tolist() == expected


@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=8), power=st.floats(-1e308, 1e308),
       total=st.integers(1, 10**6))  # fmt: skip
def test_any_finite_power_shares_out_the_total(counts: list[int], power: float, total: int) -> None:
    assume(any(counts))
    found = rows_per_class(counts, power, total)
    present = np.array(counts) > 0
    assert found.dtype == np.int64
    assert found.sum() == total
    assert not found[~present].any()
    assert (found >= 0).all()
    assert total < present.sum() or (found[present] >= 1).all()
    # The share follows the size, up or down as the power has it; one row of rounding aside.
    smaller = np.less.outer(counts, counts) & present[:, None]
    for i, j in np.argwhere(smaller):
        assert (found[j] - found[i]) * (1 if power >= 0 else -1) >= -1


@given(sizes)
def test_power_one_of_all_rows_is_the_counts(counts: list[int]) -> None:
    assert rows_per_class(counts, 1, sum(counts)).tolist() == counts


@given(counts=sizes, power=st.sampled_from([0, 1, 2, -1]), total=st.integers(1, 10**5))
def test_each_is_within_one_row_of_its_exact_share(counts: list[int], power: int, total: int) -> None:
    weights = [Fraction(n) ** power for n in counts]
    quotas = [total * w / sum(weights) for w in weights]
    assume(min(quotas) >= 1)
    assert all(abs(m - q) < 1 for m, q in zip(rows_per_class(counts, power, total), quotas, strict=True))


@given(counts=sizes, power=st.floats(-3, 3), total=st.integers(1, 10**5), seed=st.integers(0, 99))
def test_a_permutation_of_different_classes_permutes_the_rows(
    counts: list[int], power: float, total: int, seed: int
) -> None:
    counts = list(set(counts))
    order = np.random.default_rng(seed).permutation(len(counts))
    expected = rows_per_class(counts, power, total)[order]
    assert rows_per_class(np.array(counts)[order], power, total).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("counts", "power", "total", "reason"),
    [
        ([1, 2], float("nan"), 3, "power is nan"),
        ([1, 2], float("inf"), 3, "power is inf"),
        ([1, 2], 0, 0, "total is 0"),
        ([0, 0], 0, 3, "some of them above 0"),
        ([], 0, 3, "some of them above 0"),
        ([2, -1], 0, 3, "some of them above 0"),
        ([[1, 2]], 0, 3, "rows per class are needed"),
    ],
)
def test_refusals(counts: list[int], power: float, total: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rows_per_class(counts, power, total)


@given(n=st.integers(1, 20), total=st.integers(0, 90), seed=st.integers(0, 99))
def test_rows_take_turns(n: int, total: int, seed: int) -> None:
    rows = np.arange(100, 100 + n)
    drawn = permutations_of(rows, total, np.random.default_rng(seed))
    assert len(drawn) == total
    for start in range(0, total, n):
        turn = drawn[start : start + n].tolist()
        assert len(set(turn)) == len(turn)
        assert set(turn) <= set(rows.tolist())


@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=5), power=st.floats(-2, 2),
       total=st.integers(1, 200))  # fmt: skip
def test_rows_come_class_by_class_as_often_as_they_should(
    counts: list[int], power: float, total: int
) -> None:
    assume(any(counts))
    labels = np.repeat(np.arange(len(counts)), counts)
    classes = [np.flatnonzero(labels == c) for c in range(len(counts))]
    drawn = power_rows(classes, power, total, np.random.default_rng(0))
    expected = rows_per_class(counts, power, total)
    assert labels[drawn].tolist() == np.repeat(np.arange(len(counts)), expected).tolist()
    times = np.bincount(drawn, minlength=len(labels))
    for rows in classes:
        assert not len(rows) or np.ptp(times[rows]) <= 1
