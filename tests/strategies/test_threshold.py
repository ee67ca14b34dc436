"""The moved threshold: a hand count, what it refuses, and that through `compare` it trains nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Call, expected_kinds, kinds, run_folders
from small_store import OF_SCORES, SETTINGS, again, row_of

from imbalance_bench.api import compare, run
from imbalance_bench.errors import RefusedError, RequestError
from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.report.result import Result
from imbalance_bench.strategies import Context, FittingData, create
from imbalance_bench.strategies.base import defines, is_afterwards_only
from imbalance_bench.strategies.registry import trained_part

CONTEXT = Context(np.array([90, 10]), ("a", "b"))


def fitting(
    gaps: list[float], labels: list[int], weight: Any = None, metric: str = "macro_f1"
) -> FittingData:
    """Validation rows whose second logit is larger by `gaps`."""
    logits = np.stack([np.zeros(len(gaps)), np.array(gaps)], axis=1)
    weights = np.ones(len(gaps)) if weight is None else np.array(weight, dtype=float)
    return FittingData(logits, np.array(labels), weights, lambda: np.zeros((2, 3), np.float32), metric)


def first_called(spec: str, run: FittingData) -> float:
    """The least difference of the two logits that is decided as the second class, in hundredths."""
    gaps = np.arange(-1000, 1001) / 100
    said = create(spec).fit_decision(run, CONTEXT)(np.stack([np.full(2001, 3.0), 3.0 + gaps], axis=1))
    assert said.dtype == np.int64
    return float(gaps[said == 1][0]) if said.any() else float("inf")


# Gaps -5 -3 -1 0.5 2, the second class at -3, 0.5 and 2. By hand, calling those above the threshold:
#   above -4: 4 called, 3 right, recalls 1/2 and 1; balanced accuracy .75, accuracy .8, F1s 2/3 and 6/7
#   above -0.25: 2 called, 2 right, recalls 1 and 2/3; balanced accuracy .8333, accuracy .8, F1s .8 and .8
GAPS, LABELS = [-5.0, -3.0, -1.0, 0.5, 2.0], [0, 1, 0, 1, 1]


def test_by_hand() -> None:
    # argmax decides as the best cut does, that at -0.25: where nothing is gained nothing moves.
    assert first_called("threshold", fitting(GAPS, LABELS)) == 0.01
    assert first_called("threshold:metric=balanced_accuracy", fitting(GAPS, LABELS)) == 0.01
    # A weight of 9 on the row at -3: its recall pays for the false call at -1.
    heavy = fitting(GAPS, LABELS, [1, 9, 1, 1, 1])
    for metric in ("balanced_accuracy", "accuracy", "macro_f1"):
        assert first_called(f"threshold:metric={metric}", heavy) == -3.99
    # The worst recall: 1/2 below, 2/11 above.
    assert first_called("threshold:metric=worst_class_recall", heavy) == -3.99


def test_a_cut_lies_halfway_between_rows() -> None:
    assert first_called("threshold", fitting([-3.0, -2.0, 1.0], [0, 1, 1])) == -2.49
    assert first_called("threshold", fitting([-3.0, 2.0, 4.0], [0, 0, 1])) == 3.01


def test_three_classes_get_an_offset_each() -> None:
    labels = np.repeat([0, 1, 2], 30)
    right = 4.0 * np.eye(3)[labels]
    # The scores of the last two are too low by 6 and by 9.
    run = FittingData(right - [0, 6, 9], labels, np.ones(90), lambda: np.zeros((3, 3), np.float32))
    context = Context(np.array([50, 20, 10]), ("a", "b", "c"))
    decide = create("threshold").fit_decision(run, context)
    assert run.logits.argmax(axis=1).tolist() == [0] * 90
    assert decide(run.logits).tolist() == labels.tolist()


def test_auto_follows_the_metric_of_the_request() -> None:
    for metric in DECISION_METRICS:
        asked = fitting(GAPS, LABELS, [1, 2.2, 1, 1, 1], metric)
        assert first_called("threshold", asked) == first_called(f"threshold:metric={metric}", asked)
    cheap, dear = (fitting(GAPS, LABELS, [1, 2.2, 1, 1, 1], m) for m in ("accuracy", "balanced_accuracy"))
    # accuracy: 5.2 of 6.2 right at the low cut, 4 at the high one; balanced accuracy: .75 against .7381
    assert first_called("threshold", cheap) == first_called("threshold", dear) == -3.99
    third = [1, 1.1, 1, 1, 1]
    # accuracy: 4.1 of 5.1 right at the low cut, 4 at the high one; balanced accuracy: .75 against .8226
    assert first_called("threshold", fitting(GAPS, LABELS, third, "accuracy")) == -3.99
    assert first_called("threshold", fitting(GAPS, LABELS, third, "balanced_accuracy")) == 0.01


def test_what_it_is() -> None:
    strategy = create("threshold")
    assert strategy.requires == "cross-entropy"
    assert trained_part(strategy).spec == "cross-entropy"
    assert is_afterwards_only(strategy)
    assert [p for p in ("fit_adjust", "fit_decision") if defines(strategy, p)] == ["fit_decision"]
    assert strategy.spec == create("threshold:metric=auto").spec == "threshold"
    assert create("threshold", metric="mcc").spec == "threshold:metric=mcc"
    assert trained_part(create("oversample+focal+threshold")).spec == "oversample+focal"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("threshold+threshold", "holds 'threshold' twice; keep one"),
        ("focal+threshold+threshold:metric=mcc", "holds 'threshold' twice; keep one"),
        ("threshold:metric=recall", "metric.*'recall'.*'balanced_accuracy'"),
        ("threshold:metric=minority_ap", "metric.*'minority_ap'.*'macro_f1'"),
        ("threshold:metric=0.5", "metric.*0.5.*'macro_f1'"),
        ("threshold:metrik=mcc", "'metrik'.*metric"),
        ("threshold:mcc", "takes no word after the colon"),
        ("threshold:target_recall=0", r"target_recall.*'0'.*above 0"),
        ("threshold:target_recall=1.5", "target_recall.*at most 1"),
        ("threshold:cost_fn=10", "cost_fn is given without cost_fp"),
        ("threshold:cost_fp=1", "cost_fp is given without cost_fn"),
        ("threshold:cost_fn=-1,cost_fp=1", "cost_fn.*above 0"),
        ("threshold:metric=mcc,target_recall=0.9", "one aim, and metric; target_recall are given"),
        (
            "threshold:cost_fn=1,cost_fp=1,target_recall=0.9",
            "one aim, and target_recall; cost_fn and cost_fp",
        ),
        ("threshold:costs=0/1/1/0,metric=youden", "one aim, and metric; costs are given"),
    ],
)
def test_what_is_refused(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)


def test_youden_is_another_word_for_balanced_accuracy() -> None:
    assert create("threshold:metric=youden").spec == "threshold:metric=balanced_accuracy"
    # J = sensitivity + specificity - 1, by hand for the rows above: .5 at -4, 2/3 at -0.25.
    heavy = fitting(GAPS, LABELS, [1, 2.2, 1, 1, 1])
    assert first_called("threshold:metric=youden", heavy) == -3.99


def test_a_recall_is_reached_with_the_best_precision() -> None:
    # Called above -0.25: 2 of 3 found, both right. Above -4: all 3, 3 of 4 right.
    assert first_called("threshold:target_recall=0.6", fitting(GAPS, LABELS)) == -0.24
    assert first_called("threshold:target_recall=0.7", fitting(GAPS, LABELS)) == -3.99
    # With a weight of 9 on the row at -3 the other two are 2/11 of the class.
    assert first_called("threshold:target_recall=0.6", fitting(GAPS, LABELS, [1, 9, 1, 1, 1])) == -3.99


def test_the_positive_class_is_the_contexts() -> None:
    run = fitting(GAPS, LABELS)
    first = Context(CONTEXT.class_counts, CONTEXT.class_names, positive=0)
    # The first class lies at -5 and -1: both are found by calling it below -0.25, one of three wrongly.
    decide = create("threshold:target_recall=0.9").fit_decision(run, first)
    assert decide(run.logits).tolist() == [0, 0, 0, 1, 1]
    costly = create("threshold:cost_fn=1000,cost_fp=1")
    assert costly.fit_decision(run, first)(run.logits).tolist() == [0, 0, 0, 0, 0]
    assert costly.fit_decision(run, CONTEXT)(run.logits).tolist() == [1, 1, 1, 1, 1]


def calibrated(n: int, shift: float = 0.0, sharpness: float = 1.0) -> tuple[FittingData, Any]:
    """Validation rows whose true log odds were shifted and scaled, and those log odds."""
    rng = np.random.default_rng(0)
    odds = rng.normal(-1, 2, n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    logits = np.stack([np.zeros(n), sharpness * odds + shift], axis=1)
    return FittingData(logits, labels, np.ones(n), lambda: np.zeros((2, 3), np.float32)), odds


@pytest.mark.parametrize(("shift", "sharpness"), [(0.0, 1.0), (3.0, 1.0), (-1.0, 0.4), (1.0, 3.0)])
def test_costs_decide_by_corrected_probability(shift: float, sharpness: float) -> None:
    run, odds = calibrated(20_000, shift, sharpness)
    said = create("threshold:cost_fn=10,cost_fp=1").fit_decision(run, CONTEXT)(run.logits)
    # Called where the true probability exceeds 1 / 11, but for the fit's error in a narrow band.
    clear = np.abs(odds + np.log(10)) > 0.2
    assert (said[clear] == (odds[clear] > -np.log(10))).all()
    matrix = create("threshold:costs=0/1/10/0").fit_decision(run, CONTEXT)(run.logits)
    assert (matrix == said).all()
    only_ratio = create("threshold:cost_fn=1,cost_fp=0.1").fit_decision(run, CONTEXT)(run.logits)
    assert (only_ratio == said).all()


def test_costs_of_three_classes() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    run = FittingData(2.0 * np.eye(3)[labels], labels, np.ones(100), lambda: np.zeros((3, 3), np.float32))
    context = Context(np.array([60, 30, 10]), ("a", "b", "c"))
    # Missing the last costs so much that every decision is it.
    dear = create("threshold:costs=0/1/1/1/0/1/1e6/1e6/0")
    assert dear.spec == "threshold:costs=0/1/1/1/0/1/1000000/1000000/0"
    assert set(dear.fit_decision(run, context)(run.logits)) == {2}
    equal = create("threshold:costs=0/1/1/1/0/1/1/1/0").fit_decision(run, context)(run.logits)
    assert equal.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("threshold:target_recall=0.9", "target_recall is for two classes.*have 3"),
        ("threshold:cost_fn=2,cost_fp=1", "cost_fn, cost_fp is for two classes.*have 3.*use costs"),
        ("threshold:costs=0/1/1/0", "costs holds 4 numbers.*3 classes.*9 are needed"),
        ("threshold:costs=3", "costs holds 1 numbers"),
    ],
)
def test_aims_that_do_not_fit_the_classes(spec: str, said: str) -> None:
    context = Context(np.array([50, 20, 10]), ("a", "b", "c"))
    with pytest.raises(RefusedError, match=said):
        create(spec).check(context)
    with pytest.raises(RefusedError, match=said):
        create(f"focal+{spec}").check(context)


def test_a_recall_of_a_class_that_validation_lacks() -> None:
    for lacking in (fitting([-1.0, 1.0], [0, 0]), fitting([-1.0, 1.0], [0, 1], [1, 0])):
        with pytest.raises(RefusedError, match=r"0\.9 can't be reached: validation has no row of 'b'"):
            create("threshold:target_recall=0.9").fit_decision(lacking, CONTEXT)
    # Costs can do without: the logits stay as they are.
    decide = create("threshold:cost_fn=2,cost_fp=1").fit_decision(fitting([-1.0, 1.0], [0, 0]), CONTEXT)
    assert decide(np.array([[0.0, -0.6], [0.0, -0.8]])).tolist() == [1, 0]


@dataclass(frozen=True)
class Store:
    """Cross-entropy and focal stored on a small drawn data set."""

    folder: Path
    result: Result


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("threshold")
    return Store(folder, compare("ce,focal", seeds=2, results=folder, **SETTINGS))


def numbers(result: Result, name: str) -> dict[str, Any]:
    return {key: value for key, value in row_of(result, name).items() if key not in ("strategy", "kind")}


def test_it_trains_nothing_and_equals_the_automatic_row(store: Store) -> None:
    assert len(run_folders(store.folder)) == 4
    result = again(store.folder, "ce,threshold,focal+threshold")
    assert kinds(result) == [
        ("cross-entropy", "requested"),
        ("threshold", "requested"),
        ("focal+threshold", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("bayes-optimal", "reference"),
        ("majority-class", "reference"),
    ]
    assert numbers(result, "threshold") == numbers(result, "cross-entropy+threshold")
    for name in ("cross-entropy", "cross-entropy+threshold"):
        assert numbers(result, name) == numbers(store.result, name)
    assert numbers(result, "focal+threshold") == numbers(store.result, "focal+threshold")
    assert numbers(result, "threshold")["macro_f1"] != numbers(result, "cross-entropy")["macro_f1"]
    for name in OF_SCORES:
        assert numbers(result, "threshold")[name] == numbers(result, "cross-entropy")[name]


def test_recall_and_costs_through_compare(store: Store) -> None:
    specs = ["threshold:target_recall=0.9", "threshold:cost_fn=20,cost_fp=1"]
    result = again(store.folder, ",".join(["ce", *specs]))
    assert kinds(result)[:3] == [
        (name, "requested") for name in ("cross-entropy", *(create(s).spec for s in specs))
    ]
    plain = numbers(result, "cross-entropy")
    found = {row["strategy"]: row["recall"] for row in result["per_class"] if row["class"] == "diseased"}
    for spec in (create(s).spec for s in specs):
        assert {name: numbers(result, spec)[name] for name in OF_SCORES} == {
            name: plain[name] for name in OF_SCORES
        }
        assert found[spec] > found["cross-entropy"]
        assert found[spec] > 0.6


def test_alone_it_trains_cross_entropy_only(tmp_path: Path) -> None:
    result = run("threshold", results=tmp_path, **SETTINGS)
    assert result["strategy"] == "threshold"
    assert [Path(path).parent.name for path in result["runs"]] == ["cross-entropy"]
    assert len(run_folders(tmp_path)) == 1


def test_the_primary_metric_is_what_is_tuned_for(store: Store) -> None:
    plain = again(store.folder, "ce,threshold:metric=balanced_accuracy,threshold:metric=macro_f1")
    asked = again(store.folder, "ce,threshold", primary_metric="balanced_accuracy")
    assert (plain["primary_metric"], plain["threshold_metric"]) == ("minority_ap", "macro_f1")
    assert asked["primary_metric"] == asked["threshold_metric"] == "balanced_accuracy"
    wanted = numbers(plain, "threshold:metric=balanced_accuracy")
    assert numbers(asked, "threshold") == numbers(asked, "cross-entropy+threshold") == wanted
    assert numbers(plain, "cross-entropy+threshold") == numbers(plain, "threshold:metric=macro_f1")
    assert wanted["balanced_accuracy"] != numbers(plain, "cross-entropy+threshold")["balanced_accuracy"]


def test_run_tunes_for_its_primary_metric_too(store: Store) -> None:
    common = {**SETTINGS, "results": store.folder, "seeds": 2}
    named = run("threshold:metric=balanced_accuracy", **common)
    auto = run("threshold", primary_metric="balanced_accuracy", **common)
    assert auto["summary"] == named["summary"]
    assert run("threshold", **common)["summary"] != named["summary"]
    with pytest.raises(RequestError, match="Did you mean 'balanced_accuracy'"):
        run("threshold", primary_metric="balanced_acuracy", **common)


def test_from_the_command_line(call: Call) -> None:
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in SETTINGS.items()]
    ended = call("run", "--strategy=threshold", "--metric=mcc", *flags, "--format=json")
    assert ended.status == 0, ended.err
    assert ended.json["strategy"] == "threshold:metric=mcc"
    refused = call("run", "--strategy=threshold", "--metric=recall", *flags)
    assert refused.status == 2
    assert "'worst_class_recall'" in refused.err
    shown = call("list", "strategies", "threshold").out
    assert "auto" in shown
    assert "worst_class_recall" in shown


def test_every_strategy_may_be_followed_by_it(store: Store) -> None:
    result = again(store.folder, "focal,cross-entropy")
    assert kinds(result) == expected_kinds("focal", "cross-entropy", bayes=True)
