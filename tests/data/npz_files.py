"""Small npz files for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.registry import create


def images(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    """(n, *shape) uint8 of all values."""
    return np.random.default_rng(seed).integers(0, 256, (n, *(shape or (6, 5))), dtype=np.uint8)


def parts(shape: tuple[int, ...] = (6, 5), n: tuple[int, int, int] = (20, 8, 6), classes: int = 2) -> Any:
    """The six arrays of a file in MedMNIST's layout: labels (n, 1) uint8."""
    found = {}
    for seed, (part, rows) in enumerate(zip(("train", "val", "test"), n, strict=True)):
        found[f"{part}_images"] = images(rows, *shape, seed=seed)
        found[f"{part}_labels"] = (np.arange(rows, dtype=np.uint8) % classes)[:, None]
    return found


def save(path: Path, compressed: bool = False, **arrays: Any) -> Path:
    """The arrays as numpy writes them; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def load(path: Path, **options: Any) -> ImageDataset:
    """The data set of a file."""
    return create(f"npz:{path}", **options).load(None)


def pool(path: Path, pixels: Any, **options: Any) -> np.ndarray:
    """The images made of a file without parts, its labels being two alternating ones."""
    pixels = np.asarray(pixels)
    save(path, images=pixels, labels=np.arange(len(pixels)) % 2)
    return load(path, **options).images
