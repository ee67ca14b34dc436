"""Class-balanced loss: weights by the effective number of rows (Cui et al. 2019, arXiv:1901.05555)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from torch import Tensor

from imbalance_bench.losses.common import (
    LossModule,
    PerClass,
    check_counts,
    check_inputs,
    check_setting,
    like_logits,
    weigh_and_reduce,
)
from imbalance_bench.losses.focal import focal_rows


def effective_number_weights(class_counts: PerClass, beta: float = 0.9999) -> npt.NDArray[np.float64]:
    """(C,) weights proportional to (1 - beta) / (1 - beta^n_c), with sum C as in the paper.

    beta 0 gives equal weights, beta towards 1 weights proportional to 1 / n_c. Counts well above
    1 / (1 - beta) are all alike to it.

    Raises:
        ValueError: for counts below 1 or not whole, or beta outside [0, 1).
    """
    beta = check_setting("beta", beta, 0, 1, below=True)
    counts = check_counts(class_counts)
    # 1 - beta^n, which would cancel for beta near 1; beta 0 has no logarithm.
    missing = -np.expm1(counts * math.log(beta)) if beta > 0 else np.ones_like(counts)
    shares = missing.min() / missing
    weights: npt.NDArray[np.float64] = shares * (len(counts) / shares.sum())
    return weights


def class_balanced_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    class_counts: PerClass,
    beta: float = 0.9999,
    gamma: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """w_y (1 - p_y)^gamma (-log p_y), w being `effective_number_weights` and p the softmax of the logits.

    The paper's focal loss is a sum of one-vs-rest sigmoids; this is the softmax form, as in `focal_loss`.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        class_counts: (C,) training rows of each class, at least 1.
        beta: in [0, 1); 0 gives equal weights.
        gamma: focusing parameter, at least 0; 0 gives weighted cross-entropy.
        reduction: "mean" divides by the number of rows (`nn.CrossEntropyLoss(weight=)` divides by the
            sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for any gamma and for logits of up to 1e37 in
    size, over the largest weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, counts, beta, gamma or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    gamma = check_setting("gamma", gamma, 0)
    check_counts(class_counts, logits.shape[1])
    weights = like_logits(effective_number_weights(class_counts, beta), logits)
    return weigh_and_reduce(class_balanced_rows(logits, targets, weights, gamma), targets, None, reduction)


def class_balanced_rows(logits: Tensor, targets: Tensor, weights: Tensor, gamma: float) -> Tensor:
    """(N,) losses, without checks; `weights` (C,)."""
    return focal_rows(logits, targets, gamma) * weights[targets]


class ClassBalancedLoss(LossModule):
    """`class_balanced_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        class_counts: (C,) training rows of each class, at least 1.
        beta: in [0, 1); 0 gives equal weights.
        gamma: focusing parameter, at least 0; 0 gives weighted cross-entropy.
        reduction: "mean" divides by the number of rows, where `nn.CrossEntropyLoss(weight=)` divides
            by the sum of the weights; "sum"; or "none".

    Cui et al. 2019, arXiv:1901.05555, in the softmax form.
    """

    function = staticmethod(class_balanced_loss)

    def __init__(
        self,
        class_counts: PerClass,
        beta: float = 0.9999,
        gamma: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.beta = beta
        self.gamma = gamma
        self.reduction = reduction
