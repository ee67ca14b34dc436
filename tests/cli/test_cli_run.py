"""`imbench run` as a user meets it: exit status, stdout, stderr, files."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import (
    DIGITS,
    RUN_KEYS,
    SMALL,
    Call,
    imbench,
    run_folders,
)


def test_run_prints_one_json_object_and_nothing_else(call: Call, tmp_path: Path) -> None:
    ended = call("run", "--strategy", "focal", "--alpha", "0.25", "--gamma", "1", *SMALL, "--format", "json")
    assert ended.status == 0, ended.err
    result = ended.json
    assert set(result) == RUN_KEYS
    assert result["strategy"] == "focal:alpha=0.25,gamma=1"
    assert result["dataset"] == "synthetic:prevalence=0.2,test=100,train=200,val=100"
    assert result["seeds"] == [0]
    assert result["failures"] == []
    assert sum(result["test_prior"].values()) == pytest.approx(1)
    assert [row["class"] for row in result["per_class"]] == list(result["test_prior"])
    for row in result["per_class"]:
        assert {"class", "precision", "recall", "f1", "support", "average_precision"} <= set(row)
        assert "strategy" not in row
    assert sum(row["support"] for row in result["per_class"]) == 100
    assert {"macro_f1", "minority_ap", "log_loss", "ece"} <= set(result["summary"])
    (folder,) = result["runs"]
    assert (tmp_path / folder / "run.json").is_file()
    assert "1 run to train in this process" in ended.err
    assert "weight in the loss: healthy 0.75, diseased 0.25" in ended.err


def test_default_parameters_and_other_spellings_are_one_run(call: Call, tmp_path: Path) -> None:
    spellings = (
        ("--strategy", "focal", "--alpha", "0.25", "--gamma", "2"),
        ("--strategy=focal", "--alpha=0.25", "--gamma=2.0"),
        ("--strategy=focal:alpha=0.25",),
        ("--strategy=focal:gamma=2,alpha=.25",),
    )
    said = [call("run", *spelling, *SMALL, "--format=json") for spelling in spellings]
    assert [ended.status for ended in said] == [0] * 4
    assert len({ended.out for ended in said}) == 1
    assert said[0].json["strategy"] == "focal:alpha=0.25"
    assert len(run_folders(tmp_path / "results")) == 1


def test_the_positive_class_bears_alpha(call: Call) -> None:
    ended = call("run", "--strategy=focal", "--alpha=0.25", "--positive-class=healthy", *SMALL)
    assert ended.status == 0
    assert "weight in the loss: healthy 0.25, diseased 0.75" in ended.err


def test_an_unknown_flag_names_the_nearest(tmp_path: Path) -> None:
    done = imbench("run", "--strategy", "focal", "--gama", "2", *SMALL, cwd=tmp_path, check=2)
    assert "there is no flag --gama" in done.stderr
    assert "--gamma" in done.stderr
    assert "--alpha" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stesp", "5"), "--steps"),
        (("--gamma",), "--gamma has no value"),
        (("--gamma", "--alpha", "1"), "--gamma has no value"),
        (("--gamma", "1", "--gamma", "2"), "given twice"),
        (("stray",), "'stray' is not expected"),
        (("--gamma", "-1"), "gamma"),
        (("--gamma", "two"), "two"),
        (("--alpha", "1.5"), "alpha"),
        (("--strategies", "ce"), "--strategy"),
        (("--results-dir", "x"), "--results"),
    ],
)
def test_bad_parameters_are_refused(call: Call, arguments: tuple[str, ...], said: str) -> None:
    ended = call("run", "--strategy", "focal", *arguments, *SMALL)
    assert ended.status == 2
    assert said in ended.err
    assert ended.out == ""


def test_a_strategy_that_refuses_the_data_refuses_the_run(call: Call, tmp_path: Path) -> None:
    ended = call("run", "--strategy=focal", "--alpha=0.25", *DIGITS)
    assert ended.status == 2
    assert "alpha" in ended.err
    assert ended.out == ""
    assert run_folders(tmp_path / "results") == []


def test_a_run_that_diverges_fails(call: Call, tmp_path: Path) -> None:
    ended = call("run", "--lr=1e30", *DIGITS, "--steps=20", "--schedule=constant", "--format=json")
    assert ended.status == 1
    assert "no run came through" in ended.err
    assert ended.out == ""
    assert run_folders(tmp_path / "results") == []
