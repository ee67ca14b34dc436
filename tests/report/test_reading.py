"""What is asked of stored logits: checked before anything is trained, alike in every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import StoredComparison
from helpers import SMALL, Call, kinds, run_folders

from imbalance_bench import run
from imbalance_bench.config import merge
from imbalance_bench.errors import RequestError
from imbalance_bench.report.reading import Reading


def test_it_takes_what_settings_say() -> None:
    settings = merge(None, {"test_prior": "uniform", "primary_metric": "brier", "target_recall": "0.9"})
    assert Reading.of(settings) == Reading("uniform", "brier", target_recall=0.9)
    assert Reading.of(merge(None, {})) == Reading()


def test_the_threshold_serves_what_is_asked() -> None:
    assert Reading().threshold().spec == "threshold"
    assert Reading(target_recall=0.9).threshold().spec == "threshold:target_recall=0.9"
    assert Reading(cost_fn=20, cost_fp=1).threshold().spec == "threshold:cost_fn=20,cost_fp=1"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"primary_metric": "macro_f2"}, "there is no metric 'macro_f2'.*macro_f1"),
        (
            {"primary_metric": "mcc", "cost_fn": 2.0, "cost_fp": 1.0},
            "mcc is one of decisions, and --cost-fn and --cost-fp tune these for something else",
        ),
        ({"cost_fn": 2.0}, "cost_fn is given without cost_fp"),
        ({"cost_fn": 2.0, "cost_fp": 1.0, "target_recall": 0.5}, "it can serve one aim"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        Reading(**asked)  # type: ignore[arg-type]


def test_an_aim_of_two_classes_is_refused_for_more_before_training(
    call: Call, stored: StoredComparison
) -> None:
    ended = call("compare", "--dataset=digits", "--target-recall=0.9", "--results=none")
    assert ended.status == 2
    assert "target_recall is for two classes" in ended.err
    assert not Path("none").exists()
    told = call("report", str(stored.folder), "--cost-fn=5", "--cost-fp=1")
    assert told.status == 2
    assert "but the data have 10" in told.err


def test_report_reads_stored_runs_anew(call: Call) -> None:
    made = call("compare", *SMALL, "--strategies=ce", "--seeds=2", "--format=json").json
    assert kinds(made)[1] == ("cross-entropy+threshold", "tuned")
    folders = run_folders(Path("results"))
    told = call("report", "--target-recall=0.9", "--prevalence=0.01", "--format=json").json
    assert kinds(told)[1] == ("cross-entropy+threshold:target_recall=0.9", "tuned")
    recall = {row["strategy"]: row["recall"] for row in told["per_class"] if row["class"] == "diseased"}
    assert recall["cross-entropy+threshold:target_recall=0.9"] >= recall["cross-entropy"]
    same = call("compare", *SMALL, "--strategies=ce", "--seeds=2", "--target-recall=0.9",
                "--prevalence=0.01", "--format=json").json  # fmt: skip
    assert same == told
    assert run_folders(Path("results")) == folders
    rare, own = (
        next(row["ppv"] for row in each["operating_points"] if row["fitted_on"] == "validation")
        for each in (told, made)
    )
    assert rare < own
    shown = call("report", "--target-recall=0.9").out
    assert (
        "X+threshold: the decisions of X, tuned on validation for a recall of .900 of class diseased"
        in shown.replace("\n", " ")
    )


def test_in_run_the_aims_are_parameters_of_the_strategy(call: Call, tmp_path: Path) -> None:
    one = call("run", *SMALL, "--strategy=threshold", "--target-recall=0.9", "--format=json").json
    assert one["strategy"] == "threshold:target_recall=0.9"
    settings = {
        "dataset": "synthetic:train=200,val=100,test=100,prevalence=0.2",
        "steps": 5,
        "batch_size": 32,
    }
    found = run("threshold", target_recall=0.9, workers=0, device="cpu", results="results", **settings)
    assert found == one
    with pytest.raises(RequestError, match="prevalence belongs to compare"):
        run("focal", prevalence=0.1, results="results", **settings)
    refused = call("run", *SMALL, "--strategy=focal", "--target-recall=0.9")
    assert refused.status == 2
    assert "no flag --target-recall" in refused.err
    (tmp_path / "aims.yaml").write_text("target-recall: 0.9\n")
    kept = call("run", *SMALL, "--config=aims.yaml")
    assert kept.status == 2
    assert "target_recall" in kept.err


def test_costs_are_judged_by_the_expected_cost(call: Call) -> None:
    asked = ("--strategies=ce,oversample", "--seeds=2", "--cost-fn=20", "--cost-fp=2", "--format=json")
    found = call("compare", *SMALL, *asked).json
    assert found["threshold_metric"] == "expected_cost"
    assert found["aim"] == {"cost_fn": 20.0, "cost_fp": 2.0}
    assert found["positive_class"] == "diseased"
    shares = found["test_prior"]
    recalls = {(row["strategy"], row["class"]): row["recall"] for row in found["per_class"]}
    rows = {row["strategy"]: row for row in found["rows"]}
    assert rows.pop("bayes-optimal")["expected_cost"] is None
    for row in rows.values():
        missed, alarmed = (1 - recalls[row["strategy"], name] for name in ("diseased", "healthy"))
        wanted = 20 * shares["diseased"] * missed + 2 * shares["healthy"] * alarmed
        assert row["expected_cost"] == pytest.approx(wanted)
        assert row["expected_cost_low"] >= 0
    (row,) = found["decomposition"]
    assert row["metric"] == "expected_cost"
    parts = row["threshold_effect"] + row["model_effect"] - row["own_threshold_effect"]
    assert row["gain"] == pytest.approx(parts)
    cost = {row["strategy"]: row["expected_cost"] for row in found["rows"]}
    assert row["gain"] == pytest.approx(cost["oversample"] - cost["cross-entropy"])
    shown = call("compare", *SMALL, *asked[:-1]).out
    assert "the least expected cost (a missed diseased costs 20, a false alarm 2)" in shown.replace("\n", " ")
    assert "Differences in expected cost" in shown
    assert "The gain in expected cost, taken apart" in shown


def test_a_recall_is_judged_by_the_precision_there(call: Call) -> None:
    found = call(
        "compare",
        *SMALL,
        "--strategies=ce,oversample,threshold",
        "--seeds=2",
        "--target-recall=0.9",
        "--format=json",
    ).json
    assert found["threshold_metric"] == "target_recall"
    assert found["decomposition"] == []
    for row in found["rows"]:
        if row["strategy"] == "bayes-optimal":
            continue
        (own,) = (
            each
            for each in found["per_class"]
            if (each["strategy"], each["class"]) == (row["strategy"], "diseased")
        )
        for name in ("recall", "precision"):
            assert row[f"positive_{name}"] == own[name]
    (said,) = (line for line in found["verdict"] if "Precision at the recall aimed at" in line)
    assert "oversample+threshold " in said
    assert "; threshold " not in said
    compared = [row for row in found["differences"] if row["metric"] == "positive_precision"]
    assert [row["strategy"] for row in compared] == ["oversample+threshold:target_recall=0.9"]


def test_a_tuned_row_kept_at_one_prevalence_is_not_read_at_another(call: Call) -> None:
    call("compare", *SMALL, "--strategies=ce", "--seeds=2", "--prevalence=0.01")
    found = call("report", "--strategies=ce,cross-entropy+threshold", "--format=json").json
    plain, tuned = (
        {(row["aim"], row["target"], row["fitted_on"]): row["ppv"] for row in found["operating_points"]
         if row["strategy"] == name and "ppv" in row}
        for name in ("cross-entropy", "cross-entropy+threshold")
    )  # fmt: skip
    assert len(plain) == 8
    assert tuned == plain
