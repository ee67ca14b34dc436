"""Poly-1 loss: cross-entropy with its first polynomial term raised (Leng et al. 2022, arXiv:2204.12511)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.losses.common import (
    LIMIT,
    LossModule,
    PerClass,
    check_inputs,
    check_setting,
    class_weight_tensor,
    in_float,
    log_odds_against,
    weigh_and_reduce,
)


def poly1_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    epsilon: float = 2.0,
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log p_y + epsilon (1 - p_y), p being the softmax of the logits.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        epsilon: change of the first coefficient, at least -1; 0 gives cross-entropy. Below -1 the loss
            would fall while the error 1 - p grows from 0, and so reward it.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for logits of up to 1e37 in size, over the largest
    weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, epsilon, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    epsilon = check_setting("epsilon", epsilon, -1, LIMIT)
    weights = class_weight_tensor(weight, logits)
    return weigh_and_reduce(poly1_rows(logits, targets, epsilon), targets, weights, reduction)


def poly1_rows(logits: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """(N,) unweighted losses, without checks."""
    t = log_odds_against(in_float(logits), targets)
    return F.softplus(t) + epsilon * torch.exp(F.logsigmoid(t))


class Poly1Loss(LossModule):
    """`poly1_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        epsilon: change of the first coefficient, at least -1; 0 gives cross-entropy.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Leng et al. 2022, arXiv:2204.12511.
    """

    function = staticmethod(poly1_loss)

    def __init__(self, epsilon: float = 2.0, weight: PerClass | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = weight
        self.reduction = reduction
