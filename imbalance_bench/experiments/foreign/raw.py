"""The arrays of one strategy and seed as they were given, not yet believed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.fields import MAX_SEED

PARTS = ("test", "val")
SCORES = ("logits", "probabilities", "score")
NAMES = (
    *(f"{part}_{what}" for part in PARTS for what in ("labels", *SCORES)),
    *("test_groups", "class_names", "train_counts", "strategy", "seed"),
)
"""What the arrays of one strategy and seed may be called."""
_OF_NAME = re.compile(r"(?P<strategy>.+)-seed-(?P<seed>[0-9]{1,19})")
_WHOLE = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, eq=False)
class Raw:
    """What one strategy and seed gave, unchecked.

    Attributes:
        where: the file, for messages.
        arrays: by the names of `NAMES`.
        unread: what the file holds beside them, in words.
        lines: by part, the (n,) lines of the file that the rows stand on; empty where rows have no lines.
    """

    where: str
    strategy: str
    seed: int
    arrays: Mapping[str, Any]
    unread: str = ""
    lines: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def row(self, part: str, index: int) -> str:
        """How a message names a row."""
        line = self.lines.get(part)
        return f"{part} row {index}" if line is None else f"line {line[index]}"


def read_mapping(given: Mapping[Any, Any], groups: str | None) -> list[Raw]:
    """One for each (strategy, seed) of a mapping; RequestError for keys of another form."""
    found = []
    for key, arrays in given.items():
        if not (isinstance(key, tuple) and len(key) == 2 and isinstance(arrays, Mapping)):
            raise RequestError(
                f"predictions: found the key {shown(key)}; a mapping holds (strategy, seed): {{name: "
                'array}, as {("focal", 0): {"test_labels": ..., "test_logits": ...}}.'
            )
        where = f"predictions[{key!r}]"
        found.append(Raw(where, *strategy_and_seed(where, *key), *known_arrays(where, arrays, groups)))
    return found


def of_name(stem: str) -> tuple[str, int]:
    """Strategy and seed by STRATEGY-seed-S; any other name is a strategy at seed 0."""
    match = _OF_NAME.fullmatch(stem)
    return (match["strategy"], int(match["seed"])) if match else (stem, 0)


def strategy_and_seed(where: str, strategy: object, seed: object) -> tuple[str, int]:
    """The two checked; RequestError for an empty or endless name and for a seed that is no whole number."""
    name = str(strategy).strip()
    if not name or not name.isprintable() or len(name) > 80:
        raise RequestError(
            f"{where}: found the strategy {shown(name)}; a name of 1 to 80 characters is needed."
        )
    if isinstance(seed, str) and _WHOLE.fullmatch(seed.strip()):
        seed = int(seed)
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
        raise RequestError(f"{where}: found the seed {shown(seed)}; a whole number from 0 on is needed.")
    return name, int(seed)


def known_arrays(
    where: str, arrays: Mapping[Any, Any], groups: str | None
) -> tuple[dict[str, NDArray[Any]], str]:
    """The arrays whose names are known, groups under `test_groups`; and what is not read, in words."""
    found = {}
    for name in NAMES:
        if name in arrays:
            found[name] = _array(where, name, arrays[name])
    left = [str(name) for name in arrays if name not in NAMES]
    if groups is not None:
        found.pop("test_groups", None)
        if groups != "none":
            names = [name for name in (groups, f"test_{groups}") if name in arrays]
            if not names:
                there = [str(name) for name in arrays]
                raise RequestError(
                    f"{where}: --group-column {groups}: there is no array {groups!r} or 'test_{groups}'; "
                    f"found: {', '.join(there)}.{nearest(groups, there)}"
                )
            found["test_groups"] = _array(where, names[0], arrays[names[0]])
            left = [name for name in left if name != names[0]]
    return found, unread("arrays", left, NAMES)


def _array(where: str, name: str, values: object) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise RequestError(f"{where}: {name} can't be made an array of numbers or text ({error}).") from None


def unread(what: str, left: Sequence[str], known: Sequence[str]) -> str:
    """Which arrays or columns are passed over, with the known name that each is like; empty for none."""
    if not left:
        return ""
    hints = [f"{name}{_hint(name, known)}" for name in left[:8]]
    more = f" and {len(left) - 8} more" if len(left) > 8 else ""
    return f"{what} that are not read: {', '.join(hints)}{more}"


def _hint(name: str, known: Sequence[str]) -> str:
    like = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.75)
    return f" (did you mean {like[0]}?)" if like else ""


def text_of(array: NDArray[Any]) -> list[str] | None:
    """The strings of an array; None where it holds something else."""
    if array.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in array.tolist()]
    if array.dtype.kind == "U" or (
        array.dtype.kind == "O" and all(isinstance(v, str) for v in array.ravel().tolist())
    ):
        return [str(value) for value in array.tolist()]
    return None
