"""What users of samplers hand over: what is taken, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from imbalance_bench.strategies.arrays import generator, real_images, whole_labels


@pytest.mark.parametrize(
    "labels",
    [
        [5, -1, 5],
        (5, -1, 5),
        np.array([5, -1, 5], dtype=np.int8),
        np.array([5.0, -1.0, 5.0]),
        pd.Series([5, -1, 5], index=[2, 0, 1]),
        torch.tensor([5, -1, 5]),
        torch.tensor([5.0, -1.0, 5.0], requires_grad=True),
        [torch.tensor(5), torch.tensor(-1), torch.tensor(5)],
    ],
)
def test_labels_in_any_form(labels: Any) -> None:
    found = whole_labels(labels)
    assert found.tolist() == [5, -1, 5]
    assert found.dtype == np.int64


def test_labels_of_bools_and_large_numbers() -> None:
    assert whole_labels([True, False]).tolist() == [1, 0]
    assert whole_labels(np.array([2**63 - 1, 1], dtype=np.uint64)).tolist() == [2**63 - 1, 1]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0.0, 0.5], r"holds 0\.5 at row 1"),
        ([0.0, float("nan")], "holds nan at row 1"),
        ([float("inf")], "holds inf at row 0"),
        (np.array([2**63], dtype=np.uint64), "holds 9223372036854775808 at row 0"),
        ([2**70], "type object"),
        (["a", "b"], r"type <U1 \(first: 'a'\)"),
        ([None, 1], "type object"),
        ([1j], "type complex128"),
        ([], "labels is empty"),
        ([[0, 1]], r"shape \(1, 2\)"),
        (np.int64(3), r"shape \(\)"),
        (None, r"shape \(\)"),
        ([[0], [1, 2]], "can't be read as an array"),
    ],
)
def test_labels_that_are_none(labels: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        whole_labels(labels)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float32, np.float64, ">f4"])
def test_images_keep_their_type(dtype: Any) -> None:
    images = np.ones((3, 1, 2, 2), dtype=dtype)
    assert real_images(images, 3) is images


def test_images_of_other_kinds() -> None:
    assert real_images(torch.ones(3, 2, requires_grad=True), 3).dtype == np.float32
    assert real_images([[1, 2], [3, 4]], 2).tolist() == [[1, 2], [3, 4]]
    assert real_images(np.ones((2, 2), dtype=np.longdouble), 2).dtype == np.float64


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.zeros((2, 4)), "2 rows and labels has 3"),
        (np.zeros((3, 4), dtype=complex), "type complex128"),
        (np.full((3, 4), "a"), "type <U1"),
        (np.array([[0.0], [np.nan], [np.inf]]), "first in row 1"),
        (np.array([[0.0], [0.0], [-np.inf]]), "first in row 2"),
        (np.array([[0.0], [np.longdouble("1e4000")], [0.0]]), "first in row 1"),
    ],
)
def test_images_that_are_none(images: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        real_images(images, 3)


def test_random_states() -> None:
    given = np.random.default_rng(4)
    assert generator(given) is given
    assert generator(4).random() == generator(np.int64(4)).random() == np.random.default_rng(4).random()
    assert generator(None).random() != generator(None).random()
    legacy = np.random.RandomState(4)
    first = generator(legacy).random()
    assert first != generator(legacy).random()
    assert first == generator(np.random.RandomState(4)).random()


@pytest.mark.parametrize("state", [-1, 1.5, True, "0", [1, 2]])
def test_random_states_that_are_none(state: Any) -> None:
    with pytest.raises(ValueError, match="random_state is"):
        generator(state)
