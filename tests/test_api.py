"""The library: the same experiments as the command line, from Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import STRATEGIES, StoredComparison
from helpers import expected_kinds, kinds, requested

import imbalance_bench
from imbalance_bench import Result, compare, load_results, run
from imbalance_bench.api import RunFailedError
from imbalance_bench.errors import RequestError
from imbalance_bench.report.reading import Reading
from imbalance_bench.stored import stored_comparisons
from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import register

SMALL: dict[str, Any] = {
    "dataset": "synthetic:train=200,val=100,test=100,prevalence=0.2",
    "steps": 5,
    "batch_size": 32,
    "workers": 0,
    "device": "cpu",
}


@dataclass(frozen=True)
class Broken(Strategy):
    """Its loss raises in training."""

    name: ClassVar[str] = "broken"

    def loss(self, context: Context) -> RowLoss:
        raise ArithmeticError("no loss today")


def test_the_package_offers_its_functions() -> None:
    assert imbalance_bench.compare is compare
    with pytest.raises(AttributeError, match="no attribute 'comparison'"):
        _ = imbalance_bench.comparison


def test_compare_gives_a_result_with_tables(tmp_path: Path) -> None:
    result = compare(["focal", "undersample"], seeds=2, results=tmp_path, **SMALL)
    assert isinstance(result, Result)
    assert isinstance(result, dict)
    rows = result.frame()
    assert kinds(result) == expected_kinds("cross-entropy", "focal", "undersample", bayes=True)
    assert list(zip(rows["strategy"], rows["kind"], strict=True)) == kinds(result)
    assert rows["n"].tolist() == [2] * 8
    assert rows["macro_f1"].tolist() == [row["macro_f1"] for row in result["rows"]]
    assert len(result.frame("per_class")) == 16
    assert result.frame("differences")["strategy"].unique().tolist() == [
        "focal", "focal+threshold", "undersample", "undersample+threshold",
    ]  # fmt: skip
    assert result.frame("decomposition")["strategy"].tolist() == ["focal", "undersample"]
    assert result["primary_metric"] == "minority_ap"
    assert result["threshold_metric"] == "macro_f1"
    text = compare("focal,undersample", seeds="0,1", results=str(tmp_path), **SMALL)
    assert dict(text) == dict(result)
    other = compare("focal,ce", seeds=2, results=tmp_path, **SMALL)
    assert kinds(other) == expected_kinds("focal", "cross-entropy", bayes=True)


def test_compare_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    compare("ce", seeds=1, results=tmp_path, **SMALL)
    assert capfd.readouterr() == ("", "")


def test_run_takes_the_strategys_parameters(tmp_path: Path) -> None:
    result = run("focal", alpha=0.25, gamma=2, results=tmp_path, **SMALL)
    assert result["strategy"] == "focal:alpha=0.25"
    assert result["seeds"] == [0]
    assert [row["class"] for row in result["per_class"]] == ["healthy", "diseased"]
    assert any("healthy 0.75, diseased 0.25" in line for line in result.notices)
    again = run("focal:alpha=.25", results=tmp_path, **SMALL)
    assert dict(again) == dict(result)
    assert run(results=tmp_path, **SMALL)["strategy"] == "cross-entropy"


def test_load_results_has_a_row_per_run(stored: StoredComparison) -> None:
    runs = load_results(stored.folder)
    assert len(runs) == 8
    assert set(runs["strategy"]) == set(STRATEGIES.split(","))
    assert {"seed", "macro_f1", "optimizer_steps", "train_seconds", "split_hash", "path"} <= set(runs)
    assert all(Path(path, "run.json").is_file() for path in runs["path"])
    means = runs.groupby("strategy")["macro_f1"].mean()
    rows = requested(stored.result)
    assert [row["strategy"] for row in rows] == STRATEGIES.split(",")
    for row in rows:
        assert means[row["strategy"]] == pytest.approx(row["macro_f1"])
    assert load_results(str(stored.folder)).equals(runs)


def test_load_results_of_an_empty_and_of_a_missing_folder(tmp_path: Path) -> None:
    assert len(load_results(tmp_path)) == 0
    with pytest.raises(RequestError, match="there is no folder"):
        load_results(tmp_path / "missing")


def test_stored_comparisons_choose_and_order(stored: StoredComparison) -> None:
    (whole,) = stored_comparisons(stored.folder)
    assert kinds(whole) == expected_kinds("cross-entropy", "focal", "oversample", "undersample")
    (part,) = stored_comparisons(stored.folder, "undersample,focal", Reading(primary_metric="mcc"))
    assert kinds(part) == expected_kinds("undersample", "focal")
    assert part["primary_metric"] == part["threshold_metric"] == "mcc"
    with pytest.raises(RequestError, match="no finished run of class-weights"):
        stored_comparisons(stored.folder, "class-weights")


def test_rows_of_different_seeds_are_pointed_out(tmp_path: Path) -> None:
    run("focal", seeds=2, results=tmp_path, **SMALL)
    run("ce", seed=0, results=tmp_path, **SMALL)
    (found,) = stored_comparisons(tmp_path)
    assert any("different seeds" in line for line in found.notices)
    assert found["seeds"] == [0, 1]
    assert kinds(found) == expected_kinds("cross-entropy", "focal", bayes=True)
    assert [row["n"] for row in found["rows"]] == [1, 2, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (compare, {"strategies": ["focal", "fcal"]}, "Did you mean 'focal'"),
        (compare, {"primary_metric": "macro_f2"}, "Did you mean 'macro_f1'"),
        (compare, {"stesp": 5}, "Did you mean 'steps'"),
        (compare, {"seeds": 0}, "seeds"),
        (run, {"strategy": "focal", "gama": 1}, "Did you mean 'gamma'"),
        (run, {"strategy": "focal", "gamma": -1}, "gamma"),
        (run, {"strategy": "focal:gamma=1", "gamma": 2}, "keep one"),
        (run, {"dataset": "nowhere"}, "nowhere"),
    ],
)
def test_bad_requests_are_refused(
    tmp_path: Path, function: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        function(results=tmp_path / "results", **settings)
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("own_strategies")
def test_a_strategy_of_ones_own_that_breaks(tmp_path: Path) -> None:
    register(Broken)
    with pytest.raises(RunFailedError, match="ArithmeticError: no loss today"):
        run("broken", results=tmp_path, **SMALL)
    result = compare("broken,ce", seeds=1, results=tmp_path, **SMALL)
    assert result["failures"] == [
        {"strategy": "broken", "seed": 0, "error": "broken: its loss raised ArithmeticError: no loss today."}
    ]
    assert kinds(result) == expected_kinds("broken", "cross-entropy", bayes=True)
    assert [row["n"] for row in result["rows"]] == [0, 1, 0, 1, 1, 1]
    everything = compare("broken", seeds=1, results=tmp_path, **SMALL)
    assert kinds(everything) == expected_kinds("cross-entropy", "broken", bayes=True)
    assert [row["n"] for row in everything["rows"]] == [1, 0, 1, 0, 1, 1]
