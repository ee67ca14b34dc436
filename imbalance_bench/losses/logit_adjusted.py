"""Logit-adjusted loss (Menon et al. 2021, arXiv:2007.07314)."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.losses.common import (
    LIMIT,
    LossModule,
    PerClass,
    check_counts,
    check_inputs,
    check_setting,
    class_weight_tensor,
    in_float,
    like_logits,
    weigh_and_reduce,
)


def logit_adjusted_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    class_counts: PerClass,
    tau: float = 1.0,
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of z + tau log pi_c, pi_c being the share of class c in the training rows.

    With tau 1 it equals the balanced softmax, with tau 0 plain cross-entropy. The logits are used
    as they are afterwards, without the shift.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        class_counts: (C,) training rows of each class, at least 1.
        tau: strength of the adjustment, at least 0.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for logits of up to 1e37 in size, over the largest
    weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, counts, tau, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    tau = check_setting("tau", tau, 0, LIMIT)
    counts = check_counts(class_counts, logits.shape[1])
    shift = like_logits(tau * np.log(counts / counts.sum()), logits)
    weights = class_weight_tensor(weight, logits)
    return weigh_and_reduce(logit_adjusted_rows(logits, targets, shift), targets, weights, reduction)


def logit_adjusted_rows(logits: Tensor, targets: Tensor, shift: Tensor) -> Tensor:
    """(N,) unweighted losses, without checks; `shift` (C,): tau log pi."""
    return F.cross_entropy(in_float(logits) + shift, targets, reduction="none")


class LogitAdjustedLoss(LossModule):
    """`logit_adjusted_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        class_counts: (C,) training rows of each class, at least 1.
        tau: strength of the adjustment, at least 0; 1 gives the balanced softmax.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Menon et al. 2021, arXiv:2007.07314.
    """

    function = staticmethod(logit_adjusted_loss)

    def __init__(
        self,
        class_counts: PerClass,
        tau: float = 1.0,
        weight: PerClass | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.tau = tau
        self.weight = weight
        self.reduction = reduction
