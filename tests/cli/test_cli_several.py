"""`imbench compare` and `report` on several data sets: streams, exit statuses, formats, widths."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from helpers import HEAVY, Call, modules_after, without_clock

FIRST = "synthetic:prevalence=0.2,test=100,train=200,val=100"
SECOND = "synthetic:prevalence=0.3,test=100,train=200,val=100"
TINY = ("--steps=2", "--batch-size=16", "--seeds=1", "--workers=0", "--device=cpu")


def test_three_data_sets_in_every_format(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("compare", "--strategies=focal,undersample", f"--dataset=digits,{FIRST},{SECOND}", *TINY)
    first = call(*asked, "--format=json")
    assert first.status == 0, first.err
    assert set(first.json) == {"comparisons", "ranks", "notices"}
    assert "9 runs to train on 3 data sets in this process" in first.err
    for dataset, done in (("digits", 1), (FIRST, 4), (SECOND, 7)):
        assert f"[{done}/9] {dataset}: cross-entropy, seed 0" in first.err

    report = call("report", "--strategies=ce,focal,undersample", "--format=json")
    assert without_clock(report.json) == without_clock(first.json)

    rows = list(csv.DictReader(io.StringIO(call(*asked, "--format=csv").out)))
    assert [(row["dataset"], row["strategy"], row["class"]) for row in rows] == [
        (each["dataset"], row["strategy"], row["class"])
        for each in first.json["comparisons"]
        for row in each["per_class"]
    ]

    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        text = call(*asked).out
        assert max(map(len, text.splitlines())) <= width
        assert text == call("report", "--strategies=ce,focal,undersample").out
        assert text.count("test prior:") == 3
        ranks = text[text.index("Ranks over 3 data sets") :]
        assert "CD " in ranks
        assert "little power" in ranks
    markdown = call(*asked, "--format=markdown").out
    assert "```text" in markdown
    assert "| strategy | mean rank | digits |" in markdown

    imported = modules_after([*asked, "--format=json"], tmp_path, HEAVY)
    assert not imported & {"torch", "torchvision", "imblearn"}


def test_a_file_lists_data_sets(call: Call, tmp_path: Path) -> None:
    text = f"dataset: [digits, {FIRST}]\nstrategies: [ce]\nsteps: 2\nseed: 0\nworkers: 0\ndevice: cpu\n"
    (tmp_path / "several.yaml").write_text(text)
    ended = call("compare", "--config=several.yaml", "--format=json")
    assert ended.status == 0, ended.err
    assert [each["dataset"] for each in ended.json["comparisons"]] == ["digits", FIRST]
    assert ended.json["ranks"]["rows"] == []
    assert "nothing is ranked" in ended.json["ranks"]["verdict"][-1]
    refused = call("run", "--config=several.yaml", "--strategy=ce")
    assert refused.status == 2


def test_a_failure_on_one_data_set_is_the_exit_status(call: Call) -> None:
    ended = call(
        "compare", "--strategies=focal:alpha=0.25", f"--dataset=digits,{FIRST}", *TINY, "--format=json"
    )
    assert ended.status == 1
    assert [len(each["failures"]) for each in ended.json["comparisons"]] == [1, 0]
    assert "digits: focal:alpha=0.25, seed 0: refused" in ended.err
    quiet = call("compare", "--strategies=focal:alpha=0.25", f"--dataset=digits,{FIRST}", *TINY, "--quiet")
    assert (quiet.status, quiet.err) == (1, "")
    assert "Left out of the ranks: focal:alpha=0.25+threshold" in " ".join(quiet.out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "--dataset=digits,synthetic"), "only `imbench compare` takes several"),
        (("compare", "--dataset=digits,"), "remove the extra comma"),
        (("compare", "--dataset=digits,digits"), "digits twice"),
        (("compare", "--dataset=digits,k=3"), "write digits:k=3"),
        (("compare", "--dataset=digits,synthetic:tran=5"), "train"),
        (("compare", "--dataset=synthetic,digits", "--positive-class=diseased"), "digits: --positive-class"),
    ],
)
def test_refusals(call: Call, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = call(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert not (tmp_path / "results").exists()
