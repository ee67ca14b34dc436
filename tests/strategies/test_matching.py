"""Rows are found by content and label, equal ones in turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbalance_bench.strategies.matching import matching_rows


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


POOL = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], dtype=np.float32)
LABELS = ints(0, 0, 0, 1)


@pytest.mark.parametrize(
    ("rows", "labels", "found"),
    [
        ([[3, 4], [1, 2]], ints(0, 1), [1, 3]),
        ([[1, 2], [1, 2], [1, 2]], ints(0, 0, 0), [0, 2, 0]),
        ([[3, 4], [1, 2.0001]], ints(1, 0), [-1, -1]),
        (np.empty((0, 2)), ints(), []),
    ],
    ids=["label", "in turn", "absent", "none"],
)
def test_rows_and_labels_are_found(rows: object, labels: np.ndarray, found: list[int]) -> None:
    assert matching_rows(np.array(rows, dtype=np.float32), labels, POOL, LABELS).tolist() == found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=30))
def test_a_table_is_matched_with_itself_and_with_its_parts(pairs: list[tuple[int, int]]) -> None:
    rows = np.array([[value, 7] for value, _ in pairs], dtype=np.float32)
    labels = ints(*(label for _, label in pairs))
    assert matching_rows(rows, labels, rows, labels).tolist() == list(range(len(pairs)))
    some = np.random.default_rng(0).integers(len(pairs), size=20)
    found = matching_rows(rows[some], labels[some], rows, labels)
    np.testing.assert_array_equal(rows[found], rows[some])
    np.testing.assert_array_equal(labels[found], labels[some])


def test_columns_need_not_lie_together() -> None:
    turned = np.asfortranarray(POOL)
    assert matching_rows(turned[::-1], LABELS[::-1], POOL, LABELS).tolist() == [3, 0, 1, 2]
