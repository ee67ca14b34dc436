"""Which rows train, validate and test: given parts honoured, missing ones drawn, thinned to a profile."""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass

import numpy as np

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.data.groups import deal_groups
from imbalance_bench.data.imbalance import profile_counts, profile_shares, whole
from imbalance_bench.errors import RequestError

WEIGHTS = {"train": 3, "val": 1, "test": 1}
"""60/20/20 where no split is given. A single missing part is drawn 80/20: the 4 that remain against 1."""


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the parts, each sorted int64; they are disjoint."""

    train: Rows
    val: Rows
    test: Rows

    def hash(self) -> str:
        """16 hexadecimal digits that name these three sets of rows."""
        total = hashlib.sha256()
        for rows in (self.train, self.val, self.test):
            total.update(len(rows).to_bytes(8, "little"))
            total.update(rows.astype("<i8").tobytes())
        return total.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Thinned:
    """A split after thinning, and the classes from head to tail.

    order: class indexes, that of the most training rows first.
    n_max: training rows of the head that the profile was made with; None where nothing was thinned.
    """

    split: Split
    order: tuple[int, ...]
    n_max: int | None


def make_split(dataset: ImageDataset, rng: np.random.Generator) -> Split:
    """The three parts of a data set: given ones are honoured, missing ones are drawn by class from train.

    Nothing given, or nothing but train: 60/20/20. Only one of validation and test missing: 20 % of train.
    A class with enough rows has at least one in every part drawn, and always one in train. Where the data
    set has groups, each goes to one part as a whole, and the classes are shared out as well as that allows.
    RequestError where a class has no training row, a given part is empty, or no row is left for a part.
    """
    everything = np.arange(len(dataset.labels), dtype=np.int64)
    given = dict(dataset.parts) if dataset.parts is not None else {"train": everything}
    if "train" not in given:
        raise RequestError(
            f"{dataset.name} gives the parts {', '.join(given)} and no train; give a train part, or no parts."
        )
    _refuse_missing_classes(dataset, given["train"])
    missing = [part for part in PART_NAMES if part not in given]
    if missing:
        names = ("train", *missing)
        weights = tuple(WEIGHTS[name] for name in names)
        if len(missing) == 1:
            weights = (4, 1)
        deal = _deal if dataset.groups is None else deal_groups
        given |= dict(zip(names, deal(dataset, given["train"], weights, rng), strict=True))
    for part in PART_NAMES:
        if not len(given[part]):
            raise RequestError(
                f"{dataset.name}: the {part} part has no rows; training classes have "
                f"{_named(dataset, dataset.counts(given['train']))}. Give more rows, or parts of your own."
            )
    return Split(*(np.sort(given[part]) for part in PART_NAMES))


def thin(
    dataset: ImageDataset,
    split: Split,
    *,
    ratio: float | None,
    profile: str = "exp",
    n_max: int | None = None,
    minority_fraction: float = 0.5,
    tail_order: str = "random",
    validation: str = "thinned",
    rng: np.random.Generator,
    tail_rng: np.random.Generator,
) -> Thinned:
    """The split with training rows per class thinned to a profile; the test part is never touched.

    Without `ratio` nothing is thinned. Two classes keep their own order by training count; of more, "random"
    draws which is rare from `tail_rng`, and "fixed" takes the order of the labels. `n_max` None: the largest
    that keeps the ratio; with a random order the smallest class's count, the same for every draw. Validation
    is thinned in the same proportion per class, to at least one row, unless `validation` is "full".
    The rows kept are a random subset by `rng`; a larger `n_max` keeps the rows of a smaller one.
    RequestError for a bad request, a class that would have no row, or an `n_max` that the data can't fill.
    """
    for what, value, allowed in (
        ("tail order", tail_order, ("random", "fixed")),
        ("validation", validation, ("thinned", "full")),
    ):
        if value not in allowed:
            raise RequestError(f"the {what} is {value!r}; allowed: {', '.join(allowed)}.")
    counts = dataset.counts(split.train)
    own_order = tuple(int(c) for c in np.argsort(-counts, kind="stable"))
    if ratio is None:
        if n_max is not None:
            raise RequestError(
                f"--n-max needs --imbalance-ratio; found {n_max} alone. Natural data are not thinned; "
                "add --imbalance-ratio (1 for equal classes), or leave --n-max out."
            )
        return Thinned(split, own_order, None)

    random = dataset.n_classes > 2 and tail_order == "random"
    if random:
        order = tuple(int(c) for c in tail_rng.permutation(dataset.n_classes))
    else:
        order = own_order if dataset.n_classes == 2 else tuple(range(dataset.n_classes))
    shares = profile_shares(profile, dataset.n_classes, ratio, minority_fraction)
    if n_max is None:
        n_max = _default_n_max(counts, order, shares, random)
    kept = np.zeros_like(counts)
    kept[list(order)] = profile_counts(profile, dataset.n_classes, n_max, ratio, minority_fraction)
    _refuse_too_many(dataset, counts, order, shares, n_max, random)

    train = _subset(dataset, split.train, kept, rng)
    val = split.val
    if validation == "thinned":
        have = dataset.counts(val)
        wanted = (2 * have * kept + counts) // (2 * counts)  # to the nearest whole number
        val = _subset(dataset, val, np.minimum(np.maximum(wanted, 1), have), rng)
    return Thinned(Split(train, val, split.test), order, n_max)


def _default_n_max(counts: Rows, order: tuple[int, ...], shares: list[float], random: bool) -> int:
    if random:
        return int(counts.min())
    keeps_ratio = min(whole(int(counts[c]) / share) for c, share in zip(order, shares, strict=True))
    return min(keeps_ratio, _largest_n_max(counts, order, shares, random))


def _largest_n_max(counts: Rows, order: tuple[int, ...], shares: list[float], random: bool) -> int:
    """The largest n_max that every class can fill; with a random order, whichever class is the head."""
    if random:
        return int(counts.min())

    def too_many(n: int) -> bool:
        return any(whole(n * share) > counts[c] for c, share in zip(order, shares, strict=True))

    return bisect.bisect_left(range(1, int(counts[order[0]]) + 1), True, key=too_many)


def _refuse_too_many(
    dataset: ImageDataset, counts: Rows, order: tuple[int, ...], shares: list[float], n_max: int, random: bool
) -> None:
    largest = _largest_n_max(counts, order, shares, random)
    if n_max <= largest:
        return
    if random:
        short, wanted = int(counts.argmin()), n_max
    else:
        needs = {c: whole(n_max * share) for c, share in zip(order, shares, strict=True)}
        short = next(c for c in order if needs[c] > counts[c])
        wanted = needs[short]
    raise RequestError(
        f"n_max is {n_max}, for which class {dataset.class_names[short]!r} "
        f"{'may have' if random else 'has'} to give {wanted} training rows; it has {counts[short]}. "
        f"The largest n_max that works is {largest}" + (" with a random tail order." if random else ".")
    )


def _subset(dataset: ImageDataset, rows: Rows, kept: Rows, rng: np.random.Generator) -> Rows:
    """`kept[c]` random rows of each class c, sorted. What is drawn for a class doesn't depend on `kept`."""
    labels = dataset.labels[rows]
    chosen = [rng.permutation(rows[labels == c])[: kept[c]] for c in range(dataset.n_classes)]
    return np.sort(np.concatenate(chosen))


def _deal(
    dataset: ImageDataset, rows: Rows, weights: tuple[int, ...], rng: np.random.Generator
) -> list[Rows]:
    """`rows` dealt by class into one part per weight, in random order within a class."""
    labels = dataset.labels[rows]
    parts: list[list[Rows]] = [[] for _ in weights]
    for c in range(dataset.n_classes):
        shuffled = rng.permutation(rows[labels == c])
        cuts = np.cumsum(_shares_of(len(shuffled), weights))[:-1]
        for part, piece in zip(parts, np.split(shuffled, cuts), strict=True):
            part.append(piece)
    return [np.concatenate(pieces) for pieces in parts]


def _shares_of(n: int, weights: tuple[int, ...]) -> list[int]:
    """`n` rows of a class shared out by largest remainder, of equal ones the later part first.

    The first part (train) has at least one row, and so has every part where there are enough rows.
    """
    total = sum(weights)
    counts = [n * w // total for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (n * weights[i] % total, i), reverse=True)
    for i in by_remainder[: n - sum(counts)]:
        counts[i] += 1
    for i in range(len(weights)) if n >= len(weights) else (0,):
        if counts[i] == 0 and n:
            counts[counts.index(max(counts))] -= 1
            counts[i] = 1
    return counts


def _refuse_missing_classes(dataset: ImageDataset, train: Rows) -> None:
    counts = dataset.counts(train)
    for c in np.flatnonzero(counts == 0):
        raise RequestError(
            f"{dataset.name}: class {dataset.class_names[c]!r} has no training row "
            f"({dataset.counts()[c]} in the whole data set); training classes have {_named(dataset, counts)}."
            " Give it training rows, or leave the class out."
        )


def _named(dataset: ImageDataset, counts: Rows) -> str:
    """The counts by class name, the first ten."""
    pairs = [f"{name} {n}" for name, n in zip(dataset.class_names, counts, strict=True)]
    return ", ".join(pairs[:10]) + (f" and {len(pairs) - 10} more" if len(pairs) > 10 else "")
