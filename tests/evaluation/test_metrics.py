"""The metrics of a test set against scikit-learn and imbalanced-learn, and the laws they keep."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from imblearn.metrics import geometric_mean_score
from scipy.special import log_softmax, logsumexp
from sklearn import metrics as sk

from imbalance_bench.evaluation import per_class_report, summary_metrics
from imbalance_bench.evaluation.metrics import COLUMNS, per_class_rows, ranking_scores
from imbalance_bench.evaluation.names import METRICS

Array = np.ndarray[Any, Any]
law = settings(deadline=None, max_examples=80)
WEIGHTS = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 7.3])


class Case(NamedTuple):
    truth: Array
    logits: Array
    predicted: Array
    weight: Array

    @property
    def names(self) -> list[str]:
        return [f"class {c}" for c in range(self.logits.shape[1])]

    @property
    def present(self) -> list[int]:
        """The classes whose rows have weight."""
        return np.unique(self.truth[self.weight > 0]).tolist()

    def summary(self, minority: int = 0) -> dict[str, float]:
        return summary_metrics(
            self.truth, self.logits, self.names, self.weight, y_pred=self.predicted, minority=minority
        )

    def rows(self) -> list[dict[str, Any]]:
        scores = ranking_scores(self.logits)
        return per_class_rows(self.truth, self.predicted, self.names, scores, self.weight)


@st.composite
def cases(draw: st.DrawFn, weights: st.SearchStrategy[float] = WEIGHTS) -> Case:
    """1 to 25 rows of 2 to 5 classes, drawn from few of them, so that some are absent or never predicted."""
    n, n_classes = draw(st.integers(1, 25)), draw(st.integers(2, 5))
    few = st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=n_classes)
    truth, predicted = (
        draw(arrays(np.int64, n, elements=st.sampled_from(draw(few)), fill=st.nothing())) for _ in range(2)
    )
    values = draw(st.sampled_from([st.integers(-2, 2).map(float), st.floats(-15, 15)]))
    logits = draw(arrays(np.float64, (n, n_classes), elements=values))
    return Case(truth, logits, predicted, draw(arrays(np.float64, n, elements=weights).filter(np.any)))


def same(found: dict[str, Any], expected: dict[str, Any], without: tuple[str, ...] = ()) -> None:
    for name, value in expected.items():
        if name in without:
            continue
        if isinstance(value, str):
            assert found[name] == value
        else:
            loose = 1e-6 if name == "ece" else 1e-9  # a root turns 1e-12 at 0 into 1e-6
            assert found[name] == pytest.approx(value, rel=loose, abs=loose, nan_ok=True), name


# --- against scikit-learn and imbalanced-learn ---------------------------------------------------


@law
@given(cases())
def test_per_class_agrees_with_scikit_learn(case: Case) -> None:
    labels = list(range(len(case.names)))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        case.truth, case.predicted, labels=labels, sample_weight=case.weight, zero_division=np.nan
    )
    scores = ranking_scores(case.logits)
    called = np.unique(case.predicted[case.weight > 0])
    rows = case.rows()
    assert [row["class"] for row in rows] == case.names
    assert [row["support"] for row in rows] == [int((case.truth == c).sum()) for c in labels]
    for c, row in enumerate(rows):
        assert tuple(row) == COLUMNS
        assert math.isnan(row["precision"]) == (c not in called)
        assert row["precision"] == pytest.approx(precision[c], rel=1e-12, nan_ok=True)
        if c not in case.present:
            assert all(math.isnan(row[name]) for name in ("recall", "f1", "average_precision"))
            continue
        ap = sk.average_precision_score(case.truth == c, scores[:, c], sample_weight=case.weight)
        assert row["recall"] == pytest.approx(recall[c], rel=1e-12)
        assert row["f1"] == pytest.approx(f1[c], rel=1e-12)
        assert row["average_precision"] == pytest.approx(ap, rel=1e-12)


@law
@given(cases())
def test_decision_metrics_agree_with_scikit_learn_and_imbalanced_learn(case: Case) -> None:
    kept = case.weight > 0
    y, predicted, weight = case.truth[kept], case.predicted[kept], case.weight[kept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of absent classes
        recalls = sk.recall_score(y, predicted, labels=case.present, average=None, sample_weight=weight)
        expected = {
            "macro_f1": sk.f1_score(y, predicted, labels=case.present, average="macro", sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(y, predicted, sample_weight=weight),
            "g_mean": geometric_mean_score(y, predicted, labels=case.present, sample_weight=weight),
            "mcc": sk.matthews_corrcoef(y, predicted, sample_weight=weight),
            "worst_class_recall": recalls.min(),
            "accuracy": sk.accuracy_score(y, predicted, sample_weight=weight),
        }
    same(case.summary(), expected)


@law
@given(cases())
def test_ranking_metrics_agree_with_scikit_learn(case: Case) -> None:
    scores = ranking_scores(case.logits)
    ap, auc = [], []
    for c in case.present:
        ap.append(sk.average_precision_score(case.truth == c, scores[:, c], sample_weight=case.weight))
        if len(case.present) > 1:
            auc.append(sk.roc_auc_score(case.truth == c, scores[:, c], sample_weight=case.weight))
    found = case.summary(minority=case.present[-1])
    assert found["macro_ap"] == pytest.approx(np.mean(ap), rel=1e-12)
    assert found["minority_ap"] == pytest.approx(ap[-1], rel=1e-12)
    assert found["macro_auc"] == pytest.approx(np.mean(auc) if auc else np.nan, abs=1e-12, nan_ok=True)


@law
@given(cases())
def test_probability_metrics_agree_with_scikit_learn(case: Case) -> None:
    labels = np.arange(len(case.names))
    p = np.exp(log_softmax(case.logits, axis=1))
    found = case.summary()
    log_loss = sk.log_loss(case.truth, p, labels=labels, sample_weight=case.weight)
    assert found["log_loss"] == pytest.approx(log_loss, rel=1e-9, abs=1e-12)
    brier = np.average(((p - (case.truth[:, None] == labels)) ** 2).sum(axis=1), weights=case.weight)
    assert found["brier"] == pytest.approx(brier, rel=1e-9, abs=1e-12)


@law
@given(cases())
def test_ranking_scores_are_the_log_odds_against_the_rest(case: Case) -> None:
    z = case.logits
    rest = [logsumexp(np.delete(z, c, axis=1), axis=1) for c in range(z.shape[1])]
    assert ranking_scores(z) == pytest.approx(z - np.stack(rest, axis=1), rel=1e-12, abs=1e-12)


# --- laws ----------------------------------------------------------------------------------------


@law
@given(cases(), st.randoms(use_true_random=False))
def test_permuting_the_classes_permutes_the_table(case: Case, random: Any) -> None:
    old = list(range(len(case.names)))  # old[new] is the class that is now called `new`
    random.shuffle(old)
    new = np.argsort(old)
    moved = Case(new[case.truth], case.logits[:, old], new[case.predicted], case.weight)
    rows = case.rows()
    for row, c in zip(moved.rows(), old, strict=True):
        same(row, rows[c], without=("class",))
    same(moved.summary(minority=int(new[0])), case.summary(minority=0))


@law
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: Case, random: Any) -> None:
    order = list(range(len(case.truth)))
    random.shuffle(order)
    moved = Case(*(part[order] for part in case))
    same(moved.summary(), case.summary())
    for row, expected in zip(moved.rows(), case.rows(), strict=True):
        same(row, expected)


@law
@given(cases(), st.sampled_from([1e-300, 1e-3, 1 / 3, 0.7, 12.0, 1e300]))
def test_scaling_all_weights_changes_nothing(case: Case, factor: float) -> None:
    scaled = case._replace(weight=case.weight * factor)
    same(scaled.summary(), case.summary())
    for row, expected in zip(scaled.rows(), case.rows(), strict=True):
        same(row, expected)


@law
@given(cases(weights=st.integers(0, 3).map(float)))
def test_an_integer_weight_is_a_repeated_row(case: Case) -> None:
    times = case.weight.astype(int)
    repeated = Case(*(np.repeat(part, times, axis=0) for part in case[:3]), np.ones(times.sum()))
    # Not so for the calibration error: its correction knows how many rows there are.
    same(repeated.summary(), case.summary(), without=("ece",))
    for row, expected in zip(repeated.rows(), case.rows(), strict=True):
        same(row, expected, without=("support",))


@law
@given(cases(), st.floats(-100, 100))
def test_a_constant_added_to_a_row_of_logits_changes_nothing(case: Case, constant: float) -> None:
    moved = case._replace(logits=case.logits + constant)
    before, after = case.summary(), moved.summary()
    for name in ("log_loss", "brier"):
        assert after[name] == pytest.approx(before[name], rel=1e-9, abs=1e-11)


@law
@given(cases())
def test_values_lie_in_their_range(case: Case) -> None:
    for name, value in case.summary().items():
        high = {"brier": 2.0, "log_loss": math.inf}.get(name, 1.0)
        low = -1.0 if name == "mcc" else 0.0
        assert math.isnan(value) or low - 1e-12 <= value <= high + 1e-12, name


# --- literals ------------------------------------------------------------------------------------


def test_golden_macro_f1_and_g_mean() -> None:
    truth, predicted, names = [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2], ["a", "b", "c"]
    found = summary_metrics(truth, np.zeros((6, 3)), names, y_pred=predicted)
    assert found["macro_f1"] == pytest.approx(0.822222, abs=1e-6)  # golden.md
    assert found["g_mean"] == pytest.approx(0.793701, abs=1e-6)  # (1/2 * 1 * 1)^(1/3)
    assert found["balanced_accuracy"] == pytest.approx(0.833333, abs=1e-6)
    assert found["worst_class_recall"] == 0.5
    # Equal logits: ln 3; and (1 - 1/3)^2 + 2 (1/3)^2.
    assert found["log_loss"] == pytest.approx(1.098612, abs=1e-6)
    assert found["brier"] == pytest.approx(0.666667, abs=1e-6)


def test_g_mean_is_0_as_soon_as_one_recall_is() -> None:
    found = summary_metrics([0, 1, 2], np.zeros((3, 3)), ["a", "b", "c"], y_pred=[0, 1, 1])
    assert found["g_mean"] == 0.0
    assert found["worst_class_recall"] == 0.0
    assert found["balanced_accuracy"] == pytest.approx(2 / 3)


def test_present_but_never_predicted_and_predicted_but_absent() -> None:
    rows = per_class_rows([0, 0, 1], [0, 2, 0], ["a", "b", "c"])
    assert [row["support"] for row in rows] == [2, 1, 0]
    assert rows[1]["f1"] == 0.0
    assert rows[1]["recall"] == 0.0
    assert math.isnan(rows[1]["precision"])
    assert rows[2]["precision"] == 0.0
    assert math.isnan(rows[2]["f1"])
    assert math.isnan(rows[2]["recall"])
    assert all(math.isnan(row["average_precision"]) for row in rows)  # no scores were given


def test_the_summary_has_the_documented_names() -> None:
    assert list(summary_metrics([0, 1], np.eye(2), ["a", "b"])) == list(METRICS)


def test_the_report_is_the_rows_as_a_table() -> None:
    scores = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    table = per_class_report([0, 1, 1], [0, 1, 0], ["a", "b", "c"], scores, [1, 2, 1])
    assert tuple(table.columns) == COLUMNS
    assert table["support"].tolist() == [1, 2, 0]
    for found, expected in zip(
        table.to_dict("records"),
        per_class_rows([0, 1, 1], [0, 1, 0], ["a", "b", "c"], scores, [1, 2, 1]),
        strict=True,
    ):
        same(found, expected)


def test_decisions_default_to_the_argmax() -> None:
    logits = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]])
    assert summary_metrics([1, 0, 0], logits, ["a", "b"])["accuracy"] == 1.0
    assert summary_metrics([1, 0, 0], logits, ["a", "b"], y_pred=[0, 0, 0])["accuracy"] == pytest.approx(
        2 / 3
    )


def test_the_minority_is_the_rarest_present_class_unless_named() -> None:
    rng = np.random.default_rng(0)
    truth, logits = np.repeat([0, 1, 2], [20, 5, 9]), rng.normal(size=(34, 4))
    names = ["a", "b", "c", "never"]
    ap = [row["average_precision"] for row in per_class_rows(truth, truth, names, ranking_scores(logits))]
    assert summary_metrics(truth, logits, names)["minority_ap"] == ap[1]
    assert summary_metrics(truth, logits, names, minority=2)["minority_ap"] == ap[2]
    assert math.isnan(summary_metrics(truth, logits, names, minority=3)["minority_ap"])


def test_one_row_and_one_class() -> None:
    found = summary_metrics([1], [[0.0, 1.0, 0.0]], ["a", "b", "c"])
    assert math.isnan(found["macro_auc"])
    assert math.isnan(found["ece"])
    assert found["mcc"] == 0.0
    assert found["macro_f1"] == found["g_mean"] == found["macro_ap"] == found["accuracy"] == 1.0


# --- extremes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("size", [1e4, 1e300])
def test_huge_logits_give_a_finite_log_loss(n_classes: int, size: float) -> None:
    rng = np.random.default_rng(0)
    logits = size * rng.choice([-1.0, 1.0], (200, n_classes))
    truth = rng.integers(0, n_classes, 200)
    found = summary_metrics(truth, logits, [str(c) for c in range(n_classes)])
    assert np.isfinite(list(found.values())).all()
    assert found["log_loss"] > 0.1 * size


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_rankings_are_not_tied_where_probabilities_saturate(n_classes: int) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(300, n_classes))
    truth = rng.integers(0, n_classes, 300)
    logits[:, 0] += 1e4 * np.where(np.arange(300) % 2, 1, -1)
    scores = ranking_scores(logits)
    assert len(np.unique(scores[:, 0])) == 300
    probability = np.exp(log_softmax(logits, axis=1))[:, 0]
    assert len(np.unique(probability)) <= 2
    exact = logits[:, 0] - logsumexp(logits[:, 1:], axis=1)
    found = summary_metrics(truth, logits, [str(c) for c in range(n_classes)], minority=0)
    assert found["minority_ap"] == pytest.approx(sk.average_precision_score(truth == 0, exact), rel=1e-12)


def test_a_sure_wrong_answer_costs_its_logit() -> None:
    found = summary_metrics([1, 1], [[1e4, -1e4], [-1e4, 1e4]], ["a", "b"])
    assert found["log_loss"] == 1e4
    assert found["brier"] == 1.0


def test_weights_of_very_unequal_size_leak_no_warning() -> None:
    truth, predicted = np.array([0, 0, 1, 2]), np.array([0, 0, 2, 1])
    for tiny in (1e-20, 1e-170, 1e-320):
        found = summary_metrics(truth, np.eye(4)[:, :3], list("abc"), [1, 1, tiny, tiny], y_pred=predicted)
        assert -1 <= found["mcc"] <= 1
        assert found["g_mean"] == 0.0


# --- refusals ------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"y_true": [0, 1, 2], "y_pred": [0, 1, 2], "class_names": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_true": []}, r"y_true has shape \(0,\); \(n,\) with at least one row is needed"),
        ({"y_true": 1}, r"y_true has shape \(\)"),
        ({"y_true": [[0], [1], [2]]}, r"y_true has shape \(3, 1\)"),
        ({"y_true": [0.0, 1.0, 2.0]}, "y_true has type float64; integers in 0..2 are needed"),
        ({"y_true": [True, False, True]}, "y_true has type bool"),
        ({"y_true": ["a", "b", "c"]}, "y_true has type <U1"),
        ({"y_true": [0, 1, 3]}, "y_true ranges from 0 to 3; 0 to 2 are allowed for 3 classes"),
        ({"y_pred": [-1, 1, 2]}, "y_pred ranges from -1 to 2"),
        ({"y_pred": [0, 1]}, "y_pred has 2 rows; y_true has 3"),
        ({"class_names": ["a"]}, "class_names has 1 names; at least 2 are needed"),
        ({"class_names": ["a", "b"]}, "y_true ranges from 0 to 2; 0 to 1 are allowed for 2 classes"),
        ({"sample_weight": [1, 1]}, r"sample_weight has shape \(2,\); \(3,\) is needed"),
        ({"sample_weight": [1, -1, 1]}, r"sample_weight of row 1 is -1\.0; finite numbers of at least 0"),
        ({"sample_weight": [1, 1, np.nan]}, "sample_weight of row 2 is nan"),
        ({"sample_weight": [np.inf, 1, 1]}, "sample_weight of row 0 is inf"),
        ({"sample_weight": [0, 0, 0]}, "sample_weight is 0 for every row"),
    ],
)
def test_both_functions_refuse(changed: dict[str, Any], message: str) -> None:
    given_now = GOOD | changed
    with pytest.raises(ValueError, match=message):
        per_class_rows(**given_now)
    logits = np.zeros((np.size(given_now["y_true"]), len(given_now["class_names"])))
    with pytest.raises(ValueError, match=message):
        summary_metrics(logits=logits, **given_now)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 2)), r"has shape \(3, 2\); \(3, 3\) is needed"),
        (np.zeros((2, 3)), r"has shape \(2, 3\); \(3, 3\) is needed"),
        (np.zeros(3), r"has shape \(3,\); \(3, 3\) is needed"),
        ([[0, 0, 0], [0, np.nan, 0], [0, 0, 0]], "in row 1; numbers|not finite in row 1"),
    ],
)
def test_logits_and_scores_that_are_none(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"logits .*({message})"):
        summary_metrics(GOOD["y_true"], values, GOOD["class_names"])
    with pytest.raises(ValueError, match=f"scores .*({message})"):
        per_class_rows(**GOOD, scores=values)


def test_infinite_logits_are_refused() -> None:
    values = [[0, 0, 0], [0, 0, 0], [0, 0, np.inf]]
    with pytest.raises(ValueError, match="logits holds a value that is not finite in row 2"):
        summary_metrics(GOOD["y_true"], values, GOOD["class_names"])


def test_ranking_scores_and_minority_refuse() -> None:
    with pytest.raises(ValueError, match=r"logits has shape \(2, 1\); \(n, C\) with n >= 1 and C >= 2"):
        ranking_scores([[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"logits has shape \(0, 3\)"):
        ranking_scores(np.zeros((0, 3)))
    for minority in (-1, 3):
        with pytest.raises(ValueError, match=f"minority is {minority}; allowed are 0 to 2"):
            summary_metrics(GOOD["y_true"], np.zeros((3, 3)), GOOD["class_names"], minority=minority)


# --- a leaf --------------------------------------------------------------------------------------


def test_evaluation_is_a_light_leaf() -> None:
    """It loads no heavy package and nothing else of the project, its submodules included."""
    program = (
        "import pkgutil, importlib, sys\n"
        "import imbalance_bench.evaluation as leaf\n"
        "for module in pkgutil.iter_modules(leaf.__path__):\n"
        "    importlib.import_module(f'{leaf.__name__}.{module.name}')\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    heavy = {"pandas", "scipy", "sklearn", "imblearn", "torch", "torchvision", "joblib"}
    assert not heavy & set(loaded)
    own = {name for name in loaded if name.split(".")[0] == "imbalance_bench"}
    assert "imbalance_bench.evaluation.metrics" in own
    others = {name for name in own if not name.startswith("imbalance_bench.evaluation")}
    assert others <= {"imbalance_bench", "imbalance_bench._version"}
