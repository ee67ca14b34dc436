"""What is decoded is kept: once, by content, whole or not at all, whoever else decodes or dies."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_images import files, grey, noise, read, save

from imbalance_bench.data import decode_pool, image_build, image_cache, image_files
from imbalance_bench.data.decode_chunks import Outcome, Target, fill
from imbalance_bench.data.image_files import content_hashes
from imbalance_bench.errors import RequestError

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise AssertionError("decoded again")

    monkeypatch.setattr(image_build, "build", refused)


def settle() -> None:
    """Wait until no file is so young that it is hashed again."""
    time.sleep(image_cache._TICK_NS / 1e9 + 0.02)


def test_a_second_reading_decodes_and_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, grey(1), grey(2))
    settle()
    first = read(paths)
    monkeypatch.setattr(image_build, "build", None)
    monkeypatch.setattr(image_files, "_hash", None)
    np.testing.assert_array_equal(read(paths).array, first.array)
    assert all(content_hashes(paths))


@pytest.mark.usefixtures("no_decoding")
def test_moving_or_touching_decodes_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    paths = files(tmp_path / "a", noise(1), noise(2))
    with pytest.MonkeyPatch.context() as undone:
        undone.setattr(image_build, "build", BUILD)
        first = read(paths).array
    os.utime(paths[0], (1, 1))
    np.testing.assert_array_equal(read(paths).array, first)
    (tmp_path / "a").rename(tmp_path / "b")
    np.testing.assert_array_equal(read([path.replace("/a/", "/b/") for path in paths]).array, first)


BUILD = image_build.build


def test_other_content_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    paths = files(tmp_path, grey(1), grey(2), ending="bmp")
    stat = Path(paths[0]).stat()
    settle()
    before = read(paths)
    save(Path(paths[0]), grey(9))
    os.utime(paths[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert Path(paths[0]).stat().st_size == stat.st_size
    assert read(paths).array[0].max() == 9
    assert before.array[0].max() == 1


def test_a_file_written_within_a_tick_is_hashed_anew(tmp_path: Path) -> None:
    paths = files(tmp_path, grey(1), ending="bmp")
    first = content_hashes(paths)
    save(Path(paths[0]), grey(2))
    assert content_hashes(paths) != first


def test_options_and_order_have_entries_of_their_own(tmp_path: Path) -> None:
    paths = files(tmp_path, grey(1), grey(2))
    assert read(paths).array[:, 0, 0, 0].tolist() == [1, 2]
    assert read(paths[::-1]).array[:, 0, 0, 0].tolist() == [2, 1]
    assert read(paths, channels="rgb").array.shape[1] == 3
    assert read(paths, image_size=(2, 2)).array.shape[2:] == (2, 2)
    assert read(paths).array.shape == (2, 1, 4, 6)


@pytest.mark.parametrize("harm", ["short", "zeros", "other", "no meta", "bad meta", "no images", "bad index"])
def test_damaged_entries_are_made_again(tmp_path: Path, cache: Path, harm: str) -> None:
    paths = files(tmp_path, *(noise(i) for i in range(40)))
    settle()
    first = np.array(read(paths).array)
    entry = next(cache.glob("*-*"))
    images, meta = entry / "images.npy", entry / "meta.json"
    if harm == "short":
        images.write_bytes(images.read_bytes()[:-100])
    elif harm == "zeros":
        raw = images.read_bytes()
        images.write_bytes(raw[:256] + bytes(len(raw) - 256))
    elif harm == "other":
        np.save(images, np.zeros((3, 3)))
    elif harm == "no meta":
        meta.unlink()
    elif harm == "bad meta":
        meta.write_text(json.dumps([1]))
    elif harm == "no images":
        images.unlink()
    else:
        for index in (cache / "files").iterdir():
            index.write_text('{"files": {"a": [1, 2]}}')
    np.testing.assert_array_equal(read(paths).array, first)
    assert image_cache.open_entry(entry.name) is not None


def program(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A Python process that runs `code`."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


READ = """
import os, signal, sys, time
from imbalance_bench.data import decode_pool, image_build, image_files
build, fill, harm = image_build.build, decode_pool.fill, sys.argv[1]
def counted(*given):
    print("built")
    if harm == "wait":
        time.sleep(0.3)
    return build(*given)
def killed(target, first, paths):
    found = fill(target, first, paths)
    if harm == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return found
image_build.build, decode_pool.fill = counted, killed
print(image_files.read_images(sys.argv[2:], sys.argv[2:]).array.sum())
"""


def test_two_processes_decode_once(tmp_path: Path) -> None:
    paths = files(tmp_path, *(noise(i) for i in range(10)))
    settle()
    both = [program(READ, "wait", *paths) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in both]
    assert [err for _, err in told] == ["", ""]
    assert sorted(out.count("built") for out, _ in told) == [0, 1]
    assert len({out.split()[-1] for out, _ in told}) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_killed_build_leaves_no_entry_and_is_cleared_away(tmp_path: Path, cache: Path) -> None:
    paths = files(tmp_path, *(noise(i) for i in range(200)))
    process = program(READ, "kill", *paths)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert list(cache.glob("*-*")) == []
    assert len(list(cache.glob("*.part"))) == 1
    assert len(read(paths).array) == 200
    assert len(list(cache.glob("*-*"))) == 1
    assert list(cache.glob("*.part")) == []


def nothing_half(cache: Path) -> bool:
    return not [path for path in cache.iterdir() if path.suffix != ".lock" and path.name != "files"]


def test_no_room_is_told_before_anything_is_written(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 9, 1))
    paths = files(tmp_path, *(grey(i, (100, 100)) for i in range(200)))
    with pytest.raises(RequestError) as refused:
        read(paths)
    assert str(refused.value) == (
        f"the decoded images can't be kept in {cache}: the disk has 1 bytes left. 2.0 MB are needed there. "
        "Free some space, or set IMBENCH_CACHE to a folder elsewhere."
    )
    assert nothing_half(cache)


def test_a_limit_on_files_is_told(tmp_path: Path, cache: Path) -> None:
    resource = pytest.importorskip("resource")
    paths = files(tmp_path, *(grey(i, (100, 100)) for i in range(20)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(RequestError, match=r"File too large.* 200256 bytes are needed .*IMBENCH_CACHE"):
            read(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert nothing_half(cache)


@pytest.mark.parametrize("in_worker", [False, True])
def test_a_disk_that_fills_up_meanwhile(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, in_worker: bool
) -> None:
    def full(target: Target, first: int, paths: Sequence[str]) -> list[Outcome]:
        raise OSError(errno.ENOSPC, "No space left on device")

    if in_worker:
        monkeypatch.setattr(decode_pool, "_cpus", lambda: 2)
        monkeypatch.setattr(decode_pool, "FEW_FILES", 2)
        monkeypatch.setattr(decode_pool, "_CHUNK_FILES", 4)
        monkeypatch.setattr(decode_pool, "fill", slow)
        monkeypatch.setattr(decode_pool, "_START", decode_pool._START.replace("serve()", FULL))
    else:
        monkeypatch.setattr(decode_pool, "fill", full)
    with pytest.raises(
        RequestError, match=r"No space left on device\. 960 bytes are needed there\. Free some"
    ):
        read(files(tmp_path, *(grey(i) for i in range(40))))
    assert nothing_half(cache)


FULL = """
import imbalance_bench.data.decode_chunks as chunks
def full(*_):
    raise OSError(28, "No space left on device")
chunks.fill = full
serve()
"""


def slow(target: Target, first: int, paths: Sequence[str]) -> list[Outcome]:
    time.sleep(0.2)
    return fill(target, first, paths)


def test_a_cache_that_is_no_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(
        RequestError, match=r"can't be kept in .*Make that folder writable, or set IMBENCH_CACHE"
    ):
        read(files(tmp_path, grey(1)))


def test_an_entry_can_be_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = files(tmp_path, grey(1))
    read(paths)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refused)
    monkeypatch.setattr(Path, "mkdir", refused)
    assert read(paths).array.max() == 1


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    assert image_cache.cache_root() == tmp_path / "cache" / "images"
    monkeypatch.delenv("IMBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert image_cache.cache_root() == Path("/x/imbench/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert image_cache.cache_root() == Path("/h/.cache/imbench/images")
