"""Fitted decisions against exhaustive search, scikit-learn's metrics and known optima."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import MILD, Rows, rows
from sklearn import metrics as sk

from imbalance_bench.evaluation.metrics import summary_metrics
from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.evaluation.thresholds import decision_values, fit_offsets


def one_hot(labels: np.ndarray, n_classes: int, weight: np.ndarray | None = None) -> np.ndarray:
    mass = np.zeros((len(labels), n_classes))
    mass[np.arange(len(labels)), labels] = 1 if weight is None else weight
    return mass


def value(logits: np.ndarray, labels: np.ndarray, metric: str, weight: np.ndarray | None = None) -> float:
    names = [str(c) for c in range(logits.shape[1])]
    return summary_metrics(labels, logits, names, weight)[metric]


def best_of_all_cuts(logits: np.ndarray, labels: np.ndarray, metric: str, weight: np.ndarray) -> float:
    """Two classes: every threshold tried."""
    gap = np.unique(logits[:, 0] - logits[:, 1])
    cuts = [gap[0] - 1, *(gap[1:] + gap[:-1]) / 2, gap[-1] + 1]
    return max(value(logits + np.array([0, cut]), labels, metric, weight) for cut in cuts)


@pytest.mark.parametrize("metric", DECISION_METRICS)
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), st.booleans())
def test_two_classes_are_searched_exhaustively(metric: str, seed: int, n: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    logits = rng.normal(size=(n, 2)) + 0.7 * one_hot(labels, 2)
    logits = logits.round() if ties else logits
    weight = rng.uniform(0.1, 3, size=n)
    offsets = fit_offsets(logits, one_hot(labels, 2, weight), metric)
    reached = value(logits + offsets, labels, metric, weight)
    assert reached == pytest.approx(best_of_all_cuts(logits, labels, metric, weight), abs=1e-9)
    assert offsets.sum() == pytest.approx(0, abs=1e-9)


def by_scikit_learn(truth: np.ndarray, said: np.ndarray, weight: np.ndarray, metric: str) -> float:
    """A metric over the classes that have weight, by scikit-learn; the rows without are left out."""
    kept = weight > 0
    y, s, w = truth[kept], said[kept], weight[kept]
    present = np.unique(y)
    if metric == "mcc":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs, of a single label
            return float(sk.matthews_corrcoef(y, s, sample_weight=w))
    if metric == "accuracy":
        return float(sk.accuracy_score(y, s, sample_weight=w))
    _, recall, f1, _ = sk.precision_recall_fscore_support(
        y, s, labels=present, sample_weight=w, zero_division=0
    )
    return {
        "macro_f1": float(f1.mean()),
        "balanced_accuracy": float(recall.mean()),
        "worst_class_recall": float(recall.min()),
        "g_mean": float(recall.prod() ** (1 / len(recall))),
    }[metric]


@settings(max_examples=60, deadline=None)
@given(rows(weights=MILD), st.sampled_from(DECISION_METRICS))
def test_values_from_counts_are_scikit_learns(case: Rows, metric: str) -> None:
    truth, said, weight = case.truth, case.predicted, case.weight
    hit = np.bincount(said, weight * (truth == said), minlength=case.n_classes)
    called = np.bincount(said, weight, minlength=case.n_classes)
    present = np.bincount(truth, weight, minlength=case.n_classes)
    found = decision_values(np.stack([hit, hit]), np.stack([called, called]), present, metric)
    assert found == pytest.approx([by_scikit_learn(truth, said, weight, metric)] * 2, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(rows(most=15, classes=(2, 2), weights=MILD), st.sampled_from(DECISION_METRICS))
def test_degenerate_rows_get_the_best_of_all_cuts(case: Rows, metric: str) -> None:
    mass = one_hot(case.truth, 2, case.weight)
    offsets = fit_offsets(case.logits, mass, metric)
    gap = np.unique(case.logits[:, 0] - case.logits[:, 1])
    every = [np.full(len(mass), c) for c in (0, 1)]
    every += [(case.logits[:, 0] - case.logits[:, 1] <= cut).astype(int) for cut in gap]
    best = max(by_scikit_learn(case.truth, said, case.weight, metric) for said in every)
    reached = by_scikit_learn(case.truth, (case.logits + offsets).argmax(axis=1), case.weight, metric)
    assert reached == pytest.approx(best, abs=1e-9)


def test_a_constant_decision_correlates_with_nothing_exactly() -> None:
    # 3.7 + .5 and the like are rounded: so is what is left of the other class when all its rows are gone.
    rng = np.random.default_rng(0)
    for _ in range(200):
        weight = rng.choice([0.5, 1.0, 3.7], 15)
        share = rng.choice([0.2, 0.5]) * weight.sum()
        called = np.array([weight.cumsum()[-1] - weight[::-1].cumsum()[-1], weight.sum()])
        present = np.array([weight.sum() - share, share])
        hit = np.array([0.0, share])
        assert decision_values(hit[None], called[None], present, "mcc").tolist() == [0.0]


@settings(max_examples=40, deadline=None)
@given(rows(classes=(3, 5), weights=MILD), st.sampled_from(DECISION_METRICS), st.booleans())
def test_offsets_never_lose_on_the_rows_they_are_fitted_on(case: Rows, metric: str, given: bool) -> None:
    mass, prior = one_hot(case.truth, case.n_classes, case.weight), np.arange(1, case.n_classes + 1)
    offsets = fit_offsets(case.logits, mass, metric, prior / prior.sum() if given else None)
    before, after = (
        by_scikit_learn(case.truth, (case.logits + by).argmax(axis=1), case.weight, metric)
        for by in (np.zeros(case.n_classes), offsets)
    )
    assert np.isfinite(offsets).all()
    assert after >= before - 1e-9


@pytest.mark.parametrize("metric", DECISION_METRICS)
def test_values_equal_the_metrics_of_the_same_decisions(metric: str) -> None:
    rng = np.random.default_rng(0)
    for n_classes in (2, 3, 6):
        truth, said = rng.integers(n_classes, size=(2, 200))
        weight = rng.uniform(0.5, 2, size=200)
        mass = one_hot(truth, n_classes, weight)
        hit = np.bincount(said, weight * (truth == said), minlength=n_classes)
        called = np.bincount(said, weight, minlength=n_classes)
        found = decision_values(hit[None], called[None], mass.sum(axis=0), metric)
        names = [str(c) for c in range(n_classes)]
        scores = rng.normal(size=(200, n_classes))
        assert found[0] == pytest.approx(
            summary_metrics(truth, scores, names, weight, y_pred=said)[metric], abs=1e-9
        )


@pytest.mark.parametrize("metric", DECISION_METRICS)
def test_more_classes_reach_what_a_grid_of_offsets_reaches(metric: str) -> None:
    rng = np.random.default_rng(3)
    labels = rng.choice(3, p=[0.8, 0.15, 0.05], size=400)
    logits = rng.normal(size=(400, 3)) + 1.5 * one_hot(labels, 3) + [3, 1, 0]
    offsets = fit_offsets(logits, one_hot(labels, 3), metric)
    steps = np.linspace(-6, 6, 25)
    grid = max(value(logits + np.array([0, a, b]), labels, metric) for a in steps for b in steps)
    assert value(logits + offsets, labels, metric) >= grid - 0.01
    assert value(logits + offsets, labels, metric) >= value(logits, labels, metric)


def test_balanced_accuracy_undoes_the_prior_of_calibrated_scores() -> None:
    rng = np.random.default_rng(1)
    prior = np.array([0.97, 0.03])
    labels = rng.choice(2, p=prior, size=200_000)
    x = rng.normal(size=len(labels)) + 2.0 * labels
    logits = np.stack([np.zeros_like(x), 2 * x - 2], axis=1) + np.log(prior)
    mass = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    offsets = fit_offsets(logits, mass, "balanced_accuracy")
    # known: the threshold at the prevalence; expected values need no labels
    assert offsets[1] - offsets[0] == pytest.approx(np.log(0.97 / 0.03), abs=0.1)
    # known (Lipton, Elkan & Naryanaswamy 2014): the best threshold for one class's F1 is half the best F1
    with_labels = fit_offsets(logits, one_hot(labels, 2), "macro_f1")
    expected = fit_offsets(logits, mass, "macro_f1")
    threshold = 1 / (1 + np.exp(expected[1] - expected[0]))
    f1 = sk.f1_score(labels, mass[:, 1] > threshold)
    assert threshold == pytest.approx(f1 / 2, abs=0.03)
    assert value(logits + with_labels, labels, "macro_f1") >= value(logits + expected, labels, "macro_f1")


def test_nothing_moves_where_nothing_is_gained() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    logits = 5.0 * one_hot(labels, 3)
    for metric in DECISION_METRICS:
        assert fit_offsets(logits, one_hot(labels, 3), metric).tolist() == [0, 0, 0]
        assert fit_offsets(logits[:4, :2], one_hot(labels[:4], 2), metric).tolist() == [0, 0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_scaled_mass_shifted_rows_and_renamed_classes_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=40)
    logits = rng.normal(size=(40, 2)) + one_hot(labels, 2)
    mass = one_hot(labels, 2)
    plain = fit_offsets(logits, mass, "macro_f1")
    scaled = fit_offsets(logits + rng.normal(size=(40, 1)), 7 * mass, "macro_f1")
    assert scaled == pytest.approx(plain, abs=1e-9)
    swapped = fit_offsets(logits[:, ::-1], mass[:, ::-1], "macro_f1")
    assert value(logits + swapped[::-1], labels, "macro_f1") == pytest.approx(
        value(logits + plain, labels, "macro_f1")
    )


def test_a_class_without_mass_is_left_out_of_account() -> None:
    rng = np.random.default_rng(5)
    labels = rng.choice([0, 2], p=[0.9, 0.1], size=300)
    logits = rng.normal(size=(300, 3)) + one_hot(labels, 3)
    for metric in DECISION_METRICS:
        offsets = fit_offsets(logits, one_hot(labels, 3), metric)
        assert np.isfinite(offsets).all()
        assert value(logits + offsets, labels, metric) >= value(logits, labels, metric)


def test_many_rows_and_classes_are_searched_in_groups_and_still_gain() -> None:
    rng = np.random.default_rng(2)
    prior = 0.9 ** np.arange(30)
    labels = rng.choice(30, p=prior / prior.sum(), size=8_000)
    logits = rng.normal(size=(8_000, 30)) + 2 * one_hot(labels, 30) + np.log(prior)
    offsets = fit_offsets(logits, one_hot(labels, 30), "balanced_accuracy")
    best_known = value(logits - np.log(prior), labels, "balanced_accuracy")
    assert value(logits + offsets, labels, "balanced_accuracy") > best_known - 0.002
    two = logits[:, :2]
    members = labels < 2
    exact = fit_offsets(two[members], one_hot(labels[members], 2), "mcc")
    assert np.isfinite(exact).all()


@pytest.mark.parametrize(
    ("logits", "mass", "metric", "said"),
    [
        (np.zeros((2, 2)), np.ones((2, 2)), "minority_ap", "allowed are macro_f1"),
        (np.zeros((2, 2)), np.ones((2, 3)), "mcc", "shape"),
        (np.zeros((2, 2)), -np.ones((2, 2)), "mcc", "at least 0"),
        (np.zeros((2, 2)), np.full((2, 2), np.nan), "mcc", "finite"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "mcc", "0 everywhere"),
        (np.full((2, 2), np.inf), np.ones((2, 2)), "mcc", "finite"),
    ],
)
def test_bad_input(logits: np.ndarray, mass: np.ndarray, metric: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        fit_offsets(logits, mass, metric)


def few_rows(rng: np.random.Generator, counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated logits (n, C) under the shares of `counts`, and labels."""
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = 2.2 * np.eye(len(counts))
    x = centres[labels] + rng.normal(size=(len(labels), len(counts)))
    return 2.2 * x - 2.2**2 / 2 + np.log(np.array(counts) / sum(counts)), labels


def test_classes_of_few_rows_share_one_parameter_and_generalise_better() -> None:
    rng = np.random.default_rng(4)
    counts = [300, 120, 50, 20, 8, 3, 3, 2]
    prior = np.array(counts) / sum(counts)
    test_logits, test_labels = few_rows(rng, [400] * 8)
    test_logits = test_logits - np.log(1 / 8) + np.log(prior)
    shared, each = [], []
    for _ in range(12):
        logits, labels = few_rows(rng, counts)
        mass = one_hot(labels, 8, 1 / prior[labels])
        for found, given_prior in ((shared, prior), (each, None)):
            offsets = fit_offsets(logits, mass, "balanced_accuracy", given_prior)
            found.append(value(test_logits + offsets, test_labels, "balanced_accuracy"))
    best = value(test_logits - np.log(prior), test_labels, "balanced_accuracy")
    assert np.mean(shared) > np.mean(each) + 0.01
    assert np.mean(shared) > best - 0.03


def test_with_few_rows_in_every_class_only_the_line_is_searched() -> None:
    rng = np.random.default_rng(7)
    prior = np.array([0.8, 0.15, 0.05])
    logits, labels = few_rows(rng, [19, 15, 5])
    for metric in DECISION_METRICS:
        offsets = fit_offsets(logits, one_hot(labels, 3), metric, prior)
        tau = (offsets[2] - offsets[0]) / -np.log(prior[2] / prior[0])
        assert offsets[1] - offsets[0] == pytest.approx(-tau * np.log(prior[1] / prior[0]), abs=1e-9)
        assert -1 <= tau <= 2


@pytest.mark.parametrize("prior", [[0.5, 0.5], [1.0, 0.0, 0.0], [np.nan, 0.5, 0.5]])
def test_a_prior_that_is_none_is_refused(prior: list[float]) -> None:
    with pytest.raises(ValueError, match="3 positive shares are needed"):
        fit_offsets(np.zeros((4, 3)), np.ones((4, 3)), "mcc", prior)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_scores_that_tie_but_for_rounding_are_not_cut_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=25)
    logits = (rng.normal(size=(25, 2)) + 0.7 * one_hot(labels, 2)).round(1)
    # the exact gaps, in tenths
    gap = np.rint(10 * (logits[:, 0] - logits[:, 1]))
    exact = np.stack([gap, np.zeros(25)], axis=1)
    for metric in DECISION_METRICS:
        offsets = fit_offsets(logits, one_hot(labels, 2), metric)
        best = best_of_all_cuts(exact, labels, metric, np.ones(25))
        assert value(logits + offsets, labels, metric) == pytest.approx(best, abs=1e-9)
