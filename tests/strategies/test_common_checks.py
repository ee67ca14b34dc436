"""What holds for every registered strategy; a new one is held to it by being registered."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from imbalance_bench.models.classifier import Classifier
from imbalance_bench.models.registry import build_model
from imbalance_bench.params import rules
from imbalance_bench.strategies import (
    Context,
    FittingData,
    SamplingPlan,
    Stage,
    TrainingView,
    available,
    create,
)
from imbalance_bench.strategies.registry import registry
from imbalance_bench.training.batches import Rows
from imbalance_bench.training.loop import Streams, Trained, train
from imbalance_bench.training.schedule import Optimisation

COUNTS = {"two": [60, 12], "three": [40, 20, 9]}
PAD = 15
HOW = Optimisation(4, None, 16, 1e-2, "one-cycle", 1e-2)


def example_of(name: str) -> str:
    """A spec that makes the strategy; most need no more than the name."""
    return registry()[name].example or name


# Each strategy as it is, and with every value that its parameters name in words; one that makes images.
SPECS = sorted(
    {create(example_of(name)).spec for name in available()}
    | {"imblearn:SMOTE"}
    | {
        create(f"{name}:{key}={word}").spec
        for name in available()
        for key, rule in rules(registry()[name]).items()
        for word in rule.words
    }
)
everywhere = pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
every = pytest.mark.parametrize("spec", SPECS)


pytestmark = pytest.mark.usefixtures("one_thread")


def context_of(counts: list[int]) -> Context:
    return Context(np.array(counts), tuple(f"c{i}" for i in range(len(counts))))


def pool_of(counts: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 images (M, 1, 8, 8), the training rows among them in shuffled order, and their labels."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = rng.normal(size=(len(labels) + PAD, 1, 8, 8)).astype(np.float32)
    index = rng.permutation(len(images))[: len(labels)].astype(np.int64)
    images[index] += labels.reshape(-1, 1, 1, 1)
    return images, index, labels


def view_of(counts: list[int]) -> TrainingView:
    images, index, labels = pool_of(counts)
    return TrainingView(labels, len(counts), lambda rows: images[index[rows]])


def trained(spec: str, counts: list[int], poison: float | None = None) -> tuple[Classifier, Trained]:
    images, index, labels = pool_of(counts)
    if poison is not None:
        outside = np.ones(len(images), dtype=bool)
        outside[index] = False
        images[outside] = poison
    strategy = create(spec)
    model = build_model(
        "small-cnn",
        in_channels=1,
        image_size=(8, 8),
        n_classes=len(counts),
        head=strategy.head,
        mean=torch.zeros(1),
        std=torch.ones(1),
        seed=0,
    )
    streams = Streams(np.random.default_rng(1), np.random.default_rng(2), 5)
    rows = Rows(torch.from_numpy(images), torch.from_numpy(index), torch.from_numpy(labels))
    view = TrainingView(labels, len(counts), lambda rows: images[index[rows]])
    return model, train(model, rows, view, strategy, context_of(counts), HOW, streams)


def global_state() -> str:
    """The state of numpy's global generator, which nothing may touch."""
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002


def assert_same_weights(one: Classifier, other: Classifier) -> None:
    for (name, a), (_, b) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def assert_same_plan(one: SamplingPlan, other: SamplingPlan) -> None:
    for field in fields(SamplingPlan):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@every
@everywhere
def test_the_plan_is_sound_and_draws_training_rows(spec: str, counts: list[int]) -> None:
    view, strategy = view_of(counts), create(spec)
    plan = strategy.plan(view, np.random.default_rng(0))
    plan.check(len(view))
    extras = 0 if plan.extra_images is None else len(plan.extra_images)
    assert plan.rows().max() < len(view) + extras
    mass = plan.class_mass(view.labels, len(counts))
    assert mass.sum() == pytest.approx(len(plan))
    assert (mass > 0).all()
    assert plan.base.dtype == np.int64
    assert plan.weight is None or plan.weight.dtype == np.float32


@every
@everywhere
def test_the_plan_follows_from_its_generator_and_leaves_the_view_alone(spec: str, counts: list[int]) -> None:
    view, strategy = view_of(counts), create(spec)
    before = view.labels.copy(), view.images.copy()
    state = global_state()
    plans = [strategy.plan(view, np.random.default_rng(7)) for _ in range(2)]
    assert_same_plan(*plans)
    np.testing.assert_array_equal(view.labels, before[0])
    np.testing.assert_array_equal(view.images, before[1])
    assert global_state() == state


@every
@everywhere
def test_the_loss_is_one_finite_number_per_row(spec: str, counts: list[int]) -> None:
    context = context_of(counts)
    strategy = create(spec)
    strategy.check(context)
    g = torch.Generator().manual_seed(0)
    targets = torch.randint(0, len(counts), (32,), generator=g)
    for scale in (0.0, 1.0, 100.0):
        logits = (torch.randn(32, len(counts), generator=g) * scale).requires_grad_()
        loss = strategy.loss(context)(logits, targets)
        assert loss.shape == (32,)
        assert loss.dtype == torch.float32
        assert torch.isfinite(loss).all()
        assert (loss >= 0).all()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


@every
@everywhere
@pytest.mark.parametrize("progress", [0.0, 0.5, 0.9, 1.0])
def test_weights_average_one_over_training_rows(spec: str, counts: list[int], progress: float) -> None:
    weights = create(spec).weights(context_of(counts), progress)
    if weights is not None:
        assert weights.shape == (len(counts),)
        assert (weights >= 0).all()
        assert (weights * counts).sum() / sum(counts) == pytest.approx(1)


@every
def test_the_stages_share_the_steps(spec: str) -> None:
    stages = create(spec).stages()
    assert all(isinstance(stage, Stage) for stage in stages)
    assert sum(stage.fraction for stage in stages) == pytest.approx(1)


@every
@everywhere
def test_training_is_finite_and_repeats_bit_by_bit(spec: str, counts: list[int]) -> None:
    (one, told), (other, again) = trained(spec, counts), trained(spec, counts)
    assert all(torch.isfinite(value).all() for value in one.state_dict().values())
    assert told.steps == 4
    assert told.samples_seen == 64
    assert 0 < told.distinct_rows <= sum(counts)
    assert told.effective_prior.sum() == pytest.approx(1)
    assert told.history == again.history
    assert_same_weights(one, other)


@every
@everywhere
@pytest.mark.parametrize("poison", [np.nan, 1e9])
def test_rows_outside_training_have_no_influence(spec: str, counts: list[int], poison: float) -> None:
    clean, _ = trained(spec, counts)
    poisoned, _ = trained(spec, counts, poison)
    assert_same_weights(clean, poisoned)


@every
@everywhere
def test_afterwards_places_keep_shapes_and_types(spec: str, counts: list[int]) -> None:
    context, strategy = context_of(counts), create(spec)
    rng = np.random.default_rng(0)
    n, c = 40, len(counts)
    labels = np.arange(n, dtype=np.int64) % c
    head = rng.normal(size=(c, 256)).astype(np.float32)
    run = FittingData(rng.normal(size=(n, c)), labels, np.ones(n), lambda: head)
    test = rng.normal(size=(25, c))
    before = test.copy()
    adjusted = strategy.fit_adjust(run, context)(test)
    decided = strategy.fit_decision(run, context)(adjusted)
    assert adjusted.shape == (25, c)
    assert np.isfinite(adjusted).all()
    assert decided.shape == (25,)
    assert decided.dtype == np.int64
    assert set(decided) <= set(range(c))
    np.testing.assert_array_equal(test, before)
