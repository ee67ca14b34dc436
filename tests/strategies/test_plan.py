"""Sampling plans: what they refuse, and what they count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from imbalance_bench.strategies import SamplingPlan, TrainingView
from imbalance_bench.training.batches import Rows, batches


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def images(n: int) -> np.ndarray:
    return np.zeros((n, 1, 2, 2), np.uint8)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"base": ints(2, 2, 2)},
        {"neighbour": ints(1, 1), "weight": floats(0, 1)},
        {"neighbour": ints(1, 1), "weight": floats(0, 1), "neighbour_labels": ints(0, 1)},
        {"base": ints(0, 4), "extra_images": images(2), "extra_labels": ints(1, 1)},
    ],
)
def test_sound_plans_pass(fields: dict[str, Any]) -> None:
    SamplingPlan(**{"base": ints(0, 1), **fields}).check(3)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"base": ints()}, "holds no row"),
        ({"base": ints(0, 3)}, r"base holds rows outside 0\.\.2"),
        ({"base": ints(-1, 0)}, r"base holds rows outside 0\.\.2"),
        ({"base": floats(0, 1)}, "base has type float32"),
        ({"base": np.array([True, False])}, "base has type bool"),
        ({"neighbour": ints(0, 1)}, "both neighbour and weight"),
        ({"weight": floats(0, 1)}, "both neighbour and weight"),
        ({"neighbour": ints(0, 3), "weight": floats(0, 1)}, r"neighbour holds rows outside 0\.\.2"),
        ({"neighbour": ints(0), "weight": floats(0, 1)}, "neighbour has 1 entries for 2 rows"),
        ({"neighbour": ints(0, 1), "weight": floats(0)}, "weight has 1 entries for 2 rows"),
        ({"neighbour": ints(0, 1), "weight": floats(0, 1.5)}, "weight holds values outside"),
        ({"neighbour": ints(0, 1), "weight": floats(-0.1, 1)}, "weight holds values outside"),
        ({"neighbour": ints(0, 1), "weight": floats(0, np.nan)}, "weight holds values outside"),
        ({"neighbour_labels": ints(0, 1)}, "neighbour_labels need"),
        (
            {"neighbour": ints(0, 1), "weight": floats(0, 1), "neighbour_labels": ints(0)},
            "neighbour_labels has 1 entries",
        ),
        ({"extra_images": images(2)}, "same length"),
        ({"extra_labels": ints(0)}, "same length"),
        ({"extra_images": images(2), "extra_labels": ints(0)}, "same length"),
        (
            {"base": ints(0, 5), "extra_images": images(2), "extra_labels": ints(0, 1)},
            r"base holds rows outside 0\.\.4",
        ),
    ],
)
def test_unsound_plans_are_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SamplingPlan(**{"base": ints(0, 1), **fields}).check(3)


def test_identity() -> None:
    plan = SamplingPlan.identity(4)
    assert len(plan) == 4
    assert plan.base.tolist() == [0, 1, 2, 3]
    assert plan.base.dtype == np.int64


def test_labels_and_mass_with_extras() -> None:
    plan = SamplingPlan(ints(0, 2, 2, 3, 4), extra_images=images(2), extra_labels=ints(2, 1))
    assert plan.labels(ints(0, 1, 1)).tolist() == [0, 1, 1, 2, 1]
    assert plan.class_mass(ints(0, 1, 1), 4).tolist() == [1, 3, 1, 0]


def test_a_row_with_mixed_labels_is_shared_between_its_two() -> None:
    plan = SamplingPlan(
        ints(0, 1), neighbour=ints(1, 1), weight=floats(0.25, 0.5), neighbour_labels=ints(1, 1)
    )
    # 0.75 of class 0; 0.25 + 0.5 + 0.5 of class 1.
    assert plan.class_mass(ints(0, 1), 3).tolist() == pytest.approx([0.75, 1.25, 0])


def test_images_that_mix_without_their_labels_count_whole() -> None:
    plan = SamplingPlan(ints(0, 1), neighbour=ints(1, 1), weight=floats(0.25, 0.5))
    assert plan.class_mass(ints(0, 1), 2).tolist() == [1, 1]


def test_rows_are_those_that_a_pass_touches() -> None:
    assert SamplingPlan(ints(5, 1, 5)).rows().tolist() == [1, 5]
    plan = SamplingPlan(ints(5, 1), neighbour=ints(2, 3), weight=floats(0, 0.5))
    assert plan.rows().tolist() == [1, 3, 5]


def test_a_view_makes_its_images_only_when_asked() -> None:
    calls = []

    def make(rows: np.ndarray) -> np.ndarray:
        calls.append(rows.tolist())
        return images(3)[rows]

    view = TrainingView(ints(1, 0, 1), 3, make)
    assert len(view) == 3
    assert view.rows_of(1).tolist() == [0, 2]
    assert view.rows_of(2).tolist() == []
    assert not calls
    assert view.images is view.images
    assert calls == [[0, 1, 2]]
    assert (view.images_of(ints(2, 0)) == images(3)[[2, 0]]).all()
    assert calls == [[0, 1, 2], [2, 0]]


def test_a_view_names_its_classes() -> None:
    assert TrainingView(ints(0), 3, images).class_names == ("0", "1", "2")
    assert TrainingView(ints(0), 2, images, ("a", "b")).class_names == ("a", "b")


# --- as arrays ---


def pictures() -> np.ndarray:
    return np.arange(12, dtype=np.uint8).reshape(3, 1, 2, 2)


@pytest.mark.parametrize(
    ("dtype", "expected"), [(np.uint8, np.float32), (np.float32, np.float32), (np.float64, np.float64)]
)
def test_repeated_rows_as_arrays(dtype: Any, expected: Any) -> None:
    made, labels = SamplingPlan(ints(2, 0, 2)).apply(pictures().astype(dtype), [4, 5, 9])
    np.testing.assert_array_equal(made, pictures()[[2, 0, 2]])
    assert made.dtype == expected
    assert labels.tolist() == [9, 4, 9]
    assert labels.dtype == np.int64


def test_mixed_rows_as_arrays() -> None:
    plan = SamplingPlan(ints(0, 1, 2), neighbour=ints(0, 2, 0), weight=floats(0, 0.25, 1))
    before = pictures()
    made, labels = plan.apply(before, ints(0, 1, 1))
    np.testing.assert_array_equal(made, [before[0], before[1] + 1.0, before[0]])
    assert labels.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(before, pictures())


def test_extras_as_arrays() -> None:
    extra = np.full((1, 1, 2, 2), 0.5)
    plan = SamplingPlan(ints(3, 0), ints(0, 3), floats(0.5, 0.5), extra_images=extra, extra_labels=ints(7))
    made, labels = plan.apply(pictures(), ints(4, 5, 6))
    np.testing.assert_array_equal(made, np.stack([pictures()[0] / 2 + 0.25] * 2))
    assert made.dtype == np.float32
    assert labels.tolist() == [7, 4]


def test_arrays_share_no_memory_with_the_rows() -> None:
    rows = pictures().astype(np.float64)
    made, labels = SamplingPlan.identity(3).apply(rows, given := ints(0, 1, 2))
    made[:], labels[:] = -1, -1
    np.testing.assert_array_equal(rows, pictures())
    assert given.tolist() == [0, 1, 2]


def test_arrays_are_what_a_batch_holds() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 1, 2, 2), dtype=np.uint8)
    rows = Rows(torch.from_numpy(images), torch.arange(20), torch.arange(20) % 2)
    plan = SamplingPlan(rng.integers(20, size=50), rng.integers(20, size=50), rng.random(50, np.float32))
    batch = next(batches(rows, lambda: plan, 50, np.random.default_rng(1)))
    order = np.random.default_rng(1).permutation(50)
    made, labels = plan.apply(images, rows.labels)
    np.testing.assert_array_equal(batch.inputs.numpy(), made[order])
    assert batch.targets.tolist() == labels[order].tolist()


def test_arrays_that_cannot_be() -> None:
    mixing = SamplingPlan(ints(0), ints(1), floats(0.5), neighbour_labels=ints(1))
    with pytest.raises(ValueError, match="labels of this plan mix"):
        mixing.apply(pictures(), ints(0, 1, 2))
    with pytest.raises(ValueError, match=r"outside 0\.\.2"):
        SamplingPlan(ints(3)).apply(pictures(), ints(0, 1, 2))
    with pytest.raises(ValueError, match="3 rows and labels has 2"):
        SamplingPlan(ints(0)).apply(pictures(), ints(0, 1))
