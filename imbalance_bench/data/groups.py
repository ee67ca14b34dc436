"""Parts of whole groups: what belongs together (the images of one patient) is never split between parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.errors import RequestError

Counts = NDArray[np.int64]

FEW_GROUPS = 16
"""More are not searched through: they hardly ever leave a part empty."""


def deal_groups(
    dataset: ImageDataset, rows: Rows, weights: tuple[int, ...], rng: np.random.Generator
) -> list[Rows]:
    """`rows` dealt in whole groups into one part per weight, the first of which is train.

    From the group with the largest shares of classes to that with the smallest, of equal ones in random
    order, each goes where it brings the classes' shares nearest to the weights: it minimises the sum over
    parts and classes of the squared distance of rows from rows wanted, in shares of the class. Then groups
    are moved so that train has every class, and, where that costs no part a class, so that every part has.
    RequestError where there are fewer groups than parts.
    """
    assert dataset.groups is not None
    names, group = np.unique(dataset.groups[rows], return_inverse=True)
    if len(names) < len(weights):
        raise RequestError(
            f"{dataset.name}: {len(weights)} parts are to be drawn from {len(names)} group"
            f"{'s' if len(names) > 1 else ''}, none of which may be split. Give more groups, or parts of "
            "your own."
        )
    counts = np.zeros((len(names), dataset.n_classes), dtype=np.int64)
    np.add.at(counts, (group, dataset.labels[rows]), 1)
    part_of = _dealt(counts, np.array(weights, dtype=float), rng)
    _mend(counts, part_of, len(weights))
    _fill_empty(counts, part_of, len(weights))
    return [rows[part_of[group] == part] for part in range(len(weights))]


def crossing_groups(groups: Rows, parts: Mapping[str, Rows], names: Sequence[str]) -> str:
    """A sentence on groups that given parts split, with those of three groups; empty where none is."""
    inside = np.zeros((len(PART_NAMES), len(names)), dtype=bool)
    for place, part in enumerate(PART_NAMES):
        inside[place, groups[parts.get(part, np.empty(0, np.int64))]] = True
    crossing = np.flatnonzero(inside.sum(axis=0) > 1)
    if not len(crossing):
        return ""
    shown = ", ".join(names[i] for i in crossing[:3]) + (", ..." if len(crossing) > 3 else "")
    return (
        f"{len(crossing)} of {len(names)} groups stand in more than one of the given parts ({shown}): the "
        "test is easier than new groups would be."
    )


def _dealt(counts: Counts, weights: NDArray[np.float64], rng: np.random.Generator) -> Rows:
    """The part of each group, (groups,), by the greedy rule; counts (groups, classes)."""
    total = counts.sum(axis=0)
    share = counts[:, total > 0] / total[total > 0]
    # What each part still lacks of its share of each class; the squared distance falls by
    # 2 lack . share - share . share, whose second term is the same for all parts.
    lack = np.repeat((weights / weights.sum())[:, None], share.shape[1], axis=1)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-(share[order] ** 2).sum(axis=1), kind="stable")]
    part_of = np.zeros(len(counts), dtype=np.int64)
    for g in order:
        part = int(np.argmax(lack @ share[g]))
        part_of[g] = part
        lack[part] -= share[g]
    return part_of


def _mend(counts: Counts, part_of: Rows, n_parts: int) -> None:
    """Move groups, in place: train gets each class at any price, other parts where nobody loses a class."""
    held = np.stack([counts[part_of == part].sum(axis=0) for part in range(n_parts)])
    for part in range(n_parts):
        for c in np.argsort(counts.sum(axis=0), kind="stable"):
            if held[part, c] or not counts[:, c].any():
                continue
            for g in _smallest_first(counts, np.flatnonzero(counts[:, c])):
                donor = int(part_of[g])
                left = held[donor] - counts[g]
                if part == 0 or not ((left == 0) & (counts[g] > 0)).any():
                    part_of[g] = part
                    held[donor] = left
                    held[part] += counts[g]
                    break


def _fill_empty(counts: Counts, part_of: Rows, n_parts: int) -> None:
    """Where a part is empty, in place: train keeps a least set of groups with every class, others give way.

    The smallest groups outside that set make the other parts. So few groups are searched through.
    """
    if len(counts) > FEW_GROUPS or len(np.unique(part_of)) == n_parts:
        return
    present = counts.any(axis=0)
    sizes = range(1, len(counts) - n_parts + 2)
    for train in chain.from_iterable(combinations(range(len(counts)), size) for size in sizes):
        if (counts[list(train)].any(axis=0) == present).all():
            rest = np.setdiff1d(np.arange(len(counts)), train)
            part_of[:] = 0
            part_of[_smallest_first(counts, rest)[: n_parts - 1]] = np.arange(1, n_parts)
            return


def _smallest_first(counts: Counts, groups: Rows) -> Rows:
    return groups[np.argsort(counts[groups].sum(axis=1), kind="stable")]
