"""`imbench report`, `list` and `info`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import StoredComparison
from helpers import (
    HEAVY,
    SMALL,
    Call,
    expected_kinds,
    kinds,
    modules_after,
    requested,
    without_clock,
)

from imbalance_bench import __version__


def test_report_gives_the_rows_of_compare(call: Call, stored: StoredComparison) -> None:
    ended = call("report", str(stored.folder), "--format=json")
    assert ended.status == 0
    result = ended.json
    wanted = dict(stored.result)
    assert set(result) == set(wanted)
    for name in ("rows", "per_class", "per_rank"):
        assert sorted(result[name], key=lambda row: row["strategy"]) == sorted(
            wanted[name], key=lambda row: row["strategy"]
        )
    ordered = ",".join(row["strategy"] for row in requested(wanted))
    assert call("report", str(stored.folder), "--format=json", f"--strategies={ordered}").json == wanted


def test_report_never_imports_torch(stored: StoredComparison, tmp_path: Path) -> None:
    for kind in ("json", "terminal"):
        imported = modules_after(["report", str(stored.folder), f"--format={kind}"], tmp_path, HEAVY)
        assert not imported & {"torch", "torchvision", "imblearn"}


def test_report_of_one_strategy_and_of_one_run(call: Call, stored: StoredComparison) -> None:
    one = call("report", str(stored.folder), "--strategies=focal", "--format=json").json
    assert kinds(one) == expected_kinds("focal")
    folder = next(path.parent for path in sorted(stored.folder.rglob("run.json")))
    single = call("report", str(folder), "--format=json").json
    assert kinds(single) == expected_kinds("cross-entropy")
    assert [row["n"] for row in single["rows"]] == [1, 1, 1]


def test_runs_made_differently_are_not_mixed(call: Call) -> None:
    call("run", *SMALL)
    call("run", *SMALL, "--lr=0.001")
    found = call("report", "--format=json").json["comparisons"]
    assert [kinds(each) for each in found] == [expected_kinds("cross-entropy", bayes=True)] * 2
    assert call("report").status == call("report", "--format=csv").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing",), "there is no folder missing"),
        (("empty",), "empty holds no finished run"),
        ((), "there is no folder results"),
        (("empty", "--format=pdf"), "--format"),
        (("empty", "--test-prior=even"), "--test-prior"),
        (("empty", "--primary-metric=macro_f2"), "Did you mean 'macro_f1'"),
        (("empty", "--output=nowhere/x"), "nowhere"),
    ],
)
def test_report_refuses(call: Call, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = call("report", *arguments)
    assert ended.status == 2
    assert said in ended.err


def test_a_damaged_run_is_left_out_by_name(call: Call, stored: StoredComparison, tmp_path: Path) -> None:
    shutil.copytree(stored.folder, tmp_path / "results")
    damaged = next((tmp_path / "results").rglob("predictions.npz"))
    damaged.write_bytes(b"nothing")
    ended = call("report", "--format=json")
    assert ended.status == 0
    assert f"{damaged.parent.name} is left out: predictions.npz is not whole" in ended.err
    # A strategy lacks a run, plain and tuned; the reference is there for both seeds.
    assert [
        sorted(row["n"] for row in ended.json["rows"] if row["kind"] == kind)
        for kind in ("requested", "tuned", "reference")
    ] == [[1, 2, 2, 2], [1, 2, 2, 2], [2]]
    again = call(*stored.arguments(Path("results")), "--format=json")
    assert "1 run to train" in again.err
    assert without_clock(again.json) == without_clock(dict(stored.result))


@pytest.mark.parametrize("kind", ["strategies", "datasets", "models", "metrics"])
def test_lists_as_json_and_text_hold_the_same_names(call: Call, kind: str) -> None:
    entries = call("list", kind, "--format=json").json
    text = call("list", kind).out
    assert entries
    assert all(entry["name"] in text and entry["summary"] for entry in entries)
    name = entries[0]["name"]
    assert [entry["name"] for entry in call("list", kind, name, "--format=json").json] == [name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("focal",), "strategies|datasets|models|metrics"),
        (("strategy",), "Did you mean 'strategies'"),
        (("strategies", "focl"), "Did you mean 'focal'"),
        (("datasets", "digit"), "Did you mean 'digits'"),
        (("strategies", "--format=csv"), "--format"),
    ],
)
def test_list_refuses(call: Call, arguments: tuple[str, ...], said: str) -> None:
    ended = call("list", *arguments)
    assert ended.status == 2
    assert said in ended.err


def test_info(call: Call) -> None:
    found = call("info", "--format=json").json
    assert found["imbench"] == __version__
    assert "cpu" in found["devices"]
    assert call("info").status == 0


def test_groups_of_runs_say_in_what_they_differ(call: Call) -> None:
    call("run", *SMALL)
    call("run", *SMALL, "--lr=0.001", "--model=resnet32")
    ended = call("report")
    assert "made with: model small-cnn, lr 0.02" in ended.out
    assert "made with: model resnet32, lr 0.001" in ended.out
    found = call("report", "--format=json").json["comparisons"]
    assert {each["made_with"]["model"] for each in found} == {"small-cnn", "resnet32"}
    lines = call("report", "--format=csv").out.splitlines()
    assert "made_with" in lines[0]
    assert sum("model=resnet32" in line for line in lines) == len(lines) // 2
