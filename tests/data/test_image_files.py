"""Many files as one array: one mode and size, decoded once, kept whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from made_images import grey, noise, save

from imbalance_bench.data import decode_pool, image_build, image_cache, image_files
from imbalance_bench.data.decode_chunks import Outcome, Target, fill
from imbalance_bench.data.image_files import Images, content_hashes, parse_size, read_images
from imbalance_bench.data.progress import listening
from imbalance_bench.errors import RequestError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own for each test."""
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def files(folder: Path, *images: object, ending: str = "png") -> list[str]:
    """Image files named 0, 1, ... in order."""
    return [str(save(folder / f"{i:04}.{ending}", image)) for i, image in enumerate(images)]


def read(paths: Sequence[str], **options: object) -> Images:
    return read_images(paths, [Path(path).name for path in paths], **options)


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise AssertionError("decoded again")

    monkeypatch.setattr(image_build, "build", refused)


def old(paths: Sequence[str]) -> None:
    """Wait until no file is so young that it is hashed again."""
    del paths
    time.sleep(image_cache._TICK_NS / 1e9 + 0.02)


def test_images_in_order_and_what_was_seen(tmp_path: Path) -> None:
    pixels = [noise(i) for i in range(5)]
    found = read(files(tmp_path, *pixels))
    np.testing.assert_array_equal(found.array, np.stack(pixels).transpose(0, 3, 1, 2))
    assert found.array.dtype == np.uint8
    assert found.kept.tolist() == [0, 1, 2, 3, 4]
    assert (found.unreadable, found.modes, found.sizes) == ((), {"RGB": 5}, {(4, 6): 5})
    assert found.notes == ()


def test_the_array_pleases_torch_and_changes_no_file(tmp_path: Path) -> None:
    import torch

    paths = files(tmp_path, grey(1), grey(2))
    images = read(paths).array
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.from_numpy(images)[0] = 9
    assert read(paths).array[0].max() == 1


@pytest.mark.parametrize(
    ("channels", "shape"), [("auto", (2, 3, 4, 6)), ("rgb", (2, 3, 4, 6)), ("grey", (2, 1, 4, 6))]
)
def test_one_mode_for_all(tmp_path: Path, channels: str, shape: tuple[int, ...]) -> None:
    paths = files(tmp_path, grey(5), np.full((4, 6, 3), (255, 0, 0), np.uint8))
    found = read(paths, channels=channels).array
    assert found.shape == shape
    assert found[0].tolist() == np.full(shape[1:], 5).tolist()
    assert found[1, :, 0, 0].tolist() == ([76] if channels == "grey" else [255, 0, 0])
    assert read(paths[:1]).array.shape == (1, 1, 4, 6)


def test_depths_are_scaled_by_their_range_and_never_cut(tmp_path: Path) -> None:
    paths = files(tmp_path, np.uint8([[0, 1, 255]]), np.uint16([[0, 40_000, 65_535]]))
    found = read(paths)
    assert found.array.tolist() == [[[[0, 257, 65_535]]], [[[0, 40_000, 65_535]]]]
    assert found.notes == ("1 file has fewer bits than the rest; scaled by their range (as 0000.png).",)
    colour = files(tmp_path / "b", np.uint8([[[1, 2, 3]] * 3]))
    mixed = read([*paths, *colour]).array
    assert (mixed.dtype, mixed.shape) == (np.uint16, (3, 3, 1, 3))
    assert mixed[2, :, 0, 0].tolist() == [257, 514, 771]
    assert mixed[1, 2].tolist() == [[0, 40_000, 65_535]]


def test_floats_beside_bytes_are_refused(tmp_path: Path) -> None:
    paths = files(tmp_path, np.float32([[0, 1]]), np.uint8([[0, 1]]), ending="tif")
    with pytest.raises(RequestError, match=r"1 images hold floats .*0000\.tif.* 1 hold 8 or 16 bits"):
        read(paths)
    assert read(paths[:1]).array.dtype == np.float32


def test_what_no_probe_saw_widens_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "_PROBED", 2)
    images: list[np.ndarray] = [noise(i, (4, 6)) for i in range(9)]
    images[3] = noise(3)
    images[6] = noise(6, (4, 6)).astype(np.uint16) * 200
    found = read(files(tmp_path, *images)).array
    assert (found.dtype, found.shape) == (np.uint16, (9, 3, 4, 6))
    np.testing.assert_array_equal(found[3], images[3].transpose(2, 0, 1).astype(np.uint16) * 257)
    np.testing.assert_array_equal(found[6, 1], images[6])
    np.testing.assert_array_equal(found[8, 2], images[8].astype(np.uint16) * 257)


def test_sizes_that_differ_are_refused_with_the_two_commonest(tmp_path: Path) -> None:
    sizes = [(4, 6)] * 3 + [(8, 8)] * 2 + [(5, 5), (9, 1)]
    paths = files(tmp_path, *(grey(1, size) for size in sizes))
    with pytest.raises(RequestError) as refused:
        read(paths)
    assert str(refused.value) == (
        "the images have 4 sizes (height x width): 4 x 6 in 3 (as 0000.png); 8 x 8 in 2 (as 0003.png); and 2 "
        "more sizes. Add --image-size, as --image-size 64 or --image-size 48x64, to resize them all on reading."
    )
    found = read(paths, image_size=(3, 5))
    assert found.array.shape == (7, 1, 3, 5)
    assert (found.array == 1).all()
    assert found.sizes == {(4, 6): 3, (8, 8): 2, (5, 5): 1, (9, 1): 1}


def test_one_size_that_no_probe_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "_PROBED", 2)
    with pytest.raises(
        RequestError, match=r"2 sizes .*4 x 6 in 4 \(as 0000.png\); 2 x 2 in 1 \(as 0002.png\)\."
    ):
        read(files(tmp_path, *(grey(1, (2, 2) if i == 2 else (4, 6)) for i in range(5))))


@pytest.mark.parametrize(
    ("text", "size"), [(None, None), ("64", (64, 64)), ("48x64", (48, 64)), ("1X8192", (1, 8192))]
)
def test_sizes_are_read(text: str | None, size: tuple[int, int] | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["0", "-3", "8193", "4x", "x4", "1x2x3", "64px", "6 4", "٣", "1e2", "999999999"]
)
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=re.escape(repr(text)) + ".*HEIGHTxWIDTH"):
        parse_size(text)


def damaged(folder: Path) -> list[str]:
    """Whole images at 0 and 4; between them cut short, empty, a text; a folder of a name at 5."""
    paths = files(folder, *(noise(i, (32, 32, 3)) for i in range(6)))
    whole = Path(paths[1]).read_bytes()
    Path(paths[1]).write_bytes(whole[: len(whole) // 2])
    Path(paths[2]).write_bytes(b"")
    Path(paths[3]).write_text("no image\n")
    Path(paths[5]).unlink()
    return paths


def test_unreadable_files_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    paths = damaged(tmp_path)
    for _ in range(2):
        found = read(paths)
        assert found.kept.tolist() == [0, 4]
        np.testing.assert_array_equal(found.array[1], noise(4, (32, 32, 3)).transpose(2, 0, 1))
        assert [name for name, _ in found.unreadable] == ["0001.png", "0002.png", "0003.png", "0005.png"]
        reasons = [reason for _, reason in found.unreadable]
        assert "truncated" in reasons[0]
        assert reasons[1:] == ["it is empty", "no image format that can be read", "No such file or directory"]
    with pytest.raises(
        RequestError, match="none of 2 images can be read; the first is 0002.png: it is empty"
    ):
        read(paths[2:4])
    with pytest.raises(RequestError, match="no images to read"):
        read([])


def test_a_file_without_permission_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, grey(1), grey(2))
    usual = open

    def closed(path: object, *options: object, **more: object) -> object:
        if path == paths[1]:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return usual(path, *options, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", closed)
    assert read(paths).unreadable == (("0001.png", "Permission denied"),)
    monkeypatch.undo()
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    assert read(paths).unreadable == ()


def test_other_code_may_have_told_pillow_to_take_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image, ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert len(read(damaged(tmp_path)).unreadable) == 4
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 10)


def test_several_images_in_a_file_are_noted(tmp_path: Path) -> None:
    from PIL import Image

    frames = [Image.fromarray(grey(v)) for v in (3, 200)]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    found = read([str(path)])
    assert found.notes == ("1 file holds several images; the first is read (as a.gif).",)
    assert (found.array == 3).all()


def test_a_second_reading_decodes_and_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, grey(1), grey(2))
    old(paths)
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
    old(paths)
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
    old(paths)
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
    old(paths)
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
        f"the decoded images can't be kept in {cache}: the disk has 1 bytes left. 2.0 MB are needed there. Free "
        "some space, or set IMBENCH_CACHE to a folder elsewhere."
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
    with pytest.raises(RequestError, match="No space left on device. 960 bytes are needed there. Free some"):
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


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert image_cache.cache_root() == tmp_path / "cache" / "images"
    monkeypatch.delenv("IMBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert image_cache.cache_root() == Path("/x/imbench/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert image_cache.cache_root() == Path("/h/.cache/imbench/images")
