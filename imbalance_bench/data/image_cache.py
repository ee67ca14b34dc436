"""The decoded images on disk: entries named by content, and an index that spares hashing files anew.

images/KEY/images.npy, meta.json      one set of images, appearing whole or not at all
images/files/NAME.json                file -> (size, times, hash), for the files of one folder
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imbalance_bench.data.hashes import cache_folder
from imbalance_bench.data.npy_rows import HEADER_BYTES, write_header
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError

_CHECKED_ROWS = 16
_TICK_NS = 50_000_000
"""A file that changed so shortly before it was read may change again within one tick of its clock."""

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))

Signature = tuple[int, int, int]
"""Size, time of the last change of content and of the file's entry, in ns."""


_TOLD = ("unreadable", "modes", "sizes", "frames", "reduced", "scaled")
_NOTHING = (None, None, None, "")


def cache_root() -> Path:
    """Where images are kept: `images` in the cache folder."""
    return cache_folder().absolute() / "images"


def signature(stat: os.stat_result) -> Signature:
    """What changes when a file does."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def known_hashes(paths: Sequence[str], signatures: Sequence[Signature | None]) -> list[bytes | None]:
    """The hash of each file that has not changed since it was hashed; None for the others."""
    base, index = _index(paths)
    known = _read_index(index)
    cut = len(base)
    found: list[bytes | None] = []
    for path, now in zip(paths, signatures, strict=True):
        size, changed, entered, text = known.get(path[cut:], _NOTHING)
        found.append(bytes.fromhex(text) if now == (size, changed, entered) else None)
    return found


def remember_hashes(
    paths: Sequence[str],
    signatures: Sequence[Signature | None],
    hashes: Sequence[bytes | None],
    read_after_ns: int,
) -> None:
    """Keep hashes of files whose bytes were read after `read_after_ns` (since the epoch).

    What can't be written is left: the next start then hashes again.
    """
    base, index = _index(paths)
    known = dict(_read_index(index))
    cut = len(base)
    before = len(known)
    changed = False
    for path, now, found in zip(paths, signatures, hashes, strict=True):
        if found is None or now is None or max(now[1:]) > read_after_ns - _TICK_NS:
            continue
        entry = [*now, found.hex()]
        if known.get(path[cut:]) != entry:
            known[path[cut:]] = entry
            changed = True
    if changed or len(known) != before:
        with contextlib.suppress(OSError):
            index.parent.mkdir(parents=True, exist_ok=True)
            part = index.with_name(f"{index.name}.{os.getpid()}")
            part.write_text(json.dumps({"files": known}, separators=(",", ":")), encoding="ascii")
            part.replace(index)


def has_entries(name: str) -> bool:
    """Whether there are entries whose keys start with `name`; not where that can't be looked up."""
    with contextlib.suppress(OSError):
        return any(cache_root().glob(f"{name}-*"))
    return False


def open_entry(key: str) -> tuple[np.ndarray, Mapping[str, Any]] | None:
    """The images, mapped, and what is known of them; None where there is no such entry or it is damaged."""
    folder = cache_root() / key
    try:
        meta = json.loads((folder / "meta.json").read_text("ascii"))
        file = folder / "images.npy"
        # Private to this process where it is written to: torch warns of arrays that can't be.
        images = np.load(file, mmap_mode="c").view(np.ndarray)
        whole = (
            list(images.shape) == meta["shape"]
            and str(images.dtype) == meta["dtype"]
            and file.stat().st_size == HEADER_BYTES + images.nbytes
            and checks(images) == meta["checks"]
            and all(key in meta for key in _TOLD)
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return (images, meta) if whole else None


def checks(images: np.ndarray) -> list[int]:
    """Checksums of a few rows from the first to the last: what a power cut left unwritten is zero there."""
    rows = np.unique(np.linspace(0, len(images) - 1, _CHECKED_ROWS).astype(np.int64))
    return [zlib.crc32(np.ascontiguousarray(images[row]).data) for row in rows]


@contextlib.contextmanager
def building(name: str) -> Iterator[Path]:
    """A new empty folder to build an entry in; others that build the same `name` wait until it is done.

    What an earlier, killed build of that name left is removed; so is all that this one leaves.
    """
    from filelock import FileLock

    root = cache_root()
    temporary = root / f"{name}.part"
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / f"{name}.lock")
        lock.acquire()
    try:
        with writing(root):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        lock.release()


def publish(folder: Path, key: str, meta: Mapping[str, Any]) -> None:
    """Let the entry built in `folder` appear as `key`; a damaged one of that name gives way."""
    target = cache_root() / key
    with writing(target):
        (folder / "meta.json").write_text(json.dumps(meta), encoding="ascii")
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)


@contextlib.contextmanager
def writing(where: Path, n_bytes: int = 0) -> Iterator[None]:
    """An OSError within becomes a refusal that says what could not be written and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        needed = f" {_shown(n_bytes)} are needed there." if n_bytes else ""
        raise RequestError(
            f"the decoded images can't be kept in {where}: {error.strerror or error}.{needed} "
            + ("Free some space" if full else "Make that folder writable")
            + ", or set IMBENCH_CACHE to a folder elsewhere."
        ) from error


def reserve(file: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """A new .npy file for rows of that shape; RequestError where the disk has no room for it."""
    n_bytes = HEADER_BYTES + int(np.prod(shape, dtype=object)) * dtype.itemsize
    with writing(file.parent.parent, n_bytes):
        free = shutil.disk_usage(file.parent).free
        if n_bytes > free:
            raise OSError(errno.ENOSPC, f"the disk has {_shown(free)} left")
        with file.open("wb") as out:
            write_header(out.fileno(), shape, dtype)
            try:
                os.posix_fallocate(out.fileno(), 0, n_bytes)
            except AttributeError:  # macOS, Windows
                pass
            except OSError as error:  # not every file system can; writing then tells
                if error.errno in _FULL:
                    raise
            out.truncate(n_bytes)


def _shown(n_bytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


def _index(paths: Sequence[str]) -> tuple[str, Path]:
    """The folder that all `paths` lie in, and the index of its files."""
    try:
        base = os.path.commonpath({path.rpartition(os.sep)[0] or os.sep for path in paths})
    except ValueError:  # nothing in common: on several drives
        base = ""
    return base, cache_root() / "files" / f"{digest(os.fsencode(base))}.json"


def _read_index(index: Path) -> Mapping[str, Sequence[Any]]:
    try:
        found: dict[str, Sequence[Any]] = json.loads(index.read_text("ascii"))["files"]
        for *_, text in found.values():
            bytes.fromhex(text)
        return found if all(len(entry) == 4 for entry in found.values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # hashing again is all that its loss costs
