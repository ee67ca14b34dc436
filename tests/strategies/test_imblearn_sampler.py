"""Every sampler of imbalanced-learn gives the rows that it gives when called directly, or is refused."""

from __future__ import annotations

import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from imblearn.utils.testing import all_estimators
from threadpoolctl import threadpool_info, threadpool_limits

from imbalance_bench.api import compare
from imbalance_bench.errors import RefusedError
from imbalance_bench.strategies import Context, SamplingPlan, TrainingView, create
from imbalance_bench.strategies.imblearn_settings import find, usable
from imbalance_bench.strategies.matching import matching_rows
from imbalance_bench.training.batches import Rows, batches

COUNTS = {"two": [30, 12], "three": [30, 20, 12]}
NAMES = ("common", "mild", "rare")
SAMPLERS = [name for name, _ in all_estimators(type_filter="sampler")]
# Fewer trees to grow; clusters in which a class of pure noise is found at all.
SETTINGS: dict[str, dict[str, Any]] = {
    "InstanceHardnessThreshold": {"cv": 2},
    "KMeansSMOTE": {"cluster_balance_threshold": 0.1, "kmeans_estimator": 2},
}

pytestmark = pytest.mark.usefixtures("one_thread")


def view_of(counts: list[int], dtype: type = np.float32, shape: tuple[int, ...] = (1, 3, 4)) -> TrainingView:
    """Random images of overlapping classes in shuffled order."""
    rng = np.random.default_rng(4)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    places = 60 + 20 * labels.reshape(-1, *[1] * len(shape))
    images = (places + rng.uniform(0, 100, size=(len(labels), *shape))).astype(dtype)
    return TrainingView(labels, len(counts), lambda rows: images[rows], NAMES[: len(counts)])


def plan_of(spec: str, view: TrainingView, seed: int = 0) -> SamplingPlan:
    plan = create(spec).plan(view, np.random.default_rng(seed))
    plan.check(len(view))
    return plan


def drawn(plan: SamplingPlan, view: TrainingView) -> tuple[np.ndarray, np.ndarray]:
    """The rows that a plan holds, in its order, and their labels."""
    rows = view.images.reshape(len(view), -1).astype(np.float32)
    if plan.extra_images is not None:
        rows = np.concatenate([rows, plan.extra_images.reshape(-1, rows.shape[1])])
    return rows[plan.base], plan.labels(view.labels)


def theirs(name: str, view: TrainingView, seed: int = 0, **settings: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the sampler gives when it is called directly, on one thread."""
    sampler = find(name)(**settings)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=int(np.random.default_rng(seed).integers(2**31 - 1)))
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        rows = view.images.reshape(len(view), -1).astype(np.float32)
        found: tuple[np.ndarray, np.ndarray] = sampler.fit_resample(rows, view.labels)
    return found


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name in usable()])
def test_the_rows_are_those_of_the_sampler_called_directly(name: str, counts: list[int]) -> None:
    view, settings = view_of(counts), SETTINGS.get(name, {})
    plan = create(f"imblearn:{name}", **settings).plan(view, np.random.default_rng(0))
    plan.check(len(view))
    rows, labels = drawn(plan, view)
    expected, expected_labels = theirs(name, view, **settings)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(labels, expected_labels)
    assert len(labels) != sum(counts)
    # What exists is drawn by its number, never copied.
    if plan.extra_images is not None:
        assert plan.extra_labels is not None
        extras, pool = plan.extra_images.reshape(-1, 12), view.images.reshape(-1, 12)
        assert (matching_rows(extras, plan.extra_labels, pool, view.labels) == -1).all()


def test_every_sampler_runs_or_is_refused() -> None:
    assert set(SAMPLERS) == set(usable()) | {"FunctionSampler", "SMOTEN", "SMOTENC"}


def test_repeats_and_order_are_kept() -> None:
    view = view_of(COUNTS["three"])
    plan = plan_of("imblearn:RandomOverSampler", view)
    assert plan.extra_images is None
    assert plan.base[: len(view)].tolist() == list(range(len(view)))
    assert np.bincount(view.labels[plan.base]).tolist() == [30, 30, 30]
    fewer = plan_of("imblearn:RandomUnderSampler", view)
    assert len(set(fewer.base.tolist())) == len(fewer) == 36
    again = plan_of("imblearn:RandomUnderSampler:replacement=true", view)
    assert len(set(again.base.tolist())) < len(again) == 36
    clean = plan_of("imblearn:TomekLinks:sampling_strategy=1/", view)
    assert set(view.labels[np.setdiff1d(np.arange(len(view)), clean.base)]) <= {1}


def test_parts_take_parameters_and_the_seed() -> None:
    view = view_of([30, 4])
    rows, _ = drawn(plan_of("imblearn:SMOTETomek:smote__k_neighbors=2", view, 3), view)
    seed = int(np.random.default_rng(3).integers(2**31 - 1))
    smote = SMOTE(k_neighbors=2, random_state=seed)
    np.testing.assert_array_equal(rows, theirs("SMOTETomek", view, 3, smote=smote)[0])


@pytest.mark.parametrize("spec", ["imblearn:RandomUnderSampler", "imblearn:SMOTE", "imblearn:SMOTEENN"])
def test_the_draw_depends_on_the_generator_alone(spec: str) -> None:
    view = view_of(COUNTS["two"])
    one, again, other = (plan_of(spec, view, seed) for seed in (1, 1, 2))
    for field in fields(SamplingPlan):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(again, field.name))
    assert drawn(one, view)[0].tolist() != drawn(other, view)[0].tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float64])
def test_made_images_are_floats_and_others_stay_as_they_are(dtype: type) -> None:
    view = view_of(COUNTS["two"], dtype)
    plan = plan_of("imblearn:SMOTE", view)
    assert plan.extra_images is not None
    assert plan.extra_images.dtype == np.float32
    assert plan.extra_images.shape == (18, 1, 3, 4)
    assert plan.base.tolist() == list(range(60))
    pool = Rows(torch.from_numpy(view.images), torch.arange(42), torch.tensor(view.labels))
    batch = next(batches(pool, lambda: plan, 60, np.random.default_rng(3)))
    order = np.random.default_rng(3).permutation(60)
    found = np.empty((60, 1, 3, 4), dtype=np.float32)
    found[order] = batch.inputs.numpy()
    np.testing.assert_array_equal(found[:42], view.images.astype(np.float32))
    np.testing.assert_array_equal(found[42:], plan.extra_images)
    assert (np.abs(found[42:] - found[42:].round()) > 0.01).mean() > 0.8
    assert (batch.targets.numpy() == np.append(view.labels, np.ones(18))[order]).all()


def test_features_stay_rows_of_features() -> None:
    plan = plan_of("imblearn:SMOTE", view_of(COUNTS["two"], shape=(7,)))
    assert plan.extra_images is not None
    assert plan.extra_images.shape == (18, 7)


@pytest.mark.parametrize(
    ("spec", "exact"),
    [
        ("imblearn:RandomUnderSampler", True),
        ("imblearn:RandomUnderSampler:replacement=true", True),
        ("imblearn:RandomOverSampler", True),
        ("imblearn:RandomOverSampler:shrinkage=0", True),
        ("imblearn:RandomOverSampler:shrinkage=0.5", False),
        ("imblearn:SMOTE", False),
        ("imblearn:NearMiss", False),
        ("imblearn:RandomUnderSampler+focal", False),
    ],
)
def test_only_random_draws_leave_a_known_prior(spec: str, exact: bool) -> None:
    assert create(spec).prior_is_exact is exact


# --- refusals ---


@pytest.mark.parametrize(
    ("spec", "counts", "reason"),
    [
        ("SMOTE", [40, 9, 5], r"class 'rare' has 5 training rows, but k_neighbors=5 .* need 6.*Lower k_nei"),
        (
            "SMOTE",
            [40, 9, 1],
            r"class 'rare' has 1 training row, .* need 6\. Use oversample or imblearn:",
        ),
        (
            "SMOTEENN:smote__k_neighbors=1",
            [40, 9, 1],
            r"need 2\. Use oversample or imblearn:Rand",
        ),
        ("SMOTEENN:enn__sampling_strategy=0/7", [40, 9, 8], "Change enn__sampling_strategy, or leave it out"),
        ("SMOTETomek:tomek__sampling_strategy=7/", [40, 9], "Change tomek__sampling_strategy, or leave"),
        ("SVMSMOTE:k_neighbors=2", [40, 9, 2], "k_neighbors=2 .* need 3"),
        ("ADASYN", [40, 9, 3], "class 'rare' has 3 training rows, but n_neighbors=5"),
        ("SMOTEENN", [40, 9, 3], "Lower enn__n_neighbors or smote__k_neighbors"),
        ("SMOTETomek:smote__k_neighbors=3", [40, 9, 3], "smote__k_neighbors=3 .* need 4"),
        (
            "SMOTE:sampling_strategy=0.5",
            [40, 9, 8],
            "=0.5 is a number, which needs two classes.* have 3; use",
        ),
        ("RandomUnderSampler:sampling_strategy=1", [40, 9, 8], "a number, which needs two classes"),
        ("RandomOverSampler:sampling_strategy=0.1", [40, 9], r"fails on these data: .*common 40, mild 9\."),
        ("TomekLinks:sampling_strategy=0.5", [40, 9], "Change sampling_strategy, or leave it out"),
        ("TomekLinks:sampling_strategy=0/7", [40, 9], "not present in the data"),
    ],
)
def test_what_the_counts_rule_out_is_refused_before_training(
    spec: str, counts: list[int], reason: str
) -> None:
    strategy = create(f"imblearn:{spec}")
    with pytest.raises(RefusedError, match=f"^imblearn:.*{reason}"):
        strategy.check(Context(np.array(counts), NAMES[: len(counts)]))
    with pytest.raises(RefusedError, match=reason):
        strategy.plan(view_of(counts), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ("SMOTE", [40, 40, 6]),
        ("SMOTE:k_neighbors=1", [40, 2]),
        ("SMOTE:sampling_strategy=not minority", [40, 9, 2]),
        ("RandomOverSampler", [40, 1]),
        ("TomekLinks", [40, 1, 1]),
        ("SMOTEENN:smote__k_neighbors=1", [40, 2]),
    ],
)
def test_what_the_counts_allow_passes(spec: str, counts: list[int]) -> None:
    create(f"imblearn:{spec}").check(Context(np.array(counts), NAMES[: len(counts)]))


def test_a_sampler_that_fails_is_refused_with_counts_and_remedy() -> None:
    with pytest.raises(RefusedError) as refusal:
        plan_of("imblearn:NearMiss:n_neighbors=9", view_of([40, 9, 5]))
    said = str(refusal.value)
    assert said.startswith("imblearn:NearMiss fails on these data: Expected n_neighbors <= n_samples_fit")
    assert "The training rows are common 40, mild 9, rare 5. Lower n_neighbors or n_neighbors_ver3" in said


def test_a_class_that_the_library_calls_by_its_number_is_named() -> None:
    with pytest.raises(RefusedError, match=r"samples of class 1 \('mild'\)\. Try lowering"):
        plan_of("imblearn:KMeansSMOTE:cluster_balance_threshold=5", view_of([30, 12]))


def test_of_many_classes_the_smallest_are_named() -> None:
    labels = np.repeat(np.arange(20), range(30, 10, -1)).astype(np.int64)
    images = np.random.default_rng(0).normal(size=(len(labels), 1, 2, 2))
    view = TrainingView(labels, 20, lambda rows: images[rows])
    with pytest.raises(RefusedError, match=r"are 8 22, 9 21, .*, 19 11 and more in 8 other classes\."):
        plan_of("imblearn:NearMiss:n_neighbors=12", view)


def test_a_class_that_would_vanish_is_refused() -> None:
    images = np.random.default_rng(0).normal(size=(43, 1, 2, 2))
    images[40:] = images[:3] + 1e-3
    view = TrainingView((np.arange(43) >= 40).astype(np.int64), 2, lambda rows: images[rows], NAMES[:2])
    with pytest.raises(RefusedError, match=r"none of the 3 training rows of class 'mild'\. .*sampling_stra"):
        plan_of("imblearn:EditedNearestNeighbours:sampling_strategy=all", view)


# --- what the library says, and threads ---


def test_a_sampler_that_changes_nothing_is_pointed_out() -> None:
    view = view_of([20, 20])
    for spec in ("imblearn:RandomOverSampler", "imblearn:RandomUnderSampler"):
        assert plan_of(spec, view).notes == (f"{spec}: every row is drawn once, as without it.",)
    assert plan_of("imblearn:RandomOverSampler", view_of([20, 19])).notes == ()


def test_warnings_become_notes_once() -> None:
    images = np.ones((42, 1, 2, 2), dtype=np.float32)
    view = TrainingView((np.arange(42) >= 30).astype(np.int64), 2, lambda rows: images[rows])
    (note,) = plan_of("imblearn:ClusterCentroids", view).notes
    assert note.startswith("imblearn:ClusterCentroids: Number of distinct clusters (1) found smaller than")


def test_foreign_code_runs_on_one_thread_and_its_future_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    resample = RandomUnderSampler.fit_resample

    def watched(self: Any, rows: np.ndarray, labels: np.ndarray) -> Any:
        threads.update(pool["num_threads"] for pool in threadpool_info())
        for category in (UserWarning, UserWarning, FutureWarning, DeprecationWarning):
            warnings.warn(f"first {category is UserWarning}\nsecond", category, stacklevel=1)
        return resample(self, rows, labels)

    monkeypatch.setattr(RandomUnderSampler, "fit_resample", watched)
    plan = plan_of("imblearn:RandomUnderSampler", view_of(COUNTS["two"]))
    assert plan.notes == ("imblearn:RandomUnderSampler: first True",)
    assert threads == {1}


# --- a comparison ---


def test_a_comparison_runs_refuses_and_goes_on(tmp_path: Path) -> None:
    result = compare(
        "imblearn:SMOTE,imblearn:NearMiss,imblearn:SMOTEENN,imblearn:SMOTE:k_neighbors=9+focal",
        dataset="digits",
        imbalance_ratio=6,
        n_max=54,
        steps=3,
        seeds=1,
        workers=0,
        device="cpu",
        results=tmp_path,
    )
    (failure,) = result["failures"]
    assert failure["strategy"] == "imblearn:SMOTE:k_neighbors=9+focal"
    assert "has 9 training rows, but k_neighbors=9" in failure["error"]
    ran = {row["strategy"] for row in result["rows"] if row["n"]}
    assert ran >= {"cross-entropy", "imblearn:SMOTE", "imblearn:NearMiss", "imblearn:SMOTEENN"}
    assert len(list(tmp_path.glob("*/imblearn_SMOTE/seed-0-*/run.json"))) == 1
