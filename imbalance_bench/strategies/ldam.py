"""LDAM: rarer classes must win by a larger margin."""

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
class Ldam(Strategy):
    """Cross-entropy of s (cos_c - m_y [c = y]), the head giving cosines and m_c going as n_c^(-1/4)."""

    name = "ldam"
    summary = "cosines instead of logits, and a margin that grows as n^(-1/4) with the rarity of the class"
    formula = "-log softmax(s (cos - m_y e_y))_y, m_c = max_m (n_min / n_c)^(1/4)"
    caution = (
        "Made to be followed by deferred weights: ldam+drw is the paper's method. Its probabilities are not"
        " those of the training shares, and short trainings may not suffice for a head of cosines."
    )
    paper = "Cao et al. (2019), Learning imbalanced datasets with label-distribution-aware margin loss"

    max_m: float = param(
        0.5, low=0.0, high=2.0, help="margin of the rarest class, in cosines", usual="0.3 to 0.5"
    )
    s: float = param(
        30.0, low=0.0, high=1000.0, low_open=True, help="factor on the cosines", usual="10 to 64"
    )

    @property
    def head(self) -> Literal["linear", "cosine"]:
        """Cosines: a margin means something between bounded scores only."""
        return "cosine"

    @property
    def head_scale(self) -> float:
        """s, so that the logits are s times cosines."""
        return self.s

    def loss(self, context: Context) -> RowLoss:
        """Cross-entropy after the margin is taken off the target's cosine."""
        import torch

        from imbalance_bench.losses.ldam import ldam_margins, ldam_rows

        margins = torch.as_tensor(ldam_margins(context.class_counts, self.max_m), dtype=torch.float32)

        def rows(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return ldam_rows(logits / self.s, targets, margins.to(logits.device), self.s)

        return rows
