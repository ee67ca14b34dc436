"""Several data sets from Python: one comparison each, ranks over all, the same from the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import run_folders, without_clock

from imbalance_bench import Result, compare, run
from imbalance_bench.errors import RequestError
from imbalance_bench.report.reading import Reading
from imbalance_bench.stored import stored_comparisons, stored_results

TINY: dict[str, Any] = {"steps": 2, "batch_size": 16, "seeds": 2, "workers": 0, "device": "cpu"}
FIRST = "synthetic:prevalence=0.2,test=100,train=200,val=100"
SECOND = "synthetic:prevalence=0.3,test=100,train=200,val=100"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Two strategies on three data sets."""
    folder = tmp_path_factory.mktemp("several") / "results"
    return folder, compare("ce,focal", dataset=["digits", FIRST, SECOND], results=folder, **TINY)


def test_a_list_gives_a_result_of_results(store: tuple[Path, Result]) -> None:
    folder, result = store
    assert set(result) == {"comparisons", "ranks", "notices"}
    assert [each["dataset"] for each in result["comparisons"]] == ["digits", FIRST, SECOND]
    assert all(isinstance(each, Result) for each in result["comparisons"])
    # Two classes alone would be judged by minority AP; ranks need one metric for all.
    assert [each["primary_metric"] for each in result["comparisons"]] == ["macro_f1"] * 3
    assert len(run_folders(folder)) == 12
    ranks = result["ranks"]
    frame = result.frame("ranks")
    assert frame["strategy"].tolist() == ["cross-entropy+threshold", "focal+threshold"]
    assert frame["mean_rank"].sum() == 3
    for each in result["comparisons"]:
        rows = {row["strategy"]: row["macro_f1"] for row in each["rows"]}
        for score in ranks["scores"]:
            if score["dataset"] == each["dataset"]:
                assert score["value"] == rows[score["strategy"]]
    assert "macro F1" in ranks["verdict"][0]
    assert set(result.frame("per_class")["dataset"]) == {"digits", FIRST, SECOND}


def test_each_comparison_is_that_of_its_data_set_alone(store: tuple[Path, Result]) -> None:
    folder, result = store
    for each in result["comparisons"]:
        alone = compare(
            "ce,focal", dataset=each["dataset"], primary_metric="macro_f1", results=folder, **TINY
        )
        assert without_clock(dict(alone)) == without_clock(dict(each))
        assert alone.notices == each.notices
        assert all(f"{each['dataset']}: {line}" in result.notices for line in alone.notices)


def test_text_and_list_are_the_same_and_one_is_as_before(store: tuple[Path, Result]) -> None:
    folder, result = store
    written = f"digits,{FIRST}, {SECOND}"
    text = compare("ce,focal", dataset=written, results=folder, **TINY)
    assert without_clock(dict(text)) == without_clock(dict(result))
    one = compare("ce,focal", dataset=["digits"], results=folder, **TINY)
    assert "rows" in one
    assert one["dataset"] == "digits"
    named = compare("ce,focal", dataset=written, primary_metric="macro_ap", results=folder, **TINY)
    assert named.frame("ranks")["strategy"].tolist() == ["cross-entropy", "focal"]
    assert "named" not in " ".join(named["ranks"]["verdict"])


def test_the_store_gives_the_same_ranks(store: tuple[Path, Result]) -> None:
    folder, result = store
    (found,) = stored_results(folder)
    assert without_clock(dict(found)) == without_clock(dict(result))
    assert [each["primary_metric"] for each in stored_comparisons(folder)] == ["macro_f1"] + [
        "minority_ap"
    ] * 2
    (one,) = stored_results(folder / "digits")
    assert one["dataset"] == "digits"
    (moved,) = stored_results(folder, strategies="focal,ce", reading=Reading(primary_metric="mcc"))
    assert moved.frame("ranks")["strategy"].tolist() == ["focal+threshold", "cross-entropy+threshold"]
    with pytest.raises(RequestError, match="no finished run of undersample"):
        stored_results(folder, strategies="undersample")


def test_stored_runs_that_do_not_fit_are_not_ranked(tmp_path: Path) -> None:
    run(dataset="digits", results=tmp_path, **TINY)
    run(dataset=FIRST, results=tmp_path, **{**TINY, "steps": 3})
    found = stored_results(tmp_path)
    assert [each["primary_metric"] for each in found] == ["macro_f1", "minority_ap"]


def test_a_strategy_that_one_data_set_refuses_is_kept_out_of_the_ranks(tmp_path: Path) -> None:
    asked = "ce,focal:alpha=0.25,undersample"
    result = compare(asked, dataset=["digits", FIRST], results=tmp_path, **TINY)
    digits, other = result["comparisons"]
    assert [failure["strategy"] for failure in digits["failures"]] == ["focal:alpha=0.25"] * 2
    assert other["failures"] == []
    assert result.frame("ranks")["strategy"].tolist() == ["cross-entropy+threshold", "undersample+threshold"]
    assert result["ranks"]["left_out"] == [
        {"strategy": "focal:alpha=0.25+threshold", "dataset": "digits", "reason": "2 of 2 runs missing"}
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": ["digits", "digits"]}, "names digits twice"),
        ({"dataset": []}, "empty list"),
        ({"dataset": ["digits", ""]}, "not empty"),
        ({"dataset": ["synthetic", "digit"]}, "^no data set is called 'digit'.*Did you mean 'digits'"),
        ({"dataset": "digits,,synthetic"}, "remove the extra comma"),
        ({"dataset": [FIRST, "digits"], "positive_class": "diseased"}, "^digits: --positive-class diseased"),
        ({"dataset": ["digits", FIRST], "n_max": 5}, "^--n-max needs"),
        ({"dataset": ["digits", FIRST], "model": "resnet"}, "^(?!digits).*small-cnn"),
        (
            {"dataset": [FIRST, "digits"], "target_recall": 0.9},
            "^digits: threshold: target_recall is for two",
        ),
        # Found only once the data are thinned; the first data set would do.
        (
            {"dataset": ["digits", FIRST], "imbalance_ratio": 1.5, "n_max": 100, "tail_order": "fixed"},
            "^synthetic.*n_max is 100",
        ),
    ],
)
def test_nothing_is_trained_where_one_data_set_refuses(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        compare("ce", results=tmp_path / "results", **TINY, **settings)
    assert not (tmp_path / "results").exists()


def test_run_takes_one_data_set(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"2 data sets \(digits, synthetic\); only `imbench compare`"):
        run(dataset=["digits", "synthetic"], results=tmp_path)
