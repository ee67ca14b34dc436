"""Balanced softmax (Ren et al. 2020, arXiv:2007.10740)."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from imbalance_bench.losses.common import (
    LossModule,
    PerClass,
    check_counts,
    check_inputs,
    class_weight_tensor,
    like_logits,
    weigh_and_reduce,
)
from imbalance_bench.losses.logit_adjusted import logit_adjusted_rows


def balanced_softmax_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    class_counts: PerClass,
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of z + log n_c, n_c being the training rows of class c.

    The logits learn to be those of a training set with equal classes: they are used as they are
    afterwards, without the shift.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        class_counts: (C,) training rows of each class, at least 1.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for logits of up to 1e37 in size, over the largest
    weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, counts, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    log_counts = like_logits(np.log(check_counts(class_counts, logits.shape[1])), logits)
    weights = class_weight_tensor(weight, logits)
    return weigh_and_reduce(logit_adjusted_rows(logits, targets, log_counts), targets, weights, reduction)


class BalancedSoftmaxLoss(LossModule):
    """`balanced_softmax_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        class_counts: (C,) training rows of each class, at least 1.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Ren et al. 2020, arXiv:2007.10740.
    """

    function = staticmethod(balanced_softmax_loss)

    def __init__(
        self, class_counts: PerClass, weight: PerClass | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.weight = weight
        self.reduction = reduction
