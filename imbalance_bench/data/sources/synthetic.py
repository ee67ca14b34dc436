"""`synthetic`: a faint lesion in white noise, simple enough that its exact posterior is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.data.source import Source, digest
from imbalance_bench.errors import RequestError
from imbalance_bench.params import canonical, param, rules

GENERATOR_VERSION = 1
"""Raise it whenever the same generator state gives other images: stored runs then count as other data."""

SIGMAS = (1.5, 2.5, 3.5)
"""Standard deviations of the blobs in pixels, equally likely."""

MARGIN = 4
"""A centre keeps at least this many pixels from the outermost rows and columns: 4..size - 5."""


@dataclass(frozen=True)
class Synthetic(Source):
    """Unit white noise (float32, never clipped); a diseased image adds one Gaussian blob of known norm.

    The blob's sigma is one of `SIGMAS`, its centre an integer position in 4..size - 5 on both axes, all
    equally likely; it is cut at the border and scaled to `norm` for that position. Every load draws fresh
    train, validation and test parts, each with the exact share of diseased rows, in random order.
    """

    name = "synthetic"
    summary = "healthy or diseased: a faint lesion in noise, with a known exact posterior"
    draws = True

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
        return ("healthy", "diseased")

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
        diseased = rng.permutation(n)[: min(max(round(n * self.prevalence), 1), n - 1)]
        labels[diseased] = 1
        axis = axis_templates(self.size).astype(np.float32)
        kinds = rng.integers(len(SIGMAS), size=len(diseased))
        centres = rng.integers(axis.shape[1], size=(2, len(diseased)))
        vertical, horizontal = axis[kinds, centres[0]], axis[kinds, centres[1]]
        step = max(1, 2**22 // self.size**2)  # 16 MB of blobs at a time
        for at in range(0, len(diseased), step):
            piece = slice(at, at + step)
            blobs = vertical[piece, :, None] * horizontal[piece, None, :]
            images[diseased[piece], 0] += np.float32(self.norm) * blobs


def axis_templates(size: int) -> NDArray[np.float64]:
    """The blobs along one axis, (n_sigma, n_centre, size) float64, each of unit norm after the cut.

    A Gaussian blob cut by the image is the outer product of two cut one-dimensional Gaussians, so the
    template of sigma k centred at (i, j) is `outer(a[k, i], a[k, j])`, and its norm is the product of theirs.
    Likewise every correlation with an image x is an entry of `a[k] @ x @ a[k].T`, (n_centre, n_centre).
    Centre number i lies at pixel `MARGIN + i`.
    """
    offsets = np.arange(size)[None, :] - np.arange(MARGIN, size - MARGIN)[:, None]
    cut = np.exp(-0.5 * (offsets[None] / np.array(SIGMAS)[:, None, None]) ** 2)
    unit: NDArray[np.float64] = cut / np.linalg.norm(cut, axis=2, keepdims=True)
    return unit
