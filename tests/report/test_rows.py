"""Rows of classes with few test images, and the points of a reliability diagram."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import binomtest

from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm
from imbalance_bench.report.rows import per_class, rarest_class, reliability_points
from imbalance_bench.report.tables import _unpredicted


def run_with(test_part: str, counts: tuple[int, ...] = (90, 10), vary: str = "all") -> StoredRun:
    labels = np.zeros(100, dtype=np.int64)
    record = {"test_part": test_part, "class_counts": list(counts)}
    config = SimpleNamespace(vary=vary, seed=0)
    found = SimpleNamespace(
        record=record, config=config, predictions={"test_labels": labels}, train_rows=list(counts)
    )
    return cast(StoredRun, found)


def arm(test_part: str, recalls: list[float], support: int) -> ScoredArm:
    def scores(recall: float) -> Scores:
        rows = [
            {"class": name, "precision": 0.5, "recall": recall, "f1": 0.5, "average_precision": 0.5}
            | {"support": support}
            for name in ("well", "ill")
        ]
        return Scores(rows, {}, np.array([0.9, 0.1]))

    return ScoredArm(
        "ce", None, tuple(run_with(test_part) for _ in recalls), tuple(scores(r) for r in recalls)
    )


def interval(found: ScoredArm) -> tuple[Any, Any]:
    row = per_class(found, ("well", "ill"))[1]
    return row["recall_low"], row["recall_high"]


def test_few_test_rows_have_exact_recall() -> None:
    exact = binomtest(9, 10).proportion_ci(method="exact")
    assert interval(arm("given", [0.9], 10)) == pytest.approx((exact.low, exact.high))
    # Seeds on the same ten rows know no more than one; of rows of their own they are thirty.
    assert interval(arm("given", [0.9] * 3, 10)) == pytest.approx((exact.low, exact.high))
    assert interval(arm("split", [0.9] * 3, 10)) == pytest.approx((exact.low, exact.high))
    pooled = binomtest(27, 30).proportion_ci(method="exact")
    assert interval(arm("drawn", [0.9] * 3, 10)) == pytest.approx((pooled.low, pooled.high))
    # Seeds that differ more than rows explain keep their own interval.
    low, high = interval(arm("drawn", [0.2, 0.9], 10))
    assert (low, high) == (0.0, 1.0)


def test_many_rows_keep_the_interval_over_seeds() -> None:
    assert interval(arm("drawn", [0.9, 0.9], 20)) == pytest.approx((0.9, 0.9))
    assert interval(arm("drawn", [0.9, 0.9], 19)) != pytest.approx((0.9, 0.9))


def test_reliability_points_are_means_over_the_seeds_that_have_them() -> None:
    one = np.array([[50, 0.5, 0.1, 0.12], [50, 0.5, 0.8, 0.7]])
    other = np.array([[100, 1.0, 0.3, 0.2]])
    scores = tuple(Scores([], {}, np.ones(2), reliability=each) for each in (one, other))
    found = ScoredArm("ce", None, (run_with("given"), run_with("given")), scores)
    first, second = reliability_points(found, ("well", "ill"))
    assert (first["strategy"], first["class"], first["bin"], first["n"]) == ("ce", "ill", 1, 2)
    assert (first["rows"], first["share"]) == (75.0, 0.75)
    assert (first["mean_probability"], first["frequency"]) == pytest.approx((0.2, 0.16))
    assert (second["bin"], second["n"], second["frequency"]) == (2, 1, 0.7)


def test_the_rarest_class_may_differ_by_seed() -> None:
    assert rarest_class([run_with("given")] * 2, ("well", "ill")) == "ill"
    assert rarest_class([run_with("given"), run_with("given", (5, 20))], ("well", "ill")) is None


def test_strategies_that_never_predict_a_class_are_named() -> None:
    rows = [
        {"strategy": "cross-entropy", "kind": "requested", "classes_predicted": 8.5},
        {"strategy": "focal", "kind": "requested", "classes_predicted": 10},
        {"strategy": "majority-class", "kind": "reference", "classes_predicted": 1},
        {"strategy": "smote", "kind": "requested", "classes_predicted": None},
    ]
    prior = {str(i): 0.1 for i in range(10)}
    assert _unpredicted({"rows": rows, "test_prior": prior}) == [
        "predict fewer than the 10 classes (mean over seeds): cross-entropy 8.5"
    ]
    assert _unpredicted({"rows": rows[1:], "test_prior": prior}) == []
