"""SMOTE in feature space: plain training first, then the head on features and what lies between them."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from made_trainings import Fed, context_of, feed, same, view_of
from sklearn.neighbors import NearestNeighbors

from imbalance_bench.errors import RefusedError, RequestError
from imbalance_bench.strategies import SamplingPlan, TrainingView, create
from imbalance_bench.strategies.smote import Smote

COUNTS = (60, 15, 9)
SPEC = "smote:space=features"

pytestmark = pytest.mark.usefixtures("one_thread")


def fed(spec: str, steps: int = 30) -> tuple[Fed, list[tuple[TrainingView, SamplingPlan]]]:
    """A training with batches of 30, and the plans that were drawn with what they were drawn from."""
    drawn: list[tuple[TrainingView, SamplingPlan]] = []
    plan = Smote.plan

    def keeping(self: Smote, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        drawn.append((view, plan(self, view, rng)))
        return drawn[-1][1]

    with mock.patch.object(Smote, "plan", keeping):
        return feed(create(spec), COUNTS, steps, 30), drawn


def test_plain_training_comes_first_and_the_head_alone_after() -> None:
    (found, drawn), plain = fed(SPEC), feed(create("cross-entropy"), COUNTS, 30, 30)
    assert len(drawn) == 1
    for late, early in zip(found.batches[:24], plain.batches[:24], strict=True):
        assert torch.equal(late.inputs, early.inputs)
        assert torch.equal(late.targets, early.targets)
    assert {batch.inputs.ndim for batch in found.batches[:24]} == {4}
    assert {batch.inputs.shape[1:] for batch in found.batches[24:]} == {found.features.shape[1:]}
    # 6 batches of 30 are one pass over 60 rows of each class.
    assert found.shares(24, 30) == pytest.approx([1 / 3] * 3)
    # The backbone is that of 24 plain steps: a second phase has a course of the rate of its own.
    shorter = feed(create("cross-entropy"), COUNTS, 24, 30).model.state_dict()
    ended = found.model.state_dict()
    for name, value in ended.items():
        assert torch.equal(value, shorter[name]) is not name.startswith("head."), name


def test_neighbours_are_near_in_the_features_of_the_trained_network() -> None:
    found, [(view, plan)] = fed(SPEC)
    features, labels = found.features.numpy(), found.labels
    np.testing.assert_allclose(view.images, features, rtol=1e-5, atol=1e-6)
    assert plan.neighbour is not None
    assert plan.weight is not None
    made = np.arange(len(labels), len(plan))
    assert np.bincount(labels[plan.base[made]], minlength=3).tolist() == [0, 45, 51]
    for c in (1, 2):
        members = np.flatnonzero(labels == c)
        near = NearestNeighbors(n_neighbors=6).fit(features[members]).kneighbors(return_distance=False)
        allowed = {members[i]: set(members[near[i, :5]]) for i in range(len(members))}
        own = made[labels[plan.base[made]] == c]
        assert all(plan.neighbour[i] in allowed[plan.base[i]] for i in own)
    # In pixels all rows of these images are equally far from each other: features decide.
    pixels = create("smote").plan(view_of(COUNTS), np.random.default_rng(0))
    assert pixels.neighbour is not None
    pairs = zip(pixels.base[84:].tolist(), pixels.neighbour[84:].tolist(), strict=True)
    near_anyway = [j in set(nearest(features, labels, i)) for i, j in pairs]
    assert np.mean(near_anyway) < 0.9


def nearest(features: np.ndarray, labels: np.ndarray, row: int) -> np.ndarray:
    """The five nearest rows of its class."""
    members = np.flatnonzero((labels == labels[row]) & (np.arange(len(labels)) != row))
    return members[np.linalg.norm(features[members] - features[row], axis=1).argsort()[:5]]


def test_the_head_is_fed_points_between_features_of_one_class() -> None:
    found, [(_, plan)] = fed(SPEC)
    assert plan.neighbour is not None
    assert plan.weight is not None
    features = found.features
    weight = torch.from_numpy(plan.weight)[:, None]
    expected = features[plan.base] + weight * (features[plan.neighbour] - features[plan.base])
    inputs = torch.cat([batch.inputs for batch in found.batches[24:]])
    targets = torch.cat([batch.targets for batch in found.batches[24:]])
    distance, at = torch.cdist(inputs, expected, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    assert distance.max() < 1e-4
    assert at.unique().numel() == 180
    assert targets.tolist() == found.labels[plan.base[at]].tolist()
    assert (weight[84:] > 0).float().mean() > 0.9


def test_the_prior_is_fitted_and_pixels_are_left_alone() -> None:
    found, _ = fed(SPEC)
    expected = 0.8 * np.array(COUNTS) / 84 + 0.2 / 3
    np.testing.assert_allclose(found.told.effective_prior, expected)
    assert found.told.plan_counts.tolist() == [60, 60, 60]
    assert not create(SPEC).prior_is_exact
    # space=pixel: one stage on images, every batch of them.
    pixels, [(view, _)] = fed("smote")
    assert {batch.inputs.ndim for batch in pixels.batches} == {4}
    assert view.images.shape == (84, 1, 12, 12)
    assert same(pixels, fed("smote:space=pixel")[0])


@pytest.mark.parametrize(("start", "on_images"), [("0.5", 15), ("0", 0), ("1", 30)])
def test_start_moves_the_border(start: str, on_images: int) -> None:
    found, drawn = fed(f"{SPEC},start={start}")
    assert [batch.inputs.ndim for batch in found.batches] == [4] * on_images + [2] * (30 - on_images)
    assert len(drawn) == (on_images < 30)
    if on_images == 30:
        assert same(found, feed(create("cross-entropy"), COUNTS, 30, 30))


def test_a_small_class_lowers_k_and_says_so() -> None:
    told = feed(create(SPEC), (20, 9, 4), 10, 16).told
    assert told.notes == ("class '2' has 4 training rows: k is 3 instead of 5.",)


@pytest.mark.parametrize("spec", [SPEC, f"{SPEC},start=1"])
def test_a_class_of_one_row_is_refused_before_training(spec: str) -> None:
    with pytest.raises(RefusedError, match=r"class 'c1' has 1 training row .* needs two"):
        create(spec).check(context_of([20, 1, 5]))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("smote:start=0.5", "start=0.5 belongs to space=features"),
        ("smote:space=pixel,start=0.7", "start=0.7 belongs to space=features.*Leave one out"),
        ("smote:space=latent", "space is 'latent'; allowed: 'pixel' or 'features'"),
        (f"{SPEC},start=1.5", "start is .*1.5.*at least 0 and at most 1"),
        (f"{SPEC}+crt", "smote and crt, which both set which rows are drawn"),
    ],
)
def test_what_is_refused(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)
