"""Small trainings on images that tell which rows they are made of, with every batch that was fed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from imbalance_bench.models.classifier import Classifier
from imbalance_bench.models.registry import build_model
from imbalance_bench.strategies import Context, Strategy, TrainingView
from imbalance_bench.training import loop
from imbalance_bench.training.batches import Batch, Rows, batches
from imbalance_bench.training.inference import features_of
from imbalance_bench.training.schedule import Optimisation

SIDE = 12
LIT = 200
State = dict[str, Tensor]


def context_of(counts: Sequence[int]) -> Context:
    return Context(np.array(counts), tuple(f"c{i}" for i in range(len(counts))))


def labels_of(counts: Sequence[int]) -> np.ndarray:
    """(N,) labels in shuffled order."""
    found = np.random.default_rng(4).permutation(np.repeat(np.arange(len(counts)), counts))
    return found.astype(np.int64)


def view_of(counts: Sequence[int]) -> TrainingView:
    images, labels = images_of(counts), labels_of(counts)
    return TrainingView(labels, len(counts), lambda rows: images[rows])


def images_of(counts: Sequence[int]) -> np.ndarray:
    """(N, 1, 12, 12) bytes: row i has its i-th pixel lit, so that a mixed image names its rows."""
    n = sum(counts)
    return (LIT * np.eye(n, SIDE * SIDE)).astype(np.uint8).reshape(n, 1, SIDE, SIDE)


@dataclass(frozen=True)
class Fed:
    """A training, and what it was fed.

    Attributes:
        before: the weights that it started from.
        batches: every batch in its order.
    """

    model: Classifier
    told: loop.Trained
    before: State
    batches: list[Batch]
    labels: np.ndarray
    images: np.ndarray

    @property
    def moved(self) -> set[str]:
        """The pieces of the model in which any number changed."""
        state = self.model.state_dict()
        return {n.split(".")[0] for n, value in state.items() if not torch.equal(value, self.before[n])}

    @property
    def features(self) -> Tensor:
        """(N, D) of the training rows, by the backbone as it stands now."""
        rows = torch.from_numpy(self.images)
        return torch.from_numpy(features_of(self.model, rows, torch.arange(len(rows))))

    def shares(self, first: int, last: int) -> list[float]:
        """(C,) the share of each class among the rows of the batches first to last - 1."""
        targets = torch.cat([batch.targets for batch in self.batches[first:last]])
        return (torch.bincount(targets, minlength=self.labels.max() + 1) / len(targets)).tolist()

    def parts(self, batch: Batch) -> Tensor:
        """(n, N) how much of every training row each input of a batch on images holds."""
        return batch.inputs.float().flatten(1)[:, : len(self.labels)] / LIT


def feed(
    strategy: Strategy,
    counts: Sequence[int] = (60, 15, 9),
    steps: int | None = 10,
    batch_size: int = 21,
    start: State | None = None,
    epochs: float | None = None,
) -> Fed:
    """Train a small network on those counts and keep each batch."""
    images, labels = images_of(counts), labels_of(counts)
    model = build_model(
        "small-cnn",
        in_channels=1,
        image_size=(SIDE, SIDE),
        n_classes=len(counts),
        head=strategy.head,
        head_scale=strategy.head_scale,
        mean=torch.full((1,), 2.0),
        std=torch.full((1,), 17.0),
        seed=0,
    )
    if start is not None:
        model.load_state_dict(start)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = Rows(torch.from_numpy(images), torch.arange(len(labels)), torch.from_numpy(labels))
    view = TrainingView(labels, len(counts), lambda rows: images[rows])
    streams = loop.Streams(np.random.default_rng(1), np.random.default_rng(2), 5)
    how = Optimisation(steps, epochs, batch_size, 1e-2, "one-cycle", 1e-2)
    kept: list[Batch] = []

    def keeping(*arguments: Any) -> Iterator[Batch]:
        for batch in batches(*arguments):
            kept.append(batch)
            yield batch

    with mock.patch.object(loop, "batches", keeping):
        told = loop.train(model, rows, view, strategy, context_of(counts), how, streams)
    assert len(kept) == told.steps
    return Fed(model, told, before, kept, labels, images)


def same(one: Fed, other: Fed) -> bool:
    """Whether two trainings ended at the same weights, bit by bit."""
    a, b = one.model.state_dict(), other.model.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def some_logits(n_classes: int, n: int = 40, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    """(n, C) float32 logits and (n,) targets that hold every class."""
    g = torch.Generator().manual_seed(n_classes)
    return scale * torch.randn(n, n_classes, generator=g), torch.arange(n) % n_classes
