"""Samplers for training code of one's own: balanced batches for a DataLoader, and SMOTE as a plan.

>>> from torch.utils.data import DataLoader
>>> from imbalance_bench.samplers import BalancedBatchSampler
>>> labels = [0] * 90 + [1] * 10
>>> loader = DataLoader(labels, batch_sampler=BalancedBatchSampler(labels, batch_size=20))
>>> [batch.bincount().tolist() for batch in loader]
[[10, 10], [10, 10], [10, 10], [10, 10], [10, 10]]
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, distributed
from torch.utils.data import Sampler

from imbalance_bench.strategies.arrays import whole_labels
from imbalance_bench.strategies.plan import SamplingPlan
from imbalance_bench.strategies.power import power_rows, rows_per_class
from imbalance_bench.strategies.smote import smote_plan

__all__ = ["BalancedBatchSampler", "SamplingPlan", "smote_plan"]

Ints = NDArray[np.int64]
GOLDEN = (math.sqrt(5) - 1) / 2
"""Consecutive multiples of it, modulo 1, lie evenly in [0, 1), however many they are."""


class BalancedBatchSampler(Sampler[list[int]]):
    """Batches of row numbers whose classes have shares proportional to n_c^power, for `batch_sampler=`.

    Not only on average: a class gets exactly its number of rows an epoch (`rows_per_class`), and a batch
    holds its share of these to the next whole number. Inside a class the rows take turns: each comes again
    only after all the others. Power 0 is class-balanced sampling (Kang et al. 2020, arXiv:1910.09217), 1/2
    square-root sampling (Mahajan et al. 2018, arXiv:1805.00932), 1 a shuffle of the rows, stratified.

    The model then learns under these shares: for probabilities under those of the data add the log of
    (share in the data / share drawn) to its logits.

    **Several processes.** The ranks share global batches of batch_size * num_replicas rows: together they
    draw the rows that one process with batches of that size would draw, and the batch of each rank is
    balanced too. All have as many batches, of as many rows. So `num_samples` is rounded up to a multiple of
    num_replicas, and the few rows more are drawn like all others (not with `drop_last`, which needs no such
    rows). Ranks must agree in the arguments and in the epoch.

    **Epochs.** The draw follows from `seed` and the number of the epoch alone, whichever the process or the
    number of workers. Each iteration is the next epoch, from 0; `set_epoch(e)` names the coming one.

    Args:
        labels: (N,) whole numbers of any value, as list, array or tensor; labels[i] is that of row i.
        batch_size: rows in a batch of one rank, at least 1.
        power: any finite number; below 0 the smaller classes get the larger share.
        num_samples: rows an epoch over all ranks; N by default.
        seed: a whole number from 0 on, the same on all ranks.
        num_replicas, rank: of how many processes this is which; by default as `torch.distributed` says where
            it is initialised, else 1 and 0.
        drop_last: leave out the last batch where it would be smaller than the others.

    Attributes:
        classes: (C,) int64, the different labels, ascending.
        rows_per_class: (C,) int64, the rows of each in an epoch over all ranks, a dropped batch among them.
        epoch: the number of the coming epoch.

    Raises:
        ValueError: for labels that are not (N,) whole numbers, or an argument out of its range.
    """

    def __init__(
        self,
        labels: ArrayLike | Tensor,
        batch_size: int,
        *,
        power: float = 0.0,
        num_samples: int | None = None,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
        drop_last: bool = False,
    ) -> None:
        given = whole_labels(labels)
        self.batch_size = _whole("batch_size", batch_size, 1)
        self.num_replicas, self.rank = _place(num_replicas, rank)
        self.power = _number("power", power)
        self.seed = _whole("seed", seed, 0)
        self.drop_last = drop_last
        self.epoch = 0
        self.classes, codes = np.unique(given, return_inverse=True)
        by_class = np.argsort(codes, kind="stable")
        self._members = np.split(by_class, np.bincount(codes).cumsum()[:-1])
        wanted = len(given) if num_samples is None else _whole("num_samples", num_samples, 1)
        self._global_batch = self.batch_size * self.num_replicas
        self._total = wanted if drop_last else math.ceil(wanted / self.num_replicas) * self.num_replicas
        if drop_last and self._total < self._global_batch:
            raise ValueError(
                f"{self._total} rows make no batch of {self.batch_size} for each of {self.num_replicas} "
                "processes, and drop_last leaves out what is smaller."
            )
        self.rows_per_class = rows_per_class([len(rows) for rows in self._members], self.power, self._total)

    def set_epoch(self, epoch: int) -> None:
        """Name the coming epoch, a number from 0 on; the iterations after it count on from there."""
        self.epoch = _whole("epoch", epoch, 0)

    def __len__(self) -> int:
        """The batches that this rank gets in an epoch."""
        full, left = divmod(self._total, self._global_batch)
        return full + (left > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        # A generator, so that an iterator that gives no batch takes no epoch: a DataLoader with workers
        # makes two for its first pass and reads the second.
        epoch, self.epoch = self.epoch, self.epoch + 1
        rows = self._epoch_rows(epoch)
        for start in range(0, len(self) * self._global_batch, self._global_batch):
            batch = rows[start : start + self._global_batch]
            size = len(batch) // self.num_replicas
            yield batch[self.rank * size : (self.rank + 1) * size].tolist()

    def _epoch_rows(self, epoch: int) -> Ints:
        """(total,) row numbers, global batch after global batch, in each rank after rank."""
        children = np.random.SeedSequence(self.seed, spawn_key=(epoch,)).spawn(3)
        draw, deal, shuffle = map(np.random.default_rng, children)
        rows = power_rows(self._members, self.power, self._total, draw)
        batch = _dealt(self.rows_per_class, self._global_batch, deal)
        # By batch and then by class: neighbours go to different ranks, the first of them a random one.
        order = np.argsort(batch, kind="stable")
        rows, batch = rows[order], batch[order]
        place = np.arange(len(rows)) % self._global_batch
        first = deal.integers(self.num_replicas, size=batch[-1] + 1)
        rank = (place + first[batch]) % self.num_replicas
        return np.asarray(rows[np.lexsort((shuffle.random(len(rows)), rank, batch))], dtype=np.int64)


def _dealt(wanted: Ints, size: int, rng: np.random.Generator) -> Ints:
    """(total,) int64: the batch of each row, rows ordered by class and in each class by batch.

    All rows, class after class, are dealt like cards to the full batches in turn, so that these hold equal
    numbers of a class or differ by one; every so many rows one goes to the last batch, if that is smaller.

    Args:
        wanted: (C,) rows of each class.
        size: rows of a full batch.
        rng: draws the order of the classes and of the batches.
    """
    total = int(wanted.sum())
    full, left = divmod(total, size)
    classes = rng.permutation(len(wanted))
    classes = np.repeat(classes, wanted[classes])
    batch = np.full(total, full, dtype=np.int64)
    dealt = np.ones(total, dtype=bool)
    if left:
        dealt[(np.arange(left) * total + rng.integers(total)) // left] = False
    if full:
        # In turn, yet far apart in time: what whole turns leave of a small class is spread over the epoch.
        turn = np.argsort(np.argsort((np.arange(full) * GOLDEN + rng.random()) % 1))
        batch[dealt] = turn[np.arange(total - left) % full]
    return batch[np.lexsort((batch, classes))]


def _place(num_replicas: int | None, rank: int | None) -> tuple[int, int]:
    running = distributed.is_available() and distributed.is_initialized()
    if num_replicas is None:
        num_replicas = distributed.get_world_size() if running else 1
    replicas = _whole("num_replicas", num_replicas, 1)
    if rank is None:
        if not running and replicas > 1:
            raise ValueError(
                f"num_replicas is {replicas} without a rank; say which of them this process is, from 0 on."
            )
        rank = distributed.get_rank() if running else 0
    if (place := _whole("rank", rank, 0)) >= replicas:
        raise ValueError(f"rank is {place}; for num_replicas = {replicas} it must lie in 0..{replicas - 1}.")
    return replicas, place


def _number(name: str, value: Any) -> float:
    found = value.item() if isinstance(value, np.ndarray | np.generic | Tensor) and value.ndim == 0 else value
    if not isinstance(found, int | float) or isinstance(found, bool):
        raise ValueError(f"{name} is {value!r}; a number is needed.")
    return float(found)


def _whole(name: str, value: Any, low: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < low:
        raise ValueError(f"{name} is {value!r}; a whole number of at least {low} is needed.")
    return int(value)
