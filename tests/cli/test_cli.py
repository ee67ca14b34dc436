"""The command line as a user meets it: exit status, stdout, stderr, files."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import StoredComparison
from helpers import IMBENCH, imbench, modules_after, run_folders, signal_group, start, without_clock

from imbalance_bench import __version__
from imbalance_bench.cli.app import app
from imbalance_bench.experiments import making

HEAVY = ("torch", "torchvision", "sklearn", "imblearn", "pandas", "scipy", "joblib")
SYNTHETIC = "--dataset=synthetic:train=200,val=100,test=100,prevalence=0.2"
SMALL = (SYNTHETIC, "--steps=5", "--batch-size=32", "--workers=0", "--device=cpu")
DIGITS = ("--dataset=digits", "--steps=2", "--batch-size=16", "--workers=0", "--device=cpu")
RUN_KEYS = {"dataset", "strategy", "seeds", "test_prior", "per_class", "summary", "runs", "failures"}
COMPARE_KEYS = {
    "dataset", "seeds", "test_prior", "primary_metric", "rows", "per_class", "per_rank", "differences",
    "decomposition", "verdict", "failures",
}  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ended]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(int(end.value.code or 0), out, err)

    return called


# What it costs to ask


def test_version(tmp_path: Path) -> None:
    done = imbench("--version", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"imbench {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("compare", "--help"),
        ("list", "strategies"),
        ("list", "datasets"),
        ("list", "models"),
        ("list", "metrics"),
    ],
    ids=" ".join,
)
def test_help_and_lists_import_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert modules_after(arguments, tmp_path, HEAVY) == set()
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command(call: Call) -> None:
    ended = call("--help")
    assert ended.status == 0
    assert all(name in ended.out for name in ("run", "compare", "report", "list", "info"))


# run


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


# compare


def compare(*arguments: str) -> tuple[str, ...]:
    return ("compare", "--strategies=focal,undersample", "--seeds=2", *SMALL, *arguments)


def test_compare_in_every_format(call: Call) -> None:
    first = call(*compare("--format=json"))
    assert first.status == 0, first.err
    result = first.json
    assert set(result) == COMPARE_KEYS
    assert [row["strategy"] for row in result["rows"]] == ["cross-entropy", "focal", "undersample"]
    assert [row["n"] for row in result["rows"]] == [2, 2, 2]
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
    assert {row["strategy"]: row["n"] for row in result["rows"]} == {
        "cross-entropy": 2,
        "focal:alpha=0.25": 0,
        "undersample": 2,
    }
    again = call(*arguments)
    assert again.status == 1
    assert "Runs that failed" in again.out


def test_a_second_compare_trains_nothing_and_needs_no_torch(stored: StoredComparison, tmp_path: Path) -> None:
    arguments = stored.arguments()
    done = imbench(*arguments, "--format=json", cwd=tmp_path)
    assert json.loads(done.stdout) == dict(stored.result)
    assert "to train" not in done.stderr
    assert "torch" not in modules_after([*arguments, "--format=json"], tmp_path, HEAVY)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset=digit",), "Did you mean 'digits'"),
        (("--dataset=synthetic:tran=5",), "train"),
        (("--dataset=synthetic:train=-5",), "train"),
        (("--strategies=ce,fcal",), "Did you mean 'focal'"),
        (("--strategies=focal:gama=1",), "Did you mean 'gamma'"),
        (("--strategies=ce,k=3",), "k=3"),
        (("--strategies=",), "strategies"),
        (("--strategies=ce,,focal",), "strategies"),
        (("--primary-metric=macro_f2",), "Did you mean 'macro_f1'"),
        (("--dataset=digits", "--imbalance-ratio=10", "--n-max=100000"), "The largest n_max that works is"),
        (("--dataset=digits", "--imbalance-ratio=100000"), "ratio"),
        (("--n-max=50",), "--imbalance-ratio"),
        (("--imbalance-ratio=0.5",), "--imbalance-ratio"),
        (("--imbalance-ratio=nan",), "--imbalance-ratio"),
        (("--seeds=0",), "--seeds"),
        (("--seeds=-1",), "--seeds"),
        (("--seeds=1,1",), "--seeds"),
        (("--seeds=two",), "--seeds"),
        (("--seeds=2", "--seed=1"), "--seed"),
        (("--steps=0",), "--steps"),
        (("--steps=many",), "--steps"),
        (("--steps=5", "--epochs=1"), "--epochs"),
        (("--epochs=0",), "--epochs"),
        (("--batch-size=1",), "--batch-size"),
        (("--lr=0",), "--lr"),
        (("--lr=inf",), "--lr"),
        (("--workers=-1",), "--workers"),
        (("--device=tpu",), "--device"),
        (("--format=html",), "--format"),
        (("--test-prior=even",), "--test-prior"),
        (("--model=resnet",), "small-cnn"),
        (("--positive-class=ill",), "healthy, diseased"),
        (("--config=none.yaml",), "none.yaml"),
        (("--output=nowhere/out.json",), "nowhere"),
        (("--output=.",), "folder"),
        (("--results=a-file",), "--results"),
        (("--results=a-file/below",), "--results"),
        (("--gamma=2",), "--gamma"),
        (("focal",), "focal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_request_is_refused_before_anything_is_trained(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("something is trained")

    monkeypatch.setattr(making, "_train", never)
    (tmp_path / "a-file").touch()
    ended = call("compare", "--workers=0", *arguments)
    assert ended.status == 2, ended.err
    assert said in ended.err
    assert ended.out == ""
    assert "fault" not in ended.err


def test_a_gpu_that_is_not_there_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ended = call("compare", "--device=cuda")
    assert ended.status == 2
    assert "--device cuda: this machine has" in ended.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = call("compare", "--output=locked/out.json")
    assert ended.status == 2
    assert "can't be written to" in ended.err


@pytest.mark.parametrize("command", ["comapre", "--verison", ""])
def test_an_unknown_command_is_refused(call: Call, command: str) -> None:
    assert call(command).status == 2


# Configuration files


def test_a_config_file_works_and_a_flag_wins(call: Call, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(
        "dataset: synthetic:train=200,val=100,test=100,prevalence=0.2\n"
        "strategies: [focal, undersample]\nseeds: [0, 1]\nsteps: 5\nbatch_size: 32\nworkers: 0\n"
        "device: cpu\nformat: json\n"
    )
    ended = call("compare", "--config=experiment.yaml")
    assert ended.status == 0, ended.err
    assert ended.out == call(*compare("--format=json")).out
    one = call("compare", "--config", "experiment.yaml", "--seed=1", "--strategies=ce").json
    assert one["seeds"] == [1]
    assert [row["strategy"] for row in one["rows"]] == ["cross-entropy"]


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("compare", "steps: 5\nbatch_sise: 3\n", ("experiment.yaml:2", "batch-size")),
        ("compare", "dataset: digits\nsteps: none of them\n", ("experiment.yaml:2", "steps")),
        ("compare", "strategy: focal\n", ("belongs to `run`",)),
        ("run", "strategies: [focal, ce]\n", ("belongs to `compare`",)),
        ("run", "strategy: focal\ngama: 2\n", ("experiment.yaml:2", "gama", "Did you mean 'gamma'")),
        ("compare", "steps: [\n", ("experiment.yaml",)),
        ("compare", "- a\n- b\n", ("experiment.yaml",)),
    ],
)
def test_a_bad_config_file_is_refused_by_line(
    call: Call, tmp_path: Path, command: str, text: str, said: tuple[str, ...]
) -> None:
    (tmp_path / "experiment.yaml").write_text(text)
    ended = call(command, "--config=experiment.yaml", "--workers=0")
    assert ended.status == 2
    assert all(words in ended.err for words in said), ended.err


def test_parameters_of_the_strategy_may_stand_in_the_config(call: Call, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("strategy: focal\ngamma: 1\nalpha: 0.25\n")
    ended = call("run", "--config=experiment.yaml", "--gamma=3", *SMALL, "--format=json")
    assert ended.status == 0, ended.err
    assert ended.json["strategy"] == "focal:alpha=0.25,gamma=3"


# report and list


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
    ordered = ",".join(row["strategy"] for row in wanted["rows"])
    assert call("report", str(stored.folder), "--format=json", f"--strategies={ordered}").json == wanted


def test_report_never_imports_torch(stored: StoredComparison, tmp_path: Path) -> None:
    for kind in ("json", "terminal"):
        imported = modules_after(["report", str(stored.folder), f"--format={kind}"], tmp_path, HEAVY)
        assert not imported & {"torch", "torchvision", "imblearn"}


def test_report_of_one_strategy_and_of_one_run(call: Call, stored: StoredComparison) -> None:
    one = call("report", str(stored.folder), "--strategies=focal", "--format=json").json
    assert [row["strategy"] for row in one["rows"]] == ["focal"]
    folder = next(path.parent for path in sorted(stored.folder.rglob("run.json")))
    single = call("report", str(folder), "--format=json").json
    assert [row["n"] for row in single["rows"]] == [1]


def test_runs_made_differently_are_not_mixed(call: Call) -> None:
    call("run", *SMALL)
    call("run", *SMALL, "--lr=0.001")
    found = call("report", "--format=json").json["comparisons"]
    assert [len(each["rows"]) for each in found] == [1, 1]
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
    assert sum(row["n"] for row in ended.json["rows"]) == 7
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


# Faults and interruptions


def test_a_fault_of_ours_is_one_line_and_a_file(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imbalance_bench import api

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(api, "plan", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = call("compare", *SMALL)
    assert ended.status == 3
    assert len(ended.err.splitlines()) == 1
    assert "ZeroDivisionError: by nought" in ended.err
    (trace,) = tmp_path.glob("imbench-fault-*")
    assert str(trace) in ended.err
    assert "Traceback" in trace.read_text()


@pytest.mark.parametrize("workers", [0, 2])
def test_interrupted_amid_training(tmp_path: Path, workers: int) -> None:
    asked = ("compare", "--dataset=digits", "--steps=1000000", f"--workers={workers}", "--device=cpu")
    process = start(*asked, cwd=tmp_path)
    try:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("results/.locks/*.lock")):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(2.0)
        signal_group(process, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        signal_group(process, signal.SIGKILL)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in err
    assert out == ""


@pytest.mark.parametrize(
    "arguments",
    [("compare", "--format=csv"), ("report", "--format=json"), ("list", "strategies"), ("--help",)],
)
def test_a_reader_that_goes_away_is_no_fault(
    stored: StoredComparison, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command = {"compare": [*stored.arguments(), *arguments[1:]], "report": ["report", str(stored.folder)]}
    asked = command.get(arguments[0], list(arguments))
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [*IMBENCH, *asked],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    assert "fault" not in done.stderr


def test_the_module_is_the_command(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("imbench")
    if not script.exists():
        pytest.skip("imbench is not installed as a script here")
    done = subprocess.run(
        [script, "list", "metrics"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == imbench("list", "metrics", cwd=tmp_path).stdout


def test_numbers_do_not_depend_on_the_format_of_the_request(call: Call, stored: StoredComparison) -> None:
    ended = call(*stored.arguments(Path("fresh")), "--format=json")
    assert ended.status == 0
    assert without_clock(ended.json) == without_clock(dict(stored.result))
