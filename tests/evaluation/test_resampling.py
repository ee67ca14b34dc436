"""Bootstrap of test rows: the same numbers as one replicate after the other, and the right spread."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_cases import MILD, Rows, bins_of, debiased_square, drawn_weights, exact_mcc, rows
from scipy.special import softmax
from sklearn import metrics as sk

from imbalance_bench.evaluation import summary_metrics
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores
from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.evaluation.resampling import (
    metrics_and_precisions,
    resampled_classes,
    resampled_metrics,
    row_weights,
)

law = settings(deadline=None, max_examples=40)
WEIGHTS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.0, 3.7])


@st.composite
def cases(draw):
    """Few rows, absent classes, ties, replicates in which a class or everything has no weight."""
    n, n_classes, replicates = draw(st.integers(1, 20)), draw(st.integers(2, 4)), draw(st.integers(1, 4))
    few = st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes)
    truth, predicted = (
        draw(arrays(np.int64, n, elements=st.sampled_from(draw(few)), fill=st.nothing())) for _ in range(2)
    )
    values = draw(st.sampled_from([st.integers(-2, 2).map(float), st.floats(-15, 15)]))
    logits = draw(arrays(np.float64, (n, n_classes), elements=values))
    weights = draw(arrays(np.float64, (replicates, n), elements=WEIGHTS))
    own = draw(st.none() | arrays(np.float64, n, elements=WEIGHTS).filter(np.any))
    return truth, logits, predicted, weights, own, draw(st.none() | st.integers(0, n_classes - 1))


@law
@given(cases())
def test_every_replicate_is_what_summary_metrics_gives(case):
    truth, logits, predicted, weights, own, minority = case
    found, precisions = metrics_and_precisions(truth, logits, predicted, weights, own, minority)
    assert list(found) == list(METRICS)
    names = [str(c) for c in range(logits.shape[1])]
    for b, draw in enumerate(weights):
        weight = draw if own is None else draw * own
        if not weight.any():
            assert all(np.isnan(found[name][b]) for name in METRICS)
            continue
        expected = summary_metrics(truth, logits, names, weight, y_pred=predicted, minority=minority)
        rows = per_class_rows(truth, predicted, names, ranking_scores(logits), weight)
        by_class = [row["average_precision"] for row in rows]
        assert precisions[b] == pytest.approx(by_class, abs=1e-9, nan_ok=True)
        for name in METRICS:
            if name != "ece":  # keeps the bins of the rows' own weights: tested below
                assert found[name][b] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), name


def replicates_of(case: Rows, seed: int, kinds: tuple[str, ...]) -> np.ndarray:
    """(4, n) weights of several kinds."""
    rng = np.random.default_rng(seed)
    return np.stack([drawn_weights(rng, kind, case.truth, case.n_classes) for kind in kinds])


EXTREME = ("ones", "with zeros", "extreme", "one row")


@law
@given(rows(weights=MILD), st.integers(0, 10**6))
def test_degenerate_replicates_are_what_summary_metrics_gives(case, seed):
    draws = replicates_of(case, seed, EXTREME)
    found = resampled_metrics(case.truth, case.logits, case.predicted, draws, case.weight, 0)
    for b, draw in enumerate(draws):
        weight = draw * case.weight
        if not weight.any():
            assert all(np.isnan(found[name][b]) for name in METRICS)
            continue
        expected = summary_metrics(
            case.truth, case.logits, case.names, weight, y_pred=case.predicted, minority=0
        )
        for name in set(METRICS) - {"ece"}:
            assert found[name][b] == pytest.approx(expected[name], rel=1e-9, abs=1e-9, nan_ok=True), name
        assert found["mcc"][b] == pytest.approx(exact_mcc(case.truth, case.predicted, weight), abs=1e-9)


@law
@given(rows(weights=MILD), st.integers(0, 10**6))
def test_the_calibration_error_of_a_replicate_row_by_row(case, seed):
    draws = replicates_of(case, seed, MILD)
    found = resampled_metrics(
        case.truth, case.logits, None, draws, case.weight, case.n_classes - 1, metrics=["ece"]
    )["ece"]
    p = softmax(case.logits, axis=1)
    judged = [1] if case.n_classes == 2 else range(case.n_classes)
    for b, draw in enumerate(draws):
        # The weights are the replicate's, the bins are not.
        square = np.mean(
            [
                debiased_square(p[:, c], case.truth == c, draw * case.weight, bins_of(p[:, c], case.weight))
                for c in judged
            ]
        )
        assert found[b] ** 2 == pytest.approx(np.maximum(square, 0), abs=1e-9, nan_ok=True)


def test_a_bin_of_next_to_no_weight_tells_nothing():
    # Squares of 1e-200 are 0: such a bin is left out, and no warning is given.
    truth, logits, _ = example(0, 40)
    tiny = np.where(np.arange(40) < 20, 1e-200, 1.0)
    order = np.argsort(logits[:, 1])
    draws = np.ones((1, 40))
    draws[0, order] = tiny
    found = resampled_metrics(truth[order], logits[order], None, draws, metrics=["ece"])["ece"]
    assert np.isfinite(found).all()


@law
@given(rows(weights=MILD), st.integers(0, 10**6))
def test_every_class_of_a_replicate_is_scikit_learns(case, seed):
    draws = replicates_of(case, seed, EXTREME)
    found = resampled_classes(case.truth, case.predicted, case.n_classes, draws, case.weight)
    labels = list(range(case.n_classes))
    for b, draw in enumerate(draws):
        kept = draw * case.weight > 0
        if not kept.any():
            assert all(np.isnan(values[b]).all() for values in found.values())
            continue
        truth, predicted, weight = (v[kept] for v in (case.truth, case.predicted, draw * case.weight))
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, predicted, labels=labels, sample_weight=weight, zero_division=np.nan
        )
        f1[~np.isin(labels, truth)] = np.nan  # theirs is 0 for an absent class that was called
        for name, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
            assert found[name][b] == pytest.approx(expected, rel=1e-9, nan_ok=True), name


def test_the_calibration_error_keeps_its_bins():
    truth, logits, rng = example()
    own = rng.uniform(0.5, 2, size=len(truth))
    same = resampled_metrics(truth, logits, None, np.ones((2, len(truth))), own, metrics=["ece"])["ece"]
    expected = summary_metrics(truth, logits, ["a", "b", "c"], own)["ece"]
    assert same == pytest.approx([expected, expected], abs=1e-9)
    weights = row_weights(len(truth), 400, rng)
    moved = resampled_metrics(truth, logits, None, weights, own, metrics=["ece"])["ece"]
    assert 0 < moved.std() < 0.1
    assert abs(moved.mean() - expected) < 0.05


def example(seed: int = 0, n: int = 300, n_classes: int = 3):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n)
    return truth, rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[truth], rng


def test_only_what_is_asked_for_and_in_blocks(monkeypatch):
    truth, logits, rng = example()
    weights = row_weights(len(truth), 20, rng, strata=truth)
    every = resampled_metrics(truth, logits, None, weights)
    monkeypatch.setattr("imbalance_bench.evaluation.resampling.CELLS", 700)
    for name in METRICS:
        alone = resampled_metrics(truth, logits, None, weights, metrics=[name])
        assert list(alone) == [name]
        assert alone[name] == pytest.approx(every[name], rel=1e-9)
    assert metrics_and_precisions(truth, logits, None, weights, metrics=["minority_ap"])[1] is None


@law
@given(st.integers(0, 1000))
def test_order_of_rows_and_classes_changes_nothing(seed):
    truth, logits, rng = example(seed, 60)
    weights = row_weights(60, 5, rng)
    expected = resampled_metrics(truth, logits, None, weights, minority=0)
    rows, classes = rng.permutation(60), rng.permutation(3)
    place = np.argsort(classes)
    moved = resampled_metrics(
        place[truth][rows], logits[rows][:, classes], None, weights[:, rows], minority=int(place[0])
    )
    for name in METRICS:
        assert moved[name] == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("m", [2, 3, 4, 12, 100])
def test_the_variance_of_a_mean_has_no_bias(m):
    # Exactly s^2 / m: counts drawn with replacement would give (m - 1) / m of it.
    values = np.random.default_rng(m).gamma(1.0, size=m)
    weights = row_weights(m, 20_000, np.random.default_rng(0))
    assert weights.mean(axis=1) == pytest.approx(1.0)
    assert (weights @ values / m).var() == pytest.approx(values.var(ddof=1) / m, rel=0.05)


def test_strata_keep_their_weight_and_groups_go_whole():
    rng = np.random.default_rng(1)
    strata = np.repeat(["a", "b", "c"], [50, 7, 1])
    weights = row_weights(58, 30, rng, strata=strata)
    assert (weights >= 0).all()
    for name, size in (("a", 50), ("b", 7), ("c", 1)):
        assert weights[:, strata == name].sum(axis=1) == pytest.approx(size)
    groups = np.arange(58) // 4
    whole = row_weights(58, 30, rng, groups=groups)
    assert whole.sum(axis=1) == pytest.approx(58)
    for group in range(15):
        assert np.ptp(whole[:, groups == group], axis=1) == pytest.approx(0)
    both = row_weights(
        58, 30, rng, groups=[f"{s}{g % 3}" for s, g in zip(strata, groups, strict=True)], strata=strata
    )
    assert both[:, strata == "a"].sum(axis=1) == pytest.approx(50)
    with pytest.raises(ValueError, match="several strata"):
        row_weights(58, 30, rng, groups=groups, strata=strata)


def test_duplicated_rows_as_groups_give_the_variance_of_the_single_ones():
    truth, logits, _ = example(3, 120)
    single = row_weights(120, 50, np.random.default_rng(5))
    double = row_weights(240, 50, np.random.default_rng(5), groups=np.tile(np.arange(120), 2))
    assert double == pytest.approx(np.tile(single, 2))
    twice = resampled_metrics(np.tile(truth, 2), np.tile(logits, (2, 1)), None, double, metrics=["macro_ap"])
    once = resampled_metrics(truth, logits, None, single, metrics=["macro_ap"])
    assert twice["macro_ap"] == pytest.approx(once["macro_ap"])


def test_the_spread_is_that_of_new_test_sets():
    n, values, spread = 300, [], []
    for seed in range(100):
        truth, logits, rng = example(seed, n)
        weights = row_weights(n, 30, rng, strata=truth)
        found = resampled_metrics(truth, logits, None, weights, metrics=["macro_f1", "macro_ap"])
        spread.append([found[name].var(ddof=1) for name in found])
        names = ["a", "b", "c"]
        summary = summary_metrics(truth, logits, names)
        values.append([summary[name] for name in found])
    # 100 test sets give a variance to 14 %, one standard error.
    assert np.mean(spread, axis=0) == pytest.approx(np.var(values, axis=0, ddof=1), rel=0.35)


def test_a_test_set_of_ten_thousand_rows_is_quick():
    truth, logits, rng = example(0, 10_000, 2)
    weights = row_weights(len(truth), 200, rng, strata=truth)
    start = time.process_time()
    resampled_metrics(truth, logits, None, weights, metrics=["macro_f1", "minority_ap", "log_loss"])
    assert time.process_time() - start < 2  # about 0.1 s on a free core


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones(4)}, r"weights has shape \(4,\); \(B, 4\)"),
        ({"weights": -np.ones((2, 4))}, "negative or infinite"),
        ({"metrics": ["f2"]}, "'f2' is no metric"),
        ({"y_true": [0, 1]}, "y_true has 2 rows and logits 4"),
    ],
)
def test_what_is_none_is_refused(change, message):
    good = {"y_true": [0, 1, 1, 0], "logits": np.eye(4)[:, :2], "y_pred": None, "weights": np.ones((2, 4))}
    with pytest.raises(ValueError, match=message):
        resampled_metrics(**(good | change))
    with pytest.raises(ValueError, match="at least 1"):
        row_weights(0, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="groups has shape"):
        row_weights(3, 3, np.random.default_rng(0), groups=[1, 2])


def test_per_class_rows_see_the_same_weights():
    truth, logits, rng = example(2, 80)
    weights = row_weights(80, 3, rng)
    found = resampled_metrics(truth, logits, None, weights, metrics=["macro_f1"])["macro_f1"]
    for b in range(3):
        rows = per_class_rows(truth, logits.argmax(axis=1), ["a", "b", "c"], None, weights[b])
        assert found[b] == pytest.approx(np.mean([row["f1"] for row in rows]))
