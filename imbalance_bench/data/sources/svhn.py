"""`svhn`: 32x32 colour photographs of house numbers (Netzer et al. 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.torchvision_sets import TorchvisionSource


@dataclass(frozen=True)
class Svhn(TorchvisionSource):
    """73257 training and 26032 test images, uint8 (N, 3, 32, 32); the extra training images are not used."""

    name = "svhn"
    summary = "32x32 colour photographs of house numbers, 73257 + 26032 rows, unequal classes"
    torchvision = "SVHN"
    folder = "SVHN"
    files = ("train_32x32.mat", "test_32x32.mat")
    classes = tuple("0123456789")

    def part(self, root: Path, part: str, download: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images (n, 3, 32, 32) and labels (n,), the digit itself."""
        if download:
            (root / self.folder).mkdir(exist_ok=True)
        read = self.reader()(str(root / self.folder), split=part, download=download)
        return read.data, np.atleast_1d(read.labels).astype(np.int64)
