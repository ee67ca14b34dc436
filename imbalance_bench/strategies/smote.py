"""SMOTE: new rows of the smaller classes, on the lines between near neighbours of one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imbalance_bench.errors import RefusedError
from imbalance_bench.params import param
from imbalance_bench.strategies.base import Context, Strategy
from imbalance_bench.strategies.neighbours import nearest_neighbours
from imbalance_bench.strategies.oversample import grown_size, ratio_to_largest
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register


@register
@dataclass(frozen=True)
class Smote(Strategy):
    """Rows up to ratio * n_max per class, each between a row and one of its k nearest of the same class.

    The images between are computed in floats when a batch is built; the plan holds row numbers only.
    """

    name = "smote"
    summary = "add images between near neighbours of the smaller classes, up to the size of the largest"
    paper = "Chawla, Bowyer, Hall & Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique"

    k: int = param(
        5, kind="int", low=1, high=1000, help="how many nearest neighbours of its class a row may mix with"
    )
    ratio: float = ratio_to_largest()

    def check(self, context: Context) -> None:
        """RefusedError for a class of one row that would have to grow: a line needs two."""
        target = grown_size(int(context.class_counts.max()), self.ratio)
        for name, count in zip(context.class_names, context.class_counts.tolist(), strict=True):
            if count < min(2, target):
                raise _too_few(f"class {name!r}", count, target)

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """Every row once, and (base, neighbour, weight) for what each class lacks of ratio * n_max rows."""
        classes = [view.rows_of(label) for label in range(view.n_classes)]
        target = grown_size(max(len(members) for members in classes), self.ratio)
        originals = np.arange(len(view), dtype=np.int64)
        base, neighbour = [originals], [originals]
        weight = [np.zeros(len(view), dtype=np.float32)]
        notes = []
        for label, members in enumerate(classes):
            missing = target - len(members)
            if missing <= 0:
                continue
            which = f"class {view.class_names[label]!r}"
            if len(members) < 2:
                raise _too_few(which, len(members), target)
            images = view.images_of(members)
            k = min(self.k, len(members) - 1)
            if k < self.k:
                notes.append(f"{which} has {len(members)} training rows: k is {k} instead of {self.k}.")
            if all(np.array_equal(image, images[0]) for image in images[1:]):
                notes.append(f"{which} has {len(members)} identical images: this only repeats them.")
            start = rng.integers(len(members), size=missing)
            end = nearest_neighbours(images, k)[start, rng.integers(k, size=missing)]
            base.append(members[start])
            neighbour.append(members[end])
            weight.append(rng.random(missing, dtype=np.float32))
        return SamplingPlan(
            np.concatenate(base), np.concatenate(neighbour), np.concatenate(weight), notes=tuple(notes)
        )


def _too_few(which: str, count: int, target: int) -> RefusedError:
    rows = "1 training row" if count == 1 else f"{count} training rows"
    return RefusedError(
        f"smote: {which} has {rows} and would have to grow to {target}, but a line between images needs two. "
        "Use oversample, which repeats rows, or give the class more rows."
    )
