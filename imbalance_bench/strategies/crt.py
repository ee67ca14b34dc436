"""Classifier re-training: the features of a finished network, and a new head from balanced classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imbalance_bench.strategies.base import Context, Stage
from imbalance_bench.strategies.class_balanced_sampling import ClassBalancedSampling
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Crt(ClassBalancedSampling):
    """Starts from plain cross-entropy, draws the head anew and trains it alone on class-balanced rows.

    The backbone stands still and nothing augments images, so the head is trained on stored features: exact,
    and quick.
    """

    name = "crt"
    summary = "keep the features of a finished cross-entropy run and train a new head on balanced classes"
    formula = "cross-entropy's backbone frozen; a fresh head on N / C rows of each class a pass"
    caution = (
        "It can only be as good as the features, and these were trained unbalanced. It takes the steps of "
        "cross-entropy and as many again for the head; optimizer_steps counts both."
    )
    paper = (
        "Kang et al. (2020), Decoupling representation and classifier for long-tailed recognition, "
        "arXiv:1910.09217"
    )

    @property
    def requires(self) -> str:
        """Plain cross-entropy, trained first where it is not stored."""
        return "cross-entropy"

    def notes(self, context: Context) -> tuple[str, ...]:
        """That it costs more than the others."""
        return (
            "goes on from a finished cross-entropy: twice the steps, the second half for the head alone.",
        )

    def stages(self) -> Sequence[Stage]:
        """The head alone, anew, on features."""
        return (Stage(trainable="head", inputs="features", reset_head=True),)
