"""Scores of predictions made elsewhere, checked and made logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError, shown
from imbalance_bench.experiments.foreign.raw import PARTS, SCORES, Raw, text_of
from imbalance_bench.experiments.materials import positive_index
from imbalance_bench.strategies.base import Floats

TOLERANCE = 1e-3
"""How far the probabilities of a row may be from a sum of 1: three decimals of a few classes, or float16."""
SMALLEST = float(np.nextafter(0.0, 1.0))
LARGEST = 1e12
"""Greatest size of a logit: beyond it squares and sums lose all meaning."""


def scores_are_probabilities(raws: Sequence[Raw], said: list[str]) -> bool:
    """Whether all numbers that are just called score, in whichever file, lie in [0, 1]."""
    found = [raw.arrays[f"{part}_score"] for raw in raws for part in PARTS if f"{part}_score" in raw.arrays]
    if not found:
        return False
    likely = all(array.dtype.kind in "fiu" and ((array >= 0) & (array <= 1)).all() for array in found)
    what = "all lie in 0..1: they are read as probabilities" if likely else (
        "some lie outside 0..1: they are read as log odds")  # fmt: skip
    said.append(f"the scores: {what} of the positive class.")
    return likely


def scores_of(raw: Raw, part: str, n: int | None = None) -> tuple[str, Floats]:
    """What the scores of a part are, one of `SCORES`, and their (n, C) or (n,) numbers."""
    there = [kind for kind in SCORES if f"{part}_{kind}" in raw.arrays]
    if len(there) != 1:
        found = (
            " and ".join(f"{part}_{kind}" for kind in there)
            or ", ".join(raw.lines or raw.arrays)
            or "nothing"
        )
        raise RequestError(f"{raw.where}: {raw.strategy}, seed {raw.seed}: found {found}; one of "
                           f"{', '.join(f'{part}_{kind}' for kind in SCORES)} is needed.")  # fmt: skip
    name = f"{part}_{there[0]}"
    found = raw.arrays[name]
    if found.dtype.kind not in "fiu":
        raise RequestError(f"{raw.where}: {name} has type {found.dtype}; numbers are needed.")
    if found.ndim not in (1, 2) or (found.ndim == 2 and found.shape[1] < 2) or not len(found):
        raise RequestError(
            f"{raw.where}: {name} has shape {found.shape}; (n, C) with C of at least 2 is needed, or for two "
            "classes (n,), and at least one row."
        )
    if n is not None and len(found) != n:
        raise RequestError(
            f"{raw.where}: {name} has {len(found)} rows, but {part}_labels {n}; as many are needed."
        )
    return there[0], found.astype(np.float64)


def both_columns(
    raw: Raw, scores: Floats, kind: str, names: Sequence[str], positive_class: str | None
) -> Floats:
    """(n, 2) from the positive class's scores (n,)."""
    if len(names) != 2:
        raise RequestError(
            f"{raw.where}: scores of shape {scores.shape} are for two classes, but the classes are "
            f"{', '.join(names[:12])}; give (n, {len(names)})."
        )
    if (
        positive_class is None
        and text_of(raw.arrays["test_labels"]) is not None
        and tuple(names) != ("0", "1")
    ):
        raise RequestError(
            f"{raw.where}: which class do the scores speak for? Say --positive-class {names[0]} or "
            f"--positive-class {names[1]}."
        )
    positive = positive_index(tuple(names), positive_class)
    columns = [1 - scores if kind == "probabilities" else np.zeros(len(scores)), scores]
    return np.stack(columns if positive != 0 else columns[::-1], axis=1)


def logits_of(raw: Raw, part: str, kind: str, scores: Floats) -> tuple[Floats, int]:
    """(n, C) finite logits, and how many probabilities of 0 were clipped for them."""

    def refuse(bad: NDArray[np.bool_], what: str) -> None:
        rows = np.flatnonzero(bad.any(axis=1))
        if rows.size:
            i = int(rows[0])
            raise RequestError(f"{raw.where}, {raw.row(part, i)}: found {shown(scores[i].tolist())}; {what}")

    refuse(
        ~np.isfinite(scores), "finite numbers are needed; write a probability of 0 as 0, among probabilities."
    )
    if kind == "logits":
        refuse(np.abs(scores) > LARGEST, f"logits of at most {LARGEST:g} either way are allowed.")
        return scores, 0
    refuse((scores < 0) | (scores > 1), "probabilities lie in 0..1; call other scores logits.")
    off = np.abs(scores.sum(axis=1) - 1) > TOLERANCE
    refuse(
        off[:, None],
        f"the probabilities of a row sum to 1, to within {TOLERANCE:g}; write more decimals, or all classes.",
    )
    zero = scores <= 0
    return np.log(np.where(zero, SMALLEST, scores)), int(zero.sum())
