"""What there is to know of a data set before anything is trained: counts, pixels, copies, groups."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.data.dataset import PART_NAMES, ImageDataset, Rows
from imbalance_bench.data.progress import tell
from imbalance_bench.data.source import FileFacts
from imbalance_bench.data.split import Split
from imbalance_bench.evaluation.proportions import FEW_ROWS, exact_interval

BLOCK = 4096
RECALL = 0.9
"""The recall whose interval is shown: what a class with so many test images would let one claim."""
EXAMPLES = 5


@dataclass(frozen=True)
class ClassFacts:
    """One class.

    Attributes:
        rows: images in training (after thinning), validation and test.
        low, mean, high: least, mean and greatest pixel value; NaN without rows.
        recall: 95 % interval (Clopper & Pearson) of a recall of .9 found on its test images; None without.
    """

    name: str
    rows: tuple[int, int, int]
    low: float
    mean: float
    high: float
    recall: tuple[float, float] | None


@dataclass(frozen=True)
class Copies:
    """Images that are equal pixel by pixel.

    Attributes:
        images: how many have another like them; sets: of how many different images.
        within: sets with copies inside one part, by part; across: sets in more than one part.
        conflicting: sets whose images have different labels.
        examples: names of images of a few sets, those of conflicting labels first, then across parts.
    """

    images: int
    sets: int
    within: Mapping[str, int]
    across: int
    conflicting: int
    examples: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Inspection:
    """A data set as `imbench data` tells of it.

    Attributes:
        shape: (channels, height, width) of every image; kind: the type of its numbers.
        ratio: training rows of the largest class over those of the smallest.
        groups: how many groups, how many of them stand in more than one part, and the images of the smallest
            and of the largest; None without groups.
        drawn: the parts that the data set does not give, and that are drawn for each seed.
        warnings: sentences on what may spoil a comparison; notes: on how the data were read.
    """

    dataset: str
    classes: tuple[ClassFacts, ...]
    shape: tuple[int, int, int]
    kind: str
    ratio: float
    copies: Copies
    groups: tuple[int, int, int, int] | None
    drawn: tuple[str, ...] = ()
    files: FileFacts = field(default_factory=FileFacts)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON; NaN as None."""
        return {
            "dataset": self.dataset,
            "image_shape": list(self.shape),
            "pixel_type": self.kind,
            "imbalance_ratio": self.ratio,
            "classes": [
                {
                    "class": found.name,
                    **dict(zip(PART_NAMES, found.rows, strict=True)),
                    "prevalence": _share(found.rows[2], sum(one.rows[2] for one in self.classes)),
                    **{name: None if np.isnan(v := getattr(found, name)) else v
                       for name in ("low", "mean", "high")},
                    "recall_interval": None if found.recall is None else list(found.recall),
                }
                for found in self.classes
            ],
            "duplicates": {**vars(self.copies), "within": dict(self.copies.within)},
            "groups": self.groups
            and dict(zip(("all", "crossing", "smallest", "largest"), self.groups, strict=True)),
            "drawn_parts": list(self.drawn),
            "modes": dict(self.files.modes),
            "sizes": dict(self.files.sizes),
            "ignored": {why: len(names) for why, names in self.files.ignored.items()},
            "unreadable": [list(one) for one in self.files.unreadable],
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }  # fmt: skip


def inspect(dataset: ImageDataset, split: Split, files: FileFacts) -> Inspection:
    """All facts of a data set and a split of it; reads every image once, block by block."""
    rows = (split.train, split.val, split.test)
    counts = np.stack([dataset.counts(part) for part in rows], axis=1)
    low, mean, high, digests = _pixels(dataset)
    copies = _copies(dataset, rows, digests)
    classes = tuple(
        ClassFacts(
            name,
            (int(n[0]), int(n[1]), int(n[2])),
            float(low[c]),
            float(mean[c]),
            float(high[c]),
            exact_interval(RECALL, int(n[2])) if n[2] else None,
        )
        for c, (name, n) in enumerate(zip(dataset.class_names, counts, strict=True))
    )
    groups = None
    if dataset.groups is not None:
        inside = [np.unique(dataset.groups[part]) for part in rows]
        parts_of = np.bincount(np.concatenate(inside))
        sizes = np.bincount(dataset.groups[np.concatenate(rows)])
        sizes = sizes[sizes > 0]
        groups = (len(sizes), int((parts_of > 1).sum()), int(sizes.min()), int(sizes.max()))
    channels, height, width = dataset.images.shape[1:]
    return Inspection(
        dataset.name,
        classes,
        (channels, height, width),
        str(dataset.images.dtype),
        float(counts[:, 0].max() / counts[:, 0].min()),
        copies,
        groups,
        tuple(part for part in PART_NAMES if dataset.parts is None or part not in dataset.parts),
        files,
        tuple(_warnings(classes, copies, groups)),
        dataset.notes,
    )


def grid(dataset: ImageDataset, rows: Rows, per_class: int = 8, side: int = 64) -> NDArray[np.uint8]:
    """(H, W, 3) a picture with a line of images for each class, out of `rows`, scaled to the set's own range.

    A class with fewer images leaves its line's end grey. Each image is `side` pixels high, a little apart.
    """
    from PIL import Image

    gap = 4
    labels = dataset.labels[rows]
    sheet = np.full(
        (dataset.n_classes * (side + gap) + gap, per_class * (side + gap) + gap, 3), 128, dtype=np.uint8
    )
    chosen = [rows[labels == c][:per_class] for c in range(dataset.n_classes)]
    shown = dataset.images[np.concatenate(chosen)].astype(np.float64)
    least, greatest = float(shown.min()), float(shown.max())
    if dataset.images.dtype == np.uint8:
        least, greatest = 0.0, 255.0
    for line, members in enumerate(chosen):
        for place, row in enumerate(members):
            image = (dataset.images[row].astype(np.float64) - least) * 255 / max(greatest - least, 1e-12)
            pixels = np.moveaxis(image.round().clip(0, 255).astype(np.uint8), 0, -1)
            pixels = np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] != 3 else pixels
            tile = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST))
            top, left = gap + line * (side + gap), gap + place * (side + gap)
            sheet[top : top + side, left : left + side] = tile
    return sheet


def _pixels(dataset: ImageDataset) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[bytes]]:
    """(C,) least, mean and greatest pixel of each class, and the digest of each image."""
    c = dataset.n_classes
    low, high = np.full(c, np.inf), np.full(c, -np.inf)
    sums, counts = np.zeros(c), dataset.counts()
    digests: list[bytes] = []
    for block in _blocks(len(dataset.labels)):
        images = np.ascontiguousarray(dataset.images[block]).reshape(block.stop - block.start, -1)
        labels = dataset.labels[block]
        np.minimum.at(low, labels, images.min(axis=1))
        np.maximum.at(high, labels, images.max(axis=1))
        np.add.at(sums, labels, images.mean(axis=1, dtype=np.float64))
        digests += [hashlib.blake2b(image.data, digest_size=16).digest() for image in images]
        tell("looking at images", block.stop, len(dataset.labels))
    there = counts > 0
    nothing = np.where(there, 0.0, np.nan)
    return low + nothing, sums / np.maximum(counts, 1) + nothing, high + nothing, digests


def _copies(dataset: ImageDataset, parts: Sequence[Rows], digests: Sequence[bytes]) -> Copies:
    part_of = np.full(len(digests), -1)
    for number, members in enumerate(parts):
        part_of[members] = number
    alike: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(part_of >= 0).tolist():
        alike.setdefault(digests[row], []).append(row)
    sets = [rows for rows in alike.values() if len(rows) > 1]
    within = dict.fromkeys(PART_NAMES, 0)
    ranked: list[tuple[int, list[int]]] = []
    across = conflicting = 0
    for rows in sets:
        held = np.bincount(part_of[rows], minlength=3)
        for part, n in zip(PART_NAMES, held, strict=True):
            within[part] += int(n > 1)
        crossing, differs = (held > 0).sum() > 1, len(set(dataset.labels[rows].tolist())) > 1
        across += int(crossing)
        conflicting += int(differs)
        ranked.append((2 * differs + crossing, rows))
    ranked.sort(key=lambda item: -item[0])
    examples = tuple(
        tuple(
            f"{dataset.name_of(row)} ({PART_NAMES[part_of[row]]}, {dataset.class_names[dataset.labels[row]]})"
            for row in rows[:EXAMPLES]
        )
        for _, rows in ranked[:EXAMPLES]
    )
    return Copies(sum(map(len, sets)), len(sets), within, across, conflicting, examples)


def _warnings(classes: Sequence[ClassFacts], copies: Copies, groups: Sequence[int] | None) -> Iterator[str]:
    for part, number in (("validation", 1), ("test", 2)):
        scarce = [f"{found.name} {found.rows[number]}" for found in classes if found.rows[number] < FEW_ROWS]
        if scarce:
            yield (
                f"fewer than {FEW_ROWS} {part} images: {', '.join(scarce[:8])}"
                f"{f' and {len(scarce) - 8} more' if len(scarce) > 8 else ''}; no verdict on these classes."
            )
    if copies.across:
        stand = "images stand" if copies.across > 1 else "image stands"
        yield (
            f"{copies.across} {stand} in more than one part: what was learnt by heart counts as recognised. "
            "Remove the copies, or keep them together as a group."
        )
    if copies.conflicting:
        have = "images have" if copies.conflicting > 1 else "image has"
        yield f"{copies.conflicting} {have} copies with another label."
    if groups is not None and groups[1]:
        yield f"{groups[1]} of {groups[0]} groups stand in more than one part: new ones would be harder."
    folded = Counter(found.name.strip().casefold() for found in classes)
    if alike := [found.name for found in classes if folded[found.name.strip().casefold()] > 1]:
        yield f"classes that differ in case or spaces only: {', '.join(alike[:8])}; are they one?"
    constant = [found.name for found in classes if found.low == found.high]
    if constant:
        yield f"every pixel of every image of {', '.join(constant[:8])} has the same value."


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
