"""What the article has wrong: each slip derived from the numbers that it prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from imbalance_bench.report.article import (
    ALPHAS,
    CLASSES,
    EXAMPLE,
    GAMMA,
    Image,
    agree,
    by_class,
    code_sample,
    decimal,
    focal,
)


@dataclass(frozen=True)
class Slip:
    """One mistake of the article: a short name, a few sentences, and the numbers in them."""

    name: str
    text: str
    numbers: Mapping[str, Any]


def slips() -> list[Slip]:
    """What the article has wrong: its table first, then its code and its text."""
    return [
        _wrong_logarithm(),
        _no_setting(),
        _easy_called_hard(),
        _above_cross_entropy(),
        _equal_p(),
        _targets_unused(),
        _one_alpha(),
        _underflow(),
        _two_alphas(),
    ]


def _wrong_logarithm() -> Slip:
    (wrong,) = (i for i in EXAMPLE if not agree(i.cross_entropy_printed, i.cross_entropy))
    needed = math.exp(-wrong.cross_entropy_printed)
    text = (
        f"The cross-entropy of image {wrong.number} is -log {decimal(wrong.p_true, 1)} = "
        f"{decimal(wrong.cross_entropy)}. The printed {decimal(wrong.cross_entropy_printed)} "
        f"belongs to p = {decimal(needed, 4)}."
    )
    numbers = {
        "image": wrong.number,
        "printed": wrong.cross_entropy_printed,
        "right": wrong.cross_entropy,
        "p_needed": needed,
    }
    return Slip("wrong-logarithm", text, numbers)


def _no_setting() -> Slip:
    """Within a class the weight is constant, so FL / CE shows (1 - p)^gamma alone."""
    order = sorted((image for image in EXAMPLE if image.label == 0), key=lambda image: -image.p_true)
    ratios = [image.printed_ratio for image in order]
    # From one image to the next the weight cancels, and gamma alone is left.
    gammas = [
        math.log(b.printed_ratio / a.printed_ratio) / math.log((1 - b.p_true) / (1 - a.p_true))
        for a, b in pairwise(order)
    ]
    *most, last = (decimal(gamma, 2) for gamma in gammas)
    text = (
        "Focal loss over cross-entropy is w (1 - p)^gamma, which rises with 1 - p among images of one class. "
        f"In that order (images {_listed(image.number for image in order)}) the printed losses over the "
        f"right cross-entropy give {_listed(decimal(ratio, 4) for ratio in ratios)}. Between neighbours "
        f"gamma would have to be {', '.join(most)} and {last}: no alpha and gamma give this column."
    )
    numbers = {"images": [i.number for i in order], "ratios": ratios, "gammas_needed": gammas}
    return Slip("fits-no-setting", text, numbers)


def _easy_called_hard() -> Slip:
    (image,) = (image for image in EXAMPLE if image.label == 1)
    rank = 1 + sum(other.p_true > image.p_true for other in EXAMPLE)
    tied = [other.number for other in EXAMPLE if other.p_true == image.p_true and other is not image]
    right = image.focal(GAMMA)
    text = (
        f"Image {image.number} is said to be hard, but its true class has p = {decimal(image.p_true, 1)}, "
        f"as high as any here (image {_listed(tied)} has the same). It is easy: the factor (1 - p)^2 is "
        f"{decimal((1 - image.p_true) ** GAMMA, 2)}, and its focal loss without alpha {decimal(right)}."
    )
    numbers = {
        "image": image.number,
        "p_true": image.p_true,
        "rank_of_p_true": rank,
        "tied_with": tied,
        "focal_no_alpha": right,
    }
    return Slip("easy-called-hard", text, numbers)


def _above_cross_entropy() -> Slip:
    (image,) = (image for image in EXAMPLE if image.focal_printed > image.cross_entropy)
    needed = image.focal_printed / image.focal(GAMMA)
    text = (
        f"The {decimal(image.focal_printed, 1)} of image {image.number} is {decimal(image.printed_ratio, 2)} "
        f"times its own cross-entropy, {decimal(image.cross_entropy)}. With alpha at most 1 the factor "
        f"alpha (1 - p)^gamma is at most 1; at gamma 2 the weight would have to be {needed:.0f}."
    )
    numbers = {
        "image": image.number,
        "printed": image.focal_printed,
        "cross_entropy": image.cross_entropy,
        "ratio": image.printed_ratio,
        "weight_needed": needed,
    }
    return Slip("above-its-bound", text, numbers)


def _equal_p() -> Slip:
    """Of two images of equal p, one of each class, the focal losses stand as 1 - alpha to alpha."""
    common, rare = _twins()
    ratio = rare.focal_printed / common.focal_printed
    alpha = ratio / (1 + ratio)
    gamma = math.log(common.printed_ratio / (1 - alpha)) / math.log(1 - common.p_true)
    text = (
        f"Images {common.number} and {rare.number} have the same p, {decimal(rare.p_true, 1)}, so only alpha "
        "can tell them apart: their losses are as 1 - alpha to alpha, whatever gamma is. The printed "
        f"{decimal(common.focal_printed)} and {decimal(rare.focal_printed, 1)} are as 1 to {ratio:.1f}. "
        f"That takes alpha {decimal(alpha, 2)}, not {decimal(ALPHAS[0], 2)} or {decimal(ALPHAS[1], 2)}, "
        f"and with it gamma {decimal(gamma, 2)}, below 0."
    )
    numbers = {
        "images": [common.number, rare.number],
        "ratio": ratio,
        "alpha_needed": alpha,
        "gamma_needed": gamma,
    }
    return Slip("same-p", text, numbers)


def _targets_unused() -> Slip:
    given = [code_sample(image) for image in EXAMPLE]
    right = [image.focal(GAMMA, by_class(ALPHAS[0])) for image in EXAMPLE]
    costliest = given.index(max(given))
    image = EXAMPLE[costliest]
    text = (
        "The code never reads its targets: it takes every image as diseased, and learns to call everything "
        f"diseased. It charges image {image.number} most, which is {CLASSES[image.label]} and recognised, "
        f"with p = {decimal(image.p_true, 1)}: {decimal(given[costliest])} instead of "
        f"{decimal(right[costliest])} (alpha {decimal(ALPHAS[0], 2)}, gamma {GAMMA:g}, as it is called)."
    )
    numbers = {
        "alpha": ALPHAS[0],
        "gamma": GAMMA,
        "code": given,
        "right": right,
        "costliest_image": image.number,
    }
    return Slip("targets-unused", text, numbers)


def _one_alpha() -> Slip:
    common, rare = _twins()
    scalar = [focal(rare.p_true, GAMMA, a) / focal(common.p_true, GAMMA, a) for a in ALPHAS]
    split = [rare.focal(GAMMA, by_class(a)) / common.focal(GAMMA, by_class(a)) for a in ALPHAS]
    text = (
        "The code has one alpha for all images, which rescales the whole loss and weighs no class: image "
        f"{rare.number} over image {common.number}, of equal p, stays {scalar[0]:.3g} for any alpha. As the "
        f"weight of the diseased class, 1 - alpha being the other's, alpha {decimal(ALPHAS[0], 2)} makes it "
        f"{decimal(split[0], 2)} and alpha {decimal(ALPHAS[1], 2)} makes it {split[1]:.3g}."
    )
    numbers = {"alphas": list(ALPHAS), "ratio_one_alpha": scalar, "ratio_by_class": split}
    return Slip("one-alpha-for-all", text, numbers)


def _underflow() -> Slip:
    logit = np.float32(-120)
    with np.errstate(over="ignore", divide="ignore"):
        sigmoid = np.float32(1) / (np.float32(1) + np.exp(-logit))
        naive = float(-np.log(sigmoid))
    stable = float(np.logaddexp(np.float32(0), -logit))
    text = (
        f"The code takes the log of a sigmoid. In float32 the sigmoid of z = {logit:g} is {sigmoid:g}, and "
        f"-log p is then {'infinite' if math.isinf(naive) else decimal(naive)}; "
        f"log(1 + exp(-z)), computed in one piece, gives {stable:g}."
    )
    numbers = {
        "logit": float(logit),
        "sigmoid": float(sigmoid),
        "naive": naive if math.isfinite(naive) else None,
        "stable": stable,
    }
    return Slip("sigmoid-underflow", text, numbers)


def _two_alphas() -> Slip:
    columns = [[image.focal(GAMMA, by_class(alpha)) for image in EXAMPLE] for alpha in ALPHAS]
    first, second = (decimal(alpha, 2) for alpha in ALPHAS)
    odds = [alpha / (1 - alpha) for alpha in ALPHAS]
    rare = next(i for i, image in enumerate(EXAMPLE) if image.label == 1)
    text = (
        f"The code is called with alpha {first}, the text beside it says {second}. Image "
        f"{EXAMPLE[rare].number} costs {decimal(columns[0][rare])} with the one and "
        f"{decimal(columns[1][rare])} with the other. With {first} a diseased image weighs "
        f"{decimal(odds[0], 2)} of a healthy one, with {second} it weighs {odds[1]:.3g} times as much: "
        "the first favours the common class."
    )
    numbers = {"alphas": list(ALPHAS), "gamma": GAMMA, "weight_ratios": odds, "focal": columns}
    return Slip("two-alphas", text, numbers)


def _twins() -> tuple[Image, Image]:
    """The healthy and the diseased image of equal p."""
    (pair,) = ((a, b) for a in EXAMPLE for b in EXAMPLE if a.label < b.label and a.p_true == b.p_true)
    return pair


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
