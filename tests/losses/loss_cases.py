"""Every loss with settings to try it at, and what it is by its paper's formula, in plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imbalance_bench import losses
from imbalance_bench.losses.common import LossModule

COUNTS = [500, 120, 40, 9, 1]


def random_rows(seed: int, n: int = 40, c: int = 5, scale: float = 4.0) -> tuple[Tensor, Tensor]:
    """(n, c) float64 logits and (n,) targets."""
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, c, generator=g, dtype=torch.float64) * scale
    return logits, torch.randint(0, c, (n,), generator=g)


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


def own(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    return values[np.arange(len(y)), y]


def focal(z: np.ndarray, y: np.ndarray, gamma: float = 2.0, alpha: Any = None) -> np.ndarray:
    p = own(softmax(z), y)
    return (1 if alpha is None else np.asarray(alpha)[y]) * (1 - p) ** gamma * -np.log(p)


def balanced_softmax(z: np.ndarray, y: np.ndarray, class_counts: Any) -> np.ndarray:
    raised = np.exp(z) * np.asarray(class_counts)
    return -np.log(own(raised, y) / raised.sum(1))


def logit_adjusted(z: np.ndarray, y: np.ndarray, class_counts: Any, tau: float = 1.0) -> np.ndarray:
    raised = np.exp(z) * (np.asarray(class_counts) / sum(class_counts)) ** tau
    return -np.log(own(raised, y) / raised.sum(1))


def ldam(z: np.ndarray, y: np.ndarray, class_counts: Any, max_m: float = 0.5, s: float = 30) -> np.ndarray:
    margins = max_m * (min(class_counts) / np.asarray(class_counts)) ** 0.25
    found = []
    for row, label in zip(z, y, strict=True):
        own_term = np.exp(s * (row[label] - margins[label]))
        found.append(-np.log(own_term / (own_term + np.exp(s * np.delete(row, label)).sum())))
    return np.array(found)


def class_balanced(
    z: np.ndarray, y: np.ndarray, class_counts: Any, beta: float = 0.9999, gamma: float = 0.0
) -> np.ndarray:
    weights = (1 - beta) / (1 - beta ** np.asarray(class_counts, dtype=float))
    return focal(z, y, gamma, weights / weights.sum() * len(weights))


def poly1(z: np.ndarray, y: np.ndarray, epsilon: float = 2.0) -> np.ndarray:
    p = own(softmax(z), y)
    return -np.log(p) + epsilon * (1 - p)


def asymmetric(
    z: np.ndarray, y: np.ndarray, gamma_pos: float = 0.0, gamma_neg: float = 4.0, margin: float = 0.05
) -> np.ndarray:
    p = 1 / (1 + np.exp(-z))
    p_m = np.maximum(p - margin, 0)
    positive = (1 - p) ** gamma_pos * -np.log(p)
    negative = p_m**gamma_neg * -np.log(1 - p_m)
    return np.where(np.arange(z.shape[1]) == y[:, None], positive, negative).sum(1)


def label_aware_smoothing(
    z: np.ndarray,
    y: np.ndarray,
    class_counts: Any,
    smooth_head: float = 0.3,
    smooth_tail: float = 0.0,
    shape: str = "concave",
) -> np.ndarray:
    share = (np.asarray(class_counts) - min(class_counts)) / (max(class_counts) - min(class_counts))
    rise = smooth_head - smooth_tail
    eps = {
        "concave": smooth_tail + rise * np.sin(np.pi * share / 2),
        "linear": smooth_tail + rise * share,
        "convex": smooth_head + rise * np.sin(3 * np.pi / 2 + np.pi * share / 2),
    }[shape][y]
    surprise = -np.log(softmax(z))
    others = surprise.sum(1) - own(surprise, y)
    return (1 - eps) * own(surprise, y) + eps / (z.shape[1] - 1) * others


@dataclass(frozen=True)
class Case:
    """One loss: its two forms, the settings to try (five classes), its formula, its argument of weights.

    `largest` is the size of logits up to which, with three classes, it says that it is finite.
    """

    function: Callable[..., Tensor]
    module: type[LossModule]
    oracle: Callable[..., np.ndarray]
    settings: list[dict[str, Any]]
    weight: str | None = "weight"
    largest: float = 1e37

    @property
    def counted(self) -> bool:
        return "class_counts" in self.settings[0]

    def first(self, n_classes: int = 5) -> dict[str, Any]:
        """The first settings, for fewer classes too."""
        found = dict(self.settings[0])
        return {**found, "class_counts": COUNTS[:n_classes]} if self.counted else found


def counted(*settings: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"class_counts": COUNTS, **chosen} for chosen in settings]


CASES = {
    "focal": Case(
        losses.focal_loss,
        losses.FocalLoss,
        focal,
        [{}, *({"gamma": g} for g in (0.0, 0.5, 1.0, 5.0)), {"alpha": [0.1, 0.2, 0.3, 1.4, 3.0]}],
        weight="alpha",
    ),
    "balanced_softmax": Case(
        losses.balanced_softmax_loss,
        losses.BalancedSoftmaxLoss,
        balanced_softmax,
        counted({}),
    ),
    "logit_adjusted": Case(
        losses.logit_adjusted_loss,
        losses.LogitAdjustedLoss,
        logit_adjusted,
        counted({}, {"tau": 0.0}, {"tau": 2.5}),
    ),
    "ldam": Case(
        losses.ldam_loss,
        losses.LDAMLoss,
        ldam,
        counted({}, {"max_m": 0.2, "s": 10.0}),
        largest=1e35,
    ),
    "class_balanced": Case(
        losses.class_balanced_loss,
        losses.ClassBalancedLoss,
        class_balanced,
        counted({}, {"beta": 0.0, "gamma": 2.0}, {"beta": 0.99, "gamma": 0.5}),
        weight=None,
    ),
    "poly1": Case(
        losses.poly1_loss,
        losses.Poly1Loss,
        poly1,
        [{}, {"epsilon": -1.0}, {"epsilon": 0.0}, {"epsilon": 7.5}],
    ),
    "asymmetric": Case(
        losses.asymmetric_loss,
        losses.AsymmetricLoss,
        asymmetric,
        [
            {},
            {"gamma_pos": 0.0, "gamma_neg": 0.0, "margin": 0.0},
            {"gamma_pos": 0.5, "gamma_neg": 0.5, "margin": 0.2},
            {"gamma_pos": 2.0, "gamma_neg": 0.5, "margin": 0.0},
            {"gamma_pos": 1.0, "gamma_neg": 1.0, "margin": 0.9},
        ],
        largest=3e36,
    ),
    "label_aware_smoothing": Case(
        losses.label_aware_smoothing_loss,
        losses.LabelAwareSmoothingLoss,
        label_aware_smoothing,
        counted(
            {},
            {"shape": "linear", "smooth_head": 0.4, "smooth_tail": 0.1},
            {"shape": "convex", "smooth_head": 0.2, "smooth_tail": 0.1},
        ),
    ),
}
