"""Ranks over data sets: a published case, cases by hand, ties, failures, and what the sentences claim."""

from __future__ import annotations

import json
from typing import Any

import pytest
from made_comparisons import DEMSAR, made, of_scores, row
from scipy.stats import friedmanchisquare

from imbalance_bench.config import RunConfig
from imbalance_bench.report.ranks import ranked_names, ranking, several, treated_alike
from imbalance_bench.report.result import Result
from imbalance_bench.strategies.registry import create

CE = "cross-entropy"
NAMES = (CE, "m", "cf", "m+cf")


def means(content: dict[str, Any]) -> dict[str, float]:
    return {each["strategy"]: each["mean_rank"] for each in content["rows"]}


def test_the_published_case() -> None:
    found = ranking(of_scores(NAMES, DEMSAR))
    assert list(means(found)) == list(NAMES)
    assert list(means(found).values()) == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    chi = friedmanchisquare(*zip(*DEMSAR, strict=True))
    assert found["friedman_chi_square"] == pytest.approx(chi.statistic)
    assert found["friedman_p"] == pytest.approx(chi.pvalue)
    f = 13 * chi.statistic / (14 * 3 - chi.statistic)
    assert found["iman_davenport_f"] == pytest.approx(f)
    assert 0.01 < found["iman_davenport_p"] < 0.02
    assert found["critical_difference"] == pytest.approx(1.25, abs=5e-3)
    assert found["not_told_apart"] == [["m+cf", "m", "cf", CE]]
    rows = found["rows"]
    assert [each["p_raw"] for each in rows[1:]] == pytest.approx([0.019, 0.608, 0.016], abs=1e-3)
    assert [each["p_value"] for each in rows[1:]] == pytest.approx([0.047, 0.608, 0.047], abs=1e-3)
    assert rows[0]["p_value"] is rows[0]["p_raw"] is None
    assert (found["n"], found["baseline"], found["left_out"]) == (14, CE, [])
    assert found["verdict"][0].startswith("The strategies' ranks differ over these 14 data sets")
    assert found["verdict"][1].startswith(
        f"Ranked better than {CE} (mean rank 3.14): m (2.00, p .047); m+cf (1.96"
    )
    assert len(found["verdict"]) == 2
    json.dumps(found, allow_nan=False)


def test_the_tuned_rows_are_ranked_by_a_metric_of_decisions_in_the_order_asked() -> None:
    each = {"focal": [0.9, 0.2], CE: [0.1, 0.3], "smote": [0.5, 0.4]}
    found = ranking([made(name, each) for name in ("a", "b", "c")])
    assert means(found) == {"focal+threshold": 3.0, f"{CE}+threshold": 2.0, "smote+threshold": 1.0}
    assert list(means(found)) == ["focal+threshold", f"{CE}+threshold", "smote+threshold"]
    assert found["baseline"] == f"{CE}+threshold"
    assert [s["value"] for s in found["scores"][:3]] == [0.2, 0.3, 0.4]
    assert [s["rank"] for s in found["scores"][:3]] == [3.0, 2.0, 1.0]
    # All data sets rank alike: F is infinite, which JSON can't hold, and chi-square is 2 N.
    assert found["iman_davenport_f"] is found["iman_davenport_p"] is None
    assert found["friedman_chi_square"] == pytest.approx(6)
    assert "chi-square: p .050" in found["verdict"][0]


def test_the_baseline_is_found_whatever_thresholds_are_tuned_for() -> None:
    given = [made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4]}) for name in "abc"]
    for each in given:
        for found in each["rows"]:
            found["strategy"] = found["strategy"].replace("+threshold", "+threshold:target_recall=0.9")
    assert ranking(given)["baseline"] == f"{CE}+threshold:target_recall=0.9"


def test_ties_share_their_rank_and_last_bits_break_none() -> None:
    found = ranking(of_scores((CE, "a", "b"), [(0.3, 0.1 + 0.2, 0.1)] * 2 + [(0.5, 0.5, 0.5)]))
    assert means(found) == pytest.approx({CE: 5 / 3, "a": 5 / 3, "b": 8 / 3})
    alike = ranking(of_scores((CE, "a", "b"), [(0.5, 0.5, 0.5)] * 3))
    assert set(means(alike).values()) == {2.0}
    assert alike["friedman_p"] == alike["iman_davenport_p"] == 1.0
    assert alike["not_told_apart"] == [[CE, "a", "b"]]


def test_less_is_better_where_the_metric_is_a_loss() -> None:
    found = ranking(of_scores((CE, "a"), [(0.2, 0.3)] * 3, "log_loss"))
    assert means(found) == {CE: 1.0, "a": 2.0}


def test_a_strategy_that_failed_somewhere_is_left_out_by_name() -> None:
    given = [made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4], "smote": [0.5, 0.6]}) for name in "abc"]
    given[1]["rows"][4] = row("focal+threshold", "macro_f1", None, "tuned", n=0)
    given[2]["rows"][4] = row("focal+threshold", "macro_f1", 0.9, "tuned", n=1)
    found = ranking(given)
    assert means(found) == {f"{CE}+threshold": 2.0, "smote+threshold": 1.0}
    assert [(out["strategy"], out["dataset"], out["reason"]) for out in found["left_out"]] == [
        ("focal+threshold", "b", "2 of 2 runs missing"),
        ("focal+threshold", "c", "1 of 2 runs missing"),
    ]
    assert "Left out of the ranks: focal+threshold (b: 2 of 2 runs missing)" in found["verdict"][0]
    kept = [each for each in found["scores"] if each["strategy"] == "focal+threshold"]
    assert [each["value"] for each in kept] == [0.4, None, 0.9]
    assert [each["rank"] for each in kept] == [None] * 3


def test_what_is_undefined_has_no_rank() -> None:
    found = ranking(of_scores((CE, "a", "b"), [(0.1, 0.2, 0.3), (0.1, None, 0.3), (0.1, 0.2, 0.3)]))
    assert found["left_out"] == [{"strategy": "a", "dataset": "data-1", "reason": "macro AUC is undefined"}]


def test_without_the_baseline_nothing_is_tested_against_it() -> None:
    found = ranking(of_scores((CE, "a", "b"), [(None, 0.2, 0.3)] * 14))
    assert found["baseline"] is None
    assert [each["p_value"] for each in found["rows"]] == [None, None]
    assert [each["difference"] for each in found["rows"]] == [None, None]
    assert found["critical_difference"] is not None
    one = ranking(of_scores((CE, "a"), [(None, 0.2)] * 3))
    assert one["rows"] == []
    assert one["verdict"][-1].startswith("Fewer than two strategies")


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_data_sets_are_not_tested(n: int) -> None:
    found = ranking(of_scores((CE, "a"), [(0.1, 0.2)] * n))
    assert means(found) == {CE: 2.0, "a": 1.0}
    tests = (
        "friedman_chi_square",
        "friedman_p",
        "iman_davenport_f",
        "iman_davenport_p",
        "critical_difference",
    )
    assert [found[name] for name in tests] == [None] * 5
    assert found["not_told_apart"] == []
    assert [each["p_value"] for each in found["rows"]] == [None, None]
    assert "no test" in found["verdict"][-1]


@pytest.mark.parametrize(("n", "said"), [(3, True), (4, True), (5, False)])
def test_few_data_sets_have_little_power(n: int, said: bool) -> None:
    found = ranking(of_scores((CE, "a"), [(0.1, 0.2), (0.2, 0.1), (0.1, 0.2), (0.2, 0.1), (0.2, 0.1)][:n]))
    assert ("little power" in found["verdict"][-1]) is said
    assert "not shown to differ" in found["verdict"][0]


def test_a_metric_that_was_not_named_is_said() -> None:
    given = [made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4]}) for name in "abc"]
    assert ranking(given, named=False)["verdict"][0].startswith(
        "No primary metric was named: macro F1, of the dec"
    )
    assert "named" not in " ".join(ranking(given)["verdict"])


@pytest.mark.parametrize(
    ("requested", "tuned", "by_decisions", "by_scores"),
    [
        (
            (CE, "focal"),
            (f"{CE}+threshold", "focal+threshold"),
            (f"{CE}+threshold", "focal+threshold"),
            (CE, "focal"),
        ),
        # Asked for in both forms: one of them.
        ((CE, f"{CE}+threshold"), (), (f"{CE}+threshold",), (CE,)),
        ((CE, "threshold"), (f"{CE}+threshold",), (f"{CE}+threshold",), (CE,)),
        # A decision of another aim is a strategy of its own.
        (
            (CE, "threshold:metric=mcc"),
            (f"{CE}+threshold",),
            (f"{CE}+threshold", "threshold:metric=mcc"),
            (CE,),
        ),
        # The arm that tunes may itself have an aim.
        ((CE, "focal"), (f"{CE}+threshold:target_recall=0.9", "focal+threshold:target_recall=0.9"),
         (f"{CE}+threshold:target_recall=0.9", "focal+threshold:target_recall=0.9"), (CE, "focal")),
        (("focal+threshold",), (), ("focal+threshold",), ("focal+threshold",)),
    ],
)  # fmt: skip
def test_which_rows_are_ranked(
    requested: tuple[str, ...],
    tuned: tuple[str, ...],
    by_decisions: tuple[str, ...],
    by_scores: tuple[str, ...],
) -> None:
    rows = [{"strategy": name, "kind": "requested"} for name in requested]
    rows += [{"strategy": name, "kind": "tuned"} for name in tuned]
    rows += [{"strategy": "majority-class", "kind": "reference"}]
    assert ranked_names(rows, "macro_f1") == list(by_decisions)
    assert ranked_names(rows, "macro_ap") == list(by_scores)


def test_several_is_a_result_with_frames_and_notices() -> None:
    given = [Result(made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4]}), ["seen"]) for name in "abc"]
    found = several(given, named=True)
    assert found.notices == ["a: seen", "b: seen", "c: seen"]
    assert found["comparisons"] == given
    assert found.frame("ranks")["mean_rank"].tolist() == [2.0, 1.0]
    rows = found.frame("rows")
    assert list(rows.columns[:2]) == ["dataset", "strategy"]
    assert len(rows) == 15


def config(**changes: object) -> RunConfig:
    base: dict[str, object] = {
        "format_version": 1, "data_fingerprint": "x", "dataset": "digits", "imbalance_ratio": None,
        "profile": None, "n_max": None, "minority_fraction": None, "tail_order": None, "validation": None,
        "strategy": CE, "requires_key": None, "positive_class": None, "model": "small-cnn", "steps": 5,
        "epochs": None, "batch_size": 16, "lr": 0.1, "schedule": "constant", "weight_decay": 0, "seed": 0,
        "vary": "all", "device_type": "cpu", "torch_version": "2.6",
    }  # fmt: skip
    return RunConfig.model_validate({**base, **changes})


def test_stored_runs_are_ranked_only_where_all_but_the_data_agrees() -> None:
    ce, focal = create(CE), create("focal")
    digits = ([config()], [ce, focal])
    other = config(dataset="synthetic", data_fingerprint="y", seed=3)
    assert treated_alike([digits, ([other], [focal, ce])])
    assert not treated_alike([digits])
    assert not treated_alike([digits, ([other], [ce])])
    assert not treated_alike([digits, ([other.model_copy(update={"steps": 6})], [ce, focal])])
    assert not treated_alike([digits, ([config(data_fingerprint="z")], [ce, focal])])
