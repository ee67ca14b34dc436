"""What the study of real trainings trains and scores: fixed training data, fresh test sets, own seeds each.

Everything is the package's own: its generator, network, strategies, loop, thresholds, metrics and replicates
of test rows. Only the seeds are numbered here, so that no two trainings of the study share one unless pairing
wants it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from imbalance_bench.data import registry as sources
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.sources.synthetic import Synthetic
from imbalance_bench.evaluation.resampling import resampled_metrics
from imbalance_bench.experiments.materials import channel_statistics
from imbalance_bench.experiments.parts import Part
from imbalance_bench.experiments.seeds import generator, torch_seed
from imbalance_bench.models.classifier import Classifier, initial_hash
from imbalance_bench.models.registry import build_model
from imbalance_bench.strategies.base import Context, Decide, FittingData
from imbalance_bench.strategies.plan import TrainingView
from imbalance_bench.strategies.registry import create
from imbalance_bench.training.batches import Rows
from imbalance_bench.training.inference import logits_of
from imbalance_bench.training.loop import Streams, train
from imbalance_bench.training.schedule import Optimisation

Array = np.ndarray[Any, Any]

ENTROPY = 31
METRICS = ("minority_ap", "macro_f1", "balanced_accuracy", "macro_f1, threshold tuned")
UNTUNED = METRICS[:3]
KINDS = ("train", "dataset")
"""Test priors of the package: rows are resampled class by class, or all together (its default)."""
TRUTH = 50_000
"""From this block on seeds are those of the truth; below are replicates."""


@dataclass(frozen=True)
class Study:
    """What the numbers depend on, save how many replicates and seeds there are.

    Attributes:
        dataset: `synthetic`, with the sizes of training and validation part.
        remedy: the strategy whose difference to cross-entropy is not 0.
        nulls: arms that are cross-entropy once more.
        test_rows: rows of the one test set of a replicate.
        truth_rows: rows of the test set on which the truth is measured.
    """

    dataset: str = "synthetic:norm=3.5,prevalence=0.1,size=16,train=2000,val=500"
    remedy: str = "oversample"
    nulls: int = 2
    steps: int = 100
    batch_size: int = 16
    lr: float = 0.02
    test_rows: int = 800
    truth_rows: int = 20_000

    @property
    def arms(self) -> int:
        """Cross-entropy, as often again as there are nulls, and the remedy, which is the last."""
        return self.nulls + 2

    def key(self) -> str:
        """Eight hex digits; parts made by another study have another."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Setting:
    """What the seeds of an arm differ in: initial weights and batch order, or the order alone."""

    name: str
    same_start: bool


SETTINGS = (Setting("other weights and order", False), Setting("order alone", True))


@dataclass(frozen=True, eq=False)
class Run:
    """A trained network, the hash of the weights it started from, and its tuned decision."""

    model: Classifier
    start: str
    tuned: Decide


@dataclass(frozen=True, eq=False)
class _Training:
    """The fixed training and validation rows."""

    data: ImageDataset
    context: Context
    rows: Rows
    view: TrainingView
    mean: torch.Tensor
    std: torch.Tensor


def seed_of(setting: int, block: int, arm: int, k: int) -> int:
    """The number that seeds one training: every one of the study has its own.

    As in a comparison, the remedy shares its seeds with the baseline, arm 0. The other arms would be the
    baseline itself with its seeds, so they have their own.
    """
    return ((setting * 2 * TRUTH + block) * 16 + arm) * 64 + k


def run(study: Study, setting: int, arm: int, seed: int) -> Run:
    """Train an arm with the package's loop; where all start alike, the seed moves the order alone."""
    fixed = _training(study)
    strategy = create(study.remedy if arm == study.arms - 1 else "cross-entropy")
    model = build_model(
        "small-cnn",
        in_channels=fixed.data.images.shape[1],
        image_size=(fixed.data.images.shape[2], fixed.data.images.shape[3]),
        n_classes=fixed.context.n_classes,
        head=strategy.head,
        mean=fixed.mean,
        std=fixed.std,
        seed=torch_seed("init", ENTROPY if SETTINGS[setting].same_start else seed, "init"),
    )
    start = initial_hash(model)
    how = Optimisation(study.steps, None, study.batch_size, study.lr, "one-cycle", 0.01)
    streams = Streams(
        generator("sampler", seed, "init"),
        generator("batches", seed, "init"),
        torch_seed("training", seed, "init"),
    )
    train(model, fixed.rows, fixed.view, strategy, fixed.context, how, streams)
    return Run(model, start, _tuned(fixed, model))


def replicate(study: Study, setting: int, number: int, seeds: range) -> dict[str, Array]:
    """Trainings of every arm, all judged on one fresh test set.

    Returns:
        values: (kinds, metrics, arms, seeds, 1 + B); the first of each row is the metric of the test set
            itself, the others are those of its resampled rows.
        starts: (arms, seeds) hashes of the initial weights.
    """
    data = test_set(study, study.test_rows, (setting, number))
    parts = [part_of(study, data, kind) for kind in KINDS]
    weights = [np.concatenate([np.ones((1, len(part.labels))), part.draws()]) for part in parts]
    values = np.empty((len(KINDS), len(METRICS), study.arms, len(seeds), weights[0].shape[0]))
    starts = np.empty((study.arms, len(seeds)), dtype="<U12")
    for arm, k in np.ndindex(study.arms, len(seeds)):
        own = 0 if arm == study.arms - 1 else arm
        trained = run(study, setting, arm, seed_of(setting, number, own, seeds[k]))
        logits = _logits(trained.model, data)
        starts[arm, k] = trained.start
        for i, (part, weight) in enumerate(zip(parts, weights, strict=True)):
            values[i, :, arm, k] = scored(part, logits, trained.tuned, weight)
    return {"values": values, "starts": starts}


def truth(study: Study, setting: int, number: int) -> dict[str, Array]:
    """`values` (metrics, 2): cross-entropy and the remedy, trained once more, on the large test set."""
    data = _truth_set(study)
    part = part_of(study, data, KINDS[0])
    seed, once = seed_of(setting, TRUTH + number, 0, 0), np.ones((1, len(data.labels)))
    runs = [run(study, setting, arm, seed) for arm in (0, study.arms - 1)]
    found = [scored(part, _logits(made.model, data), made.tuned, once)[:, 0] for made in runs]
    return {"values": np.stack(found, axis=1), "starts": np.array([made.start for made in runs])}


def scored(part: Part, logits: Array, tuned: Decide, weight: Array) -> Array:
    """(metrics, B) of logits (n, C) under weights (B, n)."""
    minority = int(np.argmin(part.context.class_counts))
    plain = resampled_metrics(part.labels, logits, None, weight, part.weight, minority, UNTUNED)
    moved = resampled_metrics(
        part.labels, logits, tuned(logits), weight, part.weight, minority, ("macro_f1",)
    )
    return np.stack([*(plain[name] for name in UNTUNED), moved["macro_f1"]])


def test_set(study: Study, rows: int, name: tuple[int, ...]) -> ImageDataset:
    """A set of fresh rows from the generator: the same for the same name, other rows for any other."""
    source = replace(_source(study), train=10, val=10, test=rows)
    drawn = source.load(np.random.default_rng(np.random.SeedSequence((ENTROPY, *name))))
    assert drawn.parts is not None
    at = drawn.parts["test"]
    return ImageDataset(drawn.name, drawn.images[at], drawn.labels[at], drawn.class_names)


def part_of(study: Study, data: ImageDataset, kind: str) -> Part:
    """The rows as the package scores them; test and training rows have the same shares, so weigh 1 each."""
    context = _training(study).context
    shares = data.counts() / len(data.labels)
    return Part(data.labels, np.ones(len(data.labels)), context, shares, kind)


def _logits(model: Classifier, data: ImageDataset) -> Array:
    return logits_of(model, data.images, np.arange(len(data.labels))).astype(np.float64)


def _tuned(fixed: _Training, model: Classifier) -> Decide:
    """The threshold that makes macro F1 of the validation rows largest."""
    assert fixed.data.parts is not None
    at = fixed.data.parts["val"]
    logits = logits_of(model, fixed.data.images, at).astype(np.float64)
    labels = fixed.data.labels[at]
    fitting = FittingData(
        logits, labels, np.ones(len(at)), lambda: model.head.weight.detach().numpy(), "macro_f1"
    )
    return create("threshold").fit_decision(fitting, fixed.context)


def _source(study: Study) -> Synthetic:
    source = sources.create(study.dataset)
    assert isinstance(source, Synthetic)
    return source


@lru_cache(maxsize=1)
def _training(study: Study) -> _Training:
    data = _source(study).load(generator("data", 0, "init"))
    assert data.parts is not None
    images, at = data.images, data.parts["train"]
    labels = data.labels[at]
    mean, std = channel_statistics(data, at)
    return _Training(
        data,
        Context(data.counts(at), data.class_names),
        Rows(torch.from_numpy(images), torch.from_numpy(at), torch.from_numpy(labels)),
        TrainingView(labels, data.n_classes, lambda rows: images[at[rows]], data.class_names),
        torch.as_tensor(mean, dtype=torch.float32),
        torch.as_tensor(std, dtype=torch.float32),
    )


@lru_cache(maxsize=1)
def _truth_set(study: Study) -> ImageDataset:
    return test_set(study, study.truth_rows, (len(SETTINGS),))
