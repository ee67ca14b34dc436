"""The interface of a data source: a name, declared parameters, a fingerprint and a way to load."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.params import non_defaults, param


def image_size_parameter() -> Any:
    """The parameter of what can resize images on reading."""
    return param(
        None,
        kind="text",
        words=("none",),
        help="resize every image to this height and width, whatever its shape: 64, or 48x64 (HEIGHTxWIDTH)",
    )


def channels_parameter() -> Any:
    """The parameter of what can read images as grey or in colour."""
    return param(
        "auto",
        kind="word",
        words=("auto", "grey", "rgb"),
        help="auto: grey where every image is grey, else rgb",
    )


@dataclass(frozen=True)
class FileFacts:
    """What a source over image files can tell beside the images.

    modes: files by Pillow's kind of pixel; sizes: by stored "HEIGHTxWIDTH".
    ignored: files that were not read, by why; unreadable: (name, reason).
    """

    modes: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unreadable: Sequence[tuple[str, str]] = ()


class Source(ABC):
    """Where a data set comes from. Subclasses are frozen dataclasses whose fields are `param(...)`s.

    A subclass that stands in a file of `data/sources/`, or behind an entry point of the group
    `imbench.datasets`, is known by its `name`; nothing else needs to change.

    name: the word that names it in a spec.
    aliases: other words for it.
    summary: one line for lists.
    draws: True where every load draws fresh sets from its generator, False where the content is fixed.
    takes: what the text after the first colon is, as "PATH"; None where it is parameters only. A class that
        takes something has a plain field with a default, named as `takes` in lower case; that text may
        contain any character, and parameters are then given by keyword.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str]
    draws: ClassVar[bool] = False
    takes: ClassVar[str | None] = None

    @abstractmethod
    def fingerprint(self) -> str:
        """A short text that changes whenever the content may: of the files, or of generator and parameters.

        Imports neither sklearn nor torch nor pandas. RequestError where files are missing or damaged.
        """

    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The class names in the order of the labels, without loading images."""

    @abstractmethod
    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """The data set. `rng` is needed where `draws` is True and ignored elsewhere.

        RequestError where files are missing (and `download` is False or fails) or damaged.
        """

    def file_facts(self) -> FileFacts:
        """What there is to tell of files; nothing where images do not lie in files of their own."""
        return FileFacts()

    def log_likelihood(self, images: NDArray[Any]) -> NDArray[np.float64] | None:
        """(n, C) log p(x | class), up to a constant per row, where it is known exactly; else None."""
        return None

    def ensure(self, download: bool = False) -> None:  # noqa: B027  (nothing to do for most sources)
        """See to it that the files are on this machine and read; RequestError if that can't be.

        Called once, before workers start: what takes long (decoding) belongs here, with `progress.tell`.
        """

    def spec(self) -> str:
        """The canonical spec: parameters sorted by name, defaults left out.

        After a path, which may hold any character, no parameters can be told: they are `options`.
        """
        if self.takes is not None:
            return f"{self.name}:{getattr(self, self.takes.lower())}"
        given = ",".join(f"{key}={value}" for key, value in non_defaults(self).items())
        return f"{self.name}:{given}" if given else self.name

    def options(self) -> dict[str, str]:
        """The parameters that `spec` can't hold, as text: `create(spec, **options)` makes this again."""
        return non_defaults(self) if self.takes is not None else {}


def digest(*pieces: bytes | str) -> str:
    """16 hexadecimal digits of a SHA-256 over the pieces, each preceded by its length."""
    total = hashlib.sha256()
    for piece in pieces:
        raw = piece.encode() if isinstance(piece, str) else piece
        total.update(len(raw).to_bytes(8, "little"))
        total.update(raw)
    return total.hexdigest()[:16]
