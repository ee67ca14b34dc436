"""Checks of what the public functions are given: what was found, what is allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_labels(values: ArrayLike, n_classes: int, name: str) -> NDArray[np.int64]:
    """(n,) int64 in 0..C-1; ValueError otherwise."""
    found = np.asarray(values)
    if found.ndim != 1 or not len(found):
        raise ValueError(f"{name} has shape {found.shape}; (n,) with at least one row is needed.")
    if not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"{name} has type {found.dtype}; integers in 0..{n_classes - 1} are needed.")
    if found.min() < 0 or found.max() >= n_classes:
        raise ValueError(
            f"{name} ranges from {found.min()} to {found.max()}; 0 to {n_classes - 1} are allowed for "
            f"{n_classes} classes."
        )
    return found.astype(np.int64)


def as_scores(values: ArrayLike, n: int, n_classes: int, name: str) -> NDArray[np.float64]:
    """(n, C) finite float64; ValueError otherwise."""
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (n, n_classes):
        raise ValueError(f"{name} has shape {found.shape}; ({n}, {n_classes}) is needed.")
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise ValueError(f"{name} holds a value that is not finite in row {row}; finite numbers are needed.")
    return found


def as_weights(values: ArrayLike | None, n: int) -> NDArray[np.float64]:
    """(n,) finite float64 of at least 0, not all 0; ones for None; ValueError otherwise."""
    if values is None:
        return np.ones(n)
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (n,):
        raise ValueError(f"sample_weight has shape {found.shape}; ({n},) is needed.")
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise ValueError("sample_weight must hold finite numbers of at least 0, and one above 0.")
    return found
