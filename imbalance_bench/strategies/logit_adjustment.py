"""Logit adjustment of a finished network: the training shares are taken out of its scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Adjust, Context, FittingData, Strategy
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class LogitAdjustment(Strategy):
    """Scores z - tau log pi, pi being the class shares of the training rows before any sampling.

    At tau 1 the scores of a calibrated network become those of classes that are equally common: its argmax
    has the best balanced accuracy. It trains nothing.
    """

    name = "logit-adjustment"
    summary = "take tau log pi, the training shares, off the scores of a stored run; trains nothing"
    formula = "z - tau log pi; decisions by its argmax"
    caution = (
        "It aims at balanced accuracy. With two classes it is a moved threshold and nothing else, and ranks"
        " images as before; where probabilities are poorly calibrated the right tau differs from 1."
    )
    paper = "Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314"

    tau: float = param(
        1.0,
        low=0.0,
        high=100.0,
        help="how much of the class shares is taken out; 0 nothing, 1 all",
        usual="0.5 to 2",
    )

    @property
    def requires(self) -> str:
        """Alone, it adjusts plain cross-entropy."""
        return "cross-entropy"

    @property
    def prior_is_exact(self) -> bool:
        """True: every row's logits are shifted alike, by a known amount."""
        return True

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        """(n, C) logits minus tau log pi; nothing is fitted."""
        shift = self.tau * np.log(context.prior)
        return lambda logits: logits - shift
