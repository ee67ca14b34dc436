"""Sampling plans: what they refuse, and what they count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imbalance_bench.strategies import SamplingPlan, TrainingView


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
