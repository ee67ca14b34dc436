"""SMOTE: new rows of the smaller classes, on the lines between near neighbours of one class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imbalance_bench.errors import RefusedError, RequestError
from imbalance_bench.params import build, param
from imbalance_bench.strategies.arrays import generator, real_images, whole_labels
from imbalance_bench.strategies.base import Context, Stage, Strategy
from imbalance_bench.strategies.drw import DEFERRED
from imbalance_bench.strategies.neighbours import nearest_neighbours
from imbalance_bench.strategies.oversample import grown_size, ratio_to_largest
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor


@register
@dataclass(frozen=True)
class Smote(Strategy):
    """Rows up to ratio * n_max per class, each between a row and one of its k nearest of the same class.

    The images between are computed in floats when a batch is built; the plan holds row numbers only. In
    feature space (Dablain, Krawczyk & Chawla 2022, arXiv:2105.02340, do so) rows are those of the features.
    """

    name = "smote"
    summary = "add images between near neighbours of the smaller classes, up to the size of the largest"
    formula = "x_i + u (x_j - x_i), x_j one of the k nearest rows of the class of x_i, u uniform in [0, 1]"
    caution = (
        "The mean of two images is seldom an image of their class: in pixels it blurs what does not lie on "
        "top of each other, which space=features avoids. Below k + 1 rows of a class k is lowered; one row "
        "cannot be used at all."
    )
    paper = "Chawla, Bowyer, Hall & Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique"

    k: int = param(
        5,
        kind="int",
        low=1,
        high=1000,
        help="how many nearest neighbours of its class a row may mix with",
        usual="3 to 10",
    )
    ratio: float = ratio_to_largest()
    space: str = param(
        "pixel",
        kind="word",
        words=("pixel", "features"),
        help="what lies between: images, from the first step on; or, on a network trained plainly up to "
        "start, its features, on which the head is trained further",
    )
    start: float = param(
        DEFERRED, low=0.0, high=1.0, help="with space=features: share of the steps before", usual="0.7 to 0.9"
    )

    def __post_init__(self) -> None:
        if self.space == "pixel" and self.start != DEFERRED:
            raise RequestError(
                f"smote: start={self.start:g} belongs to space=features; in pixels it acts from the first "
                "step on. Leave one out."
            )

    def stages(self) -> Sequence[Stage]:
        """One; in feature space plain training, then the head on features with those between them."""
        if self.space == "pixel":
            return super().stages()
        head = Stage(1 - self.start, trainable="head", inputs="features")
        return (Stage(self.start, resample=False), head)

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


def smote_plan(
    images: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    *,
    k: int = 5,
    ratio: float = 1.0,
    random_state: Any = None,
) -> SamplingPlan:
    """The plan of SMOTE for arrays: every row once, then the rows between neighbours, as row numbers.

    No image is copied until `SamplingPlan.apply` makes them all, or a batch mixes those that it needs:
    image = images[base] + weight * (images[neighbour] - images[base]), its label labels[base].

    Args:
        images: (N, ...) finite numbers of any real type; distances are Euclidean over all their values.
        labels: (N,) whole numbers of any value, at least two of them different.
        k: how many nearest neighbours of its class a row may mix with, from 1; fewer, and a note in the plan,
            for a class of at most k rows.
        ratio: size of the smaller classes over that of the largest afterwards, in (0, 1].
        random_state: None, a whole number, a numpy Generator or a RandomState, as in scikit-learn.

    Raises:
        ValueError: for anything else, and (RefusedError) for a class of one row that would have to grow.

    Example:
        >>> import numpy as np
        >>> images = np.random.default_rng(0).normal(size=(60, 1, 8, 8))
        >>> labels = np.repeat([3, 7], [50, 10])
        >>> plan = smote_plan(images, labels, random_state=0)
        >>> more, their_labels = plan.apply(images, labels)
        >>> more.shape, np.unique(their_labels, return_counts=True)[1].tolist()
        ((100, 1, 8, 8), [50, 50])
    """
    strategy = build(Smote, {"k": k, "ratio": ratio}, what="smote_plan")
    given = whole_labels(labels)
    rows = real_images(images, len(given))
    values, codes = np.unique(given, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"labels holds {values[0]} alone; at least two classes are needed.")
    names = tuple(map(str, values.tolist()))
    view = TrainingView(codes.astype(np.int64), len(values), lambda at: rows[at], names)
    return strategy.plan(view, generator(random_state))


def _too_few(which: str, count: int, target: int) -> RefusedError:
    rows = "1 training row" if count == 1 else f"{count} training rows"
    return RefusedError(
        f"smote: {which} has {rows} and would have to grow to {target}, but a line between images needs two. "
        "Use oversample, which repeats rows, or give the class more rows."
    )
