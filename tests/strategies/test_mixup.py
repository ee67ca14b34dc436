"""Mixup: who is mixed with whom, by what weight, and that labels mix as images do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_trainings import context_of, feed, labels_of, same, view_of
from scipy import stats
from torch.nn import functional as F

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import SamplingPlan, TrainingView, create
from imbalance_bench.training.loop import batch_loss

COUNTS = (60, 15, 9)

pytestmark = pytest.mark.usefixtures("one_thread")


def plan_of(view: TrainingView, spec: str = "mixup", seed: int = 0) -> SamplingPlan:
    plan = create(spec).plan(view, np.random.default_rng(seed))
    plan.check(len(view))
    assert plan.neighbour is not None
    assert plan.weight is not None
    return plan


def plain_view(labels: np.ndarray) -> TrainingView:
    return TrainingView(labels, int(labels.max()) + 1, lambda rows: np.zeros(0))


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(0, 99), st.floats(0.05, 5))
def test_every_row_once_and_two_by_two(counts: list[int], seed: int, alpha: float) -> None:
    labels = labels_of(counts)
    plan = plan_of(plain_view(labels), f"mixup:alpha={alpha!r}", seed)
    n, rows = len(labels), np.arange(len(labels))
    assert plan.neighbour is not None
    assert plan.weight is not None
    assert plan.neighbour_labels is not None
    assert sorted(plan.base.tolist()) == rows.tolist()
    weight, partner = np.empty(n), np.empty(n, dtype=int)
    weight[plan.base], partner[plan.base] = plan.weight, plan.neighbour
    # Each is the partner of its partner, and both mix by one weight.
    assert partner[partner].tolist() == rows.tolist()
    assert weight[partner].tolist() == weight.tolist()
    # An odd number leaves one row alone and unmixed.
    alone = partner == rows
    assert alone.sum() == n % 2
    assert (weight[alone] == 0).all()
    assert plan.neighbour_labels.tolist() == labels[plan.neighbour].tolist()
    # Cross-checked by hand: (1 - w) to the own class, w to the partner's.
    mass = np.zeros(len(counts))
    np.add.at(mass, labels, 1 - weight)
    np.add.at(mass, labels[partner], weight)
    np.testing.assert_allclose(mass, counts, rtol=1e-12)
    np.testing.assert_allclose(plan.class_mass(labels, len(counts)), counts, rtol=1e-12)


@pytest.mark.parametrize(("spec", "alpha"), [("mixup", 0.2), ("mixup:alpha=1", 1.0), ("mixup:alpha=4", 4.0)])
def test_the_weights_are_of_the_beta_distribution(spec: str, alpha: float) -> None:
    # Zhang et al. 2018: lambda ~ Beta(alpha, alpha); one draw for each of 2000 pairs.
    plan = plan_of(plain_view(np.arange(4000) % 2), spec, 3)
    assert plan.weight is not None
    assert plan.neighbour is not None
    draws = plan.weight[plan.base < plan.neighbour].astype(float)
    assert len(draws) == 2000
    assert stats.kstest(draws, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert stats.kstest(draws, stats.beta(2 * alpha, 2 * alpha).cdf).pvalue < 1e-6


def test_partners_are_drawn_whatever_their_class() -> None:
    labels = np.repeat([0, 1], [3000, 1000])
    plan = plan_of(plain_view(labels))
    # By chance .25 x .25 of the rows, plus or minus three standard deviations, are rare twice.
    both = (labels[plan.base] == 1) & (plan.neighbour_labels == 1)
    assert both.mean() == pytest.approx(1 / 16, abs=3 * np.sqrt(2 / 16 / 4000))


def test_every_pass_has_new_partners_and_weights() -> None:
    assert create("mixup").redraws
    found = feed(create("mixup"), COUNTS, steps=4, batch_size=84)
    # Which rows are in one image, and how much of them, whatever the order of the images.
    together = [found.parts(batch).T @ found.parts(batch) for batch in found.batches]
    partners = [matrix.fill_diagonal_(0).argmax(1) for matrix in together]
    assert not torch.equal(partners[0], partners[1])
    assert not torch.equal(partners[1], partners[2])
    again = feed(create("mixup"), COUNTS, steps=4, batch_size=84)
    assert same(found, again)


def test_images_and_labels_mix_by_the_same_weight_in_training() -> None:
    found = feed(create("mixup:alpha=1"), COUNTS, steps=3, batch_size=84)
    labels = torch.from_numpy(found.labels)
    for batch in found.batches:
        assert batch.weight is not None
        assert batch.other_targets is not None
        parts = found.parts(batch)
        # What an image is made of adds up to one, and every row is given away whole in a pass.
        torch.testing.assert_close(parts.sum(1), torch.ones(84))
        torch.testing.assert_close(parts.sum(0), torch.ones(84))
        assert (parts > 0).sum(1).tolist() == [2] * 84
        by_class = parts @ F.one_hot(labels).float()
        told = (1 - batch.weight)[:, None] * F.one_hot(batch.targets, 3)
        told = told + batch.weight[:, None] * F.one_hot(batch.other_targets, 3)
        torch.testing.assert_close(by_class, told, rtol=1e-4, atol=1e-5)


def test_an_odd_row_out_is_fed_as_it_is() -> None:
    found = feed(create("mixup:alpha=1"), (5, 4, 2), steps=1, batch_size=11)
    assert sorted((found.parts(found.batches[0]) > 0).sum(1).tolist()) == [1] + [2] * 10


def test_the_loss_is_shared_between_the_labels_and_weighted_by_each() -> None:
    found = feed(create("mixup:alpha=1"), COUNTS, steps=1, batch_size=84)
    (batch,) = found.batches
    context, weights = context_of(COUNTS), torch.tensor([0.5, 1.0, 4.0])
    logits = torch.randn(84, 3, generator=torch.Generator().manual_seed(0))
    # Cross-entropy towards soft labels, read off the images; each class's part times its weight.
    soft = found.parts(batch) @ F.one_hot(torch.from_numpy(found.labels)).float()
    loss = create("mixup").loss(context)
    plain = -(soft * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(batch_loss(logits, batch, loss, None), plain, rtol=1e-4, atol=1e-5)
    weighted = -(weights * soft * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(batch_loss(logits, batch, loss, weights), weighted, rtol=1e-4, atol=1e-5)


def test_what_it_tells() -> None:
    told = feed(create("mixup"), COUNTS, steps=8, batch_size=21).told
    np.testing.assert_allclose(told.effective_prior, np.array(COUNTS) / 84)
    np.testing.assert_allclose(told.plan_counts, COUNTS)
    np.testing.assert_allclose(told.class_passes, [2, 2, 2])
    assert not create("mixup").prior_is_exact


def test_two_rows_and_one() -> None:
    assert plan_of(plain_view(np.array([0, 1]))).neighbour_labels is not None
    assert plan_of(plain_view(np.array([0]))).base.tolist() == [0]


def test_its_plan_is_no_plain_array_of_labels() -> None:
    view = view_of(COUNTS)
    with pytest.raises(ValueError, match="labels of this plan mix"):
        plan_of(view).apply(view.images, view.labels)


@pytest.mark.parametrize("alpha", ["0", "-1", "101", "nan"])
def test_alpha_out_of_range_is_refused(alpha: str) -> None:
    with pytest.raises(RequestError, match=f"mixup: alpha is .*{alpha}.*above 0 and at most 100"):
        create(f"mixup:alpha={alpha}")


@pytest.mark.parametrize("alpha", ["1e-12", "0.001", "100"])
def test_both_ends_of_alpha_give_weights(alpha: str) -> None:
    plan = plan_of(plain_view(np.arange(400) % 2), f"mixup:alpha={alpha}")
    assert plan.weight is not None
    assert np.isfinite(plan.weight).all()
