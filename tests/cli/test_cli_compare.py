"""`imbench compare` as a user meets it: exit status, stdout, stderr, files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from conftest import StoredComparison
from helpers import (
    COMPARE_KEYS,
    DIGITS,
    HEAVY,
    Call,
    compare,
    expected_kinds,
    imbench,
    kinds,
    modules_after,
)


def test_compare_in_every_format(call: Call) -> None:
    first = call(*compare("--format=json"))
    assert first.status == 0, first.err
    result = first.json
    assert set(result) == COMPARE_KEYS
    assert kinds(result) == expected_kinds("cross-entropy", "focal", "undersample", bayes=True)
    assert [row["n"] for row in result["rows"]] == [2] * 8
    assert "6 runs to train" in first.err
    assert "[6/6]" in first.err

    rows = list(csv.DictReader(io.StringIO(call(*compare("--format=csv")).out)))
    assert [(row["strategy"], row["class"]) for row in rows] == [
        (row["strategy"], row["class"]) for row in result["per_class"]
    ]
    assert float(rows[0]["f1"]) == result["per_class"][0]["f1"]

    markdown = call(*compare("--format=markdown")).out
    terminal = call(*compare("--format=terminal")).out
    assert terminal == call(*compare()).out
    for text in (markdown, terminal):
        assert all(name in text for name in ("cross-entropy", "focal", "undersample", "healthy", "diseased"))
        assert all(name in text for name in ("+threshold", "bayes-optimal", "majority-class"))
        assert "\x1b" not in text
    assert "| ---" in markdown


def test_output_goes_to_the_file_and_stdout_stays_empty(call: Call, tmp_path: Path) -> None:
    ended = call(*compare("--format=json", "--output=out.json"))
    assert (ended.status, ended.out) == (0, "")
    assert set(json.loads((tmp_path / "out.json").read_text())) == COMPARE_KEYS


def test_quiet_is_silent(call: Call) -> None:
    ended = call(*compare("--format=json", "--quiet"))
    assert (ended.status, ended.err) == (0, "")
    assert set(ended.json) == COMPARE_KEYS


def test_a_strategy_that_refuses_the_data_is_listed_and_the_others_are_kept(call: Call) -> None:
    arguments = ("compare", "--strategies=focal:alpha=0.25,undersample", "--seeds=2", *DIGITS)
    ended = call(*arguments, "--format=json")
    assert ended.status == 1
    result = ended.json
    assert [(f["strategy"], f["seed"]) for f in result["failures"]] == [
        ("focal:alpha=0.25", 0),
        ("focal:alpha=0.25", 1),
    ]
    assert all("alpha" in failure["error"] for failure in result["failures"])
    assert kinds(result) == expected_kinds("cross-entropy", "focal:alpha=0.25", "undersample")
    assert [row["n"] for row in result["rows"]] == [2, 0, 2, 2, 0, 2, 2]
    again = call(*arguments)
    assert again.status == 1
    assert "Runs that failed" in again.out


def test_a_second_compare_trains_nothing_and_needs_no_torch(stored: StoredComparison, tmp_path: Path) -> None:
    arguments = stored.arguments()
    done = imbench(*arguments, "--format=json", cwd=tmp_path)
    assert json.loads(done.stdout) == dict(stored.result)
    assert "to train" not in done.stderr
    assert "torch" not in modules_after([*arguments, "--format=json"], tmp_path, HEAVY)
