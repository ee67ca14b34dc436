"""Logit-adjusted loss: the network learns what the class shares do not tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Floats, RowLoss, Strategy
from imbalance_bench.strategies.registry import register


def shifted_loss(shift: Floats) -> RowLoss:
    """Cross-entropy of the logits plus `shift` (C,), one value per row."""
    import torch

    from imbalance_bench.losses.logit_adjusted import logit_adjusted_rows

    added = torch.as_tensor(shift, dtype=torch.float32)
    return lambda logits, targets: logit_adjusted_rows(logits, targets, added.to(logits.device))


@register
@dataclass(frozen=True)
class LogitAdjustedLoss(Strategy):
    """Cross-entropy of z + tau log pi, pi being the class shares of the training rows before any sampling."""

    name = "logit-adjusted-loss"
    summary = "train with tau log pi, the training shares, added to the logits; decide without"
    formula = "-log softmax(z + tau log pi)_y; at tau 1 it is balanced-softmax"
    caution = (
        "At tau 1 it aims at the best balanced accuracy, not at accuracy or at precision of the rare class."
        " pi are the shares before any sampling: with a sampler or weights the balance is corrected twice."
    )
    paper = "Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314"

    tau: float = param(
        1.0,
        low=0.0,
        high=100.0,
        help="how much of the class shares the loss takes over; 0 is cross-entropy",
        usual="0.5 to 2",
    )

    @property
    def prior_is_exact(self) -> bool:
        """True: with the shift, the scores are a posterior under the rows' own shares."""
        return True

    def loss_shift(self, context: Context) -> Floats:
        """(C,) tau log pi."""
        return np.asarray(self.tau * np.log(context.prior))

    def loss(self, context: Context) -> RowLoss:
        """Cross-entropy of the shifted logits."""
        return shifted_loss(self.loss_shift(context))
