"""Drawn test sets, degenerate ones among them, and peers that follow a definition to the letter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray[Any, Any]

TRUTHS = ("all classes", "some classes", "one class")
SCORES = ("ties", "smooth", "saturated", "mixed", "constant", "perfect", "wrong")
DECISIONS = ("argmax", "random", "constant", "perfect")
MILD = ("ones", "with zeros", "wide", "by class", "one row")
WEIGHTS = (*MILD, "extreme")
HUGE = 1e3
"""Logits at which every probability rounds to 0 or 1."""


@dataclass(frozen=True)
class Rows:
    """A test set: truth (n,), logits (n, C), decisions (n,), weights (n,), not all 0."""

    truth: Array
    logits: Array
    predicted: Array
    weight: Array
    kinds: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        return int(self.logits.shape[1])

    @property
    def names(self) -> list[str]:
        return [f"class {c}" for c in range(self.n_classes)]

    @property
    def present(self) -> list[int]:
        """The classes whose rows have weight."""
        return np.unique(self.truth[self.weight > 0]).tolist()

    @property
    def kept(self) -> Rows:
        """The rows that have weight."""
        some = self.weight > 0
        parts = (part[some] for part in (self.truth, self.logits, self.predicted, self.weight))
        return Rows(*parts, self.kinds)


@st.composite
def rows(
    draw: st.DrawFn,
    *,
    most: int = 40,
    classes: tuple[int, int] = (2, 5),
    truths: tuple[str, ...] = TRUTHS,
    scores: tuple[str, ...] = SCORES,
    weights: tuple[str, ...] = WEIGHTS,
) -> Rows:
    """One row to `most` of each kind named: which, is hypothesis's choice; the numbers come from a seed."""
    kinds = tuple(draw(st.sampled_from(each)) for each in (truths, scores, DECISIONS, weights))
    n, n_classes = draw(st.integers(1, most)), draw(st.integers(*classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    held = {"all classes": n_classes, "some classes": max(1, n_classes - 1), "one class": 1}[kinds[0]]
    truth = rng.choice(rng.permutation(n_classes)[:held], n).astype(np.int64)
    logits = drawn_logits(rng, kinds[1], truth, n_classes)
    predicted = {
        "argmax": logits.argmax(axis=1),
        "random": rng.integers(0, n_classes, n),
        "constant": np.full(n, rng.integers(n_classes)),
        "perfect": truth,
    }[kinds[2]]
    return Rows(truth, logits, predicted, drawn_weights(rng, kinds[3], truth, n_classes), kinds)


def drawn_logits(rng: np.random.Generator, kind: str, truth: Array, n_classes: int) -> Array:
    """(n, C) logits of one of `SCORES`."""
    shape, right = (len(truth), n_classes), np.eye(n_classes)[truth]
    smooth = rng.normal(size=shape) * rng.choice([0.3, 1.0, 4.0]) + right
    if kind == "ties":
        return rng.integers(-2, 3, shape).astype(float)
    if kind == "saturated":
        return rng.choice([-HUGE, 0.0, HUGE], shape)
    if kind == "mixed":
        return smooth * rng.choice([1.0, HUGE], (len(truth), 1))
    fixed = {"smooth": smooth, "constant": np.zeros(shape), "perfect": HUGE * right, "wrong": -HUGE * right}
    return np.asarray(fixed[kind])


def drawn_weights(rng: np.random.Generator, kind: str, truth: Array, n_classes: int) -> Array:
    """(n,) weights of one of `WEIGHTS`."""
    n = len(truth)
    found = {
        "ones": np.ones(n),
        "with zeros": rng.choice([0.0, 0.0, 0.5, 1.0, 3.7], n),
        "wide": 10 ** rng.uniform(-2, 2, n),
        "by class": rng.uniform(0.05, 8, n_classes)[truth],
        "one row": np.zeros(n),
        "extreme": 10 ** rng.uniform(-12, 12, n),
    }[kind]
    if not found.any():
        found[rng.integers(n)] = 0.3
    return np.asarray(found)


# --- peers ---------------------------------------------------------------------------------------


def exact(weight: Array) -> list[Fraction]:
    """The weights as fractions, in which nothing is rounded."""
    return [Fraction(float(w)) for w in weight]


def exact_mcc(truth: Array, predicted: Array, weight: Array) -> float:
    """Gorodkin's (2004) correlation of the one-hot codes of truth and decision, rounded at the end alone."""
    w = exact(weight)
    whole, labels = sum(w), np.unique([truth, predicted]).tolist()
    said = {c: sum(v for v, y in zip(w, truth, strict=True) if y == c) / whole for c in labels}
    called = {c: sum(v for v, y in zip(w, predicted, strict=True) if y == c) / whole for c in labels}
    right = sum(v for v, y, p in zip(w, truth, predicted, strict=True) if y == p) / whole
    both = right - sum(said[c] * called[c] for c in labels)
    spreads = [1 - sum(share**2 for share in of.values()) for of in (said, called)]
    if not all(spreads):
        return 0.0
    return math.copysign(math.sqrt(both**2 / (spreads[0] * spreads[1])), both)


def exact_average_precision(hit: Array, scores: Array, weight: Array) -> float:
    """Mean, over the rows of the class, of the precision where each is called; NaN without such a row."""
    w, total, found = exact(weight), Fraction(0), Fraction(0)
    for score in np.unique(scores[hit & (weight > 0)]):
        called = [(v, y) for v, y, s in zip(w, hit, scores, strict=True) if s >= score]
        there = sum(v for v, y, s in zip(w, hit, scores, strict=True) if y and s == score)
        found += there * sum(v for v, y in called if y) / sum(v for v, _ in called)
        total += there
    return float(found / total) if total else math.nan


def exact_auc(hit: Array, scores: Array, weight: Array) -> float:
    """Weight of the pairs in the right order, those that tie counting half; NaN where there is no pair."""
    w, right, pairs = exact(weight), Fraction(0), Fraction(0)
    for i in np.flatnonzero(hit):
        for j in np.flatnonzero(~hit):
            pair = w[i] * w[j]
            pairs += pair
            right += pair * Fraction(int(scores[i] > scores[j]) + int(scores[i] >= scores[j]), 2)
    return float(right / pairs) if pairs else math.nan


def bins_of(probability: Array, weight: Array) -> list[list[int]]:
    """Rows with weight in at most 15 bins of equal mass, two rows a bin on average; ties share one."""
    order = sorted((i for i in range(len(weight)) if weight[i] > 0), key=lambda i: probability[i])
    ties: list[list[int]] = []
    for i in order:
        if ties and probability[i] - probability[ties[-1][-1]] <= 1e-9:
            ties[-1].append(i)
        else:
            ties.append([i])
    n_bins = max(1, min(15, len(order) // 2))
    whole, below = math.fsum(weight), 0.0
    found: dict[int, list[int]] = {}
    for tie in ties:
        mass = math.fsum(weight[tie])
        middle = (below + mass / 2) / whole
        found.setdefault(min(n_bins - 1, math.floor(middle * n_bins + 1e-9)), []).extend(tie)
        below += mass
    return list(found.values())


def debiased_square(probability: Array, hit: Array, weight: Array, bins: list[list[int]]) -> float:
    """Kumar, Liang & Ma's (2019) estimate of the squared calibration error, row by row; see `bins_of`."""
    total, found = 0.0, 0.0
    for each in bins:
        pairs = [(float(weight[i]), i) for i in each if weight[i] > 0]
        mass = math.fsum(w for w, _ in pairs)
        squares = math.fsum(w * w for w, _ in pairs)
        # mass^2 - squares, without a difference: n_b - 1 times the squares.
        crossed = math.fsum(w * v for w, i in pairs for v, j in pairs if i != j)
        if crossed <= 0:
            continue
        mean = math.fsum(w * probability[i] for w, i in pairs) / mass
        frequency = math.fsum(w for w, i in pairs if hit[i]) / mass
        rest = math.fsum(w for w, i in pairs if not hit[i]) / mass
        found += mass * ((mean - frequency) ** 2 - frequency * rest * squares / crossed)
        total += mass
    return found / total if total else math.nan
