"""Streams of a small alphabet, closed or full ones; signals that end the program and its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import StoredComparison
from helpers import DIGITS, IMBENCH, Call, compare, imbench, run_folders, start


def report(stored: StoredComparison, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*IMBENCH, "report", str(stored.folder)],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_small_alphabet_loses_no_number(stored: StoredComparison, encoding: str) -> None:
    done = report(stored, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    plain = report(stored, PYTHONIOENCODING="utf-8").stdout.decode("utf-8")
    found = done.stdout.decode(encoding)
    digits = [letter for letter in plain if letter.isdigit()]
    assert [letter for letter in found if letter.isdigit()] == digits
    assert "cross-entropy" in found


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_stdout_is_named(stored: StoredComparison) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*IMBENCH, "report", str(stored.folder)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 2
    assert "stdout can't be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stderr_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [*IMBENCH, *compare("--results=r", "--output=table.md", "--format=markdown")],
            stdout=subprocess.PIPE,
            stderr=closed,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0
    assert (tmp_path / "table.md").read_text(encoding="utf-8").count("| focal |") >= 1
    assert len(run_folders(tmp_path / "r")) == 6


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command(tmp_path: Path, number: signal.Signals) -> None:
    process = start(
        "compare",
        "--dataset=digits",
        "--steps=100000",
        "--seeds=2",
        "--workers=2",
        "--results=r",
        cwd=tmp_path,
    )
    locks = tmp_path / "r" / ".locks"
    deadline = time.monotonic() + 60
    while not (locks.is_dir() and list(locks.glob("*.lock"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, number)
    # The workers hold the pipes too: reading to the end waits for the last of them.
    out, err = process.communicate(timeout=30)
    assert out == ""
    assert "Traceback" not in err
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--profile=step",), "--profile needs --imbalance-ratio"),
        (("--validation=full",), "--validation needs --imbalance-ratio"),
        (("--tail-order=fixed",), "--tail-order needs --imbalance-ratio"),
        (("--minority-fraction=.3",), "--minority-fraction needs --imbalance-ratio"),
        (("--imbalance-ratio=10", "--minority-fraction=.3"), "--minority-fraction belongs to --profile step"),
        (("--results=",), "--results: found ''"),
        (("--config=",), "--config is empty"),
        (("--epochs=1e20",), "--epochs: found '1e20'"),
        (("--steps=1e3",), "--steps: found '1e3', allowed: a whole number"),
        (("--output=" + "x" * 300,), "--output"),
    ],
)
def test_what_could_do_nothing_or_never_end_is_refused(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = call("compare", *DIGITS, *arguments)
    assert ended.status == 2
    assert said in ended.err
    assert not list(tmp_path.rglob("run.json"))


def test_a_damaged_run_is_made_again_with_the_same_numbers(call: Call, tmp_path: Path) -> None:
    first = call(*compare("--results=r", "--format=json"))
    (damaged,) = tmp_path.glob("r/*/focal/seed-0-*")
    (damaged / "predictions.npz").write_bytes(b"")
    (damaged / "run.json").write_text('{"format_version": 2}', encoding="utf-8")
    again = call(*compare("--results=r", "--format=json"))
    assert first.status == again.status == 0
    assert [row["macro_f1"] for row in again.json["rows"]] == [row["macro_f1"] for row in first.json["rows"]]
    assert again.json["rows"][1]["n"] == 2
    assert imbench("report", "r", cwd=tmp_path).returncode == 0
