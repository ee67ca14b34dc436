"""Checks of what the public functions are given: what was found, what is allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_labels(values: ArrayLike, n_classes: int, name: str, n: int | None = None) -> NDArray[np.int64]:
    """(n,) int64 in 0..C-1, n at least 1; ValueError otherwise."""
    found = np.asarray(values)
    if found.ndim != 1 or not len(found):
        raise ValueError(f"{name} has shape {found.shape}; (n,) with at least one row is needed.")
    if n is not None and len(found) != n:
        raise ValueError(f"{name} has {len(found)} rows; y_true has {n}, and as many are needed.")
    if found.dtype.kind not in "iu":
        raise ValueError(f"{name} has type {found.dtype}; integers in 0..{n_classes - 1} are needed.")
    if found.min() < 0 or found.max() >= n_classes:
        raise ValueError(
            f"{name} ranges from {found.min()} to {found.max()}; 0 to {n_classes - 1} are allowed for "
            f"{n_classes} classes."
        )
    return found.astype(np.int64)


def as_scores(values: ArrayLike, name: str, shape: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """(n, C) float64 without NaN, of `shape` or of any with n >= 1 and C >= 2; ValueError otherwise."""
    found = np.asarray(values, dtype=np.float64)
    if shape is not None and found.shape != shape:
        raise ValueError(f"{name} has shape {found.shape}; {shape} is needed: rows, classes.")
    if found.ndim != 2 or not len(found) or found.shape[1] < 2:
        raise ValueError(f"{name} has shape {found.shape}; (n, C) with n >= 1 and C >= 2 is needed.")
    if np.isnan(found).any():
        row = int(np.flatnonzero(np.isnan(found).any(axis=1))[0])
        raise ValueError(f"{name} holds NaN in row {row}; numbers that can be ordered are needed.")
    return found


def as_logits(values: ArrayLike, shape: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """As `as_scores`, and finite."""
    found = as_scores(values, "logits", shape)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise ValueError(f"logits holds a value that is not finite in row {row}; finite numbers are needed.")
    return found


def as_weights(values: ArrayLike | None, n: int) -> NDArray[np.float64]:
    """(n,) weights scaled to a maximum of 1; ones for None.

    ValueError unless they are finite, at least 0 and not all 0.
    """
    if values is None:
        return np.ones(n)
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (n,):
        raise ValueError(f"sample_weight has shape {found.shape}; ({n},) is needed.")
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise ValueError(
            f"sample_weight of row {bad[0]} is {found[bad[0]]}; finite numbers of at least 0 are needed."
        )
    if not found.any():
        raise ValueError("sample_weight is 0 for every row; at least one row needs weight.")
    return np.asarray(found / found.max())
