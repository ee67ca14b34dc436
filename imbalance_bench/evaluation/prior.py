"""Row weights that make a labelled part stand for other class shares than its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.checks import as_labels


def prior_weights(
    labels: ArrayLike, target_prior: ArrayLike, class_names: Sequence[str]
) -> NDArray[np.float64]:
    """Weight pi_c / observed_c for each row of class c; the weights have mean 1.

    Every class then keeps its recall, and precision, accuracy and loss become those at the target's
    shares: label shift, p(x | y) unchanged (Saerens, Latinne & Decaestecker 2002).

    Args:
        labels: (n,) integers in 0..C-1.
        target_prior: (C,) class shares, none negative, sum 1. A class of share 0 gets weight 0.
        class_names: the C names, for the message.

    ValueError for a class that has a share but no row, and for labels or shares that are none.
    """
    n_classes = len(class_names)
    rows = as_labels(labels, n_classes, "labels")
    target = np.asarray(target_prior, dtype=np.float64)
    if target.shape != (n_classes,):
        raise ValueError(f"the target prior has shape {target.shape}; ({n_classes},) is needed.")
    if not (np.isfinite(target).all() and (target >= 0).all() and abs(target.sum() - 1) < 1e-6):
        raise ValueError(
            f"the target prior is {target.tolist()}; shares of at least 0 that sum to 1 are needed."
        )
    counts = np.bincount(rows, minlength=n_classes)
    missing = np.flatnonzero((target > 0) & (counts == 0))
    if missing.size:
        named = ", ".join(f"{class_names[c]!r} ({target[c]:.4g})" for c in missing.tolist())
        raise ValueError(f"the target prior gives a share to classes without a row: {named}.")
    per_class = target * len(rows) / np.maximum(counts, 1)
    return np.asarray(per_class[rows], dtype=np.float64)
