"""Sample weights that make a test part speak for another class prior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from imbalance_bench.evaluation._checks import FloatArray, check_class_names, check_labels


def prior_weights(labels: ArrayLike, target_prior: ArrayLike, class_names: Sequence[str]) -> FloatArray:
    """Weight target_prior[c] / (share of c in `labels`) for each row of class c.

    Parameters
    ----------
    labels : (N,) int in 0..C-1
    target_prior : (C,) float >= 0
        Shares by class, summing to 1 (to 1e-6).
    class_names : C names, C >= 2

    Returns
    -------
    (N,) float64
        Mean 1.

    Raises
    ------
    ValueError
        If a class with a target share above 0 has no row (no weight can make up for that; the class is named),
        or the inputs are not as above.

    Examples
    --------
    >>> prior_weights([0, 0, 0, 1], [0.5, 0.5], ["healthy", "diseased"]).round(4).tolist()
    [0.6667, 0.6667, 0.6667, 2.0]
    """
    names = check_class_names(class_names)
    rows = check_labels("labels", labels, len(names))
    prior = np.asarray(target_prior, dtype=np.float64)
    if prior.shape != (len(names),):
        raise ValueError(
            f"target_prior has shape {prior.shape}; ({len(names)},) is needed: one share per class"
        )
    if not np.isfinite(prior).all() or (prior < 0).any():
        raise ValueError(f"target_prior is {prior.tolist()}; finite shares >= 0 are allowed")
    if not math.isclose(prior.sum(), 1, abs_tol=1e-6):
        raise ValueError(f"target_prior sums to {prior.sum():g}; shares that sum to 1 are needed")
    counts = np.bincount(rows, minlength=len(names))
    missing = [
        name for name, share, count in zip(names, prior, counts, strict=True) if share > 0 and count == 0
    ]
    if missing:
        raise ValueError(
            f"no row of class {', '.join(map(repr, missing))}, which has a share above 0 in the target prior: "
            "weights cannot stand in for missing rows"
        )
    ratio = prior / prior.sum() * len(rows) / np.maximum(counts, 1)
    return np.asarray(ratio[rows], dtype=np.float64)
