"""Label-aware smoothing, from MiSLAS (Zhong et al. 2021, arXiv:2104.00466)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.losses.common import (
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

Shape = Literal["concave", "linear", "convex"]


def label_aware_smoothing(
    class_counts: PerClass,
    smooth_head: float = 0.3,
    smooth_tail: float = 0.0,
    shape: Shape = "concave",
) -> npt.NDArray[np.float64]:
    """(C,) smoothing of each class, from `smooth_tail` at the smallest count to `smooth_head` at the largest.

    With equal counts every class is a head class and gets `smooth_head`.

    Raises:
        ValueError: for counts below 1 or not whole, smoothing outside [0, 1), or an unknown shape.
    """
    smooth_head = check_setting("smooth_head", smooth_head, 0, 1, below=True)
    smooth_tail = check_setting("smooth_tail", smooth_tail, 0, 1, below=True)
    if shape not in get_args(Shape):
        raise ValueError(f"shape is {shape!r}; allowed: {', '.join(map(repr, get_args(Shape)))}.")
    counts = check_counts(class_counts)
    above, spread = counts - counts.min(), counts.max() - counts.min()
    # Without a branch on values, which torch.compile refuses.
    share = (above + (spread == 0)) / (spread + (spread == 0))
    if shape == "concave":
        share = np.sin(np.pi / 2 * share)
    elif shape == "convex":
        # The paper's head + (head - tail) sin(3 pi / 2 + x), as sin(3 pi / 2 + x) = -cos x.
        share = 1 - np.cos(np.pi / 2 * share)
    smoothing: npt.NDArray[np.float64] = smooth_tail + (smooth_head - smooth_tail) * share
    return smoothing


def label_aware_smoothing_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    class_counts: PerClass,
    smooth_head: float = 0.3,
    smooth_tail: float = 0.0,
    shape: Shape = "concave",
    weight: PerClass | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(1 - e_y)(-log p_y) + e_y / (C - 1) sum over c != y of -log p_c, e being `label_aware_smoothing`.

    `F.cross_entropy(label_smoothing=e)` spreads e over all C classes, the target among them; here the
    target keeps 1 - e.

    Args:
        logits: (N, C) of any floating type; half types are computed in float32.
        targets: (N,) integers in 0..C-1.
        class_counts: (C,) training rows of each class, at least 1.
        smooth_head: smoothing of the largest class, in [0, 1).
        smooth_tail: smoothing of the smallest class, in [0, 1).
        shape: how it grows between them with the count: "concave", "linear" or "convex".
        weight: None, or one weight per class (C,): that of the row's own class.
        reduction: "mean" divides by the number of rows, weighted or not (`nn.CrossEntropyLoss(weight=)`
            divides by the sum of the weights); "sum"; or "none" for (N,).

    Each row's loss, their mean and the gradient are finite for logits of up to 1e37 in size, over the largest
    weight above 1; "sum" may overflow.

    Raises:
        ValueError: for shapes, targets, counts, settings, weights or reduction that are not as above.
    """
    targets = check_inputs(logits, targets)
    check_counts(class_counts, logits.shape[1])
    smoothing = like_logits(label_aware_smoothing(class_counts, smooth_head, smooth_tail, shape), logits)
    weights = class_weight_tensor(weight, logits)
    rows = label_aware_smoothing_rows(logits, targets, smoothing)
    return weigh_and_reduce(rows, targets, weights, reduction)


def label_aware_smoothing_rows(logits: Tensor, targets: Tensor, smoothing: Tensor) -> Tensor:
    """(N,) unweighted losses, without checks; `smoothing` (C,)."""
    z = in_float(logits)
    given = smoothing[targets][:, None]
    wanted = (given / (z.shape[1] - 1)).repeat(1, z.shape[1]).scatter(1, targets[:, None], 1 - given)
    return F.cross_entropy(z, wanted, reduction="none")


class LabelAwareSmoothingLoss(LossModule):
    """`label_aware_smoothing_loss` as a module, called like `nn.CrossEntropyLoss`.

    Args:
        class_counts: (C,) training rows of each class, at least 1.
        smooth_head: smoothing of the largest class, in [0, 1).
        smooth_tail: smoothing of the smallest class, in [0, 1).
        shape: how it grows between them with the count: "concave", "linear" or "convex".
        weight: None, or one weight per class (C,): that of the row's own class.
        reduction: "mean" divides by the number of rows, weighted or not, where
            `nn.CrossEntropyLoss(weight=)` divides by the sum of the weights; "sum"; or "none".

    Zhong et al. 2021, arXiv:2104.00466.
    """

    function = staticmethod(label_aware_smoothing_loss)

    def __init__(
        self,
        class_counts: PerClass,
        smooth_head: float = 0.3,
        smooth_tail: float = 0.0,
        shape: Shape = "concave",
        weight: PerClass | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.smooth_head = smooth_head
        self.smooth_tail = smooth_tail
        self.shape = shape
        self.weight = weight
        self.reduction = reduction
