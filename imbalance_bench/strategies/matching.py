"""Which rows of a table another table holds, by content, in time that goes with the size of both."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def matching_rows(
    rows: NDArray[Any], labels: Ints, pool: NDArray[Any], pool_labels: Ints
) -> NDArray[np.int64]:
    """(n,) the row of `pool` that equals each of `rows` in every byte and in its label; -1 where none does.

    `rows` is (n, D) and `pool` (N, D), both of one type. Equal rows of the pool are taken in turn, so that a
    table is matched with itself row by row.
    """
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(_keys(pool, pool_labels)):
        places.setdefault(key, []).append(place)
    uses = dict.fromkeys(places, 0)
    found = np.full(len(rows), -1, dtype=np.int64)
    for i, key in enumerate(_keys(rows, labels)):
        if key in places:
            found[i] = places[key][uses[key] % len(places[key])]
            uses[key] += 1
    return found


def _keys(rows: NDArray[Any], labels: Ints) -> Iterator[bytes]:
    """A digest per row and its label: 128 bits, where equal ones of different rows need not be feared."""
    for row, label in zip(np.ascontiguousarray(rows), labels.tolist(), strict=True):
        yield blake2b(row, digest_size=16, salt=label.to_bytes(8, "little", signed=True)).digest()
