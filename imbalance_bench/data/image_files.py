"""Many image files as one array: decoded once, kept by content, mapped from the disk ever after."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data import image_cache as cache
from imbalance_bench.data.image_cache import Signature
from imbalance_bench.data.progress import tell
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError

Size = tuple[int, int]

VERSION = 1
"""Raise it whenever the same file would become another array: what is kept is then decoded again."""


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a list of files.

    array: (n, C, H, W) uint8, uint16 or float32, mapped from a file; writing to it changes no file.
    kept: (n,) int64, the places in the list of the files that the rows come from: all that could be read.
    unreadable: (name, reason) of the others.
    modes: files by Pillow's kind of pixel, as {"RGB": 90, "L": 10}.
    sizes: files by (height, width) as stored, after orientation.
    notes: what the user should know of how they were read.
    """

    array: NDArray[Any]
    kept: NDArray[np.int64]
    unreadable: tuple[tuple[str, str], ...]
    modes: Counter[str]
    sizes: Counter[Size]
    notes: tuple[str, ...]


def parse_size(text: str | None) -> Size | None:
    """(height, width) of `--image-size`: "64", or "48x64" as HEIGHTxWIDTH; RequestError for anything else."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        parts = ["0"]
    height, width = int(parts[0]), int(parts[-1])
    if not (1 <= height <= 8192 and 1 <= width <= 8192):
        raise RequestError(
            f"image_size is {text!r}; allowed: pixels from 1 to 8192, as 64, or HEIGHTxWIDTH as 48x64."
        )
    return height, width


def signatures(paths: Iterable[str]) -> list[Signature | None]:
    """What tells of each file whether it changed; None where it can't be asked."""
    found: list[Signature | None] = []
    for path in paths:
        try:
            found.append(cache.signature(os.stat(path)))
        except (OSError, ValueError):  # ValueError: a name with a null character
            found.append(None)
    return found


def content_hashes(
    paths: Sequence[str], given: Sequence[Signature | None] | None = None
) -> list[bytes | None]:
    """16 bytes of each file's content; None where it can't be read.

    Files that have not changed since they were last hashed are not opened. `given`: their signatures.
    """
    if not paths:
        return []
    signed = signatures(paths) if given is None else given
    hashes = cache.known_hashes(paths, signed)
    unknown = [i for i, found in enumerate(hashes) if found is None]
    if unknown:
        started = time.time_ns()
        with ThreadPoolExecutor(4) as threads:  # reading and hashing leave Python's lock
            for n, (i, found) in enumerate(
                zip(unknown, threads.map(_hash, (paths[i] for i in unknown)), strict=True), start=1
            ):
                hashes[i] = found
                if n % 256 == 0 or n == len(unknown):
                    tell("hashing images", n, len(unknown))
        cache.remember_hashes(paths, signed, hashes, started)
    return hashes


def read_images(
    paths: Sequence[str],
    names: Sequence[str],
    *,
    image_size: Size | None = None,
    channels: str = "auto",
    given: Sequence[Signature | None] | None = None,
) -> Images:
    """The files at `paths` as one array, in their order, with one size, one depth and one number of channels.

    `names` are what messages call them. `image_size` (height, width) or None: they must all have one size.
    `channels` "grey", "rgb", or "auto": grey where all are grey, else rgb. Depths that differ are scaled by
    their true range (255 becomes 65535). What single files become: `decode.decode`. `given`: signatures.

    RequestError where sizes differ and none is asked for, where floats and whole numbers stand side by side,
    where no file can be read, or where the cache can't be written.
    """
    from imbalance_bench.data.image_build import build  # only here is Pillow needed

    if not paths:
        raise RequestError("there are no images to read.")
    signed = signatures(paths) if given is None else given
    asked = f"{VERSION} {channels} {image_size} {len(paths)}"
    # Files of the same sizes are most probably the same files, moved or touched: hashing comes first then,
    # where new ones are hashed and decoded from one reading.
    alike = digest(asked, repr([None if now is None else now[0] for now in signed]))
    hashes = cache.known_hashes(paths, signed)
    if None in hashes and cache.has_entries(alike):
        hashes = content_hashes(paths, signed)
    if None not in hashes or cache.has_entries(alike):
        found = cache.open_entry(entry_key(alike, hashes))
        if found is not None:
            return _images(*found, names)
    with cache.building(alike) as folder:
        hashes = cache.known_hashes(paths, signed)  # another process may have been quicker
        if cache.has_entries(alike):
            hashes = content_hashes(paths, signed)
            found = cache.open_entry(entry_key(alike, hashes))
            if found is not None:
                return _images(*found, names)
        key = build(folder, alike, paths, names, signed, channels, image_size)
    found = cache.open_entry(key)
    if found is None:
        raise RequestError(
            f"the decoded images in {cache.cache_root() / key} can't be read back; is the disk in order? "
            "Set IMBENCH_CACHE to a folder elsewhere."
        )
    return _images(*found, names)


def entry_key(alike: str, hashes: Sequence[bytes | None]) -> str:
    """The name of the entry that holds files of these contents, in this order."""
    return f"{alike}-{digest(*(found or b'' for found in hashes))}"


def _images(array: NDArray[Any], meta: Mapping[str, Any], names: Sequence[str]) -> Images:
    unreadable = tuple((names[i], reason) for i, reason in meta["unreadable"])
    left_out = {i for i, _ in meta["unreadable"]}
    kept = np.array([i for i in range(len(names)) if i not in left_out], dtype=np.int64)
    sizes = Counter({(height, width): n for height, width, n in meta["sizes"]})
    return Images(array, kept, unreadable, Counter(meta["modes"]), sizes, tuple(_notes(meta, names)))


def _notes(meta: Mapping[str, Any], names: Sequence[str]) -> Iterable[str]:
    for key, one, many, said in (
        ("frames", "file holds", "files hold", "several images; the first is read"),
        ("reduced", "file has", "files have", "colour of 16 bits; Pillow reads the upper 8"),
        ("scaled", "file has", "files have", "fewer bits than the rest; scaled by their range"),
    ):
        if found := meta[key]:
            n, first = found
            yield f"{n} {one if n == 1 else many} {said} (as {names[first]})."


def _hash(path: str) -> bytes | None:
    from imbalance_bench.data.decode_chunks import content_hash

    try:
        return content_hash(Path(path).read_bytes())
    except OSError:
        return None
