"""Labels as people store them (numbers, text, one-hot) to class numbers, matched by name over the parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import Rows
from imbalance_bench.errors import RequestError, nearest, shown

_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of all parts, in one numbering.

    Attributes:
        codes: by part, (n,) int64 class numbers.
        names: the class that each number stands for.
        notes: what the user should know, a sentence each.
    """

    codes: Mapping[str, Rows]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_labels(arrays: Mapping[str, Any], class_names: Sequence[str] | None = None) -> Labels:
    """The labels of arrays by what a message calls them, as "train_labels"; the first trains.

    An array is (n,), (n, 1) or one-hot (n, C): whole numbers from 0 on (as bool, int or float) or text. The
    value as text is the name of the class, so parts may store it in different types; classes are ordered as
    numbers, or else by code point. `class_names` name the numbers 0..C-1 and give the order instead.

    RequestError for labels of several classes per row, objects, missing, negative or fractional values,
    fewer than two classes, a class without training rows, and a value that `class_names` do not name.
    """
    found = {where: _column(where, np.asarray(array)) for where, array in arrays.items()}
    named = {
        where: one if class_names is None else one.named(where, class_names) for where, one in found.items()
    }
    used = {value for one in named.values() for value in one.values}
    if class_names is not None:
        names = [name for name in class_names if name in used]
    elif all(one.numbers for one in named.values()):
        names = sorted(used, key=lambda value: (_number(value), value))
    else:
        names = sorted(used)
    if len(names) < 2:
        raise RequestError(
            f"{', '.join(arrays)}: every row is of the class {shown(names[0]) if names else 'none'}; at "
            "least "
            "two classes are needed."
        )
    at = {name: c for c, name in enumerate(names)}
    codes = {
        where: np.array([at[value] for value in one.values], dtype=np.int64)[one.codes]
        for where, one in named.items()
    }
    counts = {where: np.bincount(part, minlength=len(names)) for where, part in codes.items()}
    _refuse_untrained(names, counts)
    return Labels(codes, tuple(names), tuple(_notes(names, counts, class_names)))


def name_codes(where: str, array: Any) -> tuple[Rows, tuple[str, ...]]:
    """(n,) int64 numbers of the different values, and these as text; what names groups, as patients."""
    found = _column(where, np.asarray(array), one_hot=False)
    return found.codes, found.values


def text_names(where: str, array: Any) -> tuple[str, ...]:
    """The class names that an array (C,) lists; RequestError unless they are different printable texts."""
    given = np.asarray(array)
    if given.ndim != 1 or given.dtype.kind not in "USiu" or not given.size:
        raise RequestError(
            f"{where}: found {given.dtype} of shape {given.shape}; text of shape (C,) is needed."
        )
    names = tuple(_decoded(where, given) if given.dtype.kind in "US" else map(str, given.tolist()))
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise RequestError(
            f"{where} names the class {shown(twice)} twice; a name of its own is needed for each."
        )
    return names


@dataclass(frozen=True, eq=False)
class _Column:
    """One array: `values[codes]` are its labels as text; `numbers` where they were stored as such."""

    codes: Rows
    values: tuple[str, ...]
    numbers: bool

    def named(self, where: str, names: Sequence[str]) -> _Column:
        """The same with the names that stand for the numbers, or that the text must be among."""
        if not self.numbers:
            if wrong := [value for value in self.values if value not in names]:
                raise RequestError(
                    f"{where}: {self._first(wrong[0])}, which the class names do not hold: "
                    f"{_some(names)}.{nearest(wrong[0], names)}"
                )
            return self
        plain = tuple(map(str, range(len(names))))
        if tuple(names) != plain and all(_DIGITS.fullmatch(name) for name in names):
            raise RequestError(
                f"{where} holds numbers, and the class names are other numbers ({_some(names)}): a label "
                "could "
                "mean either. Write the labels as text, or leave class_names out."
            )
        numbers = [_number(value) for value in self.values]
        for number, value in zip(numbers, self.values, strict=True):
            if number >= len(names):
                raise RequestError(
                    f"{where}: {self._first(value)}; with {len(names)} class names it must be from 0 to "
                    f"{len(names) - 1}, the numbers of {_some(names)}."
                )
        return _Column(self.codes, tuple(names[number] for number in numbers), True)

    def _first(self, value: str) -> str:
        return f"row {int(np.argmax(self.codes == self.values.index(value)))} has the label {shown(value)}"


def _column(where: str, array: NDArray[Any], one_hot: bool = True) -> _Column:
    if array.dtype.hasobject:
        raise RequestError(
            f"{where} holds Python objects, which are never loaded; write numbers or text, as "
            "np.asarray(labels, dtype=str) does."
        )
    if array.dtype.kind not in "biufUS":
        raise RequestError(f"{where} has type {array.dtype}; whole numbers or text are needed.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    elif array.ndim == 2 and array.shape[1] > 1 and one_hot:
        array = _from_one_hot(where, array)
    if array.ndim != 1:
        raise RequestError(f"{where} has shape {array.shape}; (N,), (N, 1) or one-hot (N, C) is needed.")
    if not len(array):
        raise RequestError(f"{where} is empty; at least one row is needed.")
    if array.dtype.kind in "US":
        return _of_text(where, array)
    if array.dtype.kind != "b":
        _refuse_odd_numbers(where, array)
    values, codes = np.unique(array, return_inverse=True)
    texts = [str(value) if array.dtype.kind == "b" else str(int(value)) for value in values.tolist()]
    return _Column(codes.astype(np.int64), tuple(texts), True)


def _of_text(where: str, array: NDArray[Any]) -> _Column:
    values, codes = np.unique(array, return_inverse=True)
    try:
        texts = _decoded(where, values)
    except _BadTextError as bad:
        row = int(np.argmax(codes == bad.index))
        raise RequestError(f"{where}: row {row} has the label {shown(bad.value)}; {bad.reason}.") from None
    # Names that differ in the blanks around them alone are one class.
    names, again = np.unique(np.array(texts), return_inverse=True)
    return _Column(again[codes].astype(np.int64), tuple(names.tolist()), False)


class _BadTextError(RequestError):
    def __init__(self, where: str, index: int, value: object, reason: str) -> None:
        super().__init__(f"{where}: found {shown(value)}; {reason}.")
        self.index, self.value, self.reason = index, value, reason


def _decoded(where: str, values: NDArray[Any]) -> list[str]:
    """The texts without blanks around them; _BadTextError for one that can't name a class."""
    texts = []
    for i, value in enumerate(values.tolist()):
        try:
            text = (value.decode("utf-8") if isinstance(value, bytes) else value).strip()
        except UnicodeDecodeError:
            raise _BadTextError(where, i, value, "text in UTF-8 is needed") from None
        if not text or not text.isprintable() or len(text) > 200:
            raise _BadTextError(where, i, value, "1 to 200 printable characters are needed")
        texts.append(text)
    return texts


def _from_one_hot(where: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """(N,) the column that holds the 1 of each row."""
    if array.dtype.kind in "US" or not ((array == 0) | (array == 1)).all():
        raise RequestError(
            f"{where} has shape {array.shape}; several columns must be one-hot, each row a single 1 among "
            "zeros. Give the class of each row as (N,)."
        )
    marked = (array == 1).sum(axis=1)
    if len(several := np.flatnonzero(marked != 1)):
        row = int(several[0])
        raise RequestError(
            f"{where} is multi-label: row {row} marks {marked[row]} of {array.shape[1]} classes (rows "
            "that mark "
            f"none or several: {len(several)}). One class per row is needed; take one column as the label."
        )
    return np.asarray(array.argmax(axis=1), dtype=np.int64)


def _refuse_odd_numbers(where: str, array: NDArray[Any]) -> None:
    if array.dtype.kind == "f":
        # From there on the type skips whole numbers, so that two classes might have become one.
        bits = min(np.finfo(array.dtype).nmant + 1, 63)
        with np.errstate(invalid="ignore"):
            whole = np.isfinite(array) & (array == np.floor(array)) & (array < array.dtype.type(2) ** bits)
        if not whole.all():
            row = int(np.argmin(whole))
            raise RequestError(
                f"{where}: row {row} has the label {array[row]}; a whole number below 2^{bits} or text "
                "is needed."
            )
    if array.dtype.kind in "if" and (array < 0).any():
        row = int(np.argmax(array < 0))
        raise RequestError(
            f"{where}: row {row} has the label {array[row]}; class numbers start at 0. Leave rows without a "
            "label out, or write labels as text."
        )


def _refuse_untrained(names: Sequence[str], counts: Mapping[str, Rows]) -> None:
    train, *others = counts
    for c in np.flatnonzero(counts[train] == 0).tolist():
        elsewhere = " and ".join(f"{counts[other][c]} in {other}" for other in others if counts[other][c])
        raise RequestError(
            f"class {shown(names[c])} has no row in {train}, {elsewhere}. Classes are matched by name; those "
            f"of {train} are {_some([n for n, k in zip(names, counts[train], strict=True) if k])}. Give the "
            "class training rows, or leave it out."
        )


def _notes(names: Sequence[str], counts: Mapping[str, Rows], class_names: Sequence[str] | None) -> list[str]:
    notes = []
    if unused := [name for name in class_names or () if name not in names]:
        notes.append(f"No row has the class {_some(unused)}: left out.")
    for where, found in list(counts.items())[1:]:
        absent = [name for name, k in zip(names, found, strict=True) if not k]
        notes += [f"No row of {where} has the class {_some(absent)}: it isn't measured there."] * bool(absent)
    return notes


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _number(value: str) -> int:
    return int(value == "True") if value in ("False", "True") else int(value)
