"""Where downloaded data sets are, and what sources over them share."""

from __future__ import annotations

import contextlib
import os
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from imbalance_bench.data.hashes import expanded
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError


def data_roots() -> tuple[Path, ...]:
    """The folders searched for downloaded data: $IMBENCH_DATA, ./data, the user's cache folder."""
    given = os.environ.get("IMBENCH_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imbench"
    return (*((expanded(given),) if given else ()), Path("data"), cache)


def writable_root() -> Path:
    """The first of `data_roots` that can be written to, made where it isn't there; else RequestError."""
    for root in data_roots():
        with contextlib.suppress(OSError):
            root.mkdir(parents=True, exist_ok=True)
            if os.access(root, os.W_OK):
                return root
    raise RequestError(
        f"none of {', '.join(map(str, data_roots()))} is writable; set IMBENCH_DATA to a folder that is."
    )


class DownloadedSource(Source):
    """A data set whose files are in a folder of downloaded data, or can be fetched into one.

    folder: where in such a folder its files are.
    classes: the class names in the order of the labels.
    """

    folder: ClassVar[str]
    classes: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _find(self) -> object:
        """Where the files are; RequestError saying where they were looked for."""

    @abstractmethod
    def _download(self) -> None:
        """Fetch them into the first writable folder; RequestError where that fails."""

    def class_names(self) -> tuple[str, ...]:
        """The class names in the order of the labels."""
        return self.classes

    def ensure(self, download: bool = False) -> None:
        """Find the files, or let torchvision download them into the first writable root."""
        try:
            self._find()
        except RequestError:
            if not download:
                raise
            self._download()
