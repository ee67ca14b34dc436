"""`synthetic`: a faint lesion in white noise, simple enough that its exact posterior is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.data.source import Source, digest
from imbalance_bench.errors import RequestError
from imbalance_bench.params import canonical, param, rules

GENERATOR_VERSION = 1
"""Raise it whenever the same generator state gives other images: stored runs then count as other data."""

SIGMAS = (1.5, 2.5, 3.5)
"""Sizes of the blobs in pixels (standard deviation of the round one), equally likely."""

MARGIN = 4
"""A centre keeps at least this many pixels from the outermost rows and columns: 4..size - 5."""

BLOBS = {
    "round": ((0, 1.0), (0, 1.0)),
    "wide": ((0, 0.5), (0, 2.0)),
    "tall": ((0, 2.0), (0, 0.5)),
    "edge-x": ((0, 1.0), (1, 1.0)),
    "edge-y": ((1, 1.0), (0, 1.0)),
    "stripe-x": ((0, 1.0), (2, 1.0)),
    "stripe-y": ((2, 1.0), (0, 1.0)),
    "saddle": ((1, 1.0), (1, 1.0)),
    "checker": ((2, 1.0), (2, 1.0)),
}
"""The types of blob: for the vertical and the horizontal axis (derivative of a Gaussian, factor of sigma)."""

BLOCK_BYTES = 2**25


@dataclass(frozen=True)
class Synthetic(Source):
    """Unit white noise (float32, never clipped); a diseased image adds one blob of known norm.

    The blob's sigma is one of `SIGMAS`, its centre an integer position in 4..size - 5 on both axes, all
    equally likely; it is cut at the border and scaled to `norm` for that position. Every load draws fresh
    train, validation and test parts, each with the exact share of diseased rows, in random order.

    With two classes the blob is a Gaussian; with more, each class from 1 on has a type of `BLOBS` of its own,
    and the diseased rows are shared evenly between the types.
    """

    name = "synthetic"
    summary = "healthy or diseased: a faint lesion in noise, with a known exact posterior"
    draws = True

    classes: int = param(
        2, kind="int", low=2, high=len(BLOBS) + 1, help="how many: healthy, and one for each type of lesion"
    )
    train: int = param(10_000, kind="int", low=10, high=10_000_000, help="training rows")
    val: int = param(5_000, kind="int", low=10, high=10_000_000, help="validation rows")
    test: int = param(10_000, kind="int", low=10, high=10_000_000, help="test rows")
    prevalence: float = param(0.02, low=0, low_open=True, high=1, help="share of diseased rows, below 1")
    norm: float = param(
        5.0, low=0, high=1_000_000, help="Euclidean norm of the blob; the noise has variance 1"
    )
    size: int = param(28, kind="int", low=12, high=512, help="height and width in pixels")

    def __post_init__(self) -> None:
        if not 0 < self.prevalence < 1:
            raise RequestError(
                f"synthetic: prevalence is {self.prevalence:g}; it must lie between 0 and 1, both excluded."
            )

    def fingerprint(self) -> str:
        """Of the generator's version and every parameter."""
        given = [f"{key}={canonical(getattr(self, key))}" for key in sorted(rules(type(self)))]
        return digest(self.name, str(GENERATOR_VERSION), *given)

    def class_names(self) -> tuple[str, ...]:
        """Healthy is class 0."""
        return ("healthy", "diseased") if self.classes == 2 else ("healthy", *self._types())

    def _types(self) -> tuple[str, ...]:
        return tuple(BLOBS)[: self.classes - 1]

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """Fresh parts from `rng`: rows of train first, then validation, then test.

        Each part has a child generator of its own, so that the size of one moves nothing in the others.
        """
        if rng is None:
            raise ValueError("synthetic data are drawn: load needs a numpy Generator.")
        sizes = (self.train, self.val, self.test)
        images = np.empty((sum(sizes), 1, self.size, self.size), dtype=np.float32)
        labels = np.zeros(len(images), dtype=np.int64)
        parts: dict[str, Rows] = {}
        start = 0
        for part, n, child in zip(PART_NAMES, sizes, rng.spawn(len(sizes)), strict=True):
            parts[part] = np.arange(start, start + n, dtype=np.int64)
            self._draw(images[start : start + n], labels[start : start + n], child)
            start += n
        return ImageDataset(self.spec(), images, labels, self.class_names(), parts)

    def _draw(self, images: NDArray[np.float32], labels: Rows, rng: np.random.Generator) -> None:
        """Fill one part in place: images (n, 1, size, size), labels (n,)."""
        rng.standard_normal(out=images, dtype=np.float32)
        n = len(labels)
        n_types = self.classes - 1
        diseased = rng.permutation(n)[: min(max(round(n * self.prevalence), n_types), n - 1)]
        labels[diseased] = 1 + np.arange(len(diseased)) % n_types
        sigma = rng.integers(len(SIGMAS), size=len(diseased))
        centre = rng.integers(self.size - 2 * MARGIN, size=(2, len(diseased)))
        step = max(1, BLOCK_BYTES // (8 * self.size**2))
        for label, name in enumerate(self._types(), start=1):
            vertical, horizontal = (axis.astype(np.float32) for axis in axis_templates(self.size, name))
            of_type = np.flatnonzero(labels[diseased] == label)
            for at in range(0, len(of_type), step):
                piece = of_type[at : at + step]
                down = vertical[sigma[piece], centre[0, piece]]
                across = horizontal[sigma[piece], centre[1, piece]]
                images[diseased[piece], 0] += np.float32(self.norm) * down[:, :, None] * across[:, None, :]

    def log_likelihood(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """(n, C): log p(x | class) - log p(x | healthy) of images (n, 1, size, size); exact.

        For a class with blobs it is log mean exp(norm * t.x - norm^2 / 2) over the unit templates t of all
        sigmas and centres.
        """
        found = np.zeros((len(images), self.classes))
        n_centres = self.size - 2 * MARGIN
        step = max(1, BLOCK_BYTES // (8 * len(SIGMAS) * n_centres * self.size))
        for label, name in enumerate(self._types(), start=1):
            vertical, horizontal = axis_templates(self.size, name)
            for at in range(0, len(images), step):
                block = images[at : at + step, 0].astype(np.float64)
                # (n, 1, 1, size, size) between (sigma, centre, size) and (sigma, size, centre).
                match = vertical @ block[:, None] @ horizontal.transpose(0, 2, 1)
                exponent = (self.norm * match - self.norm**2 / 2).reshape(len(block), -1)
                peak = exponent.max(axis=1, keepdims=True)
                mean = np.exp(exponent - peak).mean(axis=1)
                found[at : at + step, label] = peak[:, 0] + np.log(mean)
        return found


def axis_templates(size: int, blob: str = "round") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The blobs along the vertical and the horizontal axis, (n_sigma, n_centre, size) each, of unit norm.

    Every blob is the outer product of two profiles, and so it is after the cut by the image: the template
    of sigma k centred at (i, j) is `outer(v[k, i], h[k, j])`, of norm 1, and its products with an image x at
    all positions are `v[k] @ x @ h[k].T`. That equals a zero-padded correlation with the uncut kernel
    divided by each position's norm, exactly, and is quicker than the transforms. Centre i lies at pixel
    `MARGIN + i`.
    """
    offsets = np.arange(size)[None, :] - np.arange(MARGIN, size - MARGIN)[:, None]
    axes = []
    for derivative, factor in BLOBS[blob]:
        u = offsets[None] / (factor * np.array(SIGMAS)[:, None, None])
        cut = (np.ones_like(u), -u, u**2 - 1)[derivative] * np.exp(-0.5 * u**2)
        axes.append(cut / np.linalg.norm(cut, axis=2, keepdims=True))
    return axes[0], axes[1]
