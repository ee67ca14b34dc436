"""Faults of ours, interruptions, readers that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import StoredComparison
from helpers import (
    IMBENCH,
    SMALL,
    Call,
    imbench,
    signal_group,
    start,
    without_clock,
)


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
