"""`digits`: scikit-learn's 8x8 handwritten digits, shipped in its wheel."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.source import Source, digest
from imbalance_bench.errors import RequestError


@dataclass(frozen=True)
class Digits(Source):
    """1797 images of 8x8 pixels, values 0 to 16, no given split; Alpaydin and Kaynak 1998, test part."""

    name = "digits"
    summary = "scikit-learn's 8x8 handwritten digits, 1797 rows in ten classes, no download"

    def fingerprint(self) -> str:
        """Of scikit-learn's compressed data file, found without importing scikit-learn."""
        found = importlib.util.find_spec("sklearn")
        for folder in (found.submodule_search_locations or ()) if found else ():
            path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
            if path.is_file():
                return digest(self.name, path.read_bytes())
        raise RequestError(
            "digits: scikit-learn's file datasets/data/digits.csv.gz was not found; "
            "install scikit-learn anew: pip install --force-reinstall scikit-learn."
        )

    def class_names(self) -> tuple[str, ...]:
        """The digits as text."""
        return tuple(str(digit) for digit in range(10))

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """Images (1797, 1, 8, 8) uint8; `rng` and `download` are not used."""
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = bunch.images.astype(np.uint8)[:, None]
        return ImageDataset(self.spec(), images, bunch.target.astype(np.int64), self.class_names())
