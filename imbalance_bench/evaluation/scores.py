"""What logits say about each class: log-probabilities, and scores for ranking that do not saturate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imbalance_bench.evaluation._checks import FloatArray


def log_softmax(logits: ArrayLike) -> FloatArray:
    """Log-probabilities, float64 (N, C), from finite logits (N, C); never clipped."""
    z = np.asarray(logits, dtype=np.float64)
    with np.errstate(over="ignore"):
        shifted = z - z.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def ranking_scores(logits: ArrayLike) -> FloatArray:
    """Log odds of each class, log p_c - log(1 - p_c), float64 (N, C), from finite logits (N, C), C >= 2.

    They order rows as the probabilities do, without the ties that appear once those round to 0 or 1.
    Computed as z_c - logsumexp of the other logits: nothing is subtracted from 1. With two classes this is
    the difference of the logits, exactly.
    """
    z = np.asarray(logits, dtype=np.float64)
    rows, n_classes = np.arange(z.shape[0]), z.shape[1]
    with np.errstate(over="ignore"):
        if n_classes == 2:
            difference = z[:, 1] - z[:, 0]
            return np.stack([-difference, difference], axis=1)
        top = z.argmax(axis=1)
        largest = z[rows, top]
        powers = np.exp(z - largest[:, None])
        # For a class below the top, the sum of the others still holds the top's own 1: no cancellation.
        sum_of_others = powers.sum(axis=1, keepdims=True) - powers
        sum_of_others[rows, top] = 1.0  # replaced below
        others = largest[:, None] + np.log(sum_of_others)
        rest = z.copy()
        rest[rows, top] = -np.inf
        second = rest.max(axis=1)
        others[rows, top] = second + np.log(np.exp(rest - second[:, None]).sum(axis=1))
        return np.asarray(z - others, dtype=np.float64)
