"""Class-balanced focal loss: effective-number weights on a focal term."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Floats, RowLoss, Strategy
from imbalance_bench.strategies.class_balanced import beta_parameter, effective_weights, hardly_a_weight
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class ClassBalancedFocal(Strategy):
    """`class-balanced` and `focal` as one, as the paper combines them; here over the softmax."""

    name = "class-balanced-focal"
    summary = "focal loss, each row weighed by one over its class's effective number of rows"
    formula = "w_y (1 - p_y)^gamma (-log p_y), w_c ~ (1 - beta) / (1 - beta^n_c), of mean 1 over the rows"
    caution = (
        "The paper's focal term is a sum of sigmoids, this one is over the softmax like all losses here. "
        "Where class-balanced alone does as well, gamma adds nothing but flatter probabilities."
    )
    paper = "Cui, Jia, Lin, Song & Belongie (2019), Class-balanced loss based on effective number of samples"

    beta: float = beta_parameter()
    gamma: float = param(
        1.0, low=0.0, high=50.0, help="focusing parameter of the focal term", usual="0.5 to 2"
    )

    @property
    def prior_is_exact(self) -> bool:
        """At gamma 0 only, where it is `class-balanced`."""
        return self.gamma == 0

    def notes(self, context: Context) -> tuple[str, ...]:
        """Whether beta does anything to these counts."""
        return hardly_a_weight(self.name, context, self.beta)

    def weights(self, context: Context, progress: float) -> Floats:
        """(C,) the same throughout."""
        return effective_weights(context, self.beta)

    def loss(self, context: Context) -> RowLoss:
        """One focal loss per row; `weights` comes on top."""
        from imbalance_bench.losses.focal import focal_rows

        return lambda logits, targets: focal_rows(logits, targets, self.gamma)
