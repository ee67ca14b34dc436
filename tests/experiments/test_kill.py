"""A comparison killed at any moment and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import imbench, leftovers, run_folders, signal_group, start, without_clock

SETTINGS = ("--dataset=digits", "--imbalance-ratio=10", "--device=cpu", "--format=json")
STRATEGIES = "cross-entropy,undersample,oversample,focal,class-weights"
MANY = ("compare", f"--strategies={STRATEGIES}", "--steps=10", "--seeds=4", *SETTINGS)
FEW = ("compare", "--strategies=cross-entropy,focal", "--steps=10", "--seeds=2", *SETTINGS)
KILLS = 20
LIMIT = 120.0


def numbers(text: str) -> Any:
    return without_clock(json.loads(text))


def undisturbed(arguments: Sequence[str], cwd: Path) -> tuple[Any, list[str], float]:
    """The numbers, the run folders and the duration of the comparison that nobody disturbs."""
    began = time.monotonic()
    done = imbench(*arguments, "--results=undisturbed", cwd=cwd)
    return numbers(done.stdout), run_folders(cwd / "undisturbed"), time.monotonic() - began


def signs_of_work(results: Path) -> set[str]:
    """Locks taken and folders written or being written: they change while runs are made."""
    return {str(path) for path in results.glob("*/*/*seed-*")}


def until_work(process: subprocess.Popen[str], results: Path) -> None:
    """Return as soon as a run is being written or stands newly there, or the process has ended."""
    before, end = signs_of_work(results), time.monotonic() + LIMIT
    while process.poll() is None and signs_of_work(results) <= before:
        assert time.monotonic() < end, "nothing is being written"
        time.sleep(0.001)


def kill(process: subprocess.Popen[str]) -> bool:
    """End the whole group; whether the process was still at work."""
    alive = process.poll() is None
    signal_group(process, signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    return alive


def assert_whole(results: Path, folders: Sequence[str]) -> None:
    assert run_folders(results) == list(folders)
    assert leftovers(results) == []
    assert list(results.rglob("*.failed.json")) == []


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_once_while_writing(tmp_path: Path, workers: int) -> None:
    wanted, folders, _ = undisturbed((*FEW, "--workers=0"), tmp_path)
    again = (*FEW, f"--workers={workers}", "--results=killed")
    process = start(*again, cwd=tmp_path)
    until_work(process, tmp_path / "killed")
    assert kill(process)
    assert numbers(imbench(*again, cwd=tmp_path).stdout) == wanted
    assert_whole(tmp_path / "killed", folders)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    """Half of the moments are drawn over the whole duration, start included; half fall amid the writing.

    Where the runs are all there before the last kill, what is stored is compared, and a new folder begun.
    """
    wanted, folders, duration = undisturbed(MANY, tmp_path)
    assert len(folders) == 20
    draw = random.Random(20240607)
    at_work, kept = 0, [[0]]
    for number in range(KILLS):
        results = tmp_path / f"killed-{len(kept)}"
        # In this process and in workers, in turn; the number of workers is no part of the request.
        again = (*MANY, f"--workers={(0, 2)[number % 4 // 2]}", f"--results={results}")
        process = start(*again, cwd=tmp_path)
        if number % 2:
            time.sleep(draw.uniform(0.3, duration))
        else:
            until_work(process, results)
            time.sleep(draw.choice([0.0, draw.uniform(0, 0.1)]))
        at_work += kill(process)
        stored = run_folders(results)
        assert set(stored) <= set(folders)
        assert len(stored) >= kept[-1][-1], "a finished run was lost"
        kept[-1].append(len(stored))
        if stored == folders or number == KILLS - 1:
            assert numbers(imbench(*again, cwd=tmp_path).stdout) == wanted
            assert_whole(results, folders)
            kept.append([0])
    print(f"undisturbed {duration:.1f} s; stored after each kill: {kept[:-1]}; {at_work} killed at work")
    assert at_work > KILLS // 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_three_at_once_share_the_work(tmp_path: Path, workers: int) -> None:
    wanted, folders, _ = undisturbed(MANY, tmp_path)
    again = (*MANY, f"--workers={workers}", "--results=shared")
    processes = [start(*again, cwd=tmp_path) for _ in range(3)]
    said = [process.communicate(timeout=LIMIT) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert [numbers(out) for out, _ in said] == [wanted] * 3
    assert_whole(tmp_path / "shared", folders)
