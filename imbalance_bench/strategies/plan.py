"""What a pass over the training set holds, as row numbers: no image is ever copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.strategies.arrays import real_images, whole_labels

Ints = NDArray[np.int64]


class TrainingView:
    """The training rows as a strategy may see them; validation and test rows are out of reach.

    Images are copied only when they are asked for: samplers that only count rows never touch them. `images`,
    a function of (n,) row numbers, gives them as (n, C, H, W) in the source's type; in a stage on features
    as (n, D) float32. Without `class_names` the classes are named by their numbers.
    """

    def __init__(
        self,
        labels: Ints,
        n_classes: int,
        images: Callable[[Ints], NDArray[Any]],
        class_names: tuple[str, ...] = (),
    ) -> None:
        self.labels = labels.view()
        self.labels.setflags(write=False)  # they are those that training reads
        self.n_classes = n_classes
        self.class_names = class_names or tuple(map(str, range(n_classes)))
        self._images = images

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def images(self) -> NDArray[Any]:
        """The images of all training rows, in the order of `labels`; the copy is kept."""
        return self._images(np.arange(len(self), dtype=np.int64))

    def images_of(self, rows: Ints) -> NDArray[Any]:
        """A copy of the images of some rows (n,)."""
        return self._images(rows)

    def rows_of(self, label: int) -> Ints:
        """The row numbers of one class, ascending."""
        return np.flatnonzero(self.labels == label).astype(np.int64)


@dataclass(frozen=True, eq=False)
class SamplingPlan:
    """The rows of one pass; image = base + weight * (neighbour - base), computed when a batch is built.

    Attributes:
        base: (n,) int64 row numbers into the training set; from N on, into `extra_images`.
        neighbour: (n,) int64 or None; an original row has neighbour = base.
        weight: (n,) float32 in [0, 1] or None; an original row has weight 0.
        neighbour_labels: (n,) int64 or None, where labels mix by the same weight (mixup).
        extra_images, extra_labels: (m, C, H, W) and (m,), for samplers that make new images.
        notes: what the user should know, a sentence each.
    """

    base: Ints
    neighbour: Ints | None = None
    weight: NDArray[np.float32] | None = None
    neighbour_labels: Ints | None = None
    extra_images: NDArray[Any] | None = None
    extra_labels: Ints | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def identity(cls, n: int) -> SamplingPlan:
        """Every one of `n` rows once."""
        return cls(np.arange(n, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.base)

    def check(self, n_rows: int, n_classes: int | None = None) -> None:
        """ValueError where the plan reaches outside `n_rows` training rows, its own extras or the classes."""
        extras = 0 if self.extra_images is None else len(self.extra_images)
        if extras != (0 if self.extra_labels is None else len(self.extra_labels)):
            raise ValueError("extra_images and extra_labels must have the same length.")
        if not len(self.base):
            raise ValueError("the sampling plan holds no row.")
        if (self.neighbour is None) != (self.weight is None):
            raise ValueError("a sampling plan has both neighbour and weight, or neither.")
        if self.neighbour_labels is not None and self.neighbour is None:
            raise ValueError("neighbour_labels need a neighbour and a weight.")
        for name, rows in (("base", self.base), ("neighbour", self.neighbour)):
            if rows is not None and rows.dtype != np.int64:
                raise ValueError(f"{name} has type {rows.dtype}; int64 row numbers are needed.")
            if rows is not None and (rows.min() < 0 or rows.max() >= n_rows + extras):
                raise ValueError(f"{name} holds rows outside 0..{n_rows + extras - 1}.")
        for name, values in (
            ("neighbour", self.neighbour),
            ("weight", self.weight),
            ("neighbour_labels", self.neighbour_labels),
        ):
            if values is not None and len(values) != len(self.base):
                raise ValueError(f"{name} has {len(values)} entries for {len(self.base)} rows.")
        if self.weight is not None and not ((self.weight >= 0) & (self.weight <= 1)).all():
            raise ValueError("weight holds values outside [0, 1].")
        if self.extra_images is not None and not np.isfinite(self.extra_images).all():
            raise ValueError(
                "extra_images, the images that it makes, hold values that are not finite numbers."
            )
        for name, labels in (
            ("extra_labels", self.extra_labels),
            ("neighbour_labels", self.neighbour_labels),
        ):
            if labels is None or n_classes is None:
                continue
            if labels.dtype.kind not in "iu":
                raise ValueError(f"{name} has type {labels.dtype}; int64 labels are needed.")
            if len(labels) and (labels.min() < 0 or labels.max() >= n_classes):
                raise ValueError(f"{name} holds labels outside 0..{n_classes - 1}.")

    def labels(self, train_labels: Ints) -> Ints:
        """(n,) int64: the label of each base row."""
        if self.extra_labels is None:
            return train_labels[self.base]
        return np.concatenate([train_labels, self.extra_labels])[self.base]

    def apply(self, images: Any, labels: Any) -> tuple[NDArray[Any], Ints]:
        """The rows of the plan as arrays: (n, ...) images and the (n,) int64 labels of their base rows.

        A copy, for what reads arrays; training builds each batch from the plan instead and holds none.
        Images are float64 where `images` are, else float32; the rows are those of the plan, in its order.

        Args:
            images: (N, ...) finite real numbers, the training rows that the plan was made for.
            labels: (N,) whole numbers.

        Raises:
            ValueError: where labels mix, which one label for each row can't say, or plan and rows don't fit.
        """
        if self.neighbour_labels is not None:
            raise ValueError("the labels of this plan mix: no array of one label for each row says that.")
        targets = whole_labels(labels)
        rows = real_images(images, len(targets))
        self.check(len(rows))
        if self.extra_images is not None:
            rows = np.concatenate([rows, self.extra_images], dtype=_made_type(rows), casting="same_kind")
        made = rows[self.base].astype(_made_type(rows), copy=False)
        if self.neighbour is not None and self.weight is not None:
            mixed = np.flatnonzero(self.weight)
            share = self.weight[mixed].astype(made.dtype).reshape(-1, *[1] * (made.ndim - 1))
            start = made[mixed]
            made[mixed] = _between(start, rows[self.neighbour[mixed]].astype(made.dtype), share)
        return made, self.labels(targets)

    def class_mass(self, train_labels: Ints, n_classes: int) -> NDArray[np.float64]:
        """(C,) float64: rows per class, a row with mixed labels shared between its two."""
        labels = self.labels(train_labels)
        if self.neighbour_labels is None or self.weight is None:
            return np.bincount(labels, minlength=n_classes).astype(np.float64)
        share = self.weight.astype(np.float64)
        mass = np.bincount(labels, weights=1 - share, minlength=n_classes)
        return np.asarray(mass + np.bincount(self.neighbour_labels, weights=share, minlength=n_classes))

    def rows(self) -> Ints:
        """The different rows that a pass touches, as base or as neighbour of some weight, ascending."""
        if self.neighbour is None or self.weight is None:
            return np.unique(self.base)
        return np.unique(np.concatenate([self.base, self.neighbour[self.weight > 0]]))


def _between(start: NDArray[Any], end: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        found: NDArray[Any] = start + share * (end - start)
    # The ends may be further apart than their type reaches.
    if (wide := ~np.isfinite(found)).any():
        found[wide] = ((1 - share) * start + share * end)[wide]
    return found


def _made_type(images: NDArray[Any]) -> type[np.float32 | np.float64]:
    return np.float64 if images.dtype == np.float64 else np.float32
