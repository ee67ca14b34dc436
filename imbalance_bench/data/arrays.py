"""A data set from the arrays of an npz file: which are images, labels and groups, and of which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.data.hashes import file_hash
from imbalance_bench.data.labels import Labels, name_codes, read_labels, text_names
from imbalance_bench.data.mapped import Member, check_stored, members, stacked
from imbalance_bench.data.pixels import VERSION, Reading, plan
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError, nearest

PARTED = (("{part}_images", "{part}_labels"), ("x_{part}", "y_{part}"))
"""What the arrays of a part may be called, the first before the second."""
PLAIN = (("images", "labels"), ("x", "y"), ("X", "y"))
"""What they may be called in a file without parts."""


@dataclass(frozen=True)
class Piece:
    """One part of a file; `part` is empty where the file has no parts."""

    part: str
    images: str
    labels: str
    groups: str

    def name_of(self, row: int) -> str:
        """What a message calls a row of it."""
        return f"{self.part} row {row}" if self.part else f"row {row}"


@dataclass(frozen=True)
class ArrayFile:
    """An npz file and how to read it; nothing is opened before it is asked for.

    Attributes:
        class_names: in the order of the label numbers; None takes the file's `class_names`, or the labels.
        channels, image_size, layout: as in `pixels.plan`.
    """

    path: Path
    class_names: tuple[str, ...] | None = None
    channels: str = "auto"
    image_size: str | None = None
    layout: str = "auto"

    def hash(self) -> str:
        """Of the content and of how images are made of it; the checksums are compared on the way."""
        return digest(VERSION, file_hash(self.path, check_stored))

    def labels(self) -> tuple[Labels, tuple[Piece, ...]]:
        """The labels of all parts, and the parts; no image is read."""
        held, pieces = self._open()
        return self._labels(held, pieces), pieces

    def load(self, name: str) -> ImageDataset:
        """The data set, called `name`: its rows are those of train, val and test, in this order."""
        held, pieces = self._open()
        labels = self._labels(held, pieces)
        reading = self._reading(held, pieces)
        images = stacked(
            [held[piece.images] for piece in pieces],
            lambda block, number, first: reading.convert(
                block, lambda row: f"{self.path}: {pieces[number].name_of(first + row)}"
            ),
            reading.shape,
            reading.dtype,
            key=digest(self.hash(), reading.key(), *(piece.images for piece in pieces)),
            as_stored=reading.view if reading.is_view else None,
        )
        sizes = [held[piece.images].shape[0] for piece in pieces]
        starts = np.cumsum([0, *sizes])
        parts = {
            piece.part: np.arange(start, start + size, dtype=np.int64)
            for piece, start, size in zip(pieces, starts.tolist(), sizes, strict=False)
        }
        return ImageDataset(
            name,
            images,
            np.concatenate(list(labels.codes.values())),
            labels.names,
            parts if pieces[0].part else None,
            self._groups(held, pieces),
            RowNames(pieces, sizes) if pieces[0].part else None,
            (*labels.notes, *reading.notes(), *_unread(held, pieces)),
        )

    def _open(self) -> tuple[dict[str, Member], tuple[Piece, ...]]:
        held = members(self.path)
        pieces = pieces_of(self.path, held)
        for piece in pieces:
            images, labels = held[piece.images], held[piece.labels]
            for what in (piece.labels, *((piece.groups,) if piece.groups in held else ())):
                n = held[what].shape[0] if held[what].shape else 0
                if images.shape and n != images.shape[0]:
                    raise RequestError(
                        f"{self.path}: {piece.images} holds {images.shape[0]} rows and {what} {n}; they "
                        "must be "
                        "equally many."
                    )
            if labels.dtype.hasobject:
                labels.read()  # refuses them
        return held, pieces

    def _labels(self, held: Mapping[str, Member], pieces: Sequence[Piece]) -> Labels:
        names = self.class_names
        if names is None and "class_names" in held:
            names = text_names(f"{self.path}: class_names", held["class_names"].read())
        arrays = {piece.labels: held[piece.labels].read() for piece in pieces}
        try:
            return read_labels(arrays, names)
        except RequestError as error:
            raise RequestError(f"{self.path}: {error}") from None

    def _reading(self, held: Mapping[str, Member], pieces: Sequence[Piece]) -> Reading:
        first = held[pieces[0].images]
        if first.dtype.hasobject:
            first.read()  # refuses them
        for piece in pieces[1:]:
            other = held[piece.images]
            if (other.shape[1:], other.dtype) != (first.shape[1:], first.dtype):
                raise RequestError(
                    f"{self.path}: {pieces[0].images} is {first.dtype} {first.shape} and {piece.images} is "
                    f"{other.dtype} {other.shape}; images of all parts need the same size and type."
                )
        for piece in pieces:
            reading = plan(
                f"{self.path}: {piece.images}",
                held[piece.images].shape,
                first.dtype,
                channels=self.channels,
                image_size=self.image_size,
                layout=self.layout,
            )
        return reading

    def _groups(self, held: Mapping[str, Member], pieces: Sequence[Piece]) -> Rows | None:
        given = [piece for piece in pieces if piece.groups in held]
        if not given:
            return None
        if missing := [piece.groups for piece in pieces if piece not in given]:
            raise RequestError(
                f"{self.path} holds {given[0].groups} and no {missing[0]}; give groups for every part, or "
                "none."
            )
        found = [name_codes(f"{self.path}: {piece.groups}", held[piece.groups].read()) for piece in pieces]
        at = {value: i for i, value in enumerate(dict.fromkeys(v for _, values in found for v in values))}
        return np.concatenate(
            [np.array([at[v] for v in values], dtype=np.int64)[codes] for codes, values in found]
        )


class RowNames(Sequence[str]):
    """The names of rows by part, as "val row 3", made when they are asked for."""

    def __init__(self, pieces: Sequence[Piece], sizes: Sequence[int]) -> None:
        self._pieces = tuple(pieces)
        self._ends = np.cumsum(sizes)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        number = int(np.searchsorted(self._ends, row, side="right"))
        return self._pieces[number].name_of(row - (int(self._ends[number - 1]) if number else 0))


def pieces_of(path: Path, held: Mapping[str, object]) -> tuple[Piece, ...]:
    """The parts that the names in a file stand for; RequestError where an array lacks or names compete."""
    parted = [
        [
            Piece(part, images.format(part=part), labels.format(part=part), f"{part}_groups")
            for part in PART_NAMES
        ]
        for images, labels in PARTED
    ]
    plain = [[Piece("", *pair, "groups")] for pair in PLAIN]
    whole = [
        found
        for pieces in (*parted, *plain)
        if (found := [piece for piece in pieces if piece.images in held])
    ]
    if not whole:
        wanted = [text.format(part=part) for pair in PARTED for text in pair for part in PART_NAMES]
        wanted += [text for pair in PLAIN for text in pair]
        near = next((hint for name in held if (hint := nearest(name, wanted))), "")
        raise RequestError(
            f"{path} holds {_listed(held)}, and no array of images by a name that is known: train_images and "
            f"train_labels (also val_ and test_), x_train and y_train, or images and labels.{near}"
        )
    if len(whole) > 1:
        raise RequestError(
            f"{path} holds images by two names, {whole[0][0].images} and {whole[1][0].images}; keep one "
            "of them."
        )
    for piece in whole[0]:
        if piece.labels not in held:
            raise RequestError(
                f"{path} holds {piece.images} and no {piece.labels}; found: {_listed(held)}."
                f"{nearest(piece.labels, [name for name in held if name != piece.images])}"
            )
    if whole[0][0].part not in ("", "train"):
        missing = PARTED[0][0] if whole[0][0].images.endswith("_images") else PARTED[1][0]
        raise RequestError(
            f"{path} holds no {missing.format(part='train')}; found: {_listed(held)}. Give a training "
            "part, or "
            "one array of images without parts."
        )
    return tuple(whole[0])


def _unread(held: Mapping[str, object], pieces: Sequence[Piece]) -> tuple[str, ...]:
    known = {name for p in pieces for name in (p.images, p.labels, p.groups)} | {"class_names"}
    left = [name for name in held if name not in known]
    return (f"Arrays that are not read: {_listed(left)}.",) if left else ()


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "") or "nothing"
