"""Data sets that torchvision's own classes read: found by file, hashed without torch, loaded through it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.downloads import DownloadedSource, data_roots, writable_root
from imbalance_bench.data.hashes import file_hash
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError


class TorchvisionSource(DownloadedSource):
    """A train and a test part that a class of `torchvision.datasets` reads.

    torchvision: the name of that class.
    files: the files of both parts.
    """

    torchvision: ClassVar[str]
    files: ClassVar[tuple[str, ...]]

    def fingerprint(self) -> str:
        """Of the content of all files."""
        root = self._find()
        return digest(self.name, *(file_hash(root / self.folder / file) for file in self.files))

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """Rows of the train part first, then those of test; uint8 (N, 3, 32, 32). `rng` is not used."""
        self.ensure(download)
        root = self._find()
        try:
            with _quiet():
                found = [self.part(root, part, False) for part in ("train", "test")]
        except (RuntimeError, OSError) as error:
            raise RequestError(
                f"{self.name}: the files in {root / self.folder} are damaged, or others than torchvision "
                f"knows ({error}). Delete them and fetch them again: --download."
            ) from None
        sizes = [len(images) for images, _ in found]
        images = np.empty((sum(sizes), *found[0][0].shape[1:]), np.uint8)
        np.concatenate([images for images, _ in found], out=images)
        labels = np.concatenate([labels for _, labels in found])
        rows = np.arange(len(images), dtype=np.int64)
        parts = {"train": rows[: sizes[0]], "test": rows[sizes[0] :]}
        return ImageDataset(self.spec(), images, labels, self.classes, parts)

    @abstractmethod
    def part(self, root: Path, part: str, download: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images (n, 3, 32, 32) and labels (n,) of "train" or "test", by torchvision's class."""

    def reader(self) -> Any:
        """torchvision's class."""
        from torchvision import datasets

        return getattr(datasets, self.torchvision)

    def _find(self) -> Path:
        """The root that holds all files; RequestError saying where they were looked for."""
        looked = []
        for root in data_roots():
            missing = [file for file in self.files if not (root / self.folder / file).is_file()]
            if not missing:
                return root
            some = len(missing) < len(self.files)
            looked.append(f"{root / self.folder}" + (f" (lacks {', '.join(missing)})" if some else ""))
        raise RequestError(
            f"{self.name} was not found; looked in {'; '.join(looked)}. Add --download to fetch it, or set "
            f"IMBENCH_DATA to the folder that holds {self.folder}."
        )

    def _download(self) -> None:
        root = writable_root()
        try:
            with contextlib.redirect_stdout(sys.stderr), _quiet():  # stdout is for results
                for part in ("train", "test"):
                    self.part(root, part, True)
        except (OSError, RuntimeError) as error:
            raise RequestError(
                f"{self.name} could not be downloaded to {root}: {error}. Check the network."
            ) from error


class CifarSource(TorchvisionSource):
    """CIFAR-10 and its kin: pickles, whose checksums torchvision compares before it opens them."""

    def part(self, root: Path, part: str, download: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images (n, 3, 32, 32) and labels (n,); RequestError for other class names than ours."""
        read = self.reader()(str(root), train=part == "train", download=download)
        if tuple(read.classes) != self.classes:
            raise RequestError(f"{root / self.folder} holds other classes than {self.name}.")
        return read.data.transpose(0, 3, 1, 2), np.asarray(read.targets, dtype=np.int64)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without numpy's and torchvision's warnings about pickles written by old versions of numpy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
