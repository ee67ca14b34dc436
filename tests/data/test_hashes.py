"""The hash of a large file is kept, and made anew when the file may have changed; where the cache is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from imbalance_bench.data import hashes
from imbalance_bench.data.hashes import cache_folder, file_hash


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("IMBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "imbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "imbench"


def test_another_file_in_its_place_is_hashed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `cp -p`, `rsync -a` and `unzip` put it: of the same size, with the time of change that it had."""
    monkeypatch.setattr(hashes, "INDEXED", 10)
    monkeypatch.setattr(hashes, "_SETTLED_SECONDS", -1.0)
    path = tmp_path / "a.bin"
    found = set()
    for content in (b"0123456789", b"012345678X"):
        path.write_bytes(content)
        os.utime(path, ns=(10**18, 10**18))
        hashes._hash.cache_clear()
        found.add(file_hash(path))
        time.sleep(0.02)
    assert len(found) == 2


def test_a_large_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(hashes, "INDEXED", 10)
    checked: list[Path] = []

    def check(path: Path) -> None:
        checked.append(path)

    def again() -> str:
        hashes._hash.cache_clear()  # as in another process
        return file_hash(path, check)

    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    fresh = time.time_ns()
    os.utime(path, ns=(fresh, fresh))
    known = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    assert [again(), again()] == [known, known]
    assert len(checked) == 2  # it may still be being written: not kept
    monkeypatch.setattr(hashes, "_SETTLED_SECONDS", -1.0)
    assert [again(), again(), again()] == [known] * 3
    assert len(checked) == 3
    path.write_bytes(b"012345678X")
    os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    assert again() != known
    for entry in (cache / "hashes").iterdir():
        entry.write_text("{")
    assert again() != known
    assert len(checked) == 5
    # Without a place to keep it, it is computed anew.
    monkeypatch.setenv("IMBENCH_CACHE", str(path))
    assert again() != known
    small = tmp_path / "b.bin"
    small.write_bytes(b"1")
    assert file_hash(small) == file_hash(small)
