"""Focal loss for mutually exclusive classes (Lin et al. 2017, arXiv:1708.02002)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imbalance_bench.losses.common import check_inputs, class_weight_tensor, in_float, reduce


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | Sequence[float] | Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """w_y (1 - p_y)^gamma (-log p_y), p being the softmax of the logits.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        gamma: focusing parameter, at least 0; 0 gives (weighted) cross-entropy.
        alpha: None, one weight per class (C,), or for two classes a number in [0, 1]: the weight of
            class 1, class 0 getting 1 - alpha.
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Loss and gradient are finite for any gamma and for logits of up to 1e37 in size.

    Raises:
        ValueError: for shapes, targets, gamma, alpha or reduction that are not as above.
    """
    check_inputs(logits, targets)
    if not gamma >= 0 or gamma == float("inf"):
        raise ValueError(f"gamma is {gamma}; a finite number of at least 0 is needed.")
    weight = class_weight_tensor(alpha, logits)
    targets = targets.long()
    loss = focal_rows(logits, targets, gamma)
    return reduce(loss if weight is None else loss * weight[targets], reduction)


def focal_rows(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """(N,) unweighted focal losses, without checks.

    With t = logsumexp of the other classes' logits minus the target's: -log p = softplus(t) and
    log(1 - p) = logsigmoid(t). Neither needs p itself, which saturates.
    """
    z = in_float(logits)
    own = F.one_hot(targets, z.shape[1]).bool()
    t = z.masked_fill(own, -torch.inf).logsumexp(1) - z.gather(1, targets[:, None]).squeeze(1)
    return torch.exp(gamma * F.logsigmoid(t)) * F.softplus(t)


class FocalLoss(nn.Module):
    """`focal_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        gamma: focusing parameter, at least 0; 0 gives (weighted) cross-entropy.
        alpha: None, one weight per class (C,), or for two classes a number in [0, 1]: the weight of
            class 1, class 0 getting 1 - alpha.
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Lin et al. 2017, arXiv:1708.02002.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] | Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (N, C) and integer targets (N,) to the reduced loss."""
        return focal_loss(logits, targets, gamma=self.gamma, alpha=self.alpha, reduction=self.reduction)

    def extra_repr(self) -> str:
        """The settings, for printing."""
        return f"gamma={self.gamma}, alpha={self.alpha}, reduction={self.reduction!r}"
