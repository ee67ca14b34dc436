"""Runs that stand nowhere, with just what scoring reads of them, and their numbers from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from imbalance_bench.data.registry import create as create_source
from imbalance_bench.experiments.record import Record
from imbalance_bench.experiments.store import StoredRun

PRIORS = ("dataset", "train", "uniform")


def run_of(predictions: Mapping[str, NDArray[Any]], counts: Sequence[int]) -> StoredRun:
    """A run that stands nowhere, with just what scoring reads of its record."""
    record = {
        "class_counts": list(counts),
        "class_names": [f"c{i}" for i in range(len(counts))],
        "positive_class": None,
        "effective_prior": [n / sum(counts) for n in counts],
    }
    run = StoredRun(Path("nowhere"), cast(Record, record))
    run.__dict__["predictions"] = {
        **predictions,
        "val_rows": np.arange(len(predictions["val_labels"])),
        "test_rows": np.arange(len(predictions["test_labels"])),
    }
    return run


def noisy(labels: NDArray[np.int64], n_classes: int, seed: int) -> NDArray[np.float32]:
    """Logits that tell something of the labels."""
    found = np.random.default_rng(seed).normal(size=(len(labels), n_classes))
    found[np.arange(len(labels)), labels] += 1
    return (found - np.arange(n_classes)).astype(np.float32)


@cache
def synthetic(spec: str, counts: tuple[int, ...]) -> StoredRun:
    """A run on drawn data whose stored logits are worth nothing."""
    source = create_source(spec)
    data = source.load(np.random.default_rng(4))
    assert data.parts is not None
    predictions: dict[str, NDArray[Any]] = {}
    for part in ("val", "test"):
        rows = data.parts[part]
        likelihood = source.log_likelihood(data.images[rows])
        assert likelihood is not None
        predictions |= {
            f"{part}_logits": np.zeros((len(rows), data.n_classes), np.float32),
            f"{part}_labels": data.labels[rows],
            f"{part}_log_likelihood": likelihood.astype(np.float32),
        }
    return run_of(predictions, counts)


def by_cut(odds: NDArray[np.float64], mass: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """(n + 1,) each metric of decisions, where the k rows of the greatest odds are called class 1.

    mass: (n, 2), what a row counts as a member of each class.
    """
    order = np.argsort(-odds)
    hit = np.concatenate([[0], np.cumsum(mass[order, 1])])
    called = np.concatenate([[0], np.cumsum(mass[order].sum(axis=1))])
    present, whole = mass.sum(axis=0), mass.sum()
    right = present[0] - (called - hit)
    recalls = np.stack([right / present[0], hit / present[1]])
    f1 = np.stack([2 * right / (whole - called + present[0]), 2 * hit / (called + present[1])])
    # Matthews correlation of two classes, from its four cells
    miss, false = present[1] - hit, called - hit
    below = np.sqrt((called * (whole - called)).clip(min=0) * present[0] * present[1])
    mcc = np.divide(hit * right - false * miss, below, out=np.zeros_like(hit), where=below > 1e-9)
    return {
        "macro_f1": f1.mean(axis=0),
        "balanced_accuracy": recalls.mean(axis=0),
        "g_mean": np.sqrt(recalls.clip(min=0).prod(axis=0)),
        "mcc": mcc,
        "worst_class_recall": recalls.min(axis=0),
        "accuracy": (hit + right) / whole,
    }


def by_scikit_learn(labels: Any, said: Any, weight: Any) -> dict[str, float]:
    recalls = sk.recall_score(labels, said, average=None, sample_weight=weight)
    return {
        "macro_f1": sk.f1_score(labels, said, average="macro", sample_weight=weight),
        "balanced_accuracy": recalls.mean(),
        "g_mean": recalls.prod() ** (1 / len(recalls)),
        "mcc": sk.matthews_corrcoef(labels, said, sample_weight=weight),
        "worst_class_recall": recalls.min(),
        "accuracy": sk.accuracy_score(labels, said, sample_weight=weight),
    }
