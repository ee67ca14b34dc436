"""A moved decision threshold, fitted on validation: what every other remedy has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Decide, FittingData, Strategy
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Threshold(Strategy):
    """An offset per class added to the logits before the argmax; two classes: one threshold.

    Changes decisions only: what is measured on scores stays as it was. Of more than two classes, those with
    fewer than 20 validation rows share one parameter instead: all move along log pi of the training rows.
    """

    name = "threshold"
    summary = "move the decision threshold of a stored run to where validation likes it best"
    paper = "Provost (2000), Machine learning from imbalanced data sets 101"

    metric: str = param(
        "auto",
        kind="word",
        words=("auto", *DECISION_METRICS),
        help="what the decisions should make large; auto: the primary metric, or macro_f1 where that is one "
        "of scores",
    )

    @property
    def requires(self) -> str:
        """Alone, it moves the threshold of plain cross-entropy."""
        return "cross-entropy"

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        """Offsets (C,) from validation logits, labels and weights."""
        from imbalance_bench.evaluation.thresholds import fit_offsets

        mass = np.zeros(run.logits.shape)
        mass[np.arange(len(mass)), run.labels] = run.sample_weight
        offsets = fit_offsets(
            run.logits, mass, run.metric if self.metric == "auto" else self.metric, context.prior
        )
        return lambda logits: np.asarray((logits + offsets).argmax(axis=1), dtype=np.int64)
