"""Balanced softmax: cross-entropy whose softmax counts each class by its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.strategies.base import Context, Floats, RowLoss, Strategy
from imbalance_bench.strategies.logit_adjusted_loss import shifted_loss
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class BalancedSoftmax(Strategy):
    """Cross-entropy of z + log n_c: the logits of a network that saw equally many rows of each class."""

    name = "balanced-softmax"
    summary = "cross-entropy whose softmax counts each class by its training rows; decide by the plain logits"
    formula = "-log(n_y e^z_y / sum_c n_c e^z_c); the same as logit-adjusted-loss at tau 1"
    caution = (
        "It aims at the best balanced accuracy: accuracy and the precision of the rare class usually fall. "
        "n_c are the rows before any sampling: with a sampler or weights the balance is corrected twice."
    )
    paper = "Ren et al. (2020), Balanced meta-softmax for long-tailed visual recognition, arXiv:2007.10740"

    @property
    def prior_is_exact(self) -> bool:
        """True: with the shift, the scores are a posterior under the rows' own shares."""
        return True

    def loss_shift(self, context: Context) -> Floats:
        """(C,) log n_c up to a constant."""
        return np.asarray(np.log(context.prior))

    def loss(self, context: Context) -> RowLoss:
        """Cross-entropy of the shifted logits."""
        return shifted_loss(self.loss_shift(context))
