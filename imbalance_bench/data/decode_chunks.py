"""Many files decoded into the rows of one .npy file, a chunk at a time: here, or in a worker process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile

from imbalance_bench.data.decode import DEPTHS, Pixels, Seen, Size, decode
from imbalance_bench.data.npy_rows import write_at


class Target(NamedTuple):
    """Where and as what the rows are written.

    file, start: the .npy file and the byte at which its rows begin.
    asked, size: the channels and the (height, width) or None that were asked for.
    shape, depth: of one row, (C, height, width) and the place in `DEPTHS`; shape None: nothing is written.
    """

    file: str
    start: int
    asked: str
    size: Size | None
    shape: tuple[int, int, int] | None
    depth: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return 0 if self.shape is None else int(np.prod(self.shape)) * DEPTHS[self.depth].itemsize


class Outcome(NamedTuple):
    """One file: the hash of its bytes (None: unread), what was seen or why not, whether it was written."""

    digest: bytes | None
    seen: Seen | None
    reason: str
    written: bool


def content_hash(raw: bytes) -> bytes:
    """16 bytes that name a file's content."""
    return hashlib.sha256(raw).digest()[:16]


def fill(target: Target, first: int, paths: Sequence[str]) -> list[Outcome]:
    """Decode `paths` into the rows from `first` on. OSError where the rows can't be written."""
    rows = None if target.shape is None else np.zeros((len(paths), *target.shape), DEPTHS[target.depth])
    with own_settings():
        outcomes = [_one(target, path, None if rows is None else rows[i]) for i, path in enumerate(paths)]
    if rows is not None:
        with open(target.file, "r+b", buffering=0) as file:
            write_at(file.fileno(), target.start + first * target.row_bytes, rows)
    return outcomes


def converted(array: Pixels, channels: int, depth: int) -> Pixels:
    """Rows (..., C, height, width) with more channels or more bits, by true range: 255 becomes 65535."""
    if DEPTHS[depth] == np.uint16 and array.dtype == np.uint8:
        array = array.astype(np.uint16) * np.uint16(257)
    if array.shape[-3] != channels:
        array = np.broadcast_to(array, (*array.shape[:-3], channels, *array.shape[-2:]))
    return array


def fits(seen: Seen, channels: int, depth: int) -> bool:
    """Whether `converted` makes a row of these out of it without loss: floats have no range to scale by."""
    return seen.channels <= channels and seen.depth <= depth and (seen.depth == 2) == (depth == 2)


def reason(error: BaseException) -> str:
    """Why a file couldn't be read, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error).splitlines()
    return (words[0] if words and words[0].strip() else type(error).__name__)[:120]


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Pillow as it comes, but for the limit on pixels, which is `MAX_PIXELS`; its warnings unsaid.

    Other code of the process may have told Pillow to take images that are cut short.
    """
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _one(target: Target, path: str, row: Pixels | None) -> Outcome:
    digest = None
    try:
        with open(path, "rb") as file:
            raw = file.read()
        digest = content_hash(raw)
        array, seen = decode(raw, target.asked, target.size)
    except Exception as error:  # what damaged files make Pillow raise has no bounds
        return Outcome(digest, None, reason(error), False)
    shape = target.shape
    if row is None or shape is None or array.shape[1:] != shape[1:]:
        return Outcome(digest, seen, "", False)
    if array.shape == shape and array.dtype == row.dtype:
        row[:] = array
        return Outcome(digest, seen, "", True)
    if not fits(seen._replace(channels=array.shape[0]), shape[0], target.depth):
        return Outcome(digest, seen, "", False)
    row[:] = converted(array, shape[0], target.depth)
    return Outcome(digest, seen, "", True)


def serve() -> None:
    """A worker: reads the target and then chunks (first, paths) from stdin until it ends, answers on stdout.

    An answer is a list of outcomes, or (errno, text) where the rows can't be written.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not stand among the answers
    questions = sys.stdin.buffer
    try:
        target: Target = pickle.load(questions)
        while True:
            first, paths = pickle.load(questions)
            try:
                answer: object = fill(target, first, paths)
            except OSError as error:
                answer = (error.errno or 0, error.strerror or str(error))
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, BrokenPipeError):
        return
