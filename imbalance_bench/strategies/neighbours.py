"""Exact nearest neighbours within one set of rows, in memory that does not grow with their pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SPARE = 2
"""Candidates beyond k, at least one, that matrix products propose before differences decide."""
ROWS = 640
FEATURES = 2048
"""Rows and features of one matrix product. From 64 entries a candidate on, torch's `topk` is quick; the
longer the sums, the looser the bound on their error."""
KEPT = 4
"""Blocks of rows kept as float32: for a small set all of them, for a large one the current."""
SIZES = 1e-140, 1e140
"""The largest numbers whose squares and the sums of these stay far from both ends of float64."""
DISTANCES = 1 << 21
DIFFERENCES = 1 << 17
"""Numbers held at once: bounds of whole rows in float64, differences between rows (fit the cache)."""


def nearest_neighbours(rows: NDArray[Any], k: int) -> Ints:
    """(n, k) indexes of each row's k nearest other rows by Euclidean distance, nearest first.

    `rows` is (n, ...) finite numbers of any real type, n > k >= 1. The answer is that of squared
    distances summed from differences in float64, exact for whole numbers; equal distances go by index,
    except that among more than k rows identical to a row any k stand for all. Rows whose largest number is
    beyond 1e140, or below 1e-140, are brought to below 1 by a power of two first: differences of less than
    1e-162 times that number then count as none.

    Raises:
        ValueError: where k is not in 1..n - 1.
    """
    if not 1 <= k < len(rows):
        raise ValueError(f"k is {k}; for {len(rows)} rows it must lie in 1..{len(rows) - 1}.")
    points = _Points(_moderate(rows.reshape(len(rows), -1)))
    found, unproven = points.from_float32(k)
    points.from_float64(unproven, found)
    return found


class _Points:
    """Rows (n, d) with what bounds their distances: a shift, a scale and the squared norms under both.

    Attributes:
        centre: (d,) float64; the smaller the shifted rows, the smaller the errors of their products.
        scale: a power of two that brings the longest shifted row below 1, against overflow.
        squares: (n,) float64 squared norms of the shifted and scaled rows.
    """

    def __init__(self, rows: NDArray[Any]) -> None:
        self.rows = rows
        self.n, self.d = rows.shape
        self.centre: Floats = rows.mean(axis=0, dtype=np.float64)
        self.scale = 1.0
        self.squares = self._squares()
        self.scale = 2.0 ** -math.frexp(math.sqrt(self.squares.max()))[1]
        self.squares *= self.scale**2

    def from_float32(self, k: int) -> tuple[Ints, Ints]:
        """(n, k) neighbours among proposals in single precision, and the rows where these are not proven."""
        proposed = min(k + SPARE, self.n - 1)
        lowest, proposals = self._proposals(proposed)
        found = proposals[:, :k].copy()
        # Each bound is within twice its margin of the distance: bounds further apart need no second look.
        reach = lowest[:, :k] + 2 * self._margins(found, "float32")
        doubtful = np.flatnonzero((lowest[:, 1 : k + 1] <= reach[:, : proposed - 1]).any(axis=1))
        unproven = [doubtful[:0]]
        for part in _parts(len(doubtful), DISTANCES // proposed):
            at = doubtful[part]
            found[at], last = self._nearest_of(at, np.sort(proposals[at], axis=1), k)
            # What was not proposed is no nearer than the last proposal's bound, nor than 0.
            proven = (last * self.scale**2 < lowest[at, -1]) | (last == 0) | (proposed == self.n - 1)
            unproven.append(at[~proven])
        return found, np.concatenate(unproven)

    def from_float64(self, at: Ints, found: Ints) -> None:
        """Correct `found` for the rows `at`: those in tight clusters far from the centre or in many ties."""
        import torch

        k = found.shape[1]
        for part in _parts(len(at), DISTANCES // self.n):
            block = at[part]
            bounds = self._shrunk(block, slice(0, self.n), "float64")
            for features in _parts(self.d, FEATURES):
                queries = torch.from_numpy(self._values(block, features))
                for columns in _parts(self.n, ROWS):
                    values = torch.from_numpy(self._values(columns, features))
                    bounds[:, columns].addmm_(queries, values.T, alpha=-2)
            bounds[torch.arange(len(block)), torch.from_numpy(block)] = torch.inf
            proposals = bounds.topk(min(k + SPARE, self.n - 1), largest=False).indices.sort().values.numpy()
            found[block], last = self._nearest_of(block, proposals, k)
            # Whatever may be as near as the last of them is a candidate, however many there are.
            for row, limit, low in zip(block, last * self.scale**2, bounds.numpy(), strict=True):
                candidates = np.flatnonzero(low <= limit)
                if limit > 0 and len(candidates) > k:
                    found[row] = self._nearest_of(row[None], candidates[None], k)[0]

    def _proposals(self, m: int) -> tuple[NDArray[np.float32], Ints]:
        """(n, m) lowest bounds on each row's distances, ascending, and (n, m) the rows whose they are.

        A block of the symmetric matrix of bounds serves its rows and its columns.
        """
        import torch

        lowest = torch.full((self.n, m), torch.inf)
        index = torch.zeros((self.n, m), dtype=torch.int64)
        # Local, since a cache that the object holds would keep it alive.
        block_at = lru_cache(KEPT)(self._float32)

        def merge(rows: slice, columns: slice, bounds: torch.Tensor) -> None:
            new = bounds.topk(min(m, bounds.shape[1]), largest=False)
            both = torch.cat([lowest[rows], new.values], dim=1)
            best = both.topk(m, largest=False)
            lowest[rows] = best.values
            index[rows] = torch.cat([index[rows], new.indices + columns.start], dim=1).gather(1, best.indices)

        for rows in _parts(self.n, ROWS):
            for columns in _parts(self.n, ROWS):
                if columns.start < rows.start:
                    continue
                same = rows == columns
                bounds = self._shrunk(rows, columns, "float32")
                for features in _parts(self.d, FEATURES):
                    left = block_at(rows.start, features.start)
                    right = block_at(columns.start, features.start)
                    for strip in _parts(len(bounds), ROWS // 4 if same else ROWS):
                        rest = slice(strip.start if same else 0, None)
                        bounds[strip, rest].addmm_(left[strip], right[rest].T, alpha=-2)
                if same:  # the upper half is all there is so far
                    upper = bounds.triu_(1)
                    bounds = (upper + upper.T).fill_diagonal_(torch.inf)
                else:
                    merge(columns, rows, bounds.T)
                merge(rows, columns, bounds)
        return lowest.numpy(), index.numpy()

    def _shrunk(self, left: Ints | slice, right: slice, precision: str) -> torch.Tensor:
        """(l, r) sums |a|^2 + |b|^2, less the margins for the error of |a|^2 + |b|^2 - 2ab."""
        import torch

        share, least = self._margin(precision)
        shrunk = torch.from_numpy((self.squares * (1 - share) - least).astype(precision))
        return shrunk[left, None] + shrunk[right]

    def _margins(self, others: Ints, precision: str) -> Floats:
        """(n, c) float64: the margin for the error between each row and its (n, c) `others`."""
        share, least = self._margin(precision)
        own = share * self.squares + least
        return own[:, None] + own[others]

    def _margin(self, precision: str) -> tuple[float, float]:
        """What the error is at most for each of two rows: a share of its square, and a least amount.

        The share has a unit of rounding for each term of the longest sum, for each value, norm and
        partial sum, and what summing the differences in float64 may err by. The least amount is for
        squares that underflow.
        """
        kind = np.finfo(precision)
        terms = min(self.d, FEATURES) + 2 * math.ceil(self.d / FEATURES) + 16
        share = terms * float(kind.eps) / 2 + 4 * self.d * float(np.finfo(np.float64).eps)
        return share, self.d * float(kind.tiny)

    def _squares(self) -> Floats:
        squares = np.zeros(self.n)
        for features in _parts(self.d, FEATURES):
            for part in _parts(self.n, ROWS):
                values = self._values(part, features)
                squares[part] += np.einsum("ij,ij->i", values, values)
        return squares

    def _float32(self, row: int, feature: int) -> torch.Tensor:
        """The block of values that begins at a row and a feature."""
        import torch

        values = self._values(slice(row, row + ROWS), slice(feature, feature + FEATURES))
        return torch.from_numpy(values.astype(np.float32))

    def _values(self, at: Ints | slice, features: slice) -> Floats:
        """Some features of some rows, shifted and scaled."""
        values: Floats = self.rows[at, features] - self.centre[features]
        values *= self.scale
        return values

    def _nearest_of(self, at: Ints, candidates: Ints, k: int) -> tuple[Ints, Floats]:
        """(r, k) nearest of the (r, c) candidates, ascending, of the rows `at` (r,); the last's distance."""
        gaps = self._gaps(at.repeat(candidates.shape[1]), candidates.ravel()).reshape(candidates.shape)
        order = gaps.argsort(axis=1, kind="stable")[:, :k]
        last = np.take_along_axis(gaps, order[:, -1:], axis=1)[:, 0]
        return np.take_along_axis(candidates, order, axis=1), last

    def _gaps(self, left: Ints, right: Ints) -> Floats:
        """(m,) float64 squared distances, unscaled, between the rows `left` and `right` (m,), one by one."""
        gaps = np.empty(len(left))
        for part in _parts(len(left), DIFFERENCES // self.d):
            differences = self.rows[left[part]].astype(np.float64)
            differences -= self.rows[right[part]]
            gaps[part] = np.einsum("ij,ij->i", differences, differences)
        return gaps


def _moderate(rows: NDArray[Any]) -> NDArray[Any]:
    """The rows, scaled where the squares of their differences might overflow or vanish in float64."""
    if rows.dtype.kind != "f" or rows.dtype.itemsize < 8 or not rows.size:
        return rows
    largest = max(rows.max(), -rows.min())
    if largest == 0 or SIZES[0] <= largest <= SIZES[1]:
        return rows
    return np.asarray(np.ldexp(rows, -np.frexp(largest)[1]), dtype=np.float64)


def _parts(n: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` (at least one) that cover 0..n."""
    size = max(1, size)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
