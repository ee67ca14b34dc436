"""Average precision and area under the ROC curve of many weightings of the same rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Curve:
    """The thresholds of one class that its own rows set, from the highest score down.

    Attributes:
        segments: sparse (2 T + 1, n): sums rows of the rest by where they stand: odd segments tie with a
            threshold, even ones lie between two.
        members: sparse (T, n): sums rows of the class by threshold.
    """

    segments: Any
    members: Any

    def areas(self, weight: Floats) -> tuple[Floats, Floats]:
        """Average precision (B,) and area under the ROC curve (B,) for weights (n, B); undefined is NaN."""
        members, rest = self.members @ weight, self.segments @ weight
        positive, negative = members.sum(axis=0), rest.sum(axis=0)
        hit, miss = np.cumsum(members, axis=0), np.cumsum(rest, axis=0)
        above, tied = miss[:-1:2], rest[1::2]
        called = hit + above + tied
        precision = np.divide(hit, called, out=np.zeros_like(hit), where=called > 0)
        nan = np.full(len(positive), np.nan)
        ap = np.divide((members * precision).sum(axis=0), positive, out=nan.copy(), where=positive > 0)
        below = ((negative - above - tied / 2) * members).sum(axis=0)
        both = (positive > 0) & (negative > 0)
        auc = np.divide(below / np.where(both, positive, 1.0), negative, out=nan, where=both)
        return ap, auc


class Ranking:
    """Sorts the rows once for each class that a wanted metric needs."""

    def __init__(
        self, truth: NDArray[np.int64], scores: Floats, minority: int, wanted: Collection[str]
    ) -> None:
        macro = {"macro_ap", "macro_auc"} & set(wanted)
        self.minority, self.whole = minority, bool(macro)
        classes = range(scores.shape[1]) if macro else [minority]
        self.curves = {c: _curve(truth == c, scores[:, c]) for c in classes}

    def metrics(self, weight: Floats) -> tuple[Floats, dict[str, Floats]]:
        """Of weights (n, B): AP (B, C) of the classes that were sorted, `minority_ap`, and the macro values.

        Where only the minority was sorted (not `whole`), the last are of it alone.
        """
        areas = {c: curve.areas(weight) for c, curve in self.curves.items()}
        ap, auc = (np.stack(values) for values in zip(*areas.values(), strict=True))
        return ap.T, {
            "minority_ap": areas[self.minority][0],
            "macro_ap": _defined_mean(ap),
            "macro_auc": _defined_mean(auc),
        }


def _curve(is_class: NDArray[np.bool_], score: Floats) -> _Curve:
    thresholds = -np.unique(-score[is_class])  # descending
    count = len(thresholds)
    # 0 above all, 2 k + 1 at threshold k, 2 k + 2 between it and the next.
    before = np.searchsorted(-thresholds, -score, "left")
    at = np.searchsorted(-thresholds, -score, "right")
    rest, own = np.flatnonzero(~is_class), np.flatnonzero(is_class)
    segments = adder((before + at)[rest], rest, (2 * count + 1, len(score)))
    return _Curve(segments, adder(before[own], own, (count, len(score))))


def adder(group: NDArray[np.int64], row: NDArray[np.int64], shape: tuple[int, int]) -> Any:
    """Sparse (groups, n) that sums, by group, the rows named: `row` (m,), each in its `group` (m,)."""
    from scipy.sparse import csr_array

    starts = np.append(0, np.cumsum(np.bincount(group, minlength=shape[0])))
    return csr_array((np.ones(len(row)), row[np.argsort(group, kind="stable")], starts), shape=shape)


def _defined_mean(values: Floats) -> Floats:
    """(B,) mean over the classes (C, B) that are defined; NaN where none is."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    mean: Floats = np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
    return mean
