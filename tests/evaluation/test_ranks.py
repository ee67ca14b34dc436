"""Ranks over data sets: against scipy, and the worked example of Demsar 2006, section 3.2.4."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import friedmanchisquare

from imbalance_bench.evaluation.ranks import (
    against_control,
    critical_difference,
    friedman,
    not_told_apart,
    ranks,
)

law = settings(deadline=None, max_examples=40)

# Demsar's table 6: AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_demsars_worked_example():
    found = friedman(DEMSAR)
    assert found.mean_ranks.round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    n, k = DEMSAR.shape
    # He leaves ties out of account: 12 N / (k (k + 1)) [sum R^2 - k (k + 1)^2 / 4] = 9.28; F 3.69.
    plain = 12 * n / (k * (k + 1)) * ((found.mean_ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=0.01)
    assert (n - 1) * plain / (n * (k - 1) - plain) == pytest.approx(3.69, abs=0.01)
    assert found.chi_square >= plain
    assert found.p_f < 0.05
    # His critical difference at .10: 2.291 sqrt(4 x 5 / (6 x 14)) = 1.12.
    assert critical_difference(4, 14, 0.90) == pytest.approx(1.12, abs=0.005)
    # Against C4.5: z 2.34, p .019 for +m; 2.41, .016 for +m+cf; .512, .607 for +cf; then Holm.
    z, p = against_control(found.mean_ranks, 14)
    assert (-z[1:]).round(2).tolist() == pytest.approx([2.34, 0.51, 2.42], abs=0.011)
    assert p[1:].tolist() == pytest.approx([3 * 0.016, 0.607, 3 * 0.016], abs=0.003)
    assert math.isnan(z[0])
    assert math.isnan(p[0])


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)]
)
def test_nemenyis_quantiles_are_those_of_demsars_table(k, q):
    assert critical_difference(k, 1) / math.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=1.1e-3)


TABLES = st.tuples(st.integers(2, 8), st.integers(3, 6)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
)


@law
@given(TABLES)
def test_friedman_is_scipys(scores):
    if (scores == scores[:, :1]).all():
        assert friedman(scores).p_f == 1.0
        return
    found, expected = friedman(scores), friedmanchisquare(*scores.T)
    assert found.chi_square == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.p_chi_square == pytest.approx(expected.pvalue, rel=1e-9)


@law
@given(TABLES, st.randoms(use_true_random=False))
def test_order_of_strategies_and_data_sets_changes_nothing(scores, random):
    columns, rows = list(range(scores.shape[1])), list(range(len(scores)))
    random.shuffle(columns)
    random.shuffle(rows)
    found, other = friedman(scores), friedman(scores[rows][:, columns])
    assert other.mean_ranks == pytest.approx(found.mean_ranks[columns])
    assert other.chi_square == pytest.approx(found.chi_square, abs=1e-9)
    upside_down = friedman(-scores, larger_is_better=False)
    assert upside_down.mean_ranks.tolist() == found.mean_ranks.tolist()


def test_a_perfect_order_has_infinite_f():
    found = friedman(np.tile([3.0, 2.0, 1.0], (5, 1)))
    assert (found.chi_square, found.f, found.p_f) == (10.0, math.inf, 0.0)


def test_bars_join_what_is_not_told_apart():
    assert not_told_apart([1.0, 2.0, 3.0], 1.5) == [(0, 1), (1, 2)]
    assert not_told_apart([1.0, 2.0, 3.0], 5.0) == [(0, 1, 2)]
    assert not_told_apart([1.0, 2.0, 3.0], 0.5) == []
    assert not_told_apart([3.0, 1.0, 1.5], 1.0) == [(1, 2)]


def test_what_has_no_rank_is_refused():
    with pytest.raises(ValueError, match="NaN for data set 1, strategy 0"):
        ranks([[1.0, 2.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        ranks([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="one data set"):
        friedman([[1.0, 2.0]])
    with pytest.raises(ValueError, match="k is 1"):
        critical_difference(1, 3)
