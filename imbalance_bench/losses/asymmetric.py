"""Asymmetric loss: sigmoids that forgive easy negatives (Ridnik et al. 2021, arXiv:2009.14119)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.losses.common import (
    LossModule,
    PerClass,
    bounded,
    check_inputs,
    check_setting,
    class_weight_tensor,
    in_float,
    is_target,
    power,
    weigh_and_reduce,
)


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma_pos: float = 0.0,
    gamma_neg: float = 4.0,
    margin: float = 0.05,
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(1 - p_y)^gamma_pos (-log p_y) + sum over c != y of p_m^gamma_neg (-log(1 - p_m)).

    p is the sigmoid of each logit and p_m = max(p - margin, 0): the paper's multi-label form, for rows
    with exactly one label. The logits rank the classes, but their softmax is no posterior.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        gamma_pos: focusing parameter of the row's own class, at least 0.
        gamma_neg: focusing parameter of the other classes, at least 0.
        margin: probability in [0, 1) up to which another class costs nothing.
        weight: None, or one weight per class (C,), by which the whole row is multiplied.
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for any gammas and for logits of up to 1e37 / C in
    size, over the largest weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, settings, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    gamma_pos = check_setting("gamma_pos", gamma_pos, 0)
    gamma_neg = check_setting("gamma_neg", gamma_neg, 0)
    margin = check_setting("margin", margin, 0, 1, below=True)
    weights = class_weight_tensor(weight, logits)
    rows = asymmetric_rows(logits, targets, gamma_pos, gamma_neg, margin)
    return weigh_and_reduce(rows, targets, weights, reduction)


def asymmetric_rows(
    logits: Tensor, targets: Tensor, gamma_pos: float, gamma_neg: float, margin: float
) -> Tensor:
    """(N,) unweighted losses, without checks."""
    z = in_float(logits)
    against = -z.gather(1, targets[:, None]).squeeze(1)
    positive = power(F.logsigmoid(bounded(against)), gamma_pos) * F.softplus(against)
    negative = _negative(z, gamma_neg, margin).masked_fill(is_target(targets, z.shape[1]), 0)
    return positive + negative.sum(1)


def _negative(z: Tensor, gamma: float, margin: float) -> Tensor:
    """p_m^gamma (-log(1 - p_m)) of each logit, the class being wrong.

    From logarithms, as p and 1 - p saturate and p_m^(gamma - 1), in the gradient, overflows.
    """
    log_margin = math.log(margin) if margin > 0 else -math.inf
    log_p = F.logsigmoid(bounded(z))
    above = log_p > log_margin
    # Where p_m is 0 any p above the margin will do: the mask takes both value and gradient away.
    log_p = log_p.masked_fill(~above, 0)
    log_p_m = log_p + torch.log(-torch.expm1(log_margin - log_p))
    surprise = -torch.logaddexp(F.logsigmoid(-z), torch.full_like(z, log_margin))
    return (power(log_p_m, gamma) * surprise).masked_fill(~above, 0)


class AsymmetricLoss(LossModule):
    """`asymmetric_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        gamma_pos: focusing parameter of the row's own class, at least 0.
        gamma_neg: focusing parameter of the other classes, at least 0.
        margin: probability in [0, 1) up to which another class costs nothing.
        weight: None, or one weight per class (C,), by which the whole row is multiplied.
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Ridnik et al. 2021, arXiv:2009.14119.
    """

    function = staticmethod(asymmetric_loss)

    def __init__(
        self,
        gamma_pos: float = 0.0,
        gamma_neg: float = 4.0,
        margin: float = 0.05,
        weight: PerClass | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.gamma_pos = gamma_pos
        self.gamma_neg = gamma_neg
        self.margin = margin
        self.weight = weight
        self.reduction = reduction
