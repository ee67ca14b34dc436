"""`mnist`: 28x28 handwritten digits (LeCun, Cortes and Burges 1998)."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.data.idx import IdxSource


@dataclass(frozen=True)
class Mnist(IdxSource):
    """60000 training and 10000 test images, uint8 (N, 1, 28, 28); validation is drawn from the former."""

    name = "mnist"
    summary = "28x28 handwritten digits, 60000 + 10000 rows in ten classes"
    folder = "MNIST"
    classes = tuple("0123456789")
