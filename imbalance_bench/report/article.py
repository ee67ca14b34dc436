"""The worked example of the article that the project began from, recomputed.

The article is "Solving Class Imbalance with Focal Loss", a blog post of December 2022. What it prints stands
here as literals; all else is computed from them in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CLASSES = ("healthy", "diseased")
"""In the order of the labels; the second, the rarer one, is the positive class."""
ALPHAS = (0.25, 0.75)
"""The article's code is called with the first; the text beside it says the second."""
GAMMA = 2.0
ONE_DIGIT = 1e-7
"""The article prints seven decimals, cut off or rounded: less than this is no mistake."""
ALIKE = (1.0, 1.0)


@dataclass(frozen=True)
class Image:
    """One row of the article's table: probabilities by class, and the two losses as it prints them."""

    number: int
    label: int
    p: tuple[float, float]
    cross_entropy_printed: float
    focal_printed: float

    @property
    def p_true(self) -> float:
        """The probability given to the true class."""
        return self.p[self.label]

    @property
    def cross_entropy(self) -> float:
        """The right cross-entropy."""
        return cross_entropy(self.p_true)

    def focal(self, gamma: float, weights: Sequence[float] = ALIKE) -> float:
        """The right focal loss, with one weight for each of the two classes."""
        return focal(self.p_true, gamma, weights[self.label])

    @property
    def printed_ratio(self) -> float:
        """The printed focal loss over the right cross-entropy: what w_y (1 - p_y)^gamma would have to be."""
        return self.focal_printed / self.cross_entropy


EXAMPLE = (
    Image(1, 0, (0.8, 0.2), 0.2231435, 0.0436035),
    Image(2, 0, (0.9, 0.1), 0.1053605, 0.0160707),
    Image(3, 0, (0.7, 0.3), 0.3566749, 0.0479158),
    Image(4, 0, (0.6, 0.4), 0.5150763, 0.0687455),
    Image(5, 1, (0.1, 0.9), 0.1053605, 0.8),
)


def cross_entropy(p: float) -> float:
    """-log p for a probability of the true class in (0, 1]."""
    return -math.log(p)


def focal(p: float, gamma: float, weight: float = 1.0) -> float:
    """weight (1 - p)^gamma (-log p), p being the probability of the true class (Lin et al. 2017)."""
    return float(weight * (1.0 - p) ** gamma * cross_entropy(p))


def by_class(alpha: float) -> tuple[float, float]:
    """The weights of the two classes: alpha for the positive one, 1 - alpha for the other."""
    return 1.0 - alpha, alpha


def code_sample(image: Image, alpha: float = ALPHAS[0], gamma: float = GAMMA) -> float:
    """What the article's code gives: sigmoid of the logit, p(diseased), taken as right whatever the label."""
    return focal(image.p[1], gamma, alpha)


def agree(printed: float, right: float) -> bool:
    """Whether a printed value is right but for its last digit."""
    return abs(printed - right) < ONE_DIGIT


def decimal(value: float, places: int = 7) -> str:
    """Fixed decimals without the leading zero, as the article prints."""
    text = f"{value:.{places}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
