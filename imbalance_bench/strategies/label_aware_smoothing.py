"""Label-aware smoothing: the labels of large classes are trusted less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import register

if TYPE_CHECKING:
    import torch


@register
@dataclass(frozen=True)
class LabelAwareSmoothing(Strategy):
    """Cross-entropy towards labels smoothed by e_y, which goes from the rarest class to the largest."""

    name = "label-aware-smoothing"
    summary = "smooth the labels, those of large classes more, so that large classes are less overconfident"
    formula = (
        "(1 - e_y)(-log p_y) + e_y / (C - 1) sum over c != y of -log p_c, e_c from head (largest class) to "
        "tail"
    )
    caution = (
        "It tempers confidence and leaves the balance of the classes: the paper uses it on a head that is "
        "trained again under class-balanced sampling, here crt+label-aware-smoothing."
    )
    paper = "Zhong et al. (2021), Improving calibration for long-tailed recognition, arXiv:2104.00466"

    smooth_head: float = param(
        0.3, low=0.0, high=1.0, high_open=True, help="e of the largest class", usual="0.1 to 0.4"
    )
    smooth_tail: float = param(
        0.0, low=0.0, high=1.0, high_open=True, help="e of the rarest class", usual="0 to 0.1"
    )
    shape: Literal["concave", "linear", "convex"] = param(
        "concave",
        kind="word",
        words=("concave", "linear", "convex"),
        help="how e goes from the rarest class to the largest, along the number of rows",
    )

    def loss(self, context: Context) -> RowLoss:
        """One value per row."""
        import torch

        from imbalance_bench.losses.smoothing import (
            label_aware_smoothing,
            label_aware_smoothing_rows,
        )

        found = label_aware_smoothing(context.class_counts, self.smooth_head, self.smooth_tail, self.shape)
        smoothing = torch.as_tensor(found, dtype=torch.float32)

        def rows(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return label_aware_smoothing_rows(logits, targets, smoothing.to(logits.device))

        return rows
