"""SHA-256 of large files, computed once for each path, size and times of change; the cache folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from imbalance_bench.errors import RequestError

BLOCK = 2**22
INDEXED = 2**24
"""From this size on, in bytes, what a file hashes to is kept between processes."""
_SETTLED_SECONDS = 2.0
"""A file that changed this recently may change again without another size or time: it is not kept."""


def cache_folder() -> Path:
    """`$IMBENCH_CACHE`, else `$XDG_CACHE_HOME/imbench`, else `~/.cache/imbench`; it may be emptied."""
    if given := os.environ.get("IMBENCH_CACHE"):
        return expanded(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imbench"


def expanded(path: str) -> Path:
    """The path with `~` resolved; as it stands where nobody knows that home."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises then


def file_hash(path: Path, check: Callable[[Path], None] | None = None) -> str:
    """The hexadecimal SHA-256 of the file's content.

    `check` is called with the path whenever the file is read: it raises RequestError for a damaged one.
    RequestError where there is no such file, or it can't be read.
    """
    stat = _stat(path)
    return _hash(path.absolute(), stat.st_size, (stat.st_mtime_ns, stat.st_ctime_ns), check)


@functools.lru_cache(maxsize=64)
def _hash(path: Path, size: int, times_ns: tuple[int, int], check: Callable[[Path], None] | None) -> str:
    # The second time, of the file's entry, tells where another file took its place and kept the first one.
    known = {"path": str(path), "size": size, "times_ns": list(times_ns)}
    name = hashlib.sha256(f"{path}\n{getattr(check, '__name__', '')}".encode()).hexdigest()[:24]
    entry = cache_folder() / "hashes" / f"{name}.json"
    if size >= INDEXED:
        with contextlib.suppress(OSError, ValueError):
            stored = json.loads(entry.read_text("utf-8"))
            if isinstance(stored, dict) and {key: stored.get(key) for key in known} == known:
                return str(stored["sha256"])
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                total.update(block)
    except OSError as error:
        raise RequestError(f"{path} can't be read ({error.strerror or error}).") from None
    if check is not None:
        check(path)
    found = total.hexdigest()
    if size >= INDEXED and time.time() - max(times_ns) / 1e9 > _SETTLED_SECONDS:
        with contextlib.suppress(OSError):  # it only saves time
            entry.parent.mkdir(parents=True, exist_ok=True)
            fresh = entry.with_name(f".{entry.name}.tmp-{os.getpid()}")
            fresh.write_text(json.dumps({**known, "sha256": found}), encoding="utf-8")
            fresh.replace(entry)
    return found


def _stat(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise RequestError(f"there is no file {path}.") from None
    except OSError as error:
        raise RequestError(f"{path} can't be read ({error.strerror or error}).") from None
    except ValueError:
        raise RequestError(f"{str(path)!r} is no name of a file: it holds a null character.") from None
    if S_ISDIR(found.st_mode):
        raise RequestError(f"{path} is a folder; name a file.")
    if not S_ISREG(found.st_mode):
        raise RequestError(f"{path} is a pipe or a device; name a file.")
    return found
