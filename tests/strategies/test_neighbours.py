"""Nearest neighbours are exact, whatever the type, the offset, the duplicates and the size of the blocks."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from imbalance_bench.strategies import neighbours
from imbalance_bench.strategies.neighbours import nearest_neighbours

N, D, K = 400, 30, 5
REACHES = {np.uint8: 255, np.uint16: 65535, np.float32: 1e6, np.float64: 1e9}


pytestmark = pytest.mark.usefixtures("one_thread")


def gaps_of(rows: np.ndarray) -> np.ndarray:
    """(n, n) squared distances from differences in float64; inf for a row itself."""
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    gaps = np.stack([((flat - row) ** 2).sum(axis=1) for row in flat])
    np.fill_diagonal(gaps, np.inf)
    return gaps


def assert_exact(rows: np.ndarray, k: int) -> None:
    """As scikit-learn's tree, which sums differences: the same distances, and indexes where these differ."""
    found = nearest_neighbours(rows, k)
    n = len(rows)
    assert found.shape == (n, k)
    assert found.dtype == np.int64
    assert all(len({row, *near}) == k + 1 for row, near in enumerate(found.tolist()))
    flat = rows.reshape(n, -1).astype(np.float64)
    distances, expected = NearestNeighbors(n_neighbors=k, algorithm="ball_tree").fit(flat).kneighbors()
    gaps = gaps_of(rows)
    own = np.sqrt(np.take_along_axis(gaps, found, axis=1))
    np.testing.assert_allclose(own, distances, rtol=1e-9)
    close = np.abs(np.sqrt(gaps)[:, None, :] - distances[:, :, None]) <= 1e-9 * distances[:, :, None]
    distinct = close.sum(axis=2) == 1
    np.testing.assert_array_equal(found[distinct], expected[distinct])


@st.composite
def some_rows(draw: st.DrawFn) -> np.ndarray:
    """Rows of any type and shape with an offset, among them copies, near copies and ties."""
    dtype = draw(st.sampled_from(list(REACHES)))
    n = draw(st.integers(2, 40))
    shape = draw(st.sampled_from([(1,), (3,), (40,), (1, 4, 4), (3, 5, 5)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = REACHES[dtype]
    offset = draw(st.sampled_from([0.0, 0.5, 0.9])) * reach
    spread = draw(st.sampled_from([1.5, 30.0, 0.1 * reach]))
    rows = rng.uniform(offset, min(reach, offset + spread), size=(n, *shape))
    if draw(st.booleans()):
        rows = np.where(rng.random(n).reshape(-1, *[1] * len(shape)) < 0.5, rows, rows * 1e-3)
    copies = rng.integers(n, size=draw(st.integers(0, n)))
    rows[copies] = rows[rng.integers(n, size=len(copies))]
    return rows.astype(dtype)


@settings(max_examples=100, deadline=None)
@given(rows=some_rows(), data=st.data())
def test_they_equal_scikit_learns(rows: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(rows) - 1))
    sizes: dict[str, Any] = {
        "SPARE": data.draw(st.sampled_from([1, 2])),
        "ROWS": data.draw(st.sampled_from([7, 640])),
        "FEATURES": data.draw(st.sampled_from([2, 2048])),
        "DISTANCES": data.draw(st.sampled_from([1, 100, 1 << 21])),
        "DIFFERENCES": data.draw(st.sampled_from([1, 100, 1 << 17])),
    }
    with patch.multiple(neighbours, **sizes):
        assert_exact(rows, k)


@settings(max_examples=60, deadline=None)
@given(rows=some_rows().filter(lambda rows: rows.dtype.kind == "u"), data=st.data())
def test_equal_distances_of_whole_numbers_go_by_index(rows: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(rows) - 1))
    gaps = gaps_of(rows)
    found, expected = nearest_neighbours(rows, k), gaps.argsort(axis=1, kind="stable")[:, :k]
    many_copies = (gaps == 0).sum(axis=1) > k
    np.testing.assert_array_equal(found[~many_copies], expected[~many_copies])


def noise(n: int = N, d: int = D) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d))


def far_clusters() -> np.ndarray:
    rows = noise() * 1e-3
    rows[::2] += 1e4
    return rows


def near_copies() -> np.ndarray:
    rows = noise()
    rows[:300] = rows[0] + 1e-9 * rows[:300]
    return rows


def outlier() -> np.ndarray:
    rows = noise()
    rows[7] *= 1e6
    return rows


HARD = {
    "far clusters": far_clusters(),
    "far clusters in float32": far_clusters().astype(np.float32),
    "a large offset": noise() + 1e8,
    "many near copies": near_copies(),
    "an outlier": outlier(),
    "the largest float32": (noise() * 3e37).astype(np.float32),
    "subnormal float32": (noise() * 1e-41).astype(np.float32),
    "pictures of one lit pixel": np.eye(60, dtype=np.uint8) * 255,
    "black and white": np.random.default_rng(1).integers(0, 2, (N, D)).astype(np.uint8) * 255,
}


@pytest.mark.parametrize("rows", HARD.values(), ids=HARD)
def test_they_are_exact_where_single_precision_is_not_enough(rows: np.ndarray) -> None:
    assert_exact(rows, K)


def test_single_precision_alone_would_be_wrong() -> None:
    rows = torch.from_numpy(far_clusters()).float()
    squares = (rows**2).sum(dim=1)
    naive = (squares - 2 * rows @ rows.T).fill_diagonal_(torch.inf).topk(K, largest=False).indices
    assert (naive.numpy() != nearest_neighbours(far_clusters(), K)).mean() > 0.3


def test_the_usual_images_need_one_pass_only() -> None:
    images = np.random.default_rng(2).integers(0, 256, (1000, 1, 16, 16), dtype=np.uint8)
    _, unproven = neighbours._Points(images.reshape(1000, -1)).from_float32(K)
    assert len(unproven) < 10
    assert_exact(images, K)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_many_copies_take_no_pass_over_each_other(dtype: type) -> None:
    rows = np.full((2000, 1, 10, 10), 0.1 if dtype is np.float32 else 7, dtype=dtype)
    points = neighbours._Points(rows.reshape(2000, -1))
    found, unproven = points.from_float32(K)
    assert len(unproven) == 0
    assert (found != np.arange(2000)[:, None]).all()


def test_no_block_grows_with_the_square_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    shrunk = neighbours._Points._shrunk

    def recorded(self: Any, left: Any, right: slice, precision: str) -> torch.Tensor:
        made = shrunk(self, left, right, precision)
        sizes.append(made.numel())
        return made

    monkeypatch.setattr(neighbours._Points, "_shrunk", recorded)
    monkeypatch.setattr(neighbours, "ROWS", 100)
    monkeypatch.setattr(neighbours, "DISTANCES", 10_000)
    nearest_neighbours(far_clusters(), K)
    assert max(sizes) <= 10_000


def test_the_rows_are_left_alone() -> None:
    rows = noise()
    before = rows.copy()
    nearest_neighbours(rows, K)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(("n", "k"), [(5, 5), (5, 0), (1, 1)])
def test_k_must_leave_enough_others(n: int, k: int) -> None:
    with pytest.raises(ValueError, match=rf"k is {k}; for {n} rows"):
        nearest_neighbours(np.zeros((n, 2)), k)


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-160, 1e139, 1e200, 1.7e308])
def test_numbers_near_the_ends_of_float64(size: float) -> None:
    rows = np.random.default_rng(8).uniform(-1, 1, size=(60, 4)) * size
    found = nearest_neighbours(rows, 3)
    assert (found != np.arange(60)[:, None]).all()
    np.testing.assert_array_equal(found, nearest_neighbours(np.ldexp(rows, -np.frexp(size)[1]), 3))
    np.testing.assert_array_equal(found, nearest_neighbours(np.longdouble(rows), 3))


def test_zeros_stay_zeros() -> None:
    assert nearest_neighbours(np.zeros((3, 2)), 2).shape == (3, 2)
