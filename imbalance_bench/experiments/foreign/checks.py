"""Predictions made elsewhere, checked: labels are class numbers, scores logits, classes in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.foreign.labels import class_names_of, labels_of, train_counts
from imbalance_bench.experiments.foreign.raw import PARTS, SCORES, Raw, text_of
from imbalance_bench.experiments.foreign.scores import (
    SMALLEST,
    both_columns,
    logits_of,
    scores_are_probabilities,
    scores_of,
)
from imbalance_bench.experiments.materials import positive_index


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one strategy and seed predicted.

    Attributes:
        where: the file, for messages.
        class_names: C names, the same in the same order for all.
        arrays: `{test,val}_labels` (n,) int64 in 0..C-1 and `{test,val}_logits` (n, C) float64; `test_groups`
            (n,) int64 where rows belong together. Those of val are there or not.
        train_counts: (C,) training rows per class, where they are known.
        clipped: how many probabilities were 0.
    """

    where: str
    strategy: str
    seed: int
    class_names: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]
    train_counts: list[int] | None
    clipped: int = 0


def checked(raws: Sequence[Raw], positive_class: str | None, said: list[str]) -> list[Predictions]:
    """All of them with one order of the classes, that of the first; what the user should know goes to `said`.

    `positive_class` is the class that single scores (n,) speak for. RequestError for whatever does not fit.
    """
    if not raws:
        raise RequestError("there are no predictions; name at least one npz or csv file.")
    seen: dict[tuple[str, int], Raw] = {}
    for raw in raws:
        other = seen.setdefault((raw.strategy, raw.seed), raw)
        if other is not raw:
            raise RequestError(
                f"{raw.where}: {raw.strategy}, seed {raw.seed}, stands in {other.where} already; name files "
                "STRATEGY-seed-S.npz (or .csv), or say strategy and seed inside."
            )
        if raw.lines and "test" not in raw.lines:
            raise RequestError(
                f"{raw.where}: {raw.strategy}, seed {raw.seed}, has no rows of the split test."
            )
    likelihood = scores_are_probabilities(raws, said)
    names = [class_names_of(raw, raws) for raw in raws]
    for raw, own in zip(raws, names, strict=True):
        if set(own) != set(names[0]):
            raise RequestError(
                f"{raw.where} has the classes {', '.join(own[:12])}, but {raws[0].where} has "
                f"{', '.join(names[0][:12])}; all need the same."
            )
    positive_index(names[0], positive_class)
    found = [
        _checked(raw, own, names[0], positive_class, likelihood) for raw, own in zip(raws, names, strict=True)
    ]
    said += [
        f"{_in([raw.where for raw in raws if raw.unread == unread])}: {unread}."
        for unread in dict.fromkeys(raw.unread for raw in raws if raw.unread)
    ]
    if zeros := sum(each.clipped for each in found):
        said.append(
            f"{_in([each.where for each in found if each.clipped])}: {zeros:,} probabilities of 0 count as "
            f"{SMALLEST:.1g}, the smallest positive number: log-loss is no better known than that."
        )
    return found


def _in(files: Sequence[str]) -> str:
    first, *others = dict.fromkeys(files)
    return first + (f" and {len(others)} more" if others else "")


def _checked(
    raw: Raw,
    own: tuple[str, ...],
    names: tuple[str, ...],
    positive_class: str | None,
    likelihood: bool,
) -> Predictions:
    order = [own.index(name) for name in names]
    arrays: dict[str, NDArray[Any]] = {}
    clipped = 0
    for part in PARTS:
        if part == "val" and not any(f"val_{what}" in raw.arrays for what in ("labels", *SCORES)):
            continue
        labels = labels_of(raw, part, own)
        kind, scores = scores_of(raw, part, len(labels))
        if kind == "score":
            kind = "probabilities" if likelihood else "logits"
        if scores.ndim == 1:
            scores = both_columns(raw, scores, kind, own, positive_class)
        if scores.shape[1] != len(own):
            raise RequestError(
                f"{raw.where}: {part}_{kind} has {scores.shape[1]} columns, but there are {len(own)} classes "
                f"({', '.join(own[:12])}); one for each is needed."
            )
        logits, zeros = logits_of(raw, part, kind, scores)
        clipped += zeros
        arrays[f"{part}_labels"] = np.argsort(order)[labels]
        # In one layout: sums by another order would differ in the last digit from those of a stored run.
        arrays[f"{part}_logits"] = np.ascontiguousarray(logits[:, order])
    if "test_groups" in raw.arrays:
        arrays["test_groups"] = _groups(raw, len(arrays["test_labels"]))
    counts = raw.arrays.get("train_counts")
    known = None if counts is None else train_counts(counts, own, f"{raw.where}: train_counts", order)
    return Predictions(raw.where, raw.strategy, raw.seed, names, arrays, known, clipped)


def _groups(raw: Raw, n: int) -> NDArray[np.int64]:
    """(n,) numbers of the groups that test rows belong to."""
    found = raw.arrays["test_groups"]
    if found.shape != (n,):
        raise RequestError(
            f"{raw.where}: test_groups has shape {found.shape}; ({n},) is needed, one per test row."
        )
    values = text_of(found)
    if values is None and found.dtype.kind not in "iufb":
        raise RequestError(
            f"{raw.where}: test_groups has type {found.dtype}; numbers or text are needed, for every row."
        )
    missing = np.array([not value.strip() for value in values]) if values is not None else found != found
    if missing.any():
        at = raw.row("test", int(np.flatnonzero(missing)[0]))
        raise RequestError(
            f"{raw.where}, {at}: found no group; every test row needs one, or --group-column none."
        )
    known, codes = np.unique(found if values is None else np.array(values), return_inverse=True)
    if len(known) < 2:
        raise RequestError(
            f"{raw.where}: found one group ({known[0]}); at least 2 are needed, or --group-column none."
        )
    return np.asarray(codes, dtype=np.int64).reshape(n)
