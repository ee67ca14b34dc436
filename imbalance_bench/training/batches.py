"""Batches from tensors in memory, gathered by row number on the device; no loader, no copy of the set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imbalance_bench.strategies.plan import SamplingPlan


@dataclass(frozen=True, eq=False)
class Rows:
    """The training rows on the device.

    Attributes:
        pool: (M, C, H, W) images in the source's type, or (M, D) features; may hold other rows too.
        index: (N,) int64, the place in `pool` of each training row.
        labels: (N,) int64.
        extras: (m, ...) float32 inputs that a plan made itself, the rows from N on; or None.
    """

    pool: Tensor
    index: Tensor
    labels: Tensor
    extras: Tensor | None = None

    def with_extras(self, plan: SamplingPlan) -> Rows:
        """These rows followed by the plan's own images, where it brings any."""
        if plan.extra_images is None or plan.extra_labels is None:
            return self
        images = _tensor(plan.extra_images).to(self.pool.device, torch.float32)
        labels = _tensor(plan.extra_labels).to(self.labels)
        return Rows(self.pool, self.index, torch.cat([self.labels, labels]), images)

    def inputs(self, at: Tensor) -> Tensor:
        """The inputs of the rows `at` (n,), in the pool's type; with extras among the rows, as float32."""
        if self.extras is None:
            return self.pool[self.index[at]]
        n = len(self.index)
        made = at >= n
        found = self.pool[self.index[at.masked_fill(made, 0)]].float()
        found[made] = self.extras[at[made] - n]
        return found


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
    plan: SamplingPlan | None = None
    pieces: list[Batch] = []
    wanted = batch_size
    while True:
        fresh = next_plan()
        if fresh is not plan:
            source, plan = rows.with_extras(fresh), fresh
            columns = _columns(fresh, rows.index.device)
        order = torch.from_numpy(rng.permutation(len(fresh))).to(rows.index.device)
        while len(order):
            cut, order = order[:wanted], order[wanted:]
            pieces.append(_gather(source, [None if column is None else column[cut] for column in columns]))
            wanted -= len(cut)
            if not wanted:
                yield _joined(pieces)
                pieces, wanted = [], batch_size


def _columns(plan: SamplingPlan, device: torch.device) -> list[Tensor | None]:
    arrays = (plan.base, plan.neighbour, plan.weight, plan.neighbour_labels)
    return [None if array is None else _tensor(array).to(device) for array in arrays]


def _tensor(array: NDArray[Any]) -> Tensor:
    """Without a copy, but for arrays that can't be written to, as parts of `TrainingView.labels`."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _gather(rows: Rows, columns: list[Tensor | None]) -> Batch:
    base, neighbour, weight, other = columns
    assert base is not None
    inputs = rows.inputs(base)
    targets = rows.labels[base]
    if neighbour is None or weight is None:
        return Batch(inputs, targets)
    start = inputs.float()
    share = weight.reshape(-1, *[1] * (start.ndim - 1))
    mixed = start + share * (rows.inputs(neighbour).float() - start)
    return Batch(mixed, targets, other, None if other is None else weight)


def _joined(pieces: list[Batch]) -> Batch:
    """One batch from the ends of several passes; a piece whose labels don't mix has weight 0."""
    if len(pieces) == 1:
        return pieces[0]
    inputs = torch.cat([piece.inputs for piece in pieces])
    targets = torch.cat([piece.targets for piece in pieces])
    if all(piece.weight is None for piece in pieces):
        return Batch(inputs, targets)
    others = [piece.targets if piece.other_targets is None else piece.other_targets for piece in pieces]
    weights = [
        inputs.new_zeros(len(piece.targets), dtype=torch.float32) if piece.weight is None else piece.weight
        for piece in pieces
    ]
    return Batch(inputs, targets, torch.cat(others), torch.cat(weights))
