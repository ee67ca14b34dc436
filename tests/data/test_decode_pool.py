"""Workers share the files with this process; what goes wrong with them costs time only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_images import files, grey, noise, read

from imbalance_bench.data import decode_pool
from imbalance_bench.data.decode_chunks import Outcome, Target, fill
from imbalance_bench.data.progress import listening

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("death", [False, True])
def test_workers_share_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: bool) -> None:
    here: list[str] = []

    def counted(target: Target, first: int, paths: Sequence[str]) -> list[Outcome]:
        here.extend(paths)
        time.sleep(0.02)
        return fill(target, first, paths)

    monkeypatch.setattr(decode_pool, "_cpus", lambda: 2)
    monkeypatch.setattr(decode_pool, "FEW_FILES", 2)
    monkeypatch.setattr(decode_pool, "_CHUNK_FILES", 4)
    monkeypatch.setattr(decode_pool, "fill", counted)
    if death:
        dying = "import os, sys; pickle.load(sys.stdin.buffer); pickle.load(sys.stdin.buffer); os._exit(9)"
        monkeypatch.setattr(decode_pool, "_START", decode_pool._START.replace("serve()", dying))
    paths = files(tmp_path, *(noise(i) for i in range(300)))
    told: list[tuple[str, int, int]] = []
    with listening(lambda *what: told.append(what)):
        found = read(paths)
    np.testing.assert_array_equal(found.array, np.stack([noise(i) for i in range(300)]).transpose(0, 3, 1, 2))
    assert told[-1] == ("decoding images", 300, 300)
    assert len(here) == 300 if death else len(here) < 300


def test_few_files_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool.subprocess, "Popen", None)
    assert len(read(files(tmp_path, *(grey(i) for i in range(99)))).array) == 99


def test_a_python_that_cannot_start_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_pool, "FEW_FILES", 2)
    monkeypatch.setattr(decode_pool, "_cpus", lambda: 3)
    monkeypatch.setattr(decode_pool, "_CHUNK_FILES", 4)
    monkeypatch.setattr(decode_pool.sys, "executable", str(tmp_path / "none"))
    assert len(read(files(tmp_path, *(grey(i) for i in range(50)))).array) == 50
