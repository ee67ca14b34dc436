"""Label-distribution-aware margin loss, LDAM (Cao et al. 2019, arXiv:1906.07413)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
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
    is_target,
    like_logits,
    number,
    weigh_and_reduce,
)


def ldam_margins(class_counts: PerClass, max_m: float = 0.5) -> npt.NDArray[np.float64]:
    """(C,) margins proportional to n_c^(-1/4), the largest being `max_m`.

    Raises:
        ValueError: for counts below 1 or not whole, or `max_m` below 0.
    """
    max_m = check_setting("max_m", max_m, 0, LIMIT)
    roots = check_counts(class_counts) ** -0.25
    margins: npt.NDArray[np.float64] = max_m * (roots / roots.max())
    return margins


def ldam_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    class_counts: PerClass,
    max_m: float = 0.5,
    s: float = 30.0,
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of s z, the target's z being lowered by its class's margin first.

    The logits must be COSINES: a head that normalises both its input and its weights, so that z lies
    in [-1, 1]. The margins are on that scale, and s turns it into one that a softmax can use. Other
    logits are not refused, but neither `max_m` nor s means what the paper's values mean there.

    Args:
        logits: (N, C) cosines of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        class_counts: (C,) training rows of each class, at least 1.
        max_m: margin of the smallest class, at least 0.
        s: scale of the cosines, above 0.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite while s (z - m), times s and times the largest
    weight where these are above 1, is at most 1e37 in size; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, counts, settings, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    s = number("s", s)
    if not 0 < s <= LIMIT:
        raise ValueError(f"s is {s}; a number above 0 and at most {LIMIT:g} is needed.")
    check_counts(class_counts, logits.shape[1])
    margins = like_logits(ldam_margins(class_counts, max_m), logits)
    weights = class_weight_tensor(weight, logits)
    return weigh_and_reduce(ldam_rows(logits, targets, margins, s), targets, weights, reduction)


def ldam_rows(logits: Tensor, targets: Tensor, margins: Tensor, s: float) -> Tensor:
    """(N,) unweighted losses of cosines, without checks; `margins` (C,)."""
    lowered = in_float(logits) - is_target(targets, logits.shape[1]) * margins
    return F.cross_entropy(s * lowered, targets, reduction="none")


class LDAMLoss(LossModule):
    """`ldam_loss` as a module, called like `nn.CrossEntropyLoss` with COSINES in [-1, 1] as logits.

    Args:
        class_counts: (C,) training rows of each class, at least 1.
        max_m: margin of the smallest class, at least 0.
        s: scale of the cosines, above 0.
        weight: None, or one weight per class (C,).
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Cao et al. 2019, arXiv:1906.07413.
    """

    function = staticmethod(ldam_loss)

    def __init__(
        self,
        class_counts: PerClass,
        max_m: float = 0.5,
        s: float = 30.0,
        weight: PerClass | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.max_m = max_m
        self.s = s
        self.weight = weight
        self.reduction = reduction
