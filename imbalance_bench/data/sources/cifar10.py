"""`cifar10`: 32x32 colour photographs of animals and vehicles (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.data.torchvision_sets import CifarSource


@dataclass(frozen=True)
class Cifar10(CifarSource):
    """50000 training and 10000 test images, uint8 (N, 3, 32, 32); validation is drawn from the former."""

    name = "cifar10"
    aliases = ("cifar-10",)
    summary = "32x32 colour photographs, 50000 + 10000 rows in ten classes"
    torchvision = "CIFAR10"
    folder = "cifar-10-batches-py"
    files = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
    classes = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
