"""Classes of predictions made elsewhere: their names, labels and training counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.experiments.foreign.raw import NAMES, PARTS, Raw, text_of
from imbalance_bench.experiments.foreign.scores import scores_of

MAX_COUNT = 10**12
_DIGITS = re.compile(r"[0-9]{1,9}")


def class_names_of(raw: Raw, raws: Sequence[Raw]) -> tuple[str, ...]:
    """The names that `raw` gives its classes; numbers where it gives none."""
    scores = scores_of(raw, "test")[1]
    n_classes = scores.shape[1] if scores.ndim == 2 else 2
    given = raw.arrays.get("class_names")
    if given is not None:
        names = (
            tuple(str(name).strip() for name in (text_of(given) or given.tolist())) if given.ndim == 1 else ()
        )
        if len(names) != n_classes or len(set(names)) < len(names) or not all(names):
            raise RequestError(
                f"{raw.where}: found the class names {shown(given.tolist())} beside scores of {n_classes} "
                "classes; a name of its own is needed for each."
            )
        if odd := [name for name in names if not name.isprintable() or len(name) > 80]:
            raise RequestError(
                f"{raw.where}: found the class name {shown(odd[0])}; names of 1 to 80 printable characters "
                "are needed."
            )
        return names
    labels = raw.arrays.get("test_labels")
    if labels is None or text_of(labels) is None:
        return tuple(str(c) for c in range(n_classes))
    if scores.ndim == 2:
        raise RequestError(
            f"{raw.where}: the labels are text, so `class_names` is needed, in the order of the scores."
        )
    found: set[str] = set()
    for other in raws:
        for part in PARTS:
            if "class_names" not in other.arrays:
                found |= set(text_of(other.arrays.get(f"{part}_labels", np.array([""]))) or ())
    found.discard("")
    if len(found) != 2:
        raise RequestError(
            f"{raw.where}: found labels of {len(found)} class{'es' * (len(found) != 1)} "
            f"({', '.join(sorted(found)[:12])}); a single score is for two. For others, give one column "
            "p_CLASS for each."
        )
    first, second = sorted(found)
    return first, second


def labels_of(raw: Raw, part: str, names: Sequence[str]) -> NDArray[np.int64]:
    """(n,) class numbers."""
    name = f"{part}_labels"
    if name not in raw.arrays:
        what = (
            f"{name} is missing{nearest(name, [n for n in raw.arrays if n not in NAMES])}"
            if not raw.lines
            else f"{raw.strategy}, seed {raw.seed}, has no rows of the split {part!r}"
        )
        raise RequestError(f"{raw.where}: {what}; found: {', '.join(raw.lines or raw.arrays)}.")
    found = raw.arrays[name]
    if found.ndim != 1 or not len(found):
        raise RequestError(
            f"{raw.where}: {name} has shape {found.shape}; (n,) with at least one row is needed."
        )
    allowed = f"allowed: {', '.join(names[:12])}{', ...' * (len(names) > 12)}"
    text = text_of(found)
    if text is not None:
        at = {name: c for c, name in enumerate(names)}
        # Where names are digits, a number could mean either: then it is a name.
        by_number = not any(_DIGITS.fullmatch(name) for name in names) and not any(
            cell in at for cell in text
        )
        if by_number:
            allowed += f", or their numbers 0 to {len(names) - 1}"
            at |= {str(c): c for c in range(len(names))}
        for i, cell in enumerate(text):
            if cell not in at:
                raise RequestError(
                    f"{raw.where}, {raw.row(part, i)}: found the label {shown(cell)}; {allowed}."
                    f"{nearest(cell, names)}"
                )
        return np.array([at[cell] for cell in text], dtype=np.int64)
    if found.dtype.kind not in "iub":
        raise RequestError(f"{raw.where}: {name} has type {found.dtype}; class numbers or names are needed.")
    numbers = tuple(str(c) for c in range(len(names)))
    if tuple(names) != numbers and all(_DIGITS.fullmatch(name) for name in names):
        raise RequestError(
            f"{raw.where}: {name} holds numbers, and the class names are numbers too "
            f"({', '.join(names[:12])}); a label could mean either. Write labels as text to give names."
        )
    wrong = np.flatnonzero((found < 0) | (found >= len(names)))
    if wrong.size:
        raise RequestError(
            f"{raw.where}, {raw.row(part, int(wrong[0]))}: found the label {found[wrong[0]]}; allowed: 0 to "
            f"{len(names) - 1}, the numbers of {', '.join(names[:12])}."
        )
    return np.asarray(found, dtype=np.int64)


def train_counts(
    values: Any, names: Sequence[str], where: str, order: Sequence[int] | None = None
) -> list[int]:
    """(C,) training rows per class; RequestError unless there is a whole number of at least 1 for each."""
    try:
        found = np.asarray(values)
    except ValueError:  # ragged
        found = np.empty((0, 0))
    whole = found.dtype.kind in "iu" or (found.dtype.kind == "f" and bool((found == np.floor(found)).all()))
    if found.shape != (len(names),) or not whole or (found < 1).any() or (found > MAX_COUNT).any():
        given = values.tolist() if isinstance(values, np.ndarray) else values
        raise RequestError(
            f"{where}: found {shown(given)}; a whole number of at least 1 is needed for each of the "
            f"{len(names)} classes, in the order {', '.join(names[:12])}."
        )
    counts = [int(value) for value in found]
    return counts if order is None else [counts[i] for i in order]
