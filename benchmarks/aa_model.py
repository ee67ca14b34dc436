"""Simulated logits of trained arms on one test set: seeds crossed with rows, variances as in real runs.

A trained arm a with seed s gives test row t of class y the logits

    mean[y] + row[t] + own[a, t] + seed[a, s, y] + residual[a, s, t],

all but the mean being normal and drawn for each logit. The standard deviations were read off real runs (8
seeds; the 10,000 test rows of Fashion-MNIST; logits centred per row, about the mean of their true class):

    imbench compare --dataset fashion-mnist --imbalance-ratio 100 --n-max 1000 --tail-order fixed
        --strategies ce,oversample,focal --steps 150 --seeds 8

    | | rows | seeds | residual |
    | cross-entropy | 1.20 | 0.66 | 0.52 |
    | focal | 0.94 | 0.62 | 0.44 |
    | oversample | 1.61 | 1.03 | 0.95 |

    Rows common to all arms 1.20; what is an arm's own .45. Between arms of one seed, the seeds' effects
    correlate .59 and the residuals .48.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from imbalance_bench.evaluation.metrics import ranking_scores
from imbalance_bench.evaluation.resampled_ranking import adder
from imbalance_bench.evaluation.resampling import decision_metrics

Array = np.ndarray[Any, Any]

METRICS = ("macro_f1", "balanced_accuracy", "minority_ap")
NULLS, ARMS, MOST_SEEDS = 4, 6, 10
"""Arms 1 to 4 against arm 0 are the null differences; arm 5 against it is the effect."""
ROWS, OWN, SEED, RESIDUAL = 1.2, 0.45, 0.75, 0.65
SEED_CORRELATION, RESIDUAL_CORRELATION = 0.59, 0.48


@dataclass(frozen=True)
class Setting:
    """One kind of data.

    Attributes:
        counts: test rows of each class; the last is the rarest in training and, of two, in the test.
        margin: what the logit of the truth has more than the others.
        bias: what the logit of the last class has less than that of the first.
        own, seed: factors on the standard deviations; own 0 makes the five arms identical.
        better: what the sixth arm adds to the logit of the truth.
    """

    name: str
    counts: tuple[int, ...]
    margin: float
    bias: float
    own: float = 1.0
    seed: float = 1.0
    better: float = 0.3


TEN, TWO = ((50,) * 10, 4.5, 2.5), (3.2, 2.0)
SETTINGS = (
    Setting("ten classes, 50 rows each", *TEN),
    Setting("ten classes, identical arms", *TEN, own=0.0),
    Setting("ten classes, seed effects a quarter", *TEN, seed=0.25),
    Setting("two classes, 30 rows of 600", (570, 30), *TWO),
    Setting("two classes, 15 rows of 600, seed effects a quarter", (585, 15), *TWO, seed=0.25),
)


def simulate(setting: Setting, rng: np.random.Generator) -> tuple[Array, Array]:
    """Labels (n,) and logits (arms, seeds, n, C) of one replicate."""
    truth = np.repeat(np.arange(len(setting.counts)), setting.counts)
    n, n_classes = len(truth), len(setting.counts)
    mean = setting.margin * np.eye(n_classes) - np.linspace(0, setting.bias, n_classes)

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape, dtype=np.float32)

    def paired(correlation: float, *shape: int) -> Array:
        """(arms, *shape) of variance 1, of which a share is common to the arms."""
        own, common = np.float32(np.sqrt(1 - correlation)), np.float32(np.sqrt(correlation))
        return np.asarray(own * normal(ARMS, *shape) + common * normal(*shape))

    by_class = paired(SEED_CORRELATION, MOST_SEEDS, n_classes, n_classes) * np.float32(SEED * setting.seed)
    logits = paired(RESIDUAL_CORRELATION, MOST_SEEDS, n, n_classes) * np.float32(RESIDUAL)
    logits += by_class[:, :, truth]
    logits += (np.float32(OWN * setting.own) * normal(ARMS, n, n_classes))[:, None]
    logits += np.float32(ROWS) * normal(n, n_classes) + mean.astype(np.float32)[truth]
    logits[-1, :, np.arange(n), truth] += np.float32(setting.better)
    return truth, logits


def resampled(truth: Array, logits: Array, weights: Array) -> Array:
    """(metrics, runs, B) of logits (runs, n, C): `resampled_metrics` of every run, in one pass.

    For many small test sets; scores of the last class must not tie. A test holds it to the original.
    """
    runs, n, n_classes = logits.shape
    row, run = np.tile(np.arange(n), runs), np.repeat(np.arange(runs), n)
    columns = np.ascontiguousarray(weights.T)
    cell = (run * n_classes + np.tile(truth, runs)) * n_classes + logits.argmax(axis=2).ravel()
    counted = adder(cell, row, (runs * n_classes**2, n)) @ columns
    confusion = np.moveaxis(counted.reshape(runs, n_classes, n_classes, -1), -1, 1)
    decided = decision_metrics(confusion.reshape(-1, n_classes, n_classes), METRICS)

    member = truth == n_classes - 1
    count = int(member.sum())
    scores = ranking_scores(logits.reshape(runs * n, n_classes).astype(np.float64))[:, -1].reshape(runs, n)
    thresholds = np.sort(-scores[:, member], axis=1)
    above = np.stack([np.searchsorted(*pair) for pair in zip(thresholds, -scores, strict=True)])
    rest, base = ~member, np.arange(runs)[:, None]
    others = (above[:, rest] + base * (count + 1)).ravel()
    missed = adder(others, np.tile(np.flatnonzero(rest), runs), (runs * (count + 1), n)) @ columns
    own = (above[:, member] + base * count).ravel()
    hits = adder(own, np.tile(np.flatnonzero(member), runs), (runs * count, n)) @ columns
    hits = hits.reshape(runs, count, -1)
    miss = missed.reshape(runs, count + 1, -1)[:, :-1].cumsum(axis=1)
    found = hits.cumsum(axis=1)
    ap = (hits * found / (found + miss)).sum(axis=1) / hits.sum(axis=1)
    return np.stack([*(decided[name].reshape(runs, -1) for name in METRICS[:2]), ap])
