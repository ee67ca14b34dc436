"""`medmnist:NAME`: the 2-D sets of MedMNIST, with their published parts."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imbalance_bench.data.arrays import ArrayFile
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.downloads import data_roots, writable_root
from imbalance_bench.data.medmnist_info import INFO, RECORD, SIZES, VOLUMES, Info
from imbalance_bench.data.source import Source, channels_parameter, digest, image_size_parameter
from imbalance_bench.errors import RequestError, nearest

_NAME = re.compile(r"(?P<flag>[a-z0-9]+?)(?:_(?P<size>[0-9]+))?")


@dataclass(frozen=True)
class MedMnist(Source):
    """NAME.npz, of 28x28 pixels, or NAME_64.npz, NAME_128.npz and NAME_224.npz of MedMNIST+.

    Searched in the folders of downloaded data and in `~/.medmnist`, where the package `medmnist` puts them.
    The published train, val and test parts are used as they are.
    """

    name = "medmnist"
    summary = "a 2-D set of MedMNIST by its name, as medmnist:dermamnist, or dermamnist_64 for larger images"
    takes = "SET"

    set: str = ""
    channels: str = channels_parameter()
    image_size: str | None = image_size_parameter()

    def fingerprint(self) -> str:
        """Of the file's content."""
        return digest(self.name, self._file().hash())

    def class_names(self) -> tuple[str, ...]:
        """The published names of the classes that have rows, in the order of the labels."""
        return self._file().labels()[0].names

    def ensure(self, download: bool = False) -> None:
        """Find and check the file, or let the package `medmnist` download it."""
        self._load(download)

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """The data set with its published parts; `rng` is not used."""
        return self._load(download)

    def spec(self) -> str:
        """The name as the files have it: lower case, without the size where it is 28."""
        flag, _, size = self._asked()
        return f"{self.name}:{flag}" + (f"_{size}" if size != SIZES[0] else "")

    def _load(self, download: bool) -> ImageDataset:
        try:
            file = self._file()
        except _MissingError:
            if not download:
                raise
            self._download()
            file = self._file()
        found = file.load(self.spec())
        flag, info, _ = self._asked()
        rows = tuple(len(part) for part in (found.parts or {}).values())
        if rows == info.rows:
            return found
        was, now = (" + ".join(map(str, counts)) for counts in (info.rows, rows))
        return replace(found, notes=(*found.notes, f"{flag} was published with {was} rows; here are {now}."))

    def _asked(self) -> tuple[str, Info, int]:
        """The set's name, what is known of it and the size of its images; RequestError for what can't "
        "be used."""
        match = _NAME.fullmatch(self.set.strip().lower())
        flag = match["flag"] if match else self.set
        size = int(match["size"] or SIZES[0]) if match else SIZES[0]
        if flag in VOLUMES:
            raise RequestError(
                f"{flag} holds volumes, which are not read; the 2-D sets are {', '.join(_SINGLE)}."
            )
        if flag not in INFO:
            raise RequestError(
                f"MedMNIST has no set {self.set!r}; allowed: {', '.join(_SINGLE)}, each also as NAME_64, "
                f"NAME_128 and NAME_224.{nearest(flag.lower(), INFO)}"
            )
        if size not in SIZES:
            raise RequestError(f"{flag} is published in {', '.join(map(str, SIZES))} pixels; found {size}.")
        if flag not in _SINGLE:
            raise RequestError(
                f"{flag} is multi-label: an image has any of its {len(INFO[flag].classes)} findings or "
                f"none. One class per image is needed; the other sets are {', '.join(_SINGLE)}."
            )
        return flag, INFO[flag], size

    def _file(self) -> ArrayFile:
        flag, info, size = self._asked()
        name = f"{flag}.npz" if size == SIZES[0] else f"{flag}_{size}.npz"
        folders = [*data_roots(), Path.home() / ".medmnist"]
        for folder in folders:
            if (folder / name).is_file():
                return ArrayFile(folder / name, info.classes, self.channels, self.image_size)
        raise _MissingError(
            f"{name} was not found; looked in {'; '.join(map(str, folders))}. Fetch it from "
            f"{RECORD}/files/{name} into one of these, or add --download, for which the package medmnist "
            "must be installed: pip install 'imbalance-bench[medmnist]'."
        )

    def _download(self) -> None:
        _, info, size = self._asked()
        root = writable_root()
        try:
            with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
                package = importlib.import_module("medmnist")
                getattr(package, info.python_class)(split="train", download=True, root=str(root), size=size)
        except ImportError:
            raise RequestError(
                "--download needs the package medmnist: pip install 'imbalance-bench[medmnist]'. Or "
                f"fetch the file from {RECORD} into {root}."
            ) from None
        except (OSError, RuntimeError, AttributeError) as error:
            raise RequestError(
                f"{self.spec()} could not be downloaded to {root}: {error}. Check the network, or fetch "
                f"the file from {RECORD}."
            ) from error


class _MissingError(RequestError):
    """The file is in none of the folders."""


_SINGLE = tuple(flag for flag, info in INFO.items() if "multi-label" not in info.task)
