"""SMOTE plans rows between near neighbours of one class, distributed as imbalanced-learn's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Call
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from imbalance_bench.api import compare
from imbalance_bench.errors import RefusedError
from imbalance_bench.models.registry import build_model
from imbalance_bench.strategies import Context, SamplingPlan, TrainingView, create
from imbalance_bench.training.batches import Rows, batches
from imbalance_bench.training.loop import Streams, train
from imbalance_bench.training.schedule import Optimisation

DTYPES = (np.uint8, np.uint16, np.float32)


pytestmark = pytest.mark.usefixtures("one_thread")


def view_of(counts: list[int], dtype: type = np.float32, seed: int = 9, side: int = 4) -> TrainingView:
    """Random images (N, 1, side, side) of classes in shuffled order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = rng.uniform(0, 255, size=(len(labels), 1, side, side)).astype(dtype)
    return TrainingView(labels, len(counts), lambda rows: images[rows])


def plan_of(spec: str, view: TrainingView, seed: int = 0) -> SamplingPlan:
    plan = create(spec).plan(view, np.random.default_rng(seed))
    plan.check(len(view))
    return plan


def columns(plan: SamplingPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base, neighbour and weight, which a plan of SMOTE always has."""
    assert plan.neighbour is not None
    assert plan.weight is not None
    return plan.base, plan.neighbour, plan.weight


def sampled_counts(plan: SamplingPlan, view: TrainingView) -> list[int]:
    return np.bincount(view.labels[plan.base], minlength=view.n_classes).tolist()


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=5),
    k=st.integers(1, 7),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 1000),
)
def test_every_row_once_and_then_pairs_of_near_rows_of_one_class(
    counts: list[int], k: int, dtype: type, seed: int
) -> None:
    view = view_of(counts, dtype, seed)
    base, neighbour, weight = columns(plan_of(f"smote:k={k}", view, seed))
    n = len(view)
    assert base[:n].tolist() == neighbour[:n].tolist() == list(range(n))
    assert not weight[:n].any()
    assert np.bincount(view.labels[base]).tolist() == [max(counts)] * len(counts)
    np.testing.assert_array_equal(view.labels[base], view.labels[neighbour])
    assert weight.dtype == np.float32
    assert (weight >= 0).all()
    assert (weight < 1).all()
    for label, count in enumerate(counts):
        members = view.rows_of(label)
        flat = view.images[members].reshape(count, -1).astype(np.float64)
        nearest = NearestNeighbors(n_neighbors=min(k, count - 1)).fit(flat).kneighbors(return_distance=False)
        allowed = {(members[i], members[j]) for i, row in enumerate(nearest) for j in row}
        new = view.labels[base[n:]] == label
        assert set(zip(base[n:][new], neighbour[n:][new], strict=True)) <= allowed


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_new_image_lies_between_two_of_its_class(dtype: type) -> None:
    view = view_of([60, 8], dtype)
    plan = plan_of("smote", view)
    base, neighbour, weight = columns(plan)
    rows = Rows(torch.from_numpy(view.images), torch.arange(len(view)), torch.tensor(view.labels))
    batch = next(batches(rows, lambda: plan, len(plan), np.random.default_rng(3)))
    order = np.random.default_rng(3).permutation(len(plan))
    found = np.empty((len(plan), 1, 4, 4))
    found[order] = batch.inputs.numpy()
    starts, ends = view.images[base].astype(np.float64), view.images[neighbour].astype(np.float64)
    share = weight.astype(np.float64).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(found, (1 - share) * starts + share * ends, atol=1e-4)
    assert (found >= np.minimum(starts, ends) - 1e-4).all()
    assert (found <= np.maximum(starts, ends) + 1e-4).all()
    # The original images are as they were, and the new ones are not cut to whole numbers.
    np.testing.assert_array_equal(found[: len(view)], view.images)
    new = found[len(view) :]
    assert (np.abs(new - new.round()) > 0.01).mean() > 0.8
    assert (batch.targets.numpy() == view.labels[base[order]]).all()


@pytest.mark.parametrize("counts", [[100, 10], [7, 200], [50, 20, 10], [30, 30], [40, 6, 40]])
def test_counts_agree_with_imbalanced_learn(counts: list[int]) -> None:
    view = view_of(counts)
    _, y = SMOTE(random_state=0).fit_resample(view.images.reshape(len(view), -1), view.labels)
    assert sampled_counts(plan_of("smote", view), view) == np.bincount(y).tolist()


@pytest.mark.parametrize("ratio", [0.15, 0.25, 0.3, 0.5, 1.0])
def test_ratios_agree_with_imbalanced_learn(ratio: float) -> None:
    view = view_of([300, 30])
    sampler = SMOTE(sampling_strategy=ratio, random_state=0)
    _, y = sampler.fit_resample(view.images.reshape(len(view), -1), view.labels)
    assert sampled_counts(plan_of(f"smote:ratio={ratio}", view), view) == np.bincount(y).tolist()


def test_classes_above_the_target_are_left_alone() -> None:
    view = view_of([100, 70, 10])
    assert sampled_counts(plan_of("smote:ratio=0.5", view), view) == [100, 70, 50]


def test_without_a_class_to_grow_no_image_is_looked_at() -> None:
    def images(rows: np.ndarray) -> np.ndarray:
        raise AssertionError("not needed")

    view = TrainingView(np.arange(40, dtype=np.int64) % 2, 2, images)
    assert len(plan_of("smote", view)) == 40


# --- the distribution, against imbalanced-learn's on the same few points ---

POINTS, K, NEW = 12, 3, 8000


@dataclass(frozen=True)
class Drawn:
    """New rows with the segment between two points that each lies on, and where on it."""

    rows: np.ndarray
    segments: np.ndarray
    places: np.ndarray


def points() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(POINTS, 8))


def table() -> tuple[np.ndarray, np.ndarray]:
    """`points` as class 1 beside as many rows of class 0 as make NEW new ones."""
    rows = np.concatenate([points(), np.zeros((POINTS + NEW, 8))])
    return rows, (np.arange(len(rows)) < POINTS).astype(np.int64)


def located(rows: np.ndarray) -> Drawn:
    """The unordered pair of points nearest to whose line each row lies, and its place on it."""
    first, second = np.triu_indices(POINTS, 1)
    starts, along = points()[first], points()[second] - points()[first]
    offsets = rows[:, None] - starts
    places = (offsets * along).sum(axis=2) / (along**2).sum(axis=1)
    errors = ((offsets - places[:, :, None] * along) ** 2).sum(axis=2)
    segments = errors.argmin(axis=1)
    assert errors.min(axis=1).max() < 1e-10
    return Drawn(rows, segments, places[np.arange(len(rows)), segments])


def theirs() -> Drawn:
    rows, labels = table()
    made, _ = SMOTE(k_neighbors=K, random_state=0).fit_resample(rows, labels)
    return located(made[len(rows) :])


def our_plan(spec: str = f"smote:k={K}") -> SamplingPlan:
    rows, labels = table()
    plan = plan_of(spec, TrainingView(labels, 2, lambda at: rows[at]))
    base, neighbour, weight = columns(plan)
    new = slice(len(rows), None)
    return SamplingPlan(base[new], neighbour[new], weight[new])


def drawn(plan: SamplingPlan) -> Drawn:
    base, neighbour, weight = columns(plan)
    starts, ends = points()[base], points()[neighbour]
    return located(starts + weight[:, None].astype(np.float64) * (ends - starts))


def p_value(one: Drawn, other: Drawn) -> float:
    """The smallest p-value, times their number, of tests that both are drawn alike."""
    used = np.union1d(one.segments, other.segments)
    counts = [[(d.segments == s).sum() for s in used] for d in (one, other)]
    found = [stats.chi2_contingency(counts).pvalue, stats.ks_2samp(one.places, other.places).pvalue]
    found += [stats.ks_2samp(a, b).pvalue for a, b in zip(one.rows.T, other.rows.T, strict=True)]
    # Means and covariances, by the standard error of the mean of each coordinate and product.
    middle = points().mean(axis=0)
    i, j = np.triu_indices(8)
    products = [(d.rows - middle)[:, i] * (d.rows - middle)[:, j] for d in (one, other)]
    found += stats.ttest_ind(one.rows, other.rows, equal_var=False).pvalue.tolist()
    found += stats.ttest_ind(*products, equal_var=False).pvalue.tolist()
    return min(found) * len(found)


def with_itself(plan: SamplingPlan) -> SamplingPlan:
    """One of k + 1 neighbours is the row itself, as where k are asked of the rows with the row among them."""
    base, neighbour, _ = columns(plan)
    itself = np.random.default_rng(1).random(len(base)) < 1 / (K + 1)
    return replace(plan, neighbour=np.where(itself, base, neighbour))


def with_weights(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[SamplingPlan], SamplingPlan]:
    return lambda plan: replace(plan, weight=change(columns(plan)[2]))


def with_favoured_bases(plan: SamplingPlan) -> SamplingPlan:
    """The first half of the points is base more often."""
    base, neighbour, weight = columns(plan)
    kept = (base < POINTS // 2) | (np.random.default_rng(1).random(len(base)) < 0.7)
    return SamplingPlan(base[kept], neighbour[kept], weight[kept])


def with_the_base_left_out(plan: SamplingPlan) -> SamplingPlan:
    """Neighbours of one row paired with another, as where rows and places in the class are mixed up."""
    return replace(plan, base=(plan.base + 1) % POINTS)


WRONG: dict[str, Callable[[SamplingPlan], SamplingPlan]] = {
    "a neighbour may be the row itself": with_itself,
    "weights up to a half": with_weights(lambda weight: weight / 2),
    "weights from a half on": with_weights(lambda weight: (1 + weight) / 2),
    "weights crowd at the base": with_weights(np.square),
    "weights beyond the neighbour": with_weights(lambda weight: weight * np.float32(1.2)),
    "bases not uniform": with_favoured_bases,
    "neighbours of another row": with_the_base_left_out,
    "one neighbour too many": lambda _: our_plan(f"smote:k={K + 1}"),
    "one neighbour too few": lambda _: our_plan(f"smote:k={K - 1}"),
}


def test_the_draws_are_distributed_as_imbalanced_learns() -> None:
    assert p_value(drawn(our_plan()), theirs()) > 0.01


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_wrong_draw_would_be_noticed(change: Callable[[SamplingPlan], SamplingPlan]) -> None:
    assert p_value(drawn(change(our_plan())), theirs()) < 1e-6


def test_each_pair_comes_alike_often_and_the_weights_are_uniform() -> None:
    base, neighbour, weight = columns(our_plan())
    near = NearestNeighbors(n_neighbors=K).fit(points()).kneighbors(return_distance=False)
    counts = [((base == i) & (neighbour == j)).sum() for i, row in enumerate(near) for j in row]
    assert sum(counts) == NEW
    assert stats.chisquare(counts).pvalue > 0.01
    assert stats.kstest(weight, "uniform").pvalue > 0.01
    # Uniform for each pair, so that the place on a line does not depend on which line it is.
    assert stats.f_oneway(*(weight[base == i] for i in range(POINTS))).pvalue > 0.01


# --- small classes ---


@pytest.mark.parametrize(("count", "k"), [(2, 1), (3, 2), (5, 4)])
def test_small_classes_lower_k_and_say_so(count: int, k: int) -> None:
    view = view_of([400, count, 6])
    plan = plan_of("smote", view)
    (note,) = plan.notes
    assert "class '1'" in note
    assert f"{count} training rows: k is {k} instead of 5" in note
    base, neighbour, _ = columns(plan)
    new = (view.labels[base] == 1) & (base != neighbour)
    assert len(set(zip(base[new], neighbour[new], strict=True))) == count * (count - 1)


def test_enough_rows_need_no_note() -> None:
    assert plan_of("smote", view_of([40, 6])).notes == ()
    assert plan_of("smote:k=3", view_of([40, 4])).notes == ()
    assert plan_of("smote:ratio=0.1", view_of([40, 4])).notes == ()


def test_one_row_is_refused_by_name_with_the_remedy() -> None:
    context = Context(np.array([40, 1, 9]), ("healthy", "rare", "mild"))
    with pytest.raises(RefusedError, match=r"class 'rare' has 1 training row .* 40.*oversample"):
        create("smote").check(context)
    with pytest.raises(RefusedError, match="class 'rare'"):
        create("smote+focal").check(context)
    with pytest.raises(RefusedError, match=r"class '1' has 1 training row .*oversample"):
        plan_of("smote", view_of([40, 1, 9]))


def test_one_row_that_need_not_grow_is_no_obstacle() -> None:
    create("smote:ratio=0.04").check(Context(np.array([40, 1]), ("a", "b")))
    view = view_of([40, 1])
    assert sampled_counts(plan_of("smote:ratio=0.04", view), view) == [40, 1]
    create("smote").check(Context(np.array([1, 1]), ("a", "b")))
    create("smote").check(Context(np.array([40, 2]), ("a", "b")))


def test_identical_images_are_not_silently_repeated() -> None:
    images = np.random.default_rng(0).integers(0, 256, (48, 1, 4, 4), dtype=np.uint8)
    images[40:] = 7
    labels = (np.arange(48) >= 40).astype(np.int64)
    plan = plan_of("smote", TrainingView(labels, 2, lambda rows: images[rows]))
    assert plan.notes == ("class '1' has 8 identical images: this only repeats them.",)
    images[47] = 8
    assert plan_of("smote", TrainingView(labels, 2, lambda rows: images[rows])).notes == ()


def test_the_draw_depends_on_the_generator_alone() -> None:
    view = view_of([100, 10])
    one, again, other = (plan_of("smote", view, seed) for seed in (1, 1, 2))
    for field in fields(SamplingPlan):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(again, field.name))
    for a, b in zip(columns(one), columns(other), strict=True):
        assert a[110:].tolist() != b[110:].tolist()


def test_it_draws_once() -> None:
    assert not create("smote").redraws


# --- in training ---


def test_training_on_bytes_equals_training_on_the_same_floats() -> None:
    view = view_of([60, 8], np.uint8, side=8)
    weights = []
    for images in (view.images, view.images.astype(np.float32)):
        model = build_model(
            "small-cnn",
            in_channels=1,
            image_size=(8, 8),
            n_classes=2,
            head="linear",
            mean=torch.full((1,), 127.0),
            std=torch.full((1,), 70.0),
            seed=0,
        )
        pool = Rows(torch.from_numpy(images), torch.arange(68), torch.tensor(view.labels))
        told = train(
            model,
            pool,
            view,
            create("smote"),
            Context(np.array([60, 8]), ("a", "b")),
            Optimisation(6, None, 32, 1e-3, "one-cycle", 1e-2),
            Streams(np.random.default_rng(1), np.random.default_rng(2), 5),
        )
        assert told.plan_counts.tolist() == [60, 60]
        assert told.effective_prior.tolist() == [0.5, 0.5]
        assert told.distinct_rows == 68
        weights.append(torch.cat([parameter.flatten() for parameter in model.parameters()]))
    assert torch.isfinite(weights[0]).all()
    assert torch.equal(*weights)


THINNED = ("--dataset=digits", "--steps=3", "--batch-size=32", "--workers=0", "--device=cpu")


def test_a_run_records_the_counts_and_the_lowered_k(call: Call, tmp_path: Path) -> None:
    flags = ("--imbalance-ratio=20", "--n-max=100", "--tail-order=fixed")
    call("run", "--strategy=smote", *THINNED, *flags, "--results=results")
    (path,) = (tmp_path / "results").rglob("run.json")
    record = json.loads(path.read_text())
    assert record["class_counts"][0] == 100
    assert record["class_counts"][9] == 5
    assert record["sampled_counts"] == [100.0] * 10
    assert record["notes"] == ["class '9' has 5 training rows: k is 4 instead of 5."]


def test_a_comparison_goes_on_without_the_refused(tmp_path: Path) -> None:
    settings = {flag.split("=")[0][2:].replace("-", "_"): flag.split("=")[1] for flag in THINNED}
    thinning = {"imbalance_ratio": 100, "n_max": 100, "tail_order": "fixed", "seeds": 1}
    result = compare("cross-entropy,smote,oversample", results=tmp_path, **settings, **thinning)
    (failure,) = result["failures"]
    assert failure["strategy"] == "smote"
    assert "class '8' has 1 training row" in failure["error"]
    assert {row["strategy"] for row in result["rows"] if row["n"]} >= {"cross-entropy", "oversample"}
