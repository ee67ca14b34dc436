"""The object that a comparison gives: the contract of names, and numbers that can be recomputed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import STRATEGIES, StoredComparison
from helpers import expected_kinds, kinds

from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.experiments.calibrated import NUMBERS
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.arms import Failure, ScoredArm, score_arm
from imbalance_bench.report.comparison import comparison
from imbalance_bench.report.estimates import Protocol, value_of
from imbalance_bench.report.notices import notices
from imbalance_bench.report.reading import Reading
from imbalance_bench.report.rows import CLASS_METRICS, group_of, per_class, spread, summary
from imbalance_bench.strategies.base import Adjust, Context, Decide, FittingData, Strategy
from imbalance_bench.strategies.registry import create

COUNTED = (
    "strategy", "kind", "n", "optimizer_steps", "samples_seen", "passes", "train_seconds", "correction",
    "classes_predicted",
)  # fmt: skip
IN_THE_CONTRACT = {
    "macro_f1", "balanced_accuracy", "g_mean", "mcc", "worst_class_recall", "macro_ap", "minority_ap",
    "macro_auc", "log_loss", "brier", "ece",
}  # fmt: skip
SPREAD = ("", "_sd", "_low", "_high")


def runs_of(stored: StoredComparison, spec: str) -> list[StoredRun]:
    runs, _ = find_runs(stored.folder)
    found = [run for run in runs if run.config.strategy == spec]
    return sorted(found, key=lambda run: run.config.seed)


def test_rows_have_the_names_of_the_contract(stored: StoredComparison) -> None:
    assert set(METRICS) >= IN_THE_CONTRACT
    wanted = {*COUNTED, *(name + end for name in (*METRICS, *NUMBERS) for end in SPREAD)}
    for row in stored.result["rows"]:
        assert set(row) == wanted
    assert kinds(stored.result) == expected_kinds(*STRATEGIES.split(","))
    assert stored.result["primary_metric"] == "macro_f1"
    assert stored.result["threshold_metric"] == "macro_f1"


def test_every_strategy_has_a_row_for_each_class(stored: StoredComparison) -> None:
    rows = stored.result["per_class"]
    names = list("0123456789")
    assert [(row["strategy"], row["class"]) for row in rows] == [
        (strategy, name) for strategy, _ in expected_kinds(*STRATEGIES.split(",")) for name in names
    ]
    wanted = {"strategy", "class", "n", "precision_n", "support", "train_rows_min", "train_rows_max"}
    wanted |= {name + end for name in CLASS_METRICS for end in SPREAD}
    assert all(set(row) == wanted for row in rows)
    assert stored.result["test_prior"].keys() == set(names)


def test_it_is_strict_json(stored: StoredComparison) -> None:
    text = json.dumps(dict(stored.result), allow_nan=False)
    assert json.loads(text) == dict(stored.result)
    assert "/" not in "".join(row["strategy"] for row in stored.result["rows"])


def test_ranks_go_from_head_to_tail(stored: StoredComparison) -> None:
    rows = [row for row in stored.result["per_rank"] if row["strategy"] == "focal"]
    assert [row["rank"] for row in rows] == list(range(1, 11))
    counts = [row["train_rows"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 10 * counts[-1] or counts[0] // 10 == counts[-1]
    assert all(row["group"] == group_of(row["train_rows"]) for row in rows)


def test_groups_by_training_rows() -> None:
    assert [group_of(n) for n in (19.9, 20, 100, 100.5)] == ["few", "medium", "medium", "many"]


@pytest.mark.parametrize("spec", STRATEGIES.split(","))
def test_summary_recomputes_from_the_classes_of_one_seed(stored: StoredComparison, spec: str) -> None:
    run = runs_of(stored, spec)[0]
    arm = score_arm(create(spec), [run], "dataset")
    rows, whole = per_class(arm, run.record["class_names"]), summary(arm)
    recalls = [row["recall"] for row in rows]
    assert whole["macro_f1"] == pytest.approx(np.mean([row["f1"] for row in rows]))
    assert whole["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert whole["worst_class_recall"] == pytest.approx(min(recalls))
    assert whole["g_mean"] == pytest.approx(math.prod(recalls) ** (1 / 10))
    assert whole["macro_ap"] == pytest.approx(np.mean([row["average_precision"] for row in rows]))
    for row in rows:
        f1 = row["f1"]
        if row["precision"] is None:
            assert (row["recall"], f1) == (0, 0)
        elif row["precision"] + row["recall"] > 0:
            assert f1 == pytest.approx(
                2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"])
            )
        assert row["f1_sd"] is None
        assert row["train_rows_min"] == row["train_rows_max"]


def test_classes_recompute_from_the_stored_logits(stored: StoredComparison) -> None:
    from sklearn.metrics import precision_recall_fscore_support

    run = runs_of(stored, "oversample")[1]
    rows = per_class(score_arm(create("oversample"), [run], "dataset"), run.record["class_names"])
    predicted = run.predictions["test_logits"].argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        run.predictions["test_labels"], predicted, labels=range(10), zero_division=np.nan
    )
    for name, values in (("precision", precision), ("recall", recall), ("support", support)):
        assert [row[name] for row in rows] == pytest.approx(
            [None if np.isnan(v) else v for v in values.tolist()]
        )
    assert [row["f1"] for row in rows] == pytest.approx(np.nan_to_num(f1).tolist())


def test_means_and_deviations_are_over_the_seeds(stored: StoredComparison) -> None:
    each = [summary(score_arm(create("focal"), [run], "dataset")) for run in runs_of(stored, "focal")]
    row = next(row for row in stored.result["rows"] if row["strategy"] == "focal")
    for name in METRICS:
        values = [one[name] for one in each]
        assert row[name] == pytest.approx(np.mean(values))
        assert row[f"{name}_sd"] == pytest.approx(np.std(values, ddof=1))
    assert row["n"] == 2
    assert row["optimizer_steps"] == 12
    assert row["samples_seen"] == 12 * 64


def test_the_stored_metrics_are_those_of_the_comparison(stored: StoredComparison) -> None:
    for run in runs_of(stored, "undersample"):
        one = summary(score_arm(create("undersample"), [run], "dataset"))
        assert {name: one[name] for name in run.record["metrics"]} == pytest.approx(run.record["metrics"])


def test_spread() -> None:
    def of(*values: float) -> dict[str, float | None]:
        scores = tuple(Scores([], {"x": value}, np.ones(1)) for value in values)
        arm = ScoredArm("focal", create("focal"), (), scores)
        return spread(arm, "x", value_of("x"), Protocol("independent", 10, 10))

    half = 12.706204736  # Student's t with one degree of freedom, times the standard error of 1
    found = of(1.0, 3.0)
    assert found["x"] == 2.0
    assert found["x_sd"] == pytest.approx(math.sqrt(2))
    assert (found["x_low"], found["x_high"]) == pytest.approx((2 - half, 2 + half))
    assert of(math.nan, 3.0) == {"x": 3.0, "x_sd": None, "x_low": None, "x_high": None}
    for values in ((), (math.nan,), (math.inf,)):
        assert of(*values) == {"x": None, "x_sd": None, "x_low": None, "x_high": None}


def made(stored: StoredComparison, arms: Any, failures: Any = (), names: Any = "0123456789") -> Any:
    return comparison(
        arms, failures, dataset="digits", seeds=[0, 1], class_names=tuple(names), reading=Reading()
    )


def test_failures_are_listed_and_their_rows_are_empty(stored: StoredComparison) -> None:
    arms = [score_arm(create(s), runs, "dataset") for s, runs in
            (("cross-entropy", runs_of(stored, "cross-entropy")[:1]), ("focal", []))]  # fmt: skip
    result = made(stored, arms, [Failure("focal", 0, "it broke")])
    assert result["failures"] == [{"strategy": "focal", "seed": 0, "error": "it broke"}]
    assert [row["n"] for row in result["rows"]] == [1, 0]
    empty = result["rows"][1]
    assert (empty["strategy"], empty["kind"]) == ("focal", "requested")
    assert all(value is None for key, value in empty.items() if key not in ("strategy", "kind", "n"))
    assert len(result["per_class"]) == 20
    assert all(row["f1"] is None and row["support"] is None for row in result["per_class"][10:])
    json.dumps(result, allow_nan=False)


def test_nothing_came_through(stored: StoredComparison) -> None:
    result = made(stored, [score_arm(create("focal"), [], "dataset")])
    assert result["test_prior"] == dict.fromkeys("0123456789")
    json.dumps(result, allow_nan=False)


def test_the_primary_metric_of_two_classes() -> None:
    result = comparison([], [], dataset="d", seeds=[], class_names=("a", "b"), reading=Reading())
    assert result["primary_metric"] == "minority_ap"
    asked = comparison(
        [], [], dataset="d", seeds=[], class_names=("a", "b"), reading=Reading(primary_metric="mcc")
    )
    assert asked["primary_metric"] == "mcc"


@pytest.mark.parametrize("kind", ["train", "uniform"])
def test_another_test_prior_moves_precision_and_leaves_support(stored: StoredComparison, kind: str) -> None:
    run = runs_of(stored, "oversample")[0]
    plain, other = (score_arm(create("oversample"), [run], prior) for prior in ("dataset", kind))
    names = run.record["class_names"]
    before, after = per_class(plain, names), per_class(other, names)
    assert [row["support"] for row in before] == [row["support"] for row in after]
    assert [row["recall"] for row in before] == pytest.approx([row["recall"] for row in after])
    assert [row["precision"] for row in before] != pytest.approx([row["precision"] for row in after])
    counts = np.array(run.record["class_counts"])
    wanted = counts / counts.sum() if kind == "train" else np.full(10, 0.1)
    assert made(stored, [other])["test_prior"] == pytest.approx(
        dict(zip(names, wanted.tolist(), strict=True))
    )


@dataclass(frozen=True)
class Always(Strategy):
    """Moves the logits by a constant and always decides for class 7."""

    name: ClassVar[str] = "always"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        assert len(run.logits) == len(run.labels) == len(run.sample_weight)
        return lambda logits: logits + 1.0

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        return lambda logits: np.full(len(logits), 7)


def test_a_decision_changes_decisions_only(stored: StoredComparison) -> None:
    run = runs_of(stored, "cross-entropy")[0]
    plain, moved = (score_arm(s, [run], "dataset") for s in (create("ce"), Always()))
    a, b = summary(plain), summary(moved)
    for name in ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece"):
        assert b[name] == pytest.approx(a[name])
    assert b["balanced_accuracy"] == pytest.approx(0.1)
    rows = per_class(moved, run.record["class_names"])
    assert [row["recall"] for row in rows] == [1.0 if i == 7 else 0.0 for i in range(10)]
    assert [row["precision"] is None for row in rows] == [i != 7 for i in range(10)]


def test_notices_tell_of_factors_and_of_many_passes(stored: StoredComparison) -> None:
    runs = runs_of(stored, "cross-entropy")
    often = runs_of(stored, "undersample")[0]
    often = replace(often, record={**often.record, "class_passes": [1e4, *often.record["class_passes"][1:]]})
    arms = [
        score_arm(create("ce"), runs, "dataset"),
        score_arm(create("undersample"), [often], "dataset"),
    ]
    said = notices(arms)
    assert any("undersample sees each training row of class 0 10,000 times" in line for line in said)
    assert any("undersample 10" in line and "would make them equal" in line for line in said)
    assert notices(arms[:1]) == []
