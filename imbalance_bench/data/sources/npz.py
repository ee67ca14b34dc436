"""`npz:PATH`: arrays of images and labels in a file of numpy's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from imbalance_bench.data.arrays import ArrayFile
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.hashes import expanded
from imbalance_bench.data.source import Source, channels_parameter, digest, image_size_parameter
from imbalance_bench.params import param


@dataclass(frozen=True)
class Npz(Source):
    """Images and labels, as arrays by name, of given parts or of one pool.

    `train_images`, `train_labels` and the same of `val` and `test`, or `x_train`, `y_train` and so on; val
    and test may be missing and are then drawn. Without parts `images` and `labels`, `x` and `y` or `X` and
    `y`. Optional: `class_names` (C,), and `groups`, or `train_groups` and so on, for what must not be split.

    Images are (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 to 4 channels, the second and the fourth alpha;
    labels are numbers or text (N,), or one-hot (N, C). Objects are never loaded.
    """

    name = "npz"
    summary = "arrays of your own in an npz file: train_images, train_labels, ..., or images and labels"
    takes = "PATH"

    path: str = ""
    channels: str = channels_parameter()
    image_size: str | None = image_size_parameter()
    layout: str = param(
        "auto", kind="word", words=("auto", "hwc", "chw"), help="where the channels stand, if it isn't plain"
    )

    def __post_init__(self) -> None:
        if self.path:  # ./a.npz and a.npz are one data set
            object.__setattr__(self, "path", str(PurePath(self.path)))

    def fingerprint(self) -> str:
        """Of the file's content."""
        return digest(self.name, self._file().hash())

    def class_names(self) -> tuple[str, ...]:
        """The file's `class_names`, or the different labels: numbers in order, text by code point."""
        return self._file().labels()[0].names

    def ensure(self, download: bool = False) -> None:
        """See that the file is whole; images that don't fit in memory well are unpacked here, once."""
        self._file().load(self.spec())

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """The data set with the parts that the file gives; `rng` and `download` are not used."""
        return self._file().load(self.spec())

    def _file(self) -> ArrayFile:
        path = expanded(self.path)
        return ArrayFile(path, None, self.channels, self.image_size, self.layout)
