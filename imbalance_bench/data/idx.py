"""The idx files of MNIST and its kin: the reader, and a source over torchvision's folder layout."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import math
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.downloads import DownloadedSource, data_roots, writable_root
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """The array of an idx file of unsigned bytes, plain or gzipped (by its ending), read-only.

    Format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each dimension as a
    big-endian uint32, the values. RequestError where the file is another one, cut short or too long.
    """
    raw = _content(path)
    header = 4 + 4 * ndim
    wanted = bytes((0, 0, 8, ndim))
    if len(raw) < header or raw[:4] != wanted:
        raise RequestError(
            f"{path} is not an idx file of unsigned bytes with {ndim} dimension(s): it has {len(raw)} bytes "
            f"and starts with {raw[:4].hex() or 'nothing'}; wanted {wanted.hex()}. {_AGAIN}"
        )
    shape = tuple(int.from_bytes(raw[4 * i : 4 * i + 4], "big") for i in range(1, ndim + 1))
    if len(raw) - header != math.prod(shape):
        raise RequestError(
            f"{path} is damaged: its header promises {' x '.join(map(str, shape))} = {math.prod(shape)} "
            f"values and {len(raw) - header} follow. {_AGAIN}"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=header).reshape(shape)


class IdxSource(DownloadedSource):
    """A data set in four idx files, in torchvision's layout `ROOT/FOLDER/raw/` or in a folder of its own.

    folder: torchvision's class name, too.
    system_folders: folders of distributions that hold the files, searched last.
    hint: how else to get the files, for the message; may be empty.
    """

    system_folders: ClassVar[tuple[str, ...]] = ()
    hint: ClassVar[str] = ""

    def fingerprint(self) -> str:
        """Of the four files' content, the same whether they are gzipped or not."""
        hashes = []
        for path in self._find():
            stat = path.stat()
            hashes.append(_content_hash(path, stat.st_size, stat.st_mtime_ns))
        return digest(self.name, *hashes)

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """Rows of the training files first, then those of the test files; parts "train" and "test"."""
        self.ensure(download)
        train_images, train_labels, test_images, test_labels = self._find()
        first = self._pair(train_images, train_labels)
        second = self._pair(test_images, test_labels)
        if first[0].shape[1:] != second[0].shape[1:]:
            raise RequestError(
                f"{train_images} holds images of {first[0].shape[1:]} pixels and {test_images} of "
                f"{second[0].shape[1:]}; they must agree. {_AGAIN}"
            )
        images, labels = (np.concatenate(both) for both in zip(first, second, strict=True))
        rows = np.arange(len(images), dtype=np.int64)
        parts = {"train": rows[: len(first[0])], "test": rows[len(first[0]) :]}
        return ImageDataset(self.spec(), images[:, None], labels.astype(np.int64), self.class_names(), parts)

    def _pair(self, images: Path, labels: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        x, y = read_idx(images, 3), read_idx(labels, 1)
        if len(x) != len(y) or x.size == 0:
            raise RequestError(
                f"{images} holds {len(x)} images and {labels} {len(y)} labels; they must be equally many, "
                f"at least one. {_AGAIN}"
            )
        if y.max() >= len(self.classes):
            raise RequestError(f"{labels} holds the label {y.max()}; allowed: 0..{len(self.classes) - 1}.")
        return x, y

    def _folders(self) -> Iterator[Path]:
        yield from (root / self.folder / "raw" for root in data_roots())
        yield from map(Path, self.system_folders)

    def _find(self) -> tuple[Path, ...]:
        """The four files, all from one folder; RequestError saying where they were looked for."""
        looked = []
        for folder in self._folders():
            paths = [_plain_or_gz(folder / name) for name in FILES]
            present = tuple(path for path in paths if path is not None)
            if len(present) == len(FILES):
                return present
            missing = [name for name, path in zip(FILES, paths, strict=True) if path is None]
            looked.append(f"{folder}" + (f" (lacks {', '.join(missing)})" if present else ""))
        raise RequestError(
            f"{self.name} was not found; looked in {'; '.join(looked)}. Add --download to fetch it"
            + (f", or {self.hint}" if self.hint else "")
            + ", or set IMBENCH_DATA to the folder that holds "
            + f"{self.folder}/raw/."
        )

    def _download(self) -> None:
        root = writable_root()
        from torchvision import datasets

        try:
            with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
                getattr(datasets, self.folder)(str(root), download=True)
        except (OSError, RuntimeError) as error:
            raise RequestError(
                f"{self.name} could not be downloaded to {root}: {error}. Check the network"
                + (f", or {self.hint}" if self.hint else "")
                + "."
            ) from error


_AGAIN = "Delete it and fetch it again."


def _plain_or_gz(path: Path) -> Path | None:
    zipped = path.with_name(path.name + ".gz")
    return next((candidate for candidate in (path, zipped) if candidate.is_file()), None)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise RequestError(f"{path} can't be read: {error}. {_AGAIN}") from error


@functools.cache
def _content_hash(path: Path, size: int, mtime: int) -> bytes:
    """SHA-256 of the unzipped content; size and time of change are there for the cache only."""
    return hashlib.sha256(_content(path)).digest()
