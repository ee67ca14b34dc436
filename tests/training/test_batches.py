"""Batches: whole passes, exact sizes, mixed images and labels, whatever the plans hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import pytest
import torch

from imbalance_bench.strategies.plan import SamplingPlan
from imbalance_bench.training.batches import Batch, Rows, batches

IMAGE = (1, 2, 2)


def rows_of(n: int, dtype: torch.dtype = torch.uint8) -> Rows:
    """n rows at scattered places of a pool; a row's image is its number at every pixel, its label too."""
    pool = torch.full((2 * n, *IMAGE), 255, dtype=dtype)
    index = torch.arange(n) * 2 + 1
    pool[index] = torch.arange(n, dtype=dtype).reshape(-1, 1, 1, 1)
    return Rows(pool, index, torch.arange(n))


def always(plan: SamplingPlan) -> Callable[[], SamplingPlan]:
    return lambda: plan


def in_turn(plans: Iterable[SamplingPlan]) -> Callable[[], SamplingPlan]:
    turn: Iterator[SamplingPlan] = iter(plans)
    return lambda: next(turn)


def first(n: int, rows: Rows, plans: Callable[[], SamplingPlan], size: int, seed: int = 0) -> list[Batch]:
    return list(islice(batches(rows, plans, size, np.random.default_rng(seed)), n))


def values(found: list[Batch]) -> list[float]:
    return torch.cat([batch.inputs[:, 0, 0, 0] for batch in found]).tolist()


@pytest.mark.parametrize(("n", "size"), [(10, 4), (10, 5), (3, 8), (16, 32), (7, 7), (5, 2)])
def test_each_pass_is_a_permutation_and_batches_are_exact(n: int, size: int) -> None:
    found = first(12, rows_of(n), always(SamplingPlan.identity(n)), size)
    assert all(len(batch.inputs) == len(batch.targets) == size for batch in found)
    assert all(batch.inputs.dtype == torch.uint8 for batch in found)
    seen = values(found)
    assert seen == torch.cat([batch.targets for batch in found]).tolist()
    passes = [seen[i : i + n] for i in range(0, len(seen) - n + 1, n)]
    assert all(sorted(one) == list(range(n)) for one in passes)
    assert n < 7 or len({tuple(one) for one in passes}) > 1


def test_repeated_rows_come_as_often_as_the_plan_holds_them() -> None:
    plan = SamplingPlan(np.array([2, 0, 2, 2], dtype=np.int64))
    seen = values(first(2, rows_of(3), always(plan), 4))
    assert sorted(seen[:4]) == sorted(seen[4:]) == [0, 2, 2, 2]


def test_the_order_follows_from_the_generator() -> None:
    plans = always(SamplingPlan.identity(9))
    assert values(first(5, rows_of(9), plans, 4, 1)) == values(first(5, rows_of(9), plans, 4, 1))
    assert values(first(5, rows_of(9), plans, 4, 1)) != values(first(5, rows_of(9), plans, 4, 2))


def test_a_plan_is_asked_for_only_when_its_pass_begins() -> None:
    asked = []

    def plan() -> SamplingPlan:
        asked.append(1)
        return SamplingPlan.identity(4)

    source = batches(rows_of(4), plan, 4, np.random.default_rng(0))
    next(source)
    assert len(asked) == 1
    next(source)
    assert len(asked) == 2


def test_redrawn_plans_follow_each_other() -> None:
    plans = in_turn(SamplingPlan(np.full(3, row, dtype=np.int64)) for row in range(4))
    assert values(first(3, rows_of(4), plans, 4)) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_images_between_two_rows_are_computed_in_float(dtype: torch.dtype) -> None:
    base, neighbour = np.array([5, 1, 3], np.int64), np.array([2, 4, 3], np.int64)
    weight = np.array([0.5, 0.25, 0.0], np.float32)
    (batch,) = first(1, rows_of(6, dtype), always(SamplingPlan(base, neighbour, weight)), 3)
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.shape == (3, *IMAGE)
    # By hand: 5 + .5 (2 - 5), where bytes would wrap; 1 + .25 (4 - 1); 3.
    expected = {5: 3.5, 1: 1.75, 3: 3.0}
    assert values([batch]) == [expected[label] for label in batch.targets.tolist()]
    assert batch.other_targets is None
    assert batch.weight is None


def test_mixed_labels_come_with_their_weight() -> None:
    plan = SamplingPlan(
        np.array([0, 1], np.int64),
        np.array([1, 0], np.int64),
        np.array([0.25, 0.5], np.float32),
        neighbour_labels=np.array([1, 0], np.int64),
    )
    (batch,) = first(1, rows_of(2), always(plan), 2)
    assert batch.other_targets is not None
    assert batch.weight is not None
    found = zip(batch.targets.tolist(), batch.other_targets.tolist(), batch.weight.tolist(), strict=True)
    assert sorted(found) == [(0, 1, 0.25), (1, 0, 0.5)]
    assert batch.weight.dtype == torch.float32


def extras(base: list[int], value: int, n: int = 1) -> SamplingPlan:
    return SamplingPlan(
        np.array(base, np.int64),
        extra_images=np.full((n, *IMAGE), value, np.uint8),
        extra_labels=np.full(n, value, np.int64),
    )


def test_new_images_stand_behind_the_training_rows() -> None:
    (batch,) = first(1, rows_of(3), always(extras([0, 3, 4], 77, n=2)), 3)
    assert sorted(values([batch])) == [0, 77, 77]
    assert sorted(batch.targets.tolist()) == [0, 77, 77]


def test_new_images_of_each_pass_stay_its_own_where_a_batch_spans_two() -> None:
    # The third plan brings fewer images than the second: an old row number would reach outside.
    plans = in_turn([extras([3, 3, 3], 10), extras([5, 5, 5], 20, n=3), extras([3, 3, 3], 30)])
    found = first(2, rows_of(3), plans, 4)
    assert values(found) == [10, 10, 10, 20, 20, 20, 30, 30]
    assert torch.cat([batch.targets for batch in found]).tolist() == [10, 10, 10, 20, 20, 20, 30, 30]


def test_a_batch_may_span_a_plan_that_mixes_and_one_that_does_not() -> None:
    plain = SamplingPlan(np.array([0, 0, 0], np.int64))
    mixing = SamplingPlan(
        np.array([1, 1, 1], np.int64),
        np.array([2, 2, 2], np.int64),
        np.full(3, 0.5, np.float32),
        neighbour_labels=np.array([2, 2, 2], np.int64),
    )
    (batch,) = first(1, rows_of(3), in_turn([plain, mixing, plain]), 8)
    assert values([batch]) == [0, 0, 0, 1.5, 1.5, 1.5, 0, 0]
    assert batch.targets.tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert batch.other_targets is not None
    assert batch.weight is not None
    assert batch.other_targets.tolist() == [0, 0, 0, 2, 2, 2, 0, 0]
    assert batch.weight.tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 0, 0]


def test_features_are_rows_like_images() -> None:
    rows = Rows(torch.arange(8.0).reshape(4, 2), torch.arange(4), torch.arange(4))
    plan = SamplingPlan(np.array([0], np.int64), np.array([3], np.int64), np.array([0.5], np.float32))
    (batch,) = first(1, rows, always(plan), 1)
    assert batch.inputs.tolist() == [[3.0, 4.0]]
