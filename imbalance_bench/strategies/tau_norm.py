"""Tau-normalisation: the head's weight vectors brought towards one length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Adjust, Context, FittingData, Floats, Strategy
from imbalance_bench.strategies.registry import register

GRID = np.round(np.arange(0, 2.01, 0.1), 1)


@register
@dataclass(frozen=True)
class TauNorm(Strategy):
    """Scores w_c.x (m / |w_c|)^tau without bias; m, the geometric mean of the lengths, keeps their scale.

    It trains nothing. Unless given, tau is the value of 0, 0.1, ..., 2 that serves validation best: of
    equally good ones the least.
    """

    name = "tau-norm"
    summary = "divide each class's scores by the length of its weight vector to the tau; trains nothing"
    formula = "(z_c - b_c) (m / |w_c|)^tau, w and b of the stored run's linear head, m the mean length"
    caution = (
        "It helps where common classes have grown longer weight vectors; under weight decay or in short "
        "trainings they hardly have, and dropping the biases is then most of what it does. Write it before "
        "what shifts scores: tau-norm+logit-adjustment."
    )
    paper = (
        "Kang et al. (2020), Decoupling representation and classifier for long-tailed recognition, "
        "arXiv:1910.09217"
    )
    reads_linear_head = True

    tau: float | str = param(
        "fit",
        low=0.0,
        high=10.0,
        words=("fit",),
        help="0 drops the biases only, 1 makes all lengths equal; fit takes what serves decisions "
        "best on validation, by the metric that thresholds are tuned for",
        usual="0.5 to 1",
    )

    @property
    def requires(self) -> str:
        """Alone, it adjusts plain cross-entropy."""
        return "cross-entropy"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        """(n, C) logits to scores of normalised weight vectors."""
        bias = run.head_bias().astype(np.float64)
        lengths = np.linalg.norm(run.head_weight().astype(np.float64), axis=1)
        longer = np.zeros(len(lengths))  # a vector of length 0 has scores of 0 whatever divides them
        if (some := lengths > 0).any():
            longer[some] = np.log(lengths[some]) - np.log(lengths[some]).mean()
        tau = self._best(run, bias, longer) if self.tau == "fit" else float(self.tau)
        return lambda logits: (logits - bias) * np.exp(-tau * longer)

    @staticmethod
    def _best(run: FittingData, bias: Floats, longer: Floats) -> float:
        from imbalance_bench.evaluation.thresholds import value_at

        mass = np.zeros(run.logits.shape)
        mass[np.arange(len(mass)), run.labels] = run.sample_weight
        values = [
            value_at((run.logits - bias) * np.exp(-tau * longer), mass, mass.sum(axis=0), run.metric)
            for tau in GRID
        ]
        return float(GRID[int(np.argmax(values))])
