"""Class-balanced weights: each class counts by its effective number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Floats, Strategy, mean_one
from imbalance_bench.strategies.registry import register

ALMOST_EQUAL = 1.1


def beta_parameter() -> Any:
    """The parameter of what weighs classes by effective numbers."""
    return param(
        0.9999,
        low=0.0,
        high=1.0,
        high_open=True,
        help="1 - 1 / (rows after which a class counts as full); 0 weighs all alike, near 1 by 1 / n",
        usual="0.99 to 0.9999; 1 - 1 / (rows of the largest class) tells classes of any size apart",
    )


def effective_weights(context: Context, beta: float) -> Floats:
    """(C,) inverse effective numbers of rows, of mean 1 over the training rows."""
    from imbalance_bench.losses.class_balanced import effective_number_weights

    return mean_one(effective_number_weights(context.class_counts, beta), context)


def hardly_a_weight(name: str, context: Context, beta: float) -> tuple[str, ...]:
    """A sentence where `beta` leaves classes of different size with almost equal weights."""
    weights, counts = effective_weights(context, beta), context.class_counts
    if counts.max() < 2 * counts.min() or weights.max() >= ALMOST_EQUAL * weights.min():
        return ()
    # Of 1 - beta one digit: rounded itself, a beta near 1 would read 1, which is refused.
    better = 1 - float(f"{1 / counts.max():.1g}")
    return (
        f"{name}: beta={beta:.12g} gives all classes almost equal weights (from {weights.min():.3f} to "
        f"{weights.max():.3f}): with more than {1 / (1 - beta):.0f} rows a class counts as full, and the "
        f"rarest has {counts.min()}. A beta of {better:.12g} would tell them apart.",
    )


@register
@dataclass(frozen=True)
class ClassBalanced(Strategy):
    """Every row weighs (1 - beta) / (1 - beta^n_c), one over the effective number of rows of its class."""

    name = "class-balanced"
    summary = "weigh each row by one over its class's effective number of rows, (1 - beta^n) / (1 - beta)"
    formula = "w_y (-log p_y), w_c ~ (1 - beta) / (1 - beta^n_c), of mean 1 over the training rows"
    caution = (
        "Between plain cross-entropy (beta 0) and class-weights (beta near 1): with classes far above or "
        "far below 1 / (1 - beta) rows it is one of the two. Like every weight it moves the balance between"
        " classes; compare it with cross-entropy+threshold."
    )
    paper = "Cui, Jia, Lin, Song & Belongie (2019), Class-balanced loss based on effective number of samples"

    beta: float = beta_parameter()

    def notes(self, context: Context) -> tuple[str, ...]:
        """Whether beta does anything to these counts."""
        return hardly_a_weight(self.name, context, self.beta)

    def weights(self, context: Context, progress: float) -> Floats:
        """(C,) the same throughout."""
        return effective_weights(context, self.beta)
