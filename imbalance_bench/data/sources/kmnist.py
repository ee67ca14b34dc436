"""`kmnist`: 28x28 handwritten hiragana, ten balanced classes (Clanuwat et al. 2018, arXiv:1812.01718)."""

from __future__ import annotations

from dataclasses import dataclass

from imbalance_bench.data.idx import IdxSource


@dataclass(frozen=True)
class KMnist(IdxSource):
    """60000 training and 10000 test images, uint8 (N, 1, 28, 28); validation is drawn from the former."""

    name = "kmnist"
    aliases = ("kuzushiji-mnist",)
    summary = "28x28 handwritten hiragana, 60000 + 10000 rows in ten classes"
    folder = "KMNIST"
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
