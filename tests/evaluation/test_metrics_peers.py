"""All metrics of degenerate and extreme test sets against scikit-learn, imbalanced-learn and exact sums."""

from __future__ import annotations

import math
import warnings
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score, sensitivity_score
from made_cases import Rows, bins_of, debiased_square, exact_auc, exact_average_precision, exact_mcc, rows
from scipy.special import logsumexp, softmax
from sklearn import metrics as sk

from imbalance_bench.evaluation import per_class_report, summary_metrics
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores
from imbalance_bench.evaluation.names import METRICS

law = settings(deadline=None, max_examples=60)
exact_law = settings(deadline=None, max_examples=30)
DEFINED = {"recall": "recall", "f1": "f1", "average_precision": "ap"}


def summary(case: Rows, minority: int | None = None) -> dict[str, float]:
    return summary_metrics(
        case.truth, case.logits, case.names, case.weight, y_pred=case.predicted, minority=minority
    )


def log_odds(logits: np.ndarray) -> np.ndarray:
    """(n, C) of each class against the rest, by scipy; rounded, so that what ties, ties."""
    rest = [logsumexp(np.delete(logits, c, axis=1), axis=1) for c in range(logits.shape[1])]
    return np.asarray(logits - np.stack(rest, axis=1)).round(9)


def of_class(function: Any, case: Rows, scores: np.ndarray, c: int) -> float:
    return float(function(case.truth == c, scores[:, c], case.weight))


# --- against scikit-learn and imbalanced-learn ---------------------------------------------------


@law
@given(rows())
def test_the_table_is_scikit_learns(case: Rows) -> None:
    found = per_class_rows(case.truth, case.predicted, case.names, ranking_scores(case.logits), case.weight)
    labels, kept = list(range(case.n_classes)), case.kept
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        kept.truth, kept.predicted, labels=labels, sample_weight=kept.weight, zero_division=np.nan
    )
    scores = log_odds(case.logits)
    assert [row["support"] for row in found] == np.bincount(case.truth, minlength=len(labels)).tolist()
    for c, row in enumerate(found):
        assert row["precision"] == pytest.approx(precision[c], rel=1e-9, nan_ok=True)
        if c in case.present:
            ap = sk.average_precision_score(case.truth == c, scores[:, c], sample_weight=case.weight)
            assert row["recall"] == pytest.approx(recall[c], rel=1e-9)
            assert row["f1"] == pytest.approx(f1[c], rel=1e-9)
            assert row["average_precision"] == pytest.approx(ap, rel=1e-9)
        else:
            assert all(math.isnan(row[name]) for name in DEFINED)


@law
@given(rows())
def test_decisions_are_scored_as_by_scikit_learn_and_imbalanced_learn(case: Rows) -> None:
    kept = case.kept
    y, said, weight, present = kept.truth, kept.predicted, kept.weight, case.present
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of absent classes
        expected = {
            "macro_f1": sk.f1_score(y, said, labels=present, average="macro", sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(y, said, sample_weight=weight),
            "g_mean": geometric_mean_score(y, said, labels=present, sample_weight=weight),
            "worst_class_recall": min(
                sensitivity_score(y, said, labels=[c], average="macro", sample_weight=weight) for c in present
            ),
            "accuracy": sk.accuracy_score(y, said, sample_weight=weight),
        }
        if case.kinds[-1] != "extreme":  # theirs takes large sums from each other
            expected["mcc"] = sk.matthews_corrcoef(y, said, sample_weight=weight)
    found = summary(case)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@law
@given(rows(classes=(3, 5), truths=("all classes",), scores=("smooth",)))
def test_macro_auc_is_scikit_learns_one_against_the_rest(case: Rows) -> None:
    assume(len(case.present) == case.n_classes)
    p = softmax(case.logits, axis=1)
    for c in case.present:  # theirs ranks probabilities: equal ones that are none in the log odds aside
        assume(len(np.unique(p[:, c])) == len(p))
    expected = sk.roc_auc_score(case.truth, p, multi_class="ovr", average="macro", sample_weight=case.weight)
    assert summary(case)["macro_auc"] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@law
@given(rows())
def test_brier_and_log_loss_are_scikit_learns(case: Rows) -> None:
    found, kept = summary(case), case.kept
    p = softmax(kept.logits, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of one class only
        each = [
            sk.brier_score_loss(kept.truth == c, p[:, c], sample_weight=kept.weight, pos_label=True)
            for c in range(case.n_classes)
        ]
    assert found["brier"] == pytest.approx(sum(each), rel=1e-9, abs=1e-12)
    if p[np.arange(len(p)), kept.truth].min() > 1e-12:  # below, theirs is clipped
        expected = sk.log_loss(kept.truth, p, labels=range(case.n_classes), sample_weight=kept.weight)
        assert found["log_loss"] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    losses = logsumexp(kept.logits, axis=1) - kept.logits[np.arange(len(p)), kept.truth]
    assert found["log_loss"] == pytest.approx(np.average(losses, weights=kept.weight), rel=1e-9, abs=1e-12)


# --- against the definitions ---------------------------------------------------------------------


@exact_law
@given(rows(most=20, weights=("extreme",)))
def test_extreme_weights_round_nothing_away(case: Rows) -> None:
    found = summary(case, case.present[0])
    assert found["mcc"] == pytest.approx(exact_mcc(case.truth, case.predicted, case.weight), abs=1e-9)
    scores = log_odds(case.logits)
    ap = {c: of_class(exact_average_precision, case, scores, c) for c in case.present}
    assert found["macro_ap"] == pytest.approx(np.mean(list(ap.values())), rel=1e-9)
    assert found["minority_ap"] == pytest.approx(ap[case.present[0]], rel=1e-9)
    auc = [of_class(exact_auc, case, scores, c) for c in case.present]
    expected = np.mean(auc) if len(auc) > 1 else math.nan
    assert found["macro_auc"] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@law
@given(rows(weights=("ones", "with zeros", "wide", "by class", "one row")), st.data())
def test_the_calibration_error_is_the_published_one(case: Rows, data: st.DataObject) -> None:
    minority = data.draw(st.integers(0, case.n_classes - 1))
    p = softmax(case.logits, axis=1)
    squares = [
        debiased_square(p[:, c], case.truth == c, case.weight, bins_of(p[:, c], case.weight))
        for c in range(case.n_classes)
    ]
    square = squares[minority] if case.n_classes == 2 else sum(squares) / len(squares)
    found = summary(case, minority)["ece"]
    assert math.isnan(found) is math.isnan(square)
    if not math.isnan(square):
        assert found**2 == pytest.approx(max(0.0, square), abs=1e-9)


@law
@given(rows(most=12))
def test_perfect_and_hopeless_predictions(case: Rows) -> None:
    right = 1e3 * np.eye(case.n_classes)[case.truth]
    best = summary_metrics(case.truth, right, case.names, case.weight)
    ones = ("macro_f1", "balanced_accuracy", "g_mean", "worst_class_recall", "accuracy", "macro_ap")
    assert [best[name] for name in ones] == pytest.approx([1.0] * len(ones))
    assert (best["log_loss"], best["brier"]) == (0.0, 0.0)
    several = len(case.present) > 1
    assert best["mcc"] == pytest.approx(1.0 if several else 0.0)
    assert best["macro_auc"] == pytest.approx(1.0 if several else math.nan, nan_ok=True)
    worst = summary_metrics(case.truth, -right, case.names, case.weight)
    assert [worst[name] for name in ("macro_f1", "balanced_accuracy", "g_mean", "accuracy")] == [0.0] * 4
    # The others share what the truth does not get: 1 + 1 / (C - 1).
    assert worst["brier"] == pytest.approx(1 + 1 / (case.n_classes - 1))
    assert worst["log_loss"] == pytest.approx(1e3 + math.log(case.n_classes - 1))
    assert worst["macro_auc"] == pytest.approx(0.0 if several else math.nan, nan_ok=True)


# --- the table holds what the summary says -------------------------------------------------------


def from_csv(text: str) -> dict[str, float]:
    """The macro values, from a per-class table alone."""
    table = pd.read_csv(StringIO(text))
    present = table[table["recall"].notna()]
    return {
        "macro_f1": present["f1"].mean(),
        "balanced_accuracy": present["recall"].mean(),
        "g_mean": present["recall"].prod() ** (1 / len(present)),
        "worst_class_recall": present["recall"].min(),
        "macro_ap": present["average_precision"].mean(),
    }


@law
@given(rows())
def test_macro_values_recompute_from_the_csv_alone(case: Rows) -> None:
    table = per_class_report(case.truth, case.predicted, case.names, ranking_scores(case.logits), case.weight)
    found = summary(case)
    for name, value in from_csv(table.to_csv(index=False)).items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name
        assert name in METRICS
