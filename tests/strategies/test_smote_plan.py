"""SMOTE on arrays: the plan of the strategy, without a training set or class names."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

import imbalance_bench.samplers
import imbalance_bench.strategies
from imbalance_bench.errors import RefusedError
from imbalance_bench.strategies import SamplingPlan, TrainingView, create, smote_plan


def arrays(counts: list[int], shape: tuple[int, ...] = (6,), dtype: Any = np.float64) -> Any:
    """Random images (N, ...) and labels 0..C-1 in shuffled order."""
    rng = np.random.default_rng(9)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    return rng.uniform(0, 255, size=(len(labels), *shape)).astype(dtype), labels


def assert_same_plan(one: SamplingPlan, other: SamplingPlan) -> None:
    for field in fields(SamplingPlan):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize(("k", "ratio"), [(5, 1.0), (2, 0.4)])
def test_it_is_the_strategys_plan(k: int, ratio: float) -> None:
    images, labels = arrays([50, 20, 10])
    view = TrainingView(labels, 3, lambda rows: images[rows])
    expected = create("smote", k=k, ratio=ratio).plan(view, np.random.default_rng(3))
    assert_same_plan(smote_plan(images, labels, k=k, ratio=ratio, random_state=3), expected)


@pytest.mark.parametrize("values", [[0, 1], [7, -3], [-1, 10**15]])
def test_labels_may_be_any_whole_numbers(values: list[int]) -> None:
    images, codes = arrays([30, 6])
    labels = np.array(values)[codes]
    plan = smote_plan(images, labels, random_state=0)
    made, theirs = plan.apply(images, labels)
    assert {v: (theirs == v).sum() for v in values} == dict.fromkeys(values, 30)
    np.testing.assert_array_equal(made[:36], images)
    np.testing.assert_array_equal(theirs[:36], labels)


@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 3, 2), (1, 1, 3, 2)])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.float16, np.float32, np.float64, ">f8"])
def test_any_shape_and_real_type(shape: tuple[int, ...], dtype: Any) -> None:
    images, labels = arrays([20, 8], shape, dtype)
    if dtype == np.bool_:
        images = np.random.default_rng(0).random(images.shape) < 0.5
    plan = smote_plan(images, labels, random_state=0)
    flat = smote_plan(images.reshape(28, -1), labels, random_state=0)
    assert_same_plan(plan, flat)
    made, _ = plan.apply(images, labels)
    assert made.shape == (40, *shape)
    assert made.dtype == (np.float64 if images.dtype == np.float64 else np.float32)


def test_tensors_and_lists() -> None:
    images, labels = arrays([20, 8], (1, 2, 2), np.float32)
    expected = smote_plan(images, labels, random_state=1)
    assert_same_plan(smote_plan(torch.from_numpy(images), torch.from_numpy(labels), random_state=1), expected)
    assert_same_plan(smote_plan(images.tolist(), labels.tolist(), random_state=1), expected)


def test_tensors_of_types_that_numpy_lacks() -> None:
    images, labels = arrays([20, 8], (1, 2, 2), np.float32)
    for dtype in (torch.bfloat16, torch.float8_e4m3fn):
        half = torch.from_numpy(images).to(dtype)
        expected = smote_plan(half.float(), labels, random_state=1)
        plan = smote_plan(half, torch.from_numpy(labels).to(dtype), random_state=1)
        assert_same_plan(plan, expected)
        np.testing.assert_array_equal(plan.apply(half, labels)[0], expected.apply(half.float(), labels)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_between_ends_that_are_far_apart(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    images = np.array([[0.0, 0], [0, 0], [0, 0], [largest, 1], [-largest, 2]], dtype=dtype)
    plan = smote_plan(images, [0, 0, 0, 1, 1], random_state=0)
    made, _ = plan.apply(images, [0, 0, 0, 1, 1])
    assert np.isfinite(made).all()
    assert plan.neighbour is not None
    assert plan.weight is not None
    share = plan.weight[5].astype(dtype)
    ends = images[plan.base[5]] * (1 - share), images[plan.neighbour[5]] * share
    np.testing.assert_allclose(made[5], ends[0] + ends[1], rtol=1e-6)


def test_random_state_as_in_scikit_learn() -> None:
    images, labels = arrays([20, 8])
    rng = np.random.default_rng(5)
    first, second = (smote_plan(images, labels, random_state=rng) for _ in range(2))
    assert_same_plan(smote_plan(images, labels, random_state=5), first)
    assert first.base.tolist() != second.base.tolist()
    assert smote_plan(images, labels).base.tolist() != smote_plan(images, labels).base.tolist()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"k": 0}, "smote_plan: k is 0"),
        ({"k": 1.5}, "k is 1.5"),
        ({"ratio": 0.0}, "ratio is 0.0"),
        ({"ratio": 1.1}, "ratio is 1.1"),
        ({"labels": np.zeros(28)}, "holds 0 alone"),
        ({"labels": np.zeros(27)}, "28 rows and labels has 27"),
        ({"labels": np.full(28, 0.5)}, "whole numbers"),
        ({"images": np.full((28, 2), np.nan)}, "NaN"),
        ({"images": np.zeros(28)}, "shape"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_refusals(changed: dict[str, Any], reason: str) -> None:
    images, labels = arrays([20, 8])
    arguments = {"images": images, "labels": labels, **changed}
    with pytest.raises(ValueError, match=reason):
        smote_plan(**arguments)


def test_a_class_of_one_row_is_refused_by_its_label() -> None:
    images, labels = arrays([20, 1])
    with pytest.raises(RefusedError, match="smote: class '7' has 1 training row"):
        smote_plan(images, labels * 7)
    assert len(smote_plan(images, labels, ratio=0.05)) == 21


def test_where_it_is_found() -> None:
    assert imbalance_bench.strategies.smote_plan is imbalance_bench.samplers.smote_plan
