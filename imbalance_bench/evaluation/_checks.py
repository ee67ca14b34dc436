"""Input checks of the public metrics: each error says what was found and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def check_class_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """The names as text, at least two of them."""
    if isinstance(class_names, str):
        raise ValueError(
            f"class_names is the text {class_names!r}; a sequence with one name per class is needed"
        )
    names = tuple(str(name) for name in class_names)
    if len(names) < 2:
        raise ValueError(f"class_names holds {len(names)} name(s); at least two classes are needed")
    return names


def check_labels(name: str, labels: ArrayLike, n_classes: int, n_rows: int | None = None) -> IntArray:
    """`labels` as int64 (N,), with N >= 1 (and N == `n_rows` where given) and values in 0..`n_classes` - 1."""
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}; one class index per row, shape (N,), is needed")
    if n_rows is not None and len(array) != n_rows:
        raise ValueError(f"{name} has {len(array)} rows; the other inputs have {n_rows}")
    if not len(array):
        raise ValueError(f"{name} is empty; at least one row is needed")
    if array.dtype.kind not in "iub":
        raise ValueError(
            f"{name} has type {array.dtype}; integer class indices 0..{n_classes - 1} are allowed"
        )
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name} holds {array[row]} at row {row}; class indices 0..{n_classes - 1} are allowed"
        )
    return array.astype(np.int64, copy=False)


def check_table(name: str, values: ArrayLike, n_rows: int, n_classes: int) -> FloatArray:
    """`values` as float64 of shape (`n_rows`, `n_classes`); the values themselves are not looked at."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is no table of numbers ({error}); shape ({n_rows}, {n_classes}) is needed"
        ) from error
    if array.shape != (n_rows, n_classes):
        raise ValueError(
            f"{name} has shape {array.shape}; ({n_rows}, {n_classes}) is needed: a row per label, a column per class"
        )
    return array


def check_logits(logits: ArrayLike, n_rows: int, n_classes: int) -> FloatArray:
    """`logits` as finite float64 (N, C)."""
    array = check_table("logits", logits, n_rows, n_classes)
    _refuse("logits", ~np.isfinite(array), array, "finite numbers")
    return array


def check_scores(scores: ArrayLike, n_rows: int, n_classes: int) -> FloatArray:
    """`scores` as float64 (N, C) without NaN; infinities have a rank and are allowed."""
    array = check_table("scores", scores, n_rows, n_classes)
    _refuse("scores", np.isnan(array), array, "numbers other than nan")
    return array


def check_weights(sample_weight: ArrayLike | None, n_rows: int) -> FloatArray:
    """Weights as float64 (N,), scaled to a largest value of 1; all 1 where None. Scale never matters.

    Raises
    ------
    ValueError
        If they are not of shape (N,), negative, not finite, or all zero.
    """
    if sample_weight is None:
        return np.ones(n_rows)
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight is no list of numbers ({error}); shape ({n_rows},) is needed"
        ) from error
    if weight.shape != (n_rows,):
        raise ValueError(f"sample_weight has shape {weight.shape}; ({n_rows},) is needed: one weight per row")
    _refuse("sample_weight", ~(np.isfinite(weight) & (weight >= 0)), weight, "finite weights >= 0")
    largest = weight.max(initial=0.0)
    if largest == 0:
        raise ValueError("sample_weight is zero on every row; at least one weight must be above 0")
    return np.asarray(weight / largest, dtype=np.float64)


def _refuse(name: str, bad: NDArray[np.bool_], array: FloatArray, allowed: str) -> None:
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        value = array[bad][0]
        raise ValueError(
            f"{name} holds {value} at row {row} ({int(bad.sum())} such values); allowed are {allowed}"
        )
