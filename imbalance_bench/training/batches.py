"""Batches from tensors in memory, gathered by row number on the device; no loader, no copy of the set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imbalance_bench.strategies.plan import SamplingPlan


@dataclass(frozen=True, eq=False)
class Rows:
    """The training rows on the device.

    Attributes:
        pool: (M, C, H, W) images in the source's type, or (M, D) features; may hold other rows too.
        index: (N,) int64, the place in `pool` of each training row.
        labels: (N,) int64.
    """

    pool: Tensor
    index: Tensor
    labels: Tensor

    def with_extras(self, plan: SamplingPlan) -> Rows:
        """These rows followed by the plan's own images, where it brings any."""
        if plan.extra_images is None or plan.extra_labels is None:
            return self
        images = torch.from_numpy(plan.extra_images).to(self.pool)
        labels = torch.from_numpy(plan.extra_labels).to(self.labels)
        places = torch.arange(len(images), device=self.index.device) + len(self.pool)
        return Rows(
            torch.cat([self.pool, images]),
            torch.cat([self.index, places]),
            torch.cat([self.labels, labels]),
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs (n, ...) as stored or float32, targets (n,); where labels mix, both targets and the weight."""

    inputs: Tensor
    targets: Tensor
    other_targets: Tensor | None = None
    weight: Tensor | None = None


def batches(
    rows: Rows, next_plan: Callable[[], SamplingPlan], batch_size: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Endless batches of exactly `batch_size` rows, cut from consecutive permutations of the plan.

    `next_plan` is called before every pass; a batch may span two passes.
    """
    waiting: list[Tensor | None] = [None] * 4
    plan: SamplingPlan | None = None
    while True:
        while waiting[0] is None or len(waiting[0]) < batch_size:
            fresh = next_plan()
            if fresh is not plan:
                source, plan = rows.with_extras(fresh), fresh
                columns = _columns(fresh, rows.index.device)
            order = torch.from_numpy(rng.permutation(len(fresh))).to(rows.index.device)
            waiting = [
                None if new is None else new[order] if old is None else torch.cat([old, new[order]])
                for old, new in zip(waiting, columns, strict=True)
            ]
        cut = [None if column is None else column[:batch_size] for column in waiting]
        waiting = [None if column is None else column[batch_size:] for column in waiting]
        yield _gather(source, cut)


def _columns(plan: SamplingPlan, device: torch.device) -> list[Tensor | None]:
    arrays = (plan.base, plan.neighbour, plan.weight, plan.neighbour_labels)
    return [None if array is None else torch.from_numpy(array).to(device) for array in arrays]


def _gather(rows: Rows, columns: list[Tensor | None]) -> Batch:
    base, neighbour, weight, other = columns
    assert base is not None
    inputs = rows.pool[rows.index[base]]
    targets = rows.labels[base]
    if neighbour is None or weight is None:
        return Batch(inputs, targets)
    start = inputs.float()
    share = weight.reshape(-1, *[1] * (start.ndim - 1))
    mixed = start + share * (rows.pool[rows.index[neighbour]].float() - start)
    return Batch(mixed, targets, other, None if other is None else weight)
