"""Intervals and p-values: against scipy, laws they keep, coverage on random effects of known size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from imbalance_bench.evaluation.resampling import row_weights
from imbalance_bench.evaluation.statistics import (
    CROSSED,
    ONE_SEED,
    Components,
    Estimate,
    components,
    crossed,
    holm,
    one_seed,
    paired_t,
    resplit,
    seeds_needed,
)

law = settings(deadline=None, max_examples=50)
NUMBERS = st.floats(-1, 1).map(lambda x: round(x, 3))


@st.composite
def samples(draw):
    """Values (S,) and replicates (S, B)."""
    n_seeds, b = draw(st.integers(1, 6)), draw(st.integers(2, 12))
    return tuple(draw(arrays(np.float64, shape, elements=NUMBERS)) for shape in (n_seeds, (n_seeds, b)))


def same(found: Estimate, expected: Estimate) -> None:
    for name in ("mean", "low", "high", "p_value", "df"):
        near = 1e-9 if name != "df" else 1e-6
        value = getattr(expected, name)
        assert getattr(found, name) == pytest.approx(value, rel=1e-5, abs=near, nan_ok=True), name
    assert (found.method, found.n) == (expected.method, expected.n)


# paired_t


@law
@given(arrays(np.float64, (2, 7), elements=NUMBERS).filter(lambda x: np.ptp(x[0] - x[1]) > 1e-3))
def test_paired_t_is_scipys(pair):
    expected = stats.ttest_rel(pair[0], pair[1])
    found = paired_t(pair[0] - pair[1])
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.df, found.n) == (6, 7)
    wide = paired_t(pair[0] - pair[1], confidence=0.99)
    assert wide.high == pytest.approx(expected.confidence_interval(0.99).high)


def test_resplit_widens_by_nadeau_and_bengios_factor():
    values = np.array([0.1, 0.3, 0.2, 0.25, 0.05])
    found, plain = resplit(values, n_train=800, n_test=200), paired_t(values)
    widened = (found.high - found.low) / (plain.high - plain.low)
    assert widened == pytest.approx(math.sqrt((1 / 5 + 200 / 800) / (1 / 5)))
    assert (found.mean, found.df) == (plain.mean, 4)
    error = math.sqrt((1 / 5 + 0.25) * values.var(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.t.sf(values.mean() / error, 4))
    with pytest.raises(ValueError, match="n_test 0"):
        resplit(values, 10, 0)


# crossed


def test_the_moments_by_hand():
    values, draws = np.array([1.0, 3.0]), np.array([[0.0, 2.0, 4.0, 2.0], [2.0, 6.0, 6.0, 2.0]])
    # Means over seeds 1 4 5 2, variance 10/3. Distances -1 -2 -1 0 of the first: 2/3; twice, over S - 1: 4/3.
    parts = components(values, draws)
    assert parts.seed == pytest.approx(2.0)
    assert parts.residual == pytest.approx(4 / 3)
    assert parts.test == pytest.approx(10 / 3 - 2 / 3)
    found = crossed(values, draws)
    variance = 2 / 2 + 10 / 3 - 2 / 3
    # The seeds' share is taken 1 + 2 / (S - 1) = 3 times for the degrees of freedom.
    df = (3 + 8 / 3) ** 2 / (3.0**2 / 1 + (8 / 3) ** 2 / parts.test_df)
    assert found.df == pytest.approx(df)
    assert found.high == pytest.approx(2 + stats.t.ppf(0.975, df) * math.sqrt(variance))
    assert found.p_value == pytest.approx(2 * stats.t.sf(2 / math.sqrt(variance), df))
    assert (found.mean, found.n, found.method) == (2.0, 2, CROSSED)


def test_the_variance_is_at_least_that_of_seeds_and_that_of_rows():
    rng = np.random.default_rng(0)
    for _ in range(50):
        values, noise = rng.normal(size=4), rng.normal(size=(4, 60))
        for draws in (0.01 * noise, 5 * noise, rng.normal(size=60) + 0.01 * noise):
            found = crossed(values, draws)
            error = (found.high - found.mean) / stats.t.ppf(0.975, found.df)
            assert error**2 >= values.var(ddof=1) / 4 - 1e-9
            assert error**2 >= draws.mean(axis=0).var(ddof=1) - 1e-9


def test_rows_that_move_nothing_leave_the_t_test():
    values = np.array([0.1, 0.3, 0.2, 0.25])
    found = crossed(values, np.tile(values[:, None], 50))
    same(replace(found, method=""), replace(paired_t(values), method=""))


@law
@given(samples())
def test_swapping_two_arms_flips_the_signs(sample):
    values, draws = sample
    found, other = crossed(values, draws), crossed(-values, -draws)
    same(replace(other, mean=-other.mean, low=-other.high, high=-other.low), found)


@law
@given(samples(), st.floats(-3, 3), st.sampled_from([0.5, 4.0]))
def test_a_constant_shifts_and_a_unit_scales(sample, constant, unit):
    values, draws = sample
    found = crossed(values, draws)
    if found.high - found.low < 1e-6:
        return
    shifted = crossed(values * unit + constant, draws * unit + constant)
    expected = replace(
        found,
        mean=found.mean * unit + constant,
        low=found.low * unit + constant,
        high=found.high * unit + constant,
        p_value=shifted.p_value,
    )
    same(shifted, expected)


@law
@given(samples(), st.randoms(use_true_random=False))
def test_order_of_seeds_and_replicates_changes_nothing(sample, random):
    values, draws = sample
    seeds, replicates = list(range(len(values))), list(range(draws.shape[1]))
    random.shuffle(seeds)
    random.shuffle(replicates)
    same(crossed(values[seeds], draws[seeds][:, replicates]), crossed(values, draws))


@law
@given(samples())
def test_undefined_seeds_and_replicates_are_left_out(sample):
    values, draws = sample
    more = np.append(values, np.nan)
    wide = np.column_stack([draws, np.full(len(values), np.nan)])
    same(crossed(more, np.vstack([wide, np.full(wide.shape[1], np.nan)])), crossed(values, draws))
    same(paired_t(more), paired_t(values))
    same(resplit(more, 4, 1), resplit(values, 4, 1))


def test_identical_arms_have_no_difference():
    for found in (paired_t(np.zeros(4)), crossed(np.zeros(4), np.zeros((4, 9))), one_seed(0.0, np.zeros(9))):
        assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    # The same number from every seed: its spread is unknown, so nothing is claimed.
    constant = paired_t([0.1, 0.1, 0.1])
    assert (constant.low, constant.high) == (constant.mean, constant.mean)
    assert math.isnan(constant.p_value)


def test_one_seed_has_the_test_sample_only():
    rng = np.random.default_rng(0)
    draws = rng.normal(0.5, 0.1, 2_000)
    found = one_seed(0.5, draws)
    assert (found.low, found.high) == pytest.approx((0.304, 0.696), abs=0.01)
    assert found.method == ONE_SEED
    same(crossed([0.5], draws[None]), found)
    same(crossed([0.5, np.nan], np.stack([draws, draws])), found)


def test_what_has_too_little_to_tell_is_nan_without_a_warning():
    assert math.isnan(paired_t([]).mean)
    assert paired_t([np.nan]).n == 0
    alone = paired_t([0.4])
    assert (alone.mean, alone.n) == (0.4, 1)
    assert math.isnan(alone.low)
    assert math.isnan(alone.p_value)
    assert math.isnan(crossed([], np.empty((0, 5))).mean)
    assert math.isnan(crossed([0.1, 0.2], np.full((2, 5), np.nan)).low)
    assert math.isnan(one_seed(math.nan, [0.1, 0.2]).mean)
    assert math.isnan(one_seed(0.3, [0.1]).high)
    assert math.isnan(components([], np.empty((0, 3))).seed)
    with pytest.raises(ValueError, match=r"\(S,\) and \(S, B\)"):
        crossed([0.1, 0.2], np.zeros((3, 5)))
    with pytest.raises(ValueError, match="one dimension"):
        paired_t(np.zeros((2, 2)))


def test_few_rows_are_few_degrees_of_freedom():
    rng = np.random.default_rng(0)
    weights = row_weights(200, 20_000, rng)
    few, many = np.zeros(200), rng.normal(size=200)
    few[:8] = 1, -1, 1, -1, 1, -1, 1, -1
    assert components([0.0, 0.0], np.tile(weights @ few, (2, 1))).test_df == pytest.approx(16, rel=0.2)
    assert components([0.0, 0.0], np.tile(weights @ many, (2, 1))).test_df > 100


@pytest.mark.parametrize(("seed_sd", "row_sd", "residual_sd"), [(1, 1, 1), (0.2, 1, 2), (1, 0.2, 0.5)])
def test_coverage_of_a_mean_over_five_seeds(seed_sd, row_sd, residual_sd):
    # golden.md: two-way moments .945 to .950; the standard error of 600 replicates is .009.
    n, n_seeds, replicates = 60, 5, 600
    rng = np.random.default_rng(0)
    weights = row_weights(n, 100, rng) / n
    inside = 0
    for _ in range(replicates):
        effect = rng.normal(size=(n_seeds, 1)) * seed_sd / 5 + rng.normal(size=n) * row_sd
        rows = effect + rng.normal(size=(n_seeds, n)) * residual_sd
        found = crossed(rows.mean(axis=1), rows @ weights.T)
        inside += found.low <= 0 <= found.high
    assert 0.925 <= inside / replicates <= 0.975


@pytest.mark.slow
def test_what_golden_md_says_of_the_other_methods():
    # One fixed test set, five seeds, rows that matter as much as seeds: t over seeds .61 to .96, nested
    # bootstrap .74 to .84, crossed percentile .84 to .95, moments about .95.
    n, n_seeds, b, replicates = 60, 5, 200, 1_500
    rng = np.random.default_rng(1)
    weights = row_weights(n, b, rng) / n
    names = ("moments", "t", "resplit", "nested", "crossed percentile")
    inside = dict.fromkeys(names, 0)
    for _ in range(replicates):
        effect = rng.normal(size=(n_seeds, 1)) * 0.2 + rng.normal(size=n)
        rows = effect + rng.normal(size=(n_seeds, n)) * 0.5
        values, draws = rows.mean(axis=1), rows @ weights.T
        seeds = rng.integers(0, n_seeds, (b, n_seeds))
        own = draws[seeds, rng.integers(0, b, (b, n_seeds))].mean(axis=1)
        both = draws[seeds, np.arange(b)[:, None]].mean(axis=1)
        found = [crossed(values, draws), paired_t(values), resplit(values, 3, 1)]
        ends = [(each.low, each.high) for each in found]
        ends += [tuple(np.quantile(sample, [0.025, 0.975])) for sample in (own, both)]
        for name, (low, high) in zip(names, ends, strict=True):
            inside[name] += low <= 0 <= high
    coverage = {name: count / replicates for name, count in inside.items()}
    assert 0.93 <= coverage["moments"] <= 0.97
    assert coverage["t"] < 0.92
    assert coverage["nested"] < 0.9
    assert coverage["crossed percentile"] < 0.95
    assert coverage["resplit"] > coverage["t"]


def test_seeds_that_agree_by_chance_do_not_make_rows_certain():
    # Both seeds give 0, yet on other rows they differ: all that is known comes from few replicates.
    found = crossed([0.0, 0.0], [[0.0, 0.0, 0.3, -0.3], [0.0, 0.3, 0.0, 0.3]])
    assert found.high > 0
    assert found.df <= 3


# holm, seeds_needed


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
    found = holm([np.nan, 0.03, 0.02])
    assert math.isnan(found[0])
    assert found[1:].tolist() == pytest.approx([0.04, 0.04])


@law
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_is_at_most_bonferronis(p):
    found = holm(p)
    assert (found >= p).all()
    assert (found <= np.minimum(np.array(p) * len(p), 1) + 1e-12).all()
    assert (np.diff(found[np.argsort(p)]) >= 0).all()


def test_seeds_needed_have_the_power_asked_for():
    parts = Components(seed=0.02**2, test=0.0, residual=0.0, test_df=math.inf, n=3)
    needed = seeds_needed(0.02, parts)
    assert needed.seeds is not None

    def power(seeds: int) -> float:
        df, distance = seeds - 1, 0.02 / (0.02 / math.sqrt(seeds))
        return float(stats.nct.sf(stats.t.ppf(0.975, df), df, distance))

    assert power(needed.seeds) == pytest.approx(0.8, abs=0.07)
    assert needed.rows_factor == 0
    more = seeds_needed(0.02, parts, comparisons=4)
    assert more.seeds is not None
    assert more.seeds > needed.seeds
    assert seeds_needed(0.5, parts).seeds in (2, 3)


def test_test_rows_can_be_the_limit():
    parts = Components(seed=1e-4, test=1e-4, residual=5e-5, test_df=30, n=5)
    needed = seeds_needed(0.014, parts)
    assert needed.seeds is None
    assert needed.smallest == pytest.approx((1.96 + 0.8416) * 0.01, rel=1e-3)
    assert needed.rows_factor == pytest.approx((needed.smallest / 0.014) ** 2)
    assert seeds_needed(0.05, parts).seeds is not None
    assert seeds_needed(0.0, parts).rows_factor == math.inf
    assert seeds_needed(0.1, replace(parts, seed=math.nan)).seeds is None
