"""The only training loop: every remedy goes through it, and it asks none for its name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from imbalance_bench.models.classifier import Classifier
from imbalance_bench.strategies.base import Context, Floats, RowLoss, Stage, Strategy
from imbalance_bench.strategies.plan import TrainingView
from imbalance_bench.training.augment import augmentation
from imbalance_bench.training.batches import Batch, Rows, batches
from imbalance_bench.training.inference import features_of
from imbalance_bench.training.sampling import PlanSource
from imbalance_bench.training.schedule import Optimisation, Phase, phases

HISTORY_POINTS = 50
MOMENTS = 1000
"""Steps at which weights that change are looked at, for the prior that the scores stand for."""
FUSED = ("cpu", "cuda")


class DivergedError(RuntimeError):
    """Training left the finite numbers."""


@dataclass(frozen=True, eq=False)
class Streams:
    """One source of randomness per purpose, so that a draw in one place moves nothing elsewhere."""

    sampler: np.random.Generator
    batches: np.random.Generator
    training_seed: int
    augment_seed: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves behind, beside the weights in the model.

    Attributes:
        steps: optimiser steps taken.
        samples_seen: rows fed, with repetition.
        distinct_rows: different training rows among those that the plans hold.
        plan_counts: (C,) rows per class in one pass of the last stage's plan.
        class_passes: (C,) how often each row of a class that the plans hold was fed, on average.
        effective_prior: (C,) rows drawn per class times class weight, averaged over the steps; sums to 1.
        notes: what the plans want the user to know.
        history: (step, mean loss since the point before, learning rate).
        seconds: wall-clock time of planning and training.
    """

    steps: int
    samples_seen: int
    distinct_rows: int
    plan_counts: Floats
    class_passes: Floats
    effective_prior: Floats
    notes: tuple[str, ...]
    history: list[tuple[int, float, float]]
    seconds: float


def train(
    model: Classifier,
    rows: Rows,
    view: TrainingView,
    strategy: Strategy,
    context: Context,
    how: Optimisation,
    streams: Streams,
    augment: str | None = None,
) -> Trained:
    """Train `model`, on the device it stands on, under `strategy`; the last weights are the model.

    `rows` and `view` are the same training rows, for the device and for the strategy's `plan`. `augment`
    names what varies images at random, after sampling and mixing: see `augmentation`.

    Raises:
        DivergedError: where the loss is no longer finite.
    """
    began = time.perf_counter()
    stages = strategy.stages()
    sources: dict[tuple[int, bool], PlanSource] = {}

    def plans_of(stage: Stage, view: TrainingView) -> PlanSource:
        # By view: every phase on features has its own, and the sources keep them alive.
        key = (id(view), stage.resample)
        if key not in sources:
            sources[key] = PlanSource(strategy if stage.resample else Strategy(), view, streams.sampler)
        return sources[key]

    total = how.total_steps(_rows_of_a_pass(stages, view, plans_of))
    log = _Log(total)
    vary = augmentation(augment, streams.augment_seed)
    weighed, fed = np.zeros(context.n_classes), np.zeros(context.n_classes)
    used: list[PlanSource] = []
    with torch.random.fork_rng(devices=[model.mean.device] if model.mean.is_cuda else []):
        torch.manual_seed(streams.training_seed)
        for phase in phases(stages, total):
            pool, pool_view = (rows, view) if phase.inputs == "images" else _as_features(model, rows, view)
            optimiser = _Optimiser(model, phase, how, vary)
            for stage, steps in phase.stages:
                if stage.reset_head:
                    model.reset_head()
                plans = plans_of(stage, pool_view)
                used.append(plans)
                mass = plans.first.class_mass(view.labels, context.n_classes)
                drawn = mass / mass.sum() * how.batch_size * steps
                fed += drawn
                in_loss = drawn * _loss_weights(strategy, context, log.done, steps, total)
                weighed += in_loss
                loss = strategy.loss(replace(context, effective_prior=_prior(strategy, context, in_loss)))
                for batch in islice(batches(pool, plans.next, how.batch_size, streams.batches), steps):
                    weights = strategy.weights(context, log.done / total)
                    log.add(optimiser.step(batch, loss, weights), optimiser.lr)
    touched = np.logical_or.reduce([source.touched for source in used])
    notes = [note for source in used for note in source.first.notes]
    return Trained(
        steps=total,
        samples_seen=total * how.batch_size,
        distinct_rows=int(touched.sum()),
        plan_counts=mass,
        class_passes=fed / np.maximum(np.bincount(view.labels[touched], minlength=context.n_classes), 1),
        effective_prior=_prior(strategy, context, weighed),
        notes=tuple(dict.fromkeys([*notes, *_without_effect(strategy, context, total)])),
        history=log.history,
        seconds=time.perf_counter() - began,
    )


def batch_loss(logits: Tensor, batch: Batch, loss: RowLoss, weights: Tensor | None) -> Tensor:
    """The sum of the rows' weighted losses over the number of rows, weighted or not."""

    def towards(targets: Tensor) -> Tensor:
        rows = loss(logits, targets)
        return rows if weights is None else rows * weights[targets]

    rows = towards(batch.targets)
    if batch.other_targets is not None and batch.weight is not None:
        rows = (1 - batch.weight) * rows + batch.weight * towards(batch.other_targets)
    return rows.mean()


def _rows_of_a_pass(
    stages: Sequence[Stage], view: TrainingView, plans_of: Callable[[Stage, TrainingView], PlanSource]
) -> int:
    """The rows of one pass, on average over the stages: what an epoch is measured by.

    Stages that sample features are left out: their plans wait for the features.
    """
    known = [s for s in stages if s.fraction > 0 and not (s.resample and s.inputs == "features")]
    if not known:
        return len(view)
    sizes = [len(plans_of(stage, view).first) if stage.resample else len(view) for stage in known]
    return round(float(np.average(sizes, weights=[stage.fraction for stage in known])))


class _Optimiser:
    """AdamW over the trainable weights of one phase, with the phase's course of the learning rate."""

    def __init__(
        self, model: Classifier, phase: Phase, how: Optimisation, vary: Callable[[Tensor], Tensor]
    ) -> None:
        self._model, self._phase, self._how, self._vary = model, phase, how, vary
        self._head_only = phase.trainable == "head"
        trained = model.head if self._head_only else model
        self._adamw = torch.optim.AdamW(
            trained.parameters(),
            lr=how.lr,
            weight_decay=how.weight_decay,
            fused=model.mean.device.type in FUSED,
        )
        self._taken = 0
        self.lr = how.lr * how.rate(0.0)
        model.train()
        if self._head_only:
            model.backbone.eval()

    def step(self, batch: Batch, loss: RowLoss, weights: Floats | None) -> Tensor:
        """One step; the batch's loss, detached."""
        self.lr = self._how.lr * self._how.rate(self._taken / max(1, self._phase.steps - 1))
        self._taken += 1
        for group in self._adamw.param_groups:
            group["lr"] = self.lr
        self._adamw.zero_grad(set_to_none=True)
        logits = self._logits(batch.inputs).float()
        tensor = None if weights is None else torch.as_tensor(weights, dtype=torch.float32).to(logits.device)
        value = batch_loss(logits, batch, loss, tensor)
        value.backward()  # type: ignore[no-untyped-call]
        self._adamw.step()
        return value.detach()

    def _logits(self, inputs: Tensor) -> Tensor:
        if self._phase.inputs == "features":
            return torch.as_tensor(self._model.head(inputs))
        with torch.set_grad_enabled(not self._head_only):
            features = self._model.features(self._vary(inputs))
        return torch.as_tensor(self._model.head(features))


class _Log:
    """The mean loss between a few points of training; refuses to go on from a loss that is not finite."""

    def __init__(self, total: int) -> None:
        self._every = math.ceil(total / HISTORY_POINTS)
        self._total = total
        self._losses: list[Tensor] = []
        self.done = 0
        self.history: list[tuple[int, float, float]] = []

    def add(self, loss: Tensor, lr: float) -> None:
        self._losses.append(loss)
        self.done += 1
        if self.done % self._every and self.done < self._total:
            return
        mean = float(torch.stack(self._losses).mean())
        self._losses.clear()
        if not math.isfinite(mean):
            raise DivergedError(
                f"the loss is {mean} by step {self.done} of {self._total}; "
                "a lower --lr, weight decay or class weights usually help."
            )
        self.history.append((self.done, mean, lr))


def _loss_weights(strategy: Strategy, context: Context, done: int, steps: int, total: int) -> Floats:
    """(C,) the mean weight of a class's row in the loss over `steps` steps after `done`; factors included."""
    looked_at = np.unique(np.linspace(0, steps - 1, min(steps, MOMENTS)).round())
    found = [strategy.weights(context, float(done + step) / total) for step in looked_at]
    weights = np.mean([np.ones(context.n_classes) if w is None else w for w in found], axis=0)
    factors = strategy.loss_factors(context)
    return np.asarray(weights if factors is None else weights * factors, dtype=np.float64)


def _prior(strategy: Strategy, context: Context, in_loss: Floats) -> Floats:
    """(C,) class shares that scores stand for: rows fed times weights, but for what the loss adds."""
    shift = strategy.loss_shift(context)
    prior = in_loss if shift is None else in_loss * np.exp(shift.min() - shift)
    return np.asarray(prior / prior.sum(), dtype=np.float64)


def _without_effect(strategy: Strategy, context: Context, total: int) -> list[str]:
    """Sentences on what so few steps leave undone."""
    stages, said = strategy.stages(), []
    took = [(stage, steps) for phase in phases(stages, total) for stage, steps in phase.stages]
    trained = sum(stage.fraction > 0 for stage in stages)
    if len(took) < trained:
        said.append(f"only {len(took)} of its {trained} stages got any of the {total} steps.")
    if strategy.requires is None and took[0][0].trainable == "head":
        said.append("its head was trained on a backbone that was not.")
    last = strategy.weights(context, (total - 1) / total)
    if last is None and strategy.weights(context, 1.0) is not None:
        said.append(f"its class weights, which begin late, began in none of the {total} steps.")
    return said


def _as_features(model: Classifier, rows: Rows, view: TrainingView) -> tuple[Rows, TrainingView]:
    """The training rows as the backbone's features, for a stage that trains the head on them."""
    features = features_of(model, rows.pool, rows.index)
    pool = torch.from_numpy(features).to(rows.pool.device)
    index = torch.arange(len(features), device=pool.device)
    own = TrainingView(view.labels, view.n_classes, lambda rows: features[rows], view.class_names)
    return Rows(pool, index, rows.labels), own
