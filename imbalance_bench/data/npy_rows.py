"""A .npy file whose rows are written in any order, by several processes, and cut off at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 256


def write_at(descriptor: int, offset: int, rows: NDArray[Any]) -> None:
    """All bytes of `rows` from `offset` on. Not by mapping: on a full disk that would end the process."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    left = memoryview(np.ascontiguousarray(rows).data).cast("B")
    while left:
        left = left[os.write(descriptor, left) :]


def write_header(descriptor: int, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """The head of a .npy file (version 1.0), always of `HEADER_BYTES`, so that rows can be cut off later."""
    text = repr({"descr": dtype.str, "fortran_order": False, "shape": tuple(map(int, shape))})
    start = b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little")
    head = start + text.encode("ascii").ljust(HEADER_BYTES - len(start) - 1) + b"\n"
    write_at(descriptor, 0, np.frombuffer(head, np.uint8))
