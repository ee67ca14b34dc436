"""`fashion-mnist`: 28x28 images of clothing, ten balanced classes (Xiao, Rasul, Vollgraf 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.data.idx import IdxSource


@dataclass(frozen=True)
class FashionMnist(IdxSource):
    """60000 training and 10000 test images, uint8 (N, 1, 28, 28); validation is drawn from the former."""

    name = "fashion-mnist"
    aliases = ("fashionmnist", "fmnist")
    summary = "28x28 images of clothing, 60000 + 10000 rows in ten classes"
    folder = "FashionMNIST"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    system_folders = ("/usr/share/datasets/fashion-mnist",)
    hint = "install Debian's package: apt install dataset-fashion-mnist"
