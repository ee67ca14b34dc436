"""The data set in memory: images, labels, class names and the parts that its makers gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
PART_NAMES = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images with labels; a row is one image, and its number is its place in `images`.

    name: the canonical spec it was made from.
    images: (N, C, H, W), uint8, uint16 or float32; may be mapped from a file.
    labels: (N,) int64, each in 0..len(class_names) - 1.
    class_names: at least two different names.
    parts: row numbers of the parts "train", "val" and "test" as given by the makers, pairwise disjoint;
        any of them may be missing, and None means that no split is given.
    groups: (N,) int64, or None; rows of one group (a patient) are never split between parts that are drawn.
    row_names: N texts that name the rows to people, as file names; None where "row 7" must do.
    notes: what the user should know of how it was read, a sentence each.

    Raises ValueError where shapes, types or row numbers disagree.
    """

    name: str
    images: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
    labels: Rows
    class_names: tuple[str, ...]
    parts: Mapping[str, Rows] | None = None
    groups: Rows | None = None
    row_names: Sequence[str] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or 0 in self.images.shape:
            raise ValueError(f"images must be (N, C, H, W), none of them 0; found {self.images.shape}.")
        if self.images.dtype not in (np.uint8, np.uint16, np.float32):
            raise ValueError(f"images must be uint8, uint16 or float32; found {self.images.dtype}.")
        n = len(self.images)
        if self.labels.shape != (n,) or self.labels.dtype != np.int64:
            raise ValueError(
                f"labels must be int64 of shape ({n},); found {self.labels.dtype} {self.labels.shape}."
            )
        if len(self.class_names) < 2 or len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"class_names must be two or more different names; found {self.class_names}.")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.n_classes:
            raise ValueError(f"labels must lie in 0..{self.n_classes - 1}; found {low}..{high}.")
        for what, values in (("groups", self.groups), ("row_names", self.row_names)):
            if values is not None and len(values) != n:
                raise ValueError(f"{what} must have one entry for each of {n} rows; found {len(values)}.")
        if self.parts is not None:
            self._check_parts(self.parts)

    def name_of(self, row: int) -> str:
        """What a message calls a row."""
        return f"row {row}" if self.row_names is None else self.row_names[row]

    @property
    def n_classes(self) -> int:
        """The number of classes, those without rows included."""
        return len(self.class_names)

    def counts(self, rows: Rows | None = None) -> Rows:
        """Rows per class, (n_classes,) int64, among `rows` (all where None)."""
        labels = self.labels if rows is None else self.labels[rows]
        return np.bincount(labels, minlength=self.n_classes).astype(np.int64)

    def _check_parts(self, parts: Mapping[str, Rows]) -> None:
        if not parts or not set(parts) <= set(PART_NAMES):
            raise ValueError(f"parts must be among {PART_NAMES}, at least one; found {tuple(parts)}.")
        for part, rows in parts.items():
            if rows.ndim != 1 or rows.dtype != np.int64:
                raise ValueError(f"part {part!r} must be 1-d int64; found {rows.dtype} {rows.shape}.")
        rows = np.concatenate(list(parts.values()))
        if rows.size and (rows.min() < 0 or rows.max() >= len(self.images)):
            raise ValueError(f"parts name rows outside 0..{len(self.images) - 1}.")
        if len(np.unique(rows)) != len(rows):
            raise ValueError("a row stands twice in the parts; they must be disjoint.")
