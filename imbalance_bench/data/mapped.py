"""The arrays of an npz file as rows: read when they are few, else mapped, from the file itself or a cache."""

from __future__ import annotations

import contextlib
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.archives import DAMAGED
from imbalance_bench.data.hashes import cache_folder
from imbalance_bench.data.progress import tell
from imbalance_bench.errors import RequestError

SMALL = 2**26
"""Up to this many bytes all rows together are held in memory; a cache file is not worth its place."""
BLOCK = 2**22
_LOCAL = struct.Struct("<4s22xHH")

Convert = Callable[[NDArray[Any], int, int], NDArray[Any]]
"""From a block of stored rows, the number of its array and its first row there, to finished rows."""


@dataclass(frozen=True)
class Member:
    """An array of an npz file, of which only the header has been read.

    Attributes:
        start: where its values start in the file; None where they are compressed.
        size: bytes that the values take by the archive's own account.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    start: int | None
    size: int

    def read(self) -> NDArray[Any]:
        """The whole array; RequestError where it is damaged or holds objects."""
        if not self.shape:
            return next(self._stream(1)).reshape(())
        blocks = list(self.blocks())
        return np.concatenate(blocks) if blocks else np.empty(self.shape, self.dtype)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Its rows in their order, a few MiB at a time, read-only; checked against the archive's checksum."""
        if self.fortran and len(self.shape) > 1:  # its rows are not in one piece
            whole = next(self._stream(max(1, math.prod(self.shape)))).reshape(self.shape, order="F")
            yield from np.array_split(whole, max(1, math.ceil(whole.nbytes / BLOCK)))
            return
        row = math.prod(self.shape[1:])
        for values in self._stream(max(1, BLOCK // max(1, row * self.dtype.itemsize)) * row):
            yield values.reshape(-1, *self.shape[1:])

    def mapped(self) -> NDArray[Any] | None:
        """The array without reading it; None where it is compressed, misaligned or of foreign byte order.

        Writing to it changes a copy in memory, never the file.
        """
        self._check()
        if self.start is None or self.start % self.dtype.alignment or not self.dtype.isnative:
            return None
        with _reading(self.path):
            order: Literal["F", "C"] = "F" if self.fortran else "C"
            return np.memmap(self.path, self.dtype, "c", self.start, self.shape, order).view(np.ndarray)

    def _stream(self, count: int) -> Iterator[NDArray[Any]]:
        """All values as flat arrays of `count`, the last one shorter."""
        self._check()
        left = math.prod(self.shape)
        with _reading(self.path), zipfile.ZipFile(self.path) as archive, archive.open(self.name) as file:
            _header(file)
            while left:
                raw = file.read(min(count, left) * self.dtype.itemsize)
                yield np.frombuffer(raw, self.dtype, min(count, left))
                left -= min(count, left)
            if file.read(1):  # reaching the end compares the checksum
                raise ValueError("more values than the header promises")

    def _check(self) -> None:
        if self.dtype.hasobject:
            raise RequestError(
                f"{self.path}: {_key(self.name)} holds Python objects, which are never loaded (they can run "
                "anything); save arrays of numbers or text."
            )
        promised = math.prod(self.shape) * self.dtype.itemsize
        if promised != self.size:
            raise RequestError(
                f"{self.path} is damaged: the header of {_key(self.name)} promises {promised} bytes and "
                f"{self.size} follow. Save it again."
            )


def members(path: Path) -> dict[str, Member]:
    """The arrays of an npz file by name; RequestError where it is none, or can't be read."""
    found = {}
    with _reading(path):
        if path.exists() and not (path.is_file() or path.is_dir()):  # opening it could wait for ever
            raise RequestError(f"{path} is a pipe or a device; name a file.")
        with path.open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                raise RequestError(
                    f"{path} holds a single array; np.savez makes a file of several named ones."
                )
        with zipfile.ZipFile(path) as archive, path.open("rb") as plain:
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    continue
                with archive.open(info) as file:
                    shape, fortran, dtype = _header(file)
                    header = file.tell()
                start = None
                if info.compress_type == zipfile.ZIP_STORED:
                    plain.seek(info.header_offset)
                    magic, name, extra = _LOCAL.unpack(plain.read(_LOCAL.size))
                    if magic != b"PK\x03\x04":
                        raise zipfile.BadZipFile
                    start = info.header_offset + _LOCAL.size + name + extra + header
                found[_key(info.filename)] = Member(
                    path, info.filename, shape, dtype, fortran, start, info.file_size - header
                )
    return found


def check_stored(path: Path) -> None:
    """RequestError where an uncompressed member doesn't match its checksum: mapping never looks at it."""
    with _reading(path), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.compress_type == zipfile.ZIP_STORED:
                with archive.open(info) as file:
                    while file.read(BLOCK):
                        pass


def stacked(
    pieces: Sequence[Member],
    convert: Convert,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    key: str,
    as_stored: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> NDArray[Any]:
    """The rows of several arrays, one after another, converted: (N, *shape) of `dtype`.

    Up to `SMALL` bytes they are held in memory, beyond that mapped: from the file itself where there is one
    array and `as_stored` turns it into its rows as a view; otherwise from a file `key` of the cache folder,
    which is written once, a block at a time.

    RequestError for damaged arrays, and where the cache can't be written.
    """
    n = sum(piece.shape[0] for piece in pieces)
    if n * math.prod(shape) * np.dtype(dtype).itemsize <= SMALL:
        rows = np.empty((n, *shape), dtype)
        at = 0
        for block in _converted(pieces, convert):
            rows[at : at + len(block)] = block
            at += len(block)
        return rows
    if as_stored is not None and len(pieces) == 1 and (direct := pieces[0].mapped()) is not None:
        view = as_stored(direct)
        for start in range(0, n, step := _rows_of_a_block(direct)):
            convert(direct[start : start + step], 0, start)  # what it refuses is refused here too
        return view
    path = cache_folder() / "arrays" / f"{key}.npy"
    if (cached := _cached(path, (n, *shape), dtype)) is not None:
        return cached
    _write(path, (n, *shape), np.dtype(dtype), _converted(pieces, convert))
    cached = _cached(path, (n, *shape), dtype)
    if cached is None:
        raise RequestError(f"{path} changed while it was being read; try again.")
    return cached


def _converted(pieces: Sequence[Member], convert: Convert) -> Iterator[NDArray[Any]]:
    for number, piece in enumerate(pieces):
        first = 0
        for block in piece.blocks():
            yield convert(block, number, first)
            first += len(block)


def _write(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Iterator[NDArray[Any]]) -> None:
    """The rows as an npy file that appears whole or not at all."""
    fresh = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    done = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, described)
            for block in blocks:
                file.write(np.ascontiguousarray(block).data)
                done += len(block)
                tell("unpacking images", done, shape[0])
        fresh.replace(path)
    except OSError as error:
        raise RequestError(
            f"{path.parent} can't hold {math.prod(shape) * dtype.itemsize / 1e9:.1f} GB of unpacked images "
            f"({error.strerror or error}); set IMBENCH_CACHE to a folder that can."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _cached(path: Path, shape: tuple[int, ...], dtype: Any) -> NDArray[Any] | None:
    """A file of the cache, mapped; None where it is not there or not whole."""
    try:
        found = np.lib.format.open_memmap(path, mode="c")
    except (OSError, ValueError, EOFError):
        return None
    whole = found.shape == shape and found.dtype == np.dtype(dtype)
    return found.view(np.ndarray) if whole else None


def _rows_of_a_block(array: NDArray[Any]) -> int:
    return max(1, BLOCK // max(1, array.nbytes // max(1, len(array))))


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    else:  # needed for named fields alone
        raise ValueError(f"npy format {version}")
    return shape, fortran, dtype


def _key(name: str) -> str:
    return name.removesuffix(".npy")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever a file can do wrong as a RequestError."""
    try:
        yield
    except RequestError:
        raise
    except FileNotFoundError:
        raise RequestError(f"there is no file {path}.") from None
    except IsADirectoryError:
        raise RequestError(f"{path} is a folder; name a file.") from None
    except OSError as error:
        raise RequestError(f"{path} can't be read ({error.strerror or error}).") from None
    except DAMAGED as error:
        raise RequestError(
            f"{path} is damaged, or no npz file ({error or type(error).__name__}). Save it again, with "
            "np.savez or np.savez_compressed."
        ) from None
