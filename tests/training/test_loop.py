"""Every place of the strategy interface is shown to take effect in the one training loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.models.classifier import Classifier, CosineHead
from imbalance_bench.models.registry import build_model
from imbalance_bench.strategies import Context, SamplingPlan, Stage, Strategy, TrainingView, create
from imbalance_bench.strategies.base import Floats, RowLoss
from imbalance_bench.training.batches import Batch, Rows
from imbalance_bench.training.loop import DivergedError, Streams, Trained, batch_loss, train
from imbalance_bench.training.schedule import Optimisation

State = dict[str, Tensor]


pytestmark = pytest.mark.usefixtures("one_thread")


def toy(counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, 8, 8) bytes whose brightness tells the class, and their labels."""
    rng = np.random.default_rng(4)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = rng.integers(0, 100, size=(len(labels), 1, 8, 8)) + 60 * labels.reshape(-1, 1, 1, 1)
    return images.astype(np.uint8), labels


def fit(
    strategy: Strategy,
    counts: Sequence[int] = (40, 12),
    steps: int | None = 4,
    *,
    epochs: float | None = None,
    batch_size: int = 16,
    lr: float = 1e-2,
    start: State | None = None,
) -> tuple[Classifier, Trained, State]:
    """The trained model, what training tells, and the weights it started from."""
    images, labels = toy(counts)
    context = Context(np.array(counts), tuple(f"c{i}" for i in range(len(counts))))
    model = build_model(
        "small-cnn",
        in_channels=1,
        image_size=(8, 8),
        n_classes=len(counts),
        head=strategy.head,
        mean=torch.full((1,), 80.0),
        std=torch.full((1,), 40.0),
        seed=0,
    )
    if start is not None:
        model.load_state_dict(start)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = Rows(torch.from_numpy(images), torch.arange(len(labels)), torch.from_numpy(labels))
    view = TrainingView(labels, len(counts), lambda rows: images[rows])
    streams = Streams(np.random.default_rng(1), np.random.default_rng(2), 5)
    how = Optimisation(steps, epochs, batch_size, lr, "one-cycle", 1e-2)
    told = train(model, rows, view, strategy, context, how, streams)
    return model, told, before


def moved(model: Classifier, before: State) -> set[str]:
    """The pieces of the model in which any number changed."""
    return {n.split(".")[0] for n, v in model.state_dict().items() if not torch.equal(v, before[n])}


def same(one: Classifier, other: Classifier) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a)


@dataclass(frozen=True)
class Toy(Strategy):
    """A strategy of a test; `seen` collects what it is shown."""

    name = "toy"
    seen: ClassVar[list[Any]]

    def __post_init__(self) -> None:
        type(self).seen = []


class Redraws(Toy):
    """Five rows of every pass are one and the same row, another for each pass."""

    @property
    def redraws(self) -> bool:
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        self.seen.append(int(rng.integers(len(view))))
        return SamplingPlan(np.full(8, self.seen[-1], dtype=np.int64))


class Once(Redraws):
    @property
    def redraws(self) -> bool:
        return False


def test_a_plan_is_drawn_for_every_pass_where_the_strategy_redraws() -> None:
    strategy = Redraws()
    _, told, _ = fit(strategy, steps=4)
    # Four batches of 16 are eight passes of 8 rows.
    assert len(strategy.seen) == 8
    assert told.distinct_rows == len(set(strategy.seen))
    assert told.samples_seen == 64


def test_a_plan_is_drawn_once_else() -> None:
    strategy = Once()
    _, told, _ = fit(strategy, steps=4)
    assert len(strategy.seen) == 1
    assert told.distinct_rows == 1


class Extras(Toy):
    """Adds black images labelled as the rare class."""

    value: ClassVar[int] = 0

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        n = len(view)
        return SamplingPlan(
            np.arange(n + 28, dtype=np.int64),
            extra_images=np.full((28, 1, 8, 8), self.value, np.uint8),
            extra_labels=np.ones(28, np.int64),
            notes=("28 images are new.", "28 images are new."),
        )


class WhiteExtras(Extras):
    value = 255


def test_new_images_are_trained_on_and_counted() -> None:
    model, told, _ = fit(Extras(), (40, 12), steps=20)
    assert told.plan_counts.tolist() == [40, 40]
    assert told.effective_prior.tolist() == [0.5, 0.5]
    assert told.distinct_rows == 52
    assert told.notes == ("28 images are new.",)
    black = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    # In the data dark is the frequent class; only the new images call it rare.
    assert model.eval()(black).argmax().item() == 1
    assert fit(create("ce"), (40, 12), steps=20)[0].eval()(black).argmax().item() == 0
    assert not same(fit(WhiteExtras())[0], fit(Extras())[0])


class Mixes(Toy):
    """Mixup: partners and weights drawn anew each pass."""

    @property
    def redraws(self) -> bool:
        return True

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        partner = rng.permutation(len(view)).astype(np.int64)
        weight = rng.beta(1, 1, len(view)).astype(np.float32)
        labels = view.labels[partner] if self.labels_mix else None
        return SamplingPlan(np.arange(len(view)), partner, weight, neighbour_labels=labels)

    labels_mix: ClassVar[bool] = True


class MixesImagesOnly(Mixes):
    labels_mix = False


def test_mixing_images_and_labels_each_take_effect() -> None:
    plain, images, both = fit(create("ce"))[0], fit(MixesImagesOnly())[0], fit(Mixes())[0]
    assert not same(plain, images)
    assert not same(images, both)


def test_a_mixed_rows_loss_is_shared_between_its_two_labels() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.25]])
    batch = Batch(torch.zeros(2), torch.tensor([0, 1]), torch.tensor([1, 1]), torch.tensor([0.25, 0.5]))
    weights = torch.tensor([1.0, 4.0])

    def ce(z: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(z, y, reduction="none")

    p = logits.softmax(1)
    by_hand = (-0.75 * p[0, 0].log() - 0.25 * 4 * p[0, 1].log() - 4 * p[1, 1].log()) / 2
    torch.testing.assert_close(batch_loss(logits, batch, ce, weights), by_hand)


def test_the_loss_is_divided_by_the_number_of_rows() -> None:
    def ones(z: Tensor, y: Tensor) -> Tensor:
        return torch.ones(len(y))

    batch = Batch(torch.zeros(4), torch.tensor([0, 0, 0, 1]))
    assert batch_loss(torch.zeros(4, 2), batch, ones, None).item() == 1
    assert batch_loss(torch.zeros(4, 2), batch, ones, torch.tensor([1.0, 5.0])).item() == 2


class Nothing(Toy):
    """A loss that asks for no change."""

    def loss(self, context: Context) -> RowLoss:
        self.seen.append(context.effective_prior.tolist())
        return lambda logits, targets: logits.sum(1) * 0.0


def test_the_loss_is_the_strategys() -> None:
    strategy = Nothing()
    _, told, _ = fit(strategy)
    assert [loss for _, loss, _ in told.history] == [0, 0, 0, 0]
    assert strategy.seen == [pytest.approx([40 / 52, 12 / 52])]
    assert not same(fit(strategy)[0], fit(create("ce"))[0])


class Deferred(Toy):
    """Weights for the second half of training only."""

    def weights(self, context: Context, progress: float) -> Floats | None:
        self.seen.append(progress)
        return np.array([0.5, 2.0]) if progress >= 0.5 else None


def test_weights_follow_progress_from_nought_to_less_than_one() -> None:
    strategy = Deferred()
    model, told, _ = fit(strategy, steps=8)
    # The effective prior looks at every step first, then the loop asks once a step.
    assert strategy.seen[:8] == strategy.seen[8:16] == [i / 8 for i in range(8)]
    assert all(0 <= progress <= 1 for progress in strategy.seen)
    assert not same(model, fit(create("ce"), steps=8)[0])
    mass = np.array([40 * 0.75, 12 * 1.5])
    assert told.effective_prior.tolist() == pytest.approx((mass / mass.sum()).tolist())


class HeadOnly(Toy):
    def stages(self) -> Sequence[Stage]:
        return (Stage(trainable="head"),)


class HeadOnFeatures(Toy):
    def stages(self) -> Sequence[Stage]:
        return (Stage(trainable="head", inputs="features"),)

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        self.seen.append((view.images.shape, view.images.dtype, len(view)))
        return SamplingPlan.identity(len(view))


@pytest.mark.parametrize("strategy", [HeadOnly(), HeadOnFeatures()], ids=["images", "features"])
def test_a_stage_on_the_head_leaves_the_backbone_bit_identical(strategy: Strategy) -> None:
    model, _, before = fit(strategy)
    assert moved(model, before) == {"head"}


def test_a_stage_on_features_shows_them_to_the_plan() -> None:
    strategy = HeadOnFeatures()
    on_features, _, before = fit(strategy)
    assert strategy.seen == [((52, 256), np.float32, 52)]
    # The same training as on images through the frozen backbone, up to rounding.
    on_images, _, _ = fit(HeadOnly(), start=before)
    torch.testing.assert_close(on_features.head.weight, on_images.head.weight, rtol=1e-4, atol=1e-5)


class TwoOnFeatures(HeadOnFeatures):
    def stages(self) -> Sequence[Stage]:
        head = Stage(0.25, trainable="head", inputs="features")
        return (Stage(0.25), head, Stage(0.25), head)

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        self.seen.append(float(np.abs(view.images).sum()))
        return SamplingPlan.identity(len(view))


def test_features_are_taken_anew_for_every_phase() -> None:
    strategy = TwoOnFeatures()
    fit(strategy, steps=8)
    assert len(strategy.seen) == 3
    assert len(set(strategy.seen)) == 3


class LateResampling(Toy):
    """All rows first, then the rare class alone."""

    def stages(self) -> Sequence[Stage]:
        return (Stage(0.5, resample=False), Stage(0.5))

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        return SamplingPlan(view.rows_of(1))


def test_resampling_can_wait_for_its_stage() -> None:
    _, told, _ = fit(LateResampling(), steps=8)
    assert told.plan_counts.tolist() == [0, 12]
    assert told.distinct_rows == 52
    # Half of the steps at 40/52 and 12/52, half at 0 and 1.
    assert told.effective_prior.tolist() == pytest.approx([20 / 52, 32 / 52])
    assert told.steps == 8


class FreshHead(Toy):
    def stages(self) -> Sequence[Stage]:
        return (Stage(0.5, reset_head=self.reset), Stage(0.5, trainable="head", reset_head=self.reset))

    reset: ClassVar[bool] = True


class OldHead(FreshHead):
    reset = False


def test_the_head_can_be_drawn_anew() -> None:
    assert not same(fit(FreshHead())[0], fit(OldHead())[0])
    _, _, before = fit(FreshHead())
    other = {**before, "head.weight": before["head.weight"] + 5}
    # A head that is drawn anew does not remember how it stood.
    assert same(fit(FreshHead())[0], fit(FreshHead(), start=other)[0])
    assert not same(fit(OldHead())[0], fit(OldHead(), start=other)[0])


class Cosine(Toy):
    @property
    def head(self) -> Literal["linear", "cosine"]:
        return "cosine"


def test_the_cosine_head_is_trained() -> None:
    model, _, before = fit(Cosine())
    assert isinstance(model.head, CosineHead)
    assert moved(model, before) == {"head", "backbone"}
    assert model.eval()(torch.zeros(2, 1, 8, 8)).abs().max() <= 1 + 1e-6


def test_very_few_rows_at_a_bigger_batch_train() -> None:
    # golden.md, Budget: 300/8 rows at batch 32, undersampled to 16 rows, must still train.
    model, told, before = fit(create("undersample"), (300, 8), steps=3, batch_size=32)
    assert told.plan_counts.tolist() == [8, 8]
    assert told.distinct_rows == 16
    assert told.samples_seen == 96
    assert moved(model, before) == {"head", "backbone"}


@pytest.mark.parametrize(("spec", "steps"), [("ce", 20), ("undersample", 4), ("oversample", 36)])
def test_epochs_count_passes_over_the_strategys_rows(spec: str, steps: int) -> None:
    # golden.md, Budget: 900/100 rows, batch 50.
    _, told, _ = fit(create(spec), (900, 100), None, epochs=1, batch_size=50)
    assert told.steps == steps


def test_it_learns() -> None:
    model, told, _ = fit(create("ce"), steps=40)
    images, labels = toy((40, 12))
    predicted = model.eval()(torch.from_numpy(images)).argmax(1).numpy()
    assert (predicted == labels).mean() > 0.95
    assert told.history[-1][1] < told.history[0][1]
    assert [step for step, _, _ in told.history] == list(range(1, 41))


def test_the_history_is_short_and_ends_at_the_end() -> None:
    _, told, _ = fit(create("ce"), steps=120)
    assert len(told.history) == 40
    assert told.history[-1][0] == 120


class Explodes(Toy):
    def loss(self, context: Context) -> RowLoss:
        return lambda logits, targets: logits.sum(1) * float("inf")


def test_a_loss_that_is_not_finite_ends_training() -> None:
    with pytest.raises(DivergedError, match=r"the loss is .* by step 1 of 4; a lower --lr"):
        fit(Explodes())


class OutOfReach(Toy):
    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        return SamplingPlan(np.array([len(view)], dtype=np.int64))


def test_a_plan_outside_the_training_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="rows outside"):
        fit(OutOfReach())


@pytest.mark.parametrize(
    ("spec", "counts", "prior"),
    [
        ("ce", (40, 12), [40 / 52, 12 / 52]),
        ("focal", (40, 12), [40 / 52, 12 / 52]),
        ("undersample", (40, 12), [0.5, 0.5]),
        ("undersample:redraw=pass", (40, 20, 10), [1 / 3] * 3),
        ("oversample", (40, 12), [0.5, 0.5]),
        ("oversample", (40, 20, 10), [1 / 3] * 3),
        ("class-weights", (40, 12), [0.5, 0.5]),
        ("class-weights", (40, 20, 10), [1 / 3] * 3),
        ("focal:alpha=balanced", (40, 20, 10), [1 / 3] * 3),
        # Shares times weights, by hand: 40 x .25 to 10 x .75.
        ("focal:alpha=0.75", (40, 10), [10 / 17.5, 7.5 / 17.5]),
        ("focal:alpha=1/2/3", (30, 20, 10), [0.3, 0.4, 0.3]),
        # Undone twice: as many of the rare class as there were of the other.
        ("oversample+class-weights", (40, 10), [0.2, 0.8]),
    ],
)
def test_effective_prior(spec: str, counts: tuple[int, ...], prior: list[float]) -> None:
    _, told, _ = fit(create(spec), counts, steps=2)
    assert told.effective_prior.tolist() == pytest.approx(prior)


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    fit(FreshHead())
    assert torch.equal(torch.get_rng_state(), before)
