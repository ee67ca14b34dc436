"""Means, differences and decompositions over seeds, against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imbalance_bench.evaluation import statistics
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.report.estimates import (
    Protocol,
    Seeds,
    combined,
    decomposition,
    differences,
    mean_over_seeds,
    needed_seeds,
    value_of,
)

INDEPENDENT = Protocol("independent", 100, 50)
CROSSED = Protocol("crossed", 100, 50)
RESPLIT = Protocol("resplit", 100, 50)
F1 = value_of("macro_f1")


def scored(value: float, replicates: np.ndarray | None = None, ap: float = 0.5) -> Scores:
    drawn = {} if replicates is None else {"macro_f1": replicates, "minority_ap": replicates}
    return Scores([], {"macro_f1": value, "minority_ap": ap}, np.array([0.5, 0.5]), replicates=drawn)


def seeds_of(*values: float) -> Seeds:
    return {seed: scored(value) for seed, value in enumerate(values)}


def test_independent_seeds_give_the_paired_t_test() -> None:
    one, other = [0.8, 0.82, 0.79, 0.9], [0.7, 0.75, 0.74, 0.76]
    found = combined(INDEPENDENT, [(1, seeds_of(*one)), (-1, seeds_of(*other))], F1)
    reference = stats.ttest_rel(one, other)
    assert found.p_value == pytest.approx(reference.pvalue)
    low, high = reference.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))


def test_only_seeds_of_both_are_paired() -> None:
    one = {0: scored(0.8), 1: scored(0.9), 7: scored(0.1)}
    other = {1: scored(0.7), 0: scored(0.7), 3: scored(0.9)}
    found = combined(INDEPENDENT, [(1, one), (-1, other)], F1)
    assert found.n == 2
    assert found.mean == pytest.approx(0.15)


def test_seeds_that_split_one_pool_get_the_corrected_variance() -> None:
    values = [0.8, 0.82, 0.79, 0.9]
    plain = mean_over_seeds(INDEPENDENT, [scored(v) for v in values], F1)
    wide = mean_over_seeds(RESPLIT, [scored(v) for v in values], F1)
    # Nadeau & Bengio: s^2 (1 / S + n_test / n_train) instead of s^2 / S
    assert (wide.high - wide.mean) / (plain.high - plain.mean) == pytest.approx(
        math.sqrt((1 / 4 + 0.5) / (1 / 4))
    )


def test_crossed_seeds_use_the_replicates() -> None:
    rng = np.random.default_rng(0)
    draws = 0.8 + 0.05 * rng.normal(size=200)
    same = [scored(0.8, draws), scored(0.8, draws), scored(0.8, draws)]
    found = mean_over_seeds(CROSSED, same, F1)
    # no seed differs: only the test rows count
    assert found.high - found.mean == pytest.approx(1.97 * draws.std(ddof=1), rel=0.03)
    assert (
        mean_over_seeds(CROSSED, [scored(0.8), scored(0.9)], F1).low
        != mean_over_seeds(CROSSED, [scored(0.8), scored(0.9)], F1).low
    )  # NaN: without replicates there is no interval


def test_one_seed_has_the_interval_of_its_test_rows() -> None:
    rng = np.random.default_rng(0)
    found = mean_over_seeds(INDEPENDENT, [scored(0.8, 0.8 + 0.1 * rng.normal(size=200))], F1)
    assert found.method == statistics.ONE_SEED
    assert found.high > 0.9
    assert math.isnan(mean_over_seeds(INDEPENDENT, [scored(0.8)], F1).low)


def test_undefined_seeds_are_left_out_and_none_gives_nothing() -> None:
    found = mean_over_seeds(INDEPENDENT, [scored(math.nan), scored(0.7), scored(0.9)], F1)
    assert (found.n, found.mean) == (2, pytest.approx(0.8))
    assert math.isnan(mean_over_seeds(INDEPENDENT, [], F1).mean)


def test_holm_stays_within_a_baseline_and_the_primary_metric() -> None:
    base, a, b = seeds_of(0.5, 0.52, 0.51), seeds_of(0.6, 0.63, 0.6), seeds_of(0.5, 0.54, 0.5)
    pairs = [("a", a, "base", base), ("b", b, "base", base), ("a+threshold", a, "base+threshold", base)]
    values = {name: value_of(name) for name in ("macro_f1", "minority_ap")}
    rows = differences(INDEPENDENT, pairs, values, "macro_f1")
    assert [(row["strategy"], row["baseline"], row["metric"]) for row in rows[:3]] == [
        ("a", "base", "macro_f1"),
        ("b", "base", "macro_f1"),
        ("a+threshold", "base+threshold", "macro_f1"),
    ]
    small, large, alone = rows[:3]
    assert small["p_value"] == pytest.approx(2 * small["p_raw"])
    assert large["p_value"] == pytest.approx(large["p_raw"])
    assert alone["p_value"] == alone["p_raw"]
    assert all(row["p_value"] is None for row in rows[3:])
    assert set(rows[0]) == {"strategy", "baseline", "metric", "mean", "low", "high", "p_raw", "p_value", "n"}


def test_what_never_differs_is_no_test_and_one_seed_has_none() -> None:
    base, a = seeds_of(0.5, 0.52, 0.51), seeds_of(0.6, 0.63, 0.6)
    pairs = [("a", a, "base", base), ("same", base, "base", base)]
    moved, same = differences(INDEPENDENT, pairs, {"macro_f1": F1}, "macro_f1")
    assert moved["p_value"] == moved["p_raw"] < 0.05
    assert (same["mean"], same["p_raw"], same["p_value"]) == (0, 1.0, 1.0)
    (one,) = differences(CROSSED, [("a", seeds_of(0.6), "base", seeds_of(0.5))], {"macro_f1": F1}, "macro_f1")
    assert one["mean"] == pytest.approx(0.1)
    assert one["p_raw"] is one["p_value"] is None


def test_parts_of_a_gain_are_of_the_seeds_that_all_have() -> None:
    base, base_tuned = seeds_of(0.5, 0.52, 0.51, 0.1, 0.9), seeds_of(0.55, 0.56, 0.57, 0.9, 0.1)
    arms = [("x", seeds_of(0.6, 0.63), "x+threshold", seeds_of(0.61, 0.66))]
    (row,) = decomposition(INDEPENDENT, arms, base, base_tuned, "macro_f1", F1, [])
    assert row["threshold_effect"] == pytest.approx((0.05 + 0.04) / 2)
    parts = row["threshold_effect"] + row["model_effect"] - row["own_threshold_effect"]
    assert row["gain"] == pytest.approx(parts)


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12))
def test_the_gain_adds_up(values: list[float]) -> None:
    base, base_tuned, plain, tuned = (seeds_of(*values[i : i + 3]) for i in range(0, 12, 3))
    arms = [("x", plain, "x+threshold", tuned)]
    (row,) = decomposition(INDEPENDENT, arms, base, base_tuned, "macro_f1", F1, ["minority_ap"])
    assert (row["strategy"], row["tuned"]) == ("x", "x+threshold")
    assert row["gain"] == pytest.approx(
        row["threshold_effect"] + row["model_effect"] - row["own_threshold_effect"], abs=1e-9
    )
    assert row["minority_ap_change"] == 0


def test_the_seeds_that_a_difference_needs() -> None:
    values = [0.01, 0.03, -0.01, 0.02, 0.0]
    found = needed_seeds(INDEPENDENT, [(1, seeds_of(*values))], F1)
    assert found is not None
    assert found.seeds is not None
    # the normal approximation: ((1.96 + .84) s / d)^2, a few more for the t distribution
    rough = ((1.96 + 0.84) * np.std(values, ddof=1) / np.mean(values)) ** 2
    assert rough <= found.seeds <= rough + 4
    assert needed_seeds(INDEPENDENT, [(1, seeds_of(0.1))], F1) is None
    assert needed_seeds(INDEPENDENT, [(1, seeds_of(0.1, 0.1))], F1) is None
