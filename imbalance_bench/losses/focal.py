"""Focal loss for mutually exclusive classes (Lin et al. 2017, arXiv:1708.02002)."""

from __future__ import annotations

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
    log_odds_against,
    number,
    power,
    weigh_and_reduce,
)


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | PerClass | None = None,
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

    Each row's loss, their mean and the gradient are finite for any gamma and for logits of up to 1e37 in
    size, over the largest alpha above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, gamma, alpha or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    gamma = check_setting("gamma", gamma, 0)
    weight = class_weight_tensor(_per_class(alpha, logits.shape[1]), logits, "alpha")
    return weigh_and_reduce(focal_rows(logits, targets, gamma), targets, weight, reduction)


def focal_rows(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """(N,) unweighted focal losses, without checks."""
    t = log_odds_against(in_float(logits), targets)
    return power(F.logsigmoid(bounded(t)), gamma) * F.softplus(t)


def _per_class(alpha: float | PerClass | None, n_classes: int) -> PerClass | None:
    """Alpha as weights per class, where it is a number of two."""
    if alpha is None or not (isinstance(alpha, int | float) or getattr(alpha, "ndim", 1) == 0):
        return alpha
    given = number("alpha", alpha)
    if n_classes != 2:
        raise ValueError(
            f"alpha is one number for {n_classes} classes, which would only rescale the loss; "
            "give one weight per class, or None."
        )
    if not 0 <= given <= 1:
        raise ValueError(f"alpha is {given:g}; for two classes it lies in [0, 1].")
    return [1 - given, given]


class FocalLoss(LossModule):
    """`focal_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        gamma: focusing parameter, at least 0; 0 gives (weighted) cross-entropy.
        alpha: None, one weight per class (C,), or for two classes a number in [0, 1]: the weight of
            class 1, class 0 getting 1 - alpha.
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Lin et al. 2017, arXiv:1708.02002.
    """

    function = staticmethod(focal_loss)

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | PerClass | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.alpha = alpha
        self.reduction = reduction
