"""Plain cross-entropy: the baseline that every remedy is measured against."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class CrossEntropy(Strategy):
    """Softmax cross-entropy on the data as they are."""

    name = "cross-entropy"
    aliases = ("ce",)
    summary = "plain softmax cross-entropy on the data as they are: the baseline, always run"
    formula = "-log p_y, p the softmax of the logits"
    caution = (
        "Its probabilities carry the class shares of the training rows, so that its argmax misses rare "
        "classes; that is a matter of the threshold (cross-entropy+threshold) before it is one of the "
        "training."
    )
    paper = "Good (1952), Rational decisions"

    @property
    def prior_is_exact(self) -> bool:
        """True: nothing but the rows' own shares is at work."""
        return True

    def loss(self, context: Context) -> RowLoss:
        """-log p_y for every row."""
        return super().loss(context)
