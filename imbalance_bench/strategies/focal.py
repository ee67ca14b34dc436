"""Focal loss: examples that are already right weigh less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.errors import RefusedError
from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Floats, RowLoss, Strategy, mean_one
from imbalance_bench.strategies.registry import register

SMALLEST = 1e-6


@register
@dataclass(frozen=True)
class Focal(Strategy):
    """Loss w_y (1 - p_y)^gamma (-log p_y).

    A number a as alpha (two classes only) weighs the positive class by a and the other by 1 - a; a list
    gives one weight per class; `balanced` gives N / (C n_c); none leaves the classes alone.
    """

    name = "focal"
    summary = "scale each row's cross-entropy by (1 - p)^gamma, so that easy rows count less"
    formula = "w_y (1 - p_y)^gamma (-log p_y); w_y from alpha, 1 without"
    caution = (
        "gamma focuses on hard rows, not on rare classes, and flattens probabilities; alpha is a class "
        "weight and no more. Where images are mislabelled the hard rows are the wrong ones. It was made for"
        " detectors that see a hundred thousand easy boxes for each object."
    )
    paper = "Lin, Goyal, Girshick, He & Dollár (2017), Focal loss for dense object detection"

    gamma: float = param(
        2.0, low=0.0, high=50.0, help="focusing parameter; 0 is cross-entropy", usual="0.5 to 5"
    )
    alpha: float | str | tuple[float, ...] | None = param(
        None,
        low=0.0,
        high=1e6,
        many=True,
        words=("none", "balanced"),
        help="class weights: for two classes a number in [0, 1], the positive class's; else one per class",
        usual="0.25 to 0.75 for two classes, or none",
    )

    @property
    def prior_is_exact(self) -> bool:
        """At gamma 0 only: otherwise the loss is least at other probabilities than the true ones."""
        return self.gamma == 0

    def check(self, context: Context) -> None:
        """Refuse an alpha that does not fit the number of classes."""
        self.loss_factors(context)

    def loss_factors(self, context: Context) -> Floats | None:
        """(C,) the weight of each class."""
        alpha = self.alpha
        if alpha is None:
            return None
        if alpha == "balanced":
            return mean_one(1.0 / context.class_counts, context)
        if isinstance(alpha, tuple):
            if len(alpha) != context.n_classes:
                raise RefusedError(
                    f"focal: alpha holds {len(alpha)} weights, but the data have {context.n_classes} classes "
                    f"({', '.join(context.class_names[:12])}); give one weight per class in that order, "
                    "or 'balanced', or leave alpha out."
                )
            if max(alpha) < SMALLEST:
                raise RefusedError(
                    f"focal: the largest weight in alpha is {max(alpha):g}; "
                    f"at least one must be {SMALLEST:g} or more."
                )
            return np.asarray(alpha, dtype=np.float64)
        number = float(alpha)
        if context.n_classes != 2:
            raise RefusedError(
                f"focal: alpha={number:g} is one number, but the data have {context.n_classes} classes: "
                "it would only rescale the loss; give one weight per class (0.2/0.3/0.5), 'balanced', "
                "or leave alpha out."
            )
        if number > 1:
            raise RefusedError(
                f"focal: alpha={number:g} is above 1; for two classes it is the weight of the positive class "
                "in [0, 1], and the other class gets 1 - alpha."
            )
        factors = np.full(2, 1.0 - number)
        factors[context.positive] = number
        return factors

    def loss(self, context: Context) -> RowLoss:
        """One focal loss per row, weighted by its class."""
        import torch

        from imbalance_bench.losses.focal import focal_rows

        factors = self.loss_factors(context)
        weights = None if factors is None else torch.as_tensor(factors, dtype=torch.float32)

        def rows(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = focal_rows(logits, targets, self.gamma)
            return loss if weights is None else loss * weights.to(loss.device)[targets]

        return rows
