"""npz members as rows: the same read, mapped or cached; damage is named; the file is never written."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npz_files import images, save

from imbalance_bench.data import hashes, mapped
from imbalance_bench.data.hashes import file_hash
from imbalance_bench.data.mapped import check_stored, members, stacked
from imbalance_bench.data.progress import listening
from imbalance_bench.errors import RequestError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mapped, "BLOCK", 100)
    hashes._hash.cache_clear()
    return tmp_path / "cache"


def same(block: np.ndarray, number: int, first: int) -> np.ndarray:
    return block


def rows(path: Path, *names: str, key: str = "k", view: bool = False) -> np.ndarray:
    held = members(path)
    first = held[names[0]]
    return stacked(
        [held[name] for name in names],
        same,
        first.shape[1:],
        first.dtype,
        key=key,
        as_stored=(lambda array: array) if view else None,
    )


def is_mapped(array: Any) -> bool:
    while array is not None and not isinstance(array, np.memmap):
        array = array.base if isinstance(array, np.ndarray) else None
    return array is not None


ARRAYS = {
    "uint8": images(37, 5, 4),
    "float": np.linspace(0, 1, 120).reshape(40, 3).astype(np.float32),
    "fortran": np.asfortranarray(np.arange(60, dtype=np.uint16).reshape(20, 3)),
    "big-endian": np.arange(60, dtype=">i4").reshape(20, 3),
    "text": np.array(["a", "ß", "long text"]),
    "one-row": images(1, 30, 30),
    "flat": np.arange(1000, dtype=np.int64),
    "nothing": np.zeros((0, 3), np.uint8),
    "no-values": np.zeros((3, 0), np.uint8),
    "scalar": np.array(5),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_comes_back(tmp_path: Path, name: str, compressed: bool) -> None:
    path = save(tmp_path / "a.npz", compressed, x=images(3), y=ARRAYS[name])
    held = members(path)
    assert list(held) == ["x", "y"]
    found = held["y"].read()
    assert found.dtype == ARRAYS[name].dtype.newbyteorder("=")
    assert found.shape == ARRAYS[name].shape
    assert (found == ARRAYS[name]).all()
    if ARRAYS[name].size and ARRAYS[name].ndim:
        direct = held["y"].mapped()
        assert direct is None or (direct == ARRAYS[name]).all()
        if compressed or name == "big-endian":
            assert direct is None


def test_few_rows_are_held_in_memory(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "a.npz", x=images(9), y=images(4, seed=1))
    found = rows(path, "x", "y")
    assert (found == np.concatenate([images(9), images(4, seed=1)])).all()
    assert not is_mapped(found)
    assert not cache.exists()


@pytest.mark.parametrize("compressed", [False, True])
def test_many_rows_are_unpacked_once(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    path = save(tmp_path / "a.npz", compressed, x=images(9), y=images(4, seed=1))
    told: list[tuple[str, int, int]] = []
    with listening(lambda *args: told.append(args)):
        found = rows(path, "x", "y", view=True)
    assert told[-1] == ("unpacking images", 13, 13)
    assert len(told) > 2
    assert is_mapped(found)
    assert (found == np.concatenate([images(9), images(4, seed=1)])).all()
    assert [file.name for file in (cache / "arrays").iterdir()] == ["k.npy"]
    before = (cache / "arrays" / "k.npy").stat()
    with listening(lambda *args: pytest.fail("unpacked again")):
        assert (rows(path, "x", "y") == found).all()
    found[:] = 0  # a copy in this process's memory
    assert (cache / "arrays" / "k.npy").stat() == before
    assert rows(path, "x", "y").any()


def test_a_single_uncompressed_array_is_mapped_where_it_lies(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    path = save(tmp_path / "a.npz", y=np.arange(3), x=images(9))
    raw = path.read_bytes()
    found = rows(path, "x", view=True)
    assert is_mapped(found)
    assert (found == images(9)).all()
    assert found.flags.writeable  # or torch warns
    found[0] = 0
    assert path.read_bytes() == raw
    assert not cache.exists()
    assert is_mapped(rows(path, "x"))  # not as it is stored: by way of the cache
    assert cache.exists()


def test_misaligned_values_are_not_mapped(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32)
    text = io.BytesIO()
    np.save(text, values)
    starts = set()
    for length in range(1, 5):
        path = tmp_path / f"{length}.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x" * length + ".npy", text.getvalue())
        member = members(path)["x" * length]
        assert member.start is not None
        starts.add(member.start % 4)
        direct = member.mapped()
        assert (direct is None) == (member.start % 4 != 0)
        assert direct is None or (direct == values).all()
    assert starts == {0, 1, 2, 3}


def test_a_file_of_the_cache_that_is_not_whole_is_made_again(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    path = save(tmp_path / "a.npz", x=images(9), y=images(4, seed=1))
    rows(path, "x", "y")
    stored = cache / "arrays" / "k.npy"
    whole = stored.read_bytes()
    for spoilt in (whole[:-1], whole[:40], b"", b"junk" * 100):
        stored.unlink()
        stored.write_bytes(spoilt)
        assert (rows(path, "x", "y")[:9] == images(9)).all()
        assert stored.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    path = save(tmp_path / "a.npz", x=images(9), y=images(4))
    cache.write_text("a file where the folder should be")
    with pytest.raises(RequestError, match=r"can't hold 0\.0 GB .*set IMBENCH_CACHE"):
        rows(path, "x", "y")


def test_an_interrupted_unpacking_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    path = save(tmp_path / "a.npz", x=images(9), y=images(4))

    def stop(block: np.ndarray, number: int, first: int) -> np.ndarray:
        if number:
            raise KeyboardInterrupt
        return block

    held = members(path)
    with pytest.raises(KeyboardInterrupt):
        stacked([held["x"], held["y"]], stop, (6, 5), np.uint8, key="k")
    assert list((cache / "arrays").iterdir()) == []


def archive_of(raw: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file with `raw` as x.npy."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("x.npy", raw)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


WHOLE = npy(images(9))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is damaged, or no npz file"),
        (b"no zip at all", "is damaged, or no npz file"),
        (archive_of(WHOLE)[:200], "is damaged, or no npz file"),
        (WHOLE, "holds a single array; np.savez makes"),
        (archive_of(b"not npy"), "is damaged, or no npz file"),
        (archive_of(WHOLE[:-1]), "the header of x promises 270 bytes and 269 follow"),
        (archive_of(WHOLE + b"x"), "the header of x promises 270 bytes and 271 follow"),
        (archive_of(WHOLE.replace(b"(9, 6, 5)", b"(9, 6, 6)")), "promises 324 bytes and 270"),
        (archive_of(WHOLE.replace(b"(9, 6, 5)", b"(-9,6, 5)")), "promises -270 bytes"),
        (archive_of(WHOLE, zipfile.ZIP_DEFLATED).replace(b"x.npy", b"y.npy", 1), "is damaged"),
    ],
)
def test_damage_is_named(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(raw)
    with pytest.raises(RequestError, match=said) as refused:
        members(path)["x"].read()
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_is_found(tmp_path: Path, compression: int) -> None:
    raw = bytearray(archive_of(WHOLE, compression))
    raw[200] ^= 1
    path = tmp_path / "a.npz"
    path.write_bytes(raw)
    with pytest.raises(RequestError, match="is damaged"):
        members(path)["x"].read()
    if compression == zipfile.ZIP_STORED:  # mapping alone would not see it
        with pytest.raises(RequestError, match="is damaged"):
            file_hash(path, check_stored)


def test_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return pytest.fail, ("a pickle was opened",)

    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([Trap()], dtype=object), y=np.arange(3))
    held = members(path)
    assert held["y"].read().tolist() == [0, 1, 2]
    for attempt in (held["x"].read, held["x"].mapped, lambda: list(held["x"].blocks())):
        with pytest.raises(RequestError, match="x holds Python objects, which are never loaded"):
            attempt()


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.npz", "there is no file"), (tmp_path, "is a folder")):
        for attempt in (members, file_hash, check_stored):
            with pytest.raises(RequestError, match=said):
                attempt(path)
    with pytest.raises(RequestError, match="null character"):
        file_hash(Path("a\0b"))


def test_other_files_in_the_archive_are_passed_over(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", x=images(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "hello")
    assert list(members(path)) == ["x"]
