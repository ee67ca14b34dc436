"""Balanced batches: exact counts, balanced batches, and one draw however many processes share it."""

from __future__ import annotations

import doctest
import pickle
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed
from torch.utils.data import DataLoader, Dataset

from imbalance_bench import samplers
from imbalance_bench.samplers import BalancedBatchSampler
from imbalance_bench.strategies import smote
from imbalance_bench.strategies.power import rows_per_class

Batches = list[list[int]]

counts_of_classes = st.lists(st.integers(1, 60), min_size=1, max_size=6)
powers = st.sampled_from([0.0, 0.5, 1.0, -0.5, 3.0])
worlds = st.integers(1, 5)


def labels_of(counts: list[int]) -> np.ndarray:
    return np.random.default_rng(9).permutation(np.repeat(np.arange(len(counts)), counts))


def counted(rows: list[int], labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels[rows], minlength=labels.max() + 1)


def flat(batches: Batches) -> list[int]:
    return list(chain.from_iterable(batches))


def of_all_ranks(labels: np.ndarray, batch_size: int, world: int, **more: Any) -> list[Batches]:
    made = [
        BalancedBatchSampler(labels, batch_size, num_replicas=world, rank=rank, **more)
        for rank in range(world)
    ]
    assert all(len(list(sampler)) == len(sampler) for sampler in made)
    for sampler in made:
        sampler.set_epoch(3)
    return [list(sampler) for sampler in made]


def test_the_examples_run() -> None:
    for module in (samplers, smote):
        found = doctest.testmod(module)
        assert found.attempted
        assert not found.failed


# --- one process ---


@given(counts=counts_of_classes, power=powers, size=st.integers(1, 40), total=st.integers(1, 300))
def test_an_epoch_holds_exactly_the_rows_of_each_class_and_rows_take_turns(
    counts: list[int], power: float, size: int, total: int
) -> None:
    labels = labels_of(counts)
    sampler = BalancedBatchSampler(labels, size, power=power, num_samples=total)
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-total // size)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(sampler) - 1)
    rows = flat(batches)
    expected = rows_per_class(counts, power, total).tolist()
    assert counted(rows, labels).tolist() == sampler.rows_per_class.tolist() == expected
    times = np.bincount(rows, minlength=len(labels))
    assert all(np.ptp(times[labels == c]) <= 1 for c in range(len(counts)))


@given(counts=counts_of_classes, power=powers, size=st.integers(1, 40), seed=st.integers(0, 99))
def test_every_batch_holds_its_share_of_each_class(
    counts: list[int], power: float, size: int, seed: int
) -> None:
    labels = labels_of(counts)
    sampler = BalancedBatchSampler(labels, size, power=power, seed=seed)
    for batch in sampler:
        target = sampler.rows_per_class * len(batch) / len(labels)
        # Below one; the last batch takes up to one row from what the full ones share.
        assert np.abs(counted(batch, labels) - target).max() < 1 + 1 / max(1, len(labels) // size)


def test_batches_differ_by_one_row_of_a_class_where_all_are_full() -> None:
    labels = labels_of([700, 200, 77, 20, 3])
    found = np.array([counted(b, labels) for b in BalancedBatchSampler(labels, 50, power=1.0)])
    assert found.sum(axis=1).tolist() == [50] * 20
    # 700 and 200 and 20 rows go evenly into 20 batches, 77 and 3 do not.
    assert np.ptp(found, axis=0).tolist() == [0, 0, 1, 0, 1]


def test_what_a_small_class_has_is_spread_over_the_epoch() -> None:
    labels = labels_of([996, 4])
    for seed in range(20):
        batches = list(BalancedBatchSampler(labels, 10, power=1.0, seed=seed))
        at = [i for i, batch in enumerate(batches) if counted(batch, labels)[1]]
        gaps = np.diff([*at, at[0] + 100])
        # Four places of a hundred in a circle: as the golden ratio lays them, never far from 25 apart.
        assert gaps.min() >= 13
        assert gaps.max() <= 40


def test_places_in_a_batch_and_batches_in_an_epoch_are_random() -> None:
    labels = labels_of([500, 500])
    sampler = BalancedBatchSampler(labels, 10)
    batches = np.array([list(sampler) for _ in range(20)])  # (epochs, 100, 10)
    # Each place of a batch holds class 1 half of the time: 1000 of 2000, standard deviation 22.
    assert np.abs(labels[batches].sum(axis=(0, 1)) - 1000).max() < 100
    # The mean place of a row is in the middle: 50 of 0..99 with standard deviation 29 / sqrt(20).
    when = np.argsort(batches.reshape(20, -1), axis=1) // 10
    assert abs(when.mean() - 49.5) < 1e-9
    assert np.abs(when.mean(axis=0) - 49.5).max() < 5 * 29 / np.sqrt(20)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_power_one_gives_every_row_once(world: int) -> None:
    labels = labels_of([71, 20, 9])
    assert sorted(flat(flat(of_all_ranks(labels, 8, world, power=1.0)))) == list(range(100))  # type: ignore[arg-type]


def test_the_last_batch_is_kept_or_dropped() -> None:
    labels = labels_of([20, 5])
    kept, dropped = (BalancedBatchSampler(labels, 10, drop_last=drop) for drop in (False, True))
    assert [len(batch) for batch in kept] == [10, 10, 5]
    assert len(kept) == 3
    assert [len(batch) for batch in dropped] == [10, 10]
    assert len(dropped) == 2
    assert dropped.rows_per_class.tolist() == [12, 13]
    assert [len(batch) for batch in BalancedBatchSampler(labels, 99)] == [25]


@pytest.mark.parametrize("form", [list, np.asarray, torch.as_tensor, lambda v: np.asarray(v, dtype=float)])
def test_labels_in_any_form(form: Any) -> None:
    labels = [40, -7, -7, -7, 40, 10**12]
    sampler = BalancedBatchSampler(form(labels), 6)
    assert sampler.classes.tolist() == [-7, 40, 10**12]
    (batch,) = list(sampler)
    assert sorted(labels[row] for row in batch) == [-7, -7, 40, 40, 10**12, 10**12]
    assert all(type(row) is int for row in batch)


# --- epochs ---


def test_each_iteration_is_the_next_epoch_unless_one_is_named() -> None:
    labels = labels_of([50, 10])
    sampler = BalancedBatchSampler(labels, 8)
    epochs = [list(sampler) for _ in range(3)]
    assert len({tuple(flat(epoch)) for epoch in epochs}) == 3
    sampler.set_epoch(1)
    assert [list(sampler), list(sampler)] == epochs[1:]
    assert sampler.epoch == 3
    named = BalancedBatchSampler(labels, 8)
    for epoch in range(3):
        named.set_epoch(epoch)
        assert list(named) == epochs[epoch]


def test_the_draw_follows_from_the_seed_alone() -> None:
    labels = labels_of([50, 10])
    state = repr(np.random.get_state(legacy=False))  # noqa: NPY002
    one, again, other = (list(BalancedBatchSampler(labels, 8, seed=seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert repr(np.random.get_state(legacy=False)) == state  # noqa: NPY002


def test_a_pass_that_breaks_off_counts_and_two_at_once_do_not_meet() -> None:
    sampler = BalancedBatchSampler(labels_of([50, 10]), 8)
    epochs = [list(sampler) for _ in range(2)]
    sampler.set_epoch(0)
    first, second = iter(sampler), iter(sampler)
    assert [next(first), next(second)] == [epochs[0][0], epochs[1][0]]
    assert list(first) == epochs[0][1:]


def test_it_pickles_with_its_epoch() -> None:
    sampler = BalancedBatchSampler(labels_of([50, 10]), 8)
    list(sampler)
    assert list(pickle.loads(pickle.dumps(sampler))) == list(sampler)


# --- several processes ---


@settings(max_examples=60)
@given(counts=counts_of_classes, power=powers, size=st.integers(1, 9), world=worlds, drop=st.booleans())
def test_ranks_together_draw_what_one_process_would(
    counts: list[int], power: float, size: int, world: int, drop: bool
) -> None:
    labels = labels_of([n + world * size for n in counts])
    ranks = of_all_ranks(labels, size, world, power=power, drop_last=drop)
    total = len(labels) if drop else -(-len(labels) // world) * world
    alone = BalancedBatchSampler(labels, size * world, power=power, num_samples=total, drop_last=drop)
    alone.set_epoch(3)
    expected = list(alone)
    assert {len(batches) for batches in ranks} == {len(expected)}
    for *parts, whole in zip(*ranks, expected, strict=True):
        assert len({len(part) for part in parts}) == 1
        assert sorted(flat(parts)) == sorted(whole)
        for part in parts:
            target = alone.rows_per_class * len(part) / total
            assert np.abs(counted(part, labels) - target).max() <= 2


def test_the_few_rows_more_of_several_processes() -> None:
    labels = labels_of([70, 21])
    ranks = of_all_ranks(labels, 10, 4)
    assert [sum(map(len, batches)) for batches in ranks] == [23] * 4
    assert [[len(batch) for batch in batches] for batches in ranks] == [[10, 10, 3]] * 4
    assert counted(flat(flat(ranks)), labels).tolist() == [46, 46]  # type: ignore[arg-type]
    dropped = of_all_ranks(labels, 10, 4, power=1.0, drop_last=True)
    rows = flat(flat(dropped))  # type: ignore[arg-type]
    assert len(set(rows)) == len(rows) == 80


def test_no_rank_gets_more_of_a_class_in_the_long_run() -> None:
    labels = labels_of([900, 60])
    ranks = [
        BalancedBatchSampler(labels, 8, power=1.0, num_replicas=4, rank=rank, num_samples=960)
        for rank in range(4)
    ]
    # 60 a epoch, 15 for each rank: 1500 in all, standard deviation below sqrt(30 * 100 * 3 / 16).
    drawn = [sum(counted(flat(list(sampler)), labels)[1] for _ in range(100)) for sampler in ranks]
    assert sum(drawn) == 6000
    assert np.abs(np.array(drawn) - 1500).max() < 5 * np.sqrt(30 * 100 * 3 / 16)


def test_the_process_group_is_asked_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = labels_of([50, 10])
    plain = BalancedBatchSampler(labels, 8)
    assert (plain.num_replicas, plain.rank) == (1, 0)
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(distributed, "get_rank", lambda: 2)
    found = BalancedBatchSampler(labels, 8)
    assert (found.num_replicas, found.rank) == (3, 2)
    assert list(found) == list(BalancedBatchSampler(labels, 8, num_replicas=3, rank=2))
    assert list(BalancedBatchSampler(labels, 8, num_replicas=1, rank=0)) == list(plain)


# --- in a DataLoader ---


class Numbered(Dataset[int]):
    """Row i is i."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> int:
        return row


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_a_loader_gives_the_epochs_whatever_its_workers(workers: int, persistent: bool) -> None:
    labels = labels_of([50, 10])
    alone = BalancedBatchSampler(labels, 8)
    sampler = BalancedBatchSampler(labels, 8)
    loader = DataLoader(
        Numbered(60), batch_sampler=sampler, num_workers=workers, persistent_workers=persistent
    )
    assert len(loader) == 8
    for _ in range(2):
        assert [batch.tolist() for batch in loader] == list(alone)
    sampler.set_epoch(7)
    alone.set_epoch(7)
    assert [batch.tolist() for batch in loader] == list(alone)


# --- refusals ---


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"labels": [0.5, 1.0]}, "labels holds 0.5 at row 0"),
        ({"labels": []}, "labels is empty"),
        ({"labels": [[0, 1]]}, r"labels has shape \(1, 2\)"),
        ({"labels": ["a", "b"]}, "labels has type"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 2.0}, r"batch_size is 2\.0"),
        ({"num_samples": 0}, "num_samples is 0"),
        ({"power": float("nan")}, "power is nan"),
        ({"power": None}, "power is None; a number"),
        ({"power": "0.5"}, "power is '0.5'; a number"),
        ({"power": True}, "power is True; a number"),
        ({"power": [0.5]}, "a number is needed"),
        ({"power": float("inf")}, "power is inf"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": None}, "seed is None"),
        ({"num_replicas": 0, "rank": 0}, "num_replicas is 0"),
        ({"num_replicas": 2}, "num_replicas is 2 without a rank"),
        ({"num_replicas": 2, "rank": 2}, r"rank is 2; .* 0\.\.1"),
        ({"rank": 1}, "rank is 1"),
        ({"batch_size": 9, "drop_last": True}, "4 rows make no batch of 9"),
    ],
)
def test_refusals(changed: dict[str, Any], reason: str) -> None:
    arguments: dict[str, Any] = {"labels": [0, 0, 1, 1], "batch_size": 2, **changed}
    with pytest.raises(ValueError, match=reason):
        BalancedBatchSampler(**arguments)


@pytest.mark.parametrize("epoch", [-1, 1.0, None])
def test_epochs_that_are_none(epoch: Any) -> None:
    with pytest.raises(ValueError, match="epoch is"):
        BalancedBatchSampler([0, 1], 2).set_epoch(epoch)
