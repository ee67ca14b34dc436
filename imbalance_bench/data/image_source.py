"""What the sources over people's own image files share: reading, fingerprint, refusals and notes."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from imbalance_bench.data.dataset import ImageDataset, Rows
from imbalance_bench.data.groups import crossing_groups
from imbalance_bench.data.hashes import expanded
from imbalance_bench.data.image_cache import Signature
from imbalance_bench.data.image_files import Images, content_hashes, parse_size, read_images, signatures
from imbalance_bench.data.source import (
    FileFacts,
    Source,
    channels_parameter,
    digest,
    image_size_parameter,
)
from imbalance_bench.errors import RequestError
from imbalance_bench.params import param

PART_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a part may be called, in lower case, and its name here."""
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Listing:
    """The image files of a data set before any is opened; one entry of each for every file.

    paths: absolute; names: what they are called in messages, unlike each other.
    labels: (N,) int64; class_names: in their order.
    parts: the part of each file, or None where no split is given.
    groups: the group of each file, or None.
    signatures: what tells that a file changed, or None where it must be asked for.
    ignored: what was not read, by kind: {"hidden": ["._a.png", ...], ...}.
    notes: a sentence each.
    """

    paths: Sequence[str]
    names: Sequence[str]
    labels: Rows
    class_names: tuple[str, ...]
    parts: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    signatures: Sequence[Signature | None] | None = None
    ignored: Mapping[str, Sequence[str]] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFileSource(Source):
    """A data set of image files. A subclass says which, by `list_files`; the rest is here.

    An instance looks at the files once: make another to see what changed.
    """

    takes = "PATH"

    image_size: str | None = image_size_parameter()
    channels: str = channels_parameter()
    skip_bad: bool = param(False, kind="bool", help="leave out images that can't be read")
    path: str = ""

    def __post_init__(self) -> None:
        if (size := parse_size(self.image_size)) is not None:
            same = str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"
            object.__setattr__(self, "image_size", same)
        if self.path:  # a/ and ./a are one data set
            object.__setattr__(self, "path", str(PurePath(self.path)))

    @abstractmethod
    def list_files(self) -> Listing:
        """The files, none of them opened; RequestError where what is found is no data set."""

    @functools.cached_property
    def listing(self) -> Listing:
        """The files, as they were when they were first asked for."""
        return self.list_files()

    @functools.cached_property
    def _signatures(self) -> Sequence[Signature | None]:
        found = self.listing.signatures
        return signatures(self.listing.paths) if found is None else found

    @functools.cached_property
    def images(self) -> Images:
        """All files that can be read; decoded at the first time, mapped ever after."""
        return read_images(
            self.listing.paths,
            self.listing.names,
            image_size=parse_size(self.image_size),
            channels=self.channels,
            given=self._signatures,
        )

    def class_names(self) -> tuple[str, ...]:
        """In the order of their code points; no image is opened."""
        return self.listing.class_names

    def fingerprint(self) -> str:
        """Of names, classes, parts, groups, every file's content and the options; nothing is decoded."""
        found = self.listing
        return digest(
            self.name,
            *(f"{key}={value}" for key, value in sorted(self.options().items())),
            repr((found.class_names, list(found.names), found.labels.tolist(), found.parts, found.groups)),
            *(content or b"" for content in content_hashes(found.paths, self._signatures)),
        )

    def ensure(self, download: bool = False) -> None:
        """Decode what is not yet in the cache; RequestError for images that can't be read or used."""
        self._check()

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """The images, mapped from the cache, in the order of the listing."""
        self._check()
        found, kept = self.listing, self.images.kept
        place = np.full(len(found.paths), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        parts = _rows_of(found.parts, place) if found.parts is not None else None
        groups, crossing = None, ""
        if found.groups is not None:
            names, groups = np.unique(np.array([found.groups[i] for i in kept]), return_inverse=True)
            groups = groups.astype(np.int64)
            if parts is not None:
                crossing = crossing_groups(groups, parts, [str(name) for name in names])
        notes = (*found.notes, *self._left_out(), *self.images.notes, *((crossing,) if crossing else ()))
        return ImageDataset(
            self.spec(),
            self.images.array,
            found.labels[kept],
            found.class_names,
            parts,
            groups,
            [found.names[i] for i in kept],
            notes,
        )

    def file_facts(self) -> FileFacts:
        """Kinds, sizes, and what was left aside."""
        found = self.images
        sizes = {f"{height}x{width}": n for (height, width), n in found.sizes.items()}
        return FileFacts(found.modes, sizes, self.listing.ignored or {}, found.unreadable)

    def _check(self) -> None:
        """RequestError for unreadable images, unless they are to be skipped and enough are left."""
        found, bad = self.listing, self._bad()
        if not len(bad):
            return
        said = f"{len(bad)} of {len(found.paths)} images can't be read ({self._by_class(bad)}): "
        said += self._reasons(SHOWN)
        if not self.skip_bad:
            raise RequestError(f"{said}. Put them right, or add --skip-bad to go on without them.")
        training = [i for i in self.images.kept if found.parts is None or found.parts[i] == "train"]
        counts = np.bincount(found.labels[training], minlength=len(found.class_names))
        if not counts.all():
            name = found.class_names[int(np.argmin(counts))]
            raise RequestError(f"{said}. Without them class {name!r} has no training image left.")

    def _bad(self) -> Rows:
        everything = np.arange(len(self.listing.paths), dtype=np.int64)
        return np.setdiff1d(everything, self.images.kept)

    def _by_class(self, rows: Rows) -> str:
        labels = self.listing.labels[rows]
        return ", ".join(f"{self.listing.class_names[c]} {(labels == c).sum()}" for c in np.unique(labels))

    def _reasons(self, n: int) -> str:
        bad = self.images.unreadable
        more = f" and {len(bad) - n} more" if len(bad) > n else ""
        return "; ".join(f"{name}: {why}" for name, why in bad[:n]) + more

    def _left_out(self) -> tuple[str, ...]:
        bad = self._bad()
        if not len(bad):
            return ()
        many = "image is" if len(bad) == 1 else "images are"
        return (f"{len(bad)} unreadable {many} left out ({self._by_class(bad)}): {self._reasons(SHOWN)}.",)


def sorted_labels(classes: Sequence[str], where: str) -> tuple[tuple[str, ...], Rows]:
    """The class names in the order of their code points, and each file's label, (N,) int64.

    RequestError for a single class; `where` is what the message calls the data.
    """
    names = tuple(sorted(set(classes)))
    if len(names) < 2:
        raise RequestError(
            f"{where} holds one class only, {names[0]!r}; at least two are needed to tell them apart."
        )
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[name] for name in classes], dtype=np.int64)


def refuse_untrained(listing: Listing, where: str) -> None:
    """RequestError for a class that has images, but none to train on."""
    if listing.parts is None:
        return
    for c, name in enumerate(listing.class_names):
        parts = {part for part, label in zip(listing.parts, listing.labels, strict=True) if label == c}
        if "train" not in parts:
            has = " and ".join(sorted(parts, reverse=True)) or "no part"
            raise RequestError(
                f"{where}: class {name!r} is found in {has} only; there is no training image of it. Give it "
                "training images, or leave the class out."
            )


def printable(text: str) -> str:
    """`text` with what would break a line or a terminal escaped; everything else, spaces too, as it is."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def examples(names: Sequence[str], n: int = SHOWN) -> str:
    """The first `n` names, and how many more there are."""
    return ", ".join(names[:n]) + (f" and {len(names) - n} more" if len(names) > n else "")


def existing(path: str) -> Path:
    """The path as the user wrote it, `~` resolved, absolute."""
    return expanded(path).absolute()


def _rows_of(parts: Sequence[str], place: Rows) -> dict[str, Rows]:
    """The rows of each part, in the places that the kept files have."""
    named = np.array(parts)
    return {
        part: place[(named == part) & (place >= 0)] for part in ("train", "val", "test") if part in set(parts)
    }
