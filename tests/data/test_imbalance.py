"""Imbalance profiles against the published counts and their laws."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.data.imbalance import PROFILES, profile_counts, profile_shares
from imbalance_bench.errors import RequestError


def test_exp_counts_of_cifar10_lt() -> None:
    # golden.md, computed independently of this project
    assert profile_counts("exp", 10, 5000, 100) == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


@pytest.mark.parametrize(
    ("n_classes", "n_max", "ratio", "total"),
    [(10, 5000, 100, 12406), (10, 5000, 50, 13996), (10, 5000, 10, 20431), (100, 500, 100, 10847)],
)
def test_exp_totals_of_cifar_lt(n_classes: int, n_max: int, ratio: float, total: int) -> None:
    assert sum(profile_counts("exp", n_classes, n_max, ratio)) == total  # golden.md


@pytest.mark.parametrize(
    ("kind", "n_classes", "n_max", "ratio", "fraction", "counts"),
    [
        ("step", 10, 5000, 100, 0.5, [5000] * 5 + [50] * 5),
        ("step", 10, 5000, 100, 0.2, [5000] * 8 + [50] * 2),
        ("step", 10, 5000, 100, 0.01, [5000] * 9 + [50]),  # at least one minority class
        ("step", 10, 5000, 100, 0.99, [5000] + [50] * 9),  # and one majority class
        ("step", 2, 29, 3, 0.5, [29, 9]),
        ("linear", 5, 100, 5, 0.5, [100, 80, 60, 40, 20]),
        ("linear", 3, 1000, 100, 0.5, [1000, 505, 10]),
        ("exp", 3, 1000, 100, 0.5, [1000, 100, 10]),  # 1000 * 100 ** -0.5 without a slip to 99
        ("exp", 2, 290, 29, 0.5, [290, 10]),
        ("exp", 4, 7, 1, 0.5, [7, 7, 7, 7]),
    ],
)
def test_counts_by_hand(
    kind: str, n_classes: int, n_max: int, ratio: float, fraction: float, counts: list[int]
) -> None:
    assert profile_counts(kind, n_classes, n_max, ratio, fraction) == counts


@pytest.mark.parametrize("kind", PROFILES)
def test_the_tail_of_a_multiple_of_the_ratio_is_exact(kind: str) -> None:
    for ratio, tail in itertools.product(range(1, 150), (1, 3, 7, 100)):
        counts = profile_counts(kind, 3, tail * ratio, ratio)
        assert (counts[0], counts[-1]) == (tail * ratio, tail)


@given(
    st.sampled_from(PROFILES),
    st.integers(2, 50),
    st.integers(1, 10**6),
    st.floats(1, 1000),
    st.floats(0.01, 0.99),
)
def test_counts_fall_from_n_max_and_stay_within_the_ratio(
    kind: str, n_classes: int, n_max: int, ratio: float, fraction: float
) -> None:
    if n_max < ratio:
        with pytest.raises(RequestError, match="would have none"):
            profile_counts(kind, n_classes, n_max, ratio, fraction)
        return
    counts = profile_counts(kind, n_classes, n_max, ratio, fraction)
    assert len(counts) == n_classes
    assert counts[0] == n_max
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= n_max / ratio - 1
    shares = profile_shares(kind, n_classes, ratio, fraction)
    assert all(abs(n - n_max * s) < 1 + 1e-6 for n, s in zip(counts, shares, strict=True))


@pytest.mark.parametrize(
    ("kind", "n_classes", "n_max", "ratio", "fraction", "said"),
    [
        ("expp", 10, 100, 10, 0.5, "Did you mean 'exp'?"),
        ("exp", 10, 100, 0.5, 0.5, "the imbalance ratio is 0.5"),
        ("exp", 10, 100, float("nan"), 0.5, "the imbalance ratio is nan"),
        ("exp", 10, 100, float("inf"), 0.5, "the imbalance ratio is inf"),
        ("exp", 10, 0, 10, 0.5, "n_max is 0"),
        ("exp", 1, 10, 10, 0.5, "needs two classes"),
        ("step", 10, 100, 10, 0.0, "the minority fraction is 0"),
        ("step", 10, 100, 10, 1.0, "the minority fraction is 1"),
        ("step", 4, 20, 50, 0.5, "leaves 20, 20, 0, 0 rows: 2 of 4 classes"),
        ("step", 4, 20, 50, 0.5, "Use a ratio of at most 20, or an n_max of at least 50."),
    ],
)
def test_refusals_say_what_was_found(
    kind: str, n_classes: int, n_max: int, ratio: float, fraction: float, said: str
) -> None:
    with pytest.raises(RequestError, match=re.escape(said)):
        profile_counts(kind, n_classes, n_max, ratio, fraction)
