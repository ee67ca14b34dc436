"""Numbers of a stored run: a threshold is fitted on validation alone, and moves decisions alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import StoredComparison
from made_runs import PRIORS, by_cut, by_scikit_learn, noisy, run_of
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.experiments.scoring import score
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.strategies.base import Context, Decide, FittingData, Strategy
from imbalance_bench.strategies.registry import create

OF_SCORES = ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece")


@dataclass(frozen=True)
class Watched(Strategy):
    """The threshold, with what it was fitted on and what came of it kept for the test."""

    name: ClassVar[str] = "watched"
    seen: list[FittingData] = field(default_factory=list)
    made: list[Decide] = field(default_factory=list)

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        self.seen.append(run)
        self.made.append(create("threshold").fit_decision(run, context))
        return self.made[-1]


def cut_of(run: StoredRun, kind: str) -> float:
    """The threshold that is fitted to a run of two classes: the least gap of the logits that is called 1."""
    watched = Watched()
    score(run, watched, kind)
    gaps = np.linspace(-8, 8, 16001)
    said = watched.made[0](np.stack([np.zeros_like(gaps), gaps], axis=1))
    assert (np.diff(said) >= 0).all()
    return float(gaps[said == 1].min())


def fitted_run(**changed: NDArray[Any]) -> StoredRun:
    """Two classes, 300 validation and 500 test rows of other shares."""
    rng = np.random.default_rng(8)
    val, test = (rng.permutation(np.arange(n) < k).astype(np.int64) for n, k in ((300, 45), (500, 150)))
    predictions = {
        "val_labels": val,
        "test_labels": test,
        "val_logits": noisy(val, 2, 1),
        "test_logits": noisy(test, 2, 2),
    }
    return run_of({**predictions, **changed}, (900, 100))


@pytest.mark.parametrize("kind", PRIORS)
def test_the_threshold_is_fitted_on_validation_alone(kind: str) -> None:
    run = fitted_run()
    plain = cut_of(run, kind)
    test_labels, val_labels = run.predictions["test_labels"], run.predictions["val_labels"]
    # Labels of the same shares, since those are what the prior `dataset` takes from the test part.
    assert cut_of(fitted_run(test_labels=np.roll(test_labels, 7)), kind) == plain
    assert cut_of(fitted_run(test_logits=-run.predictions["test_logits"]), kind) == plain
    assert cut_of(fitted_run(val_labels=np.roll(val_labels, 7)), kind) != plain
    assert cut_of(fitted_run(val_logits=run.predictions["val_logits"] + np.array([0, 2.0])), kind) == (
        pytest.approx(plain + 2, abs=0.01)
    )


@pytest.mark.parametrize("kind", ["train", "uniform"])
def test_no_label_of_the_test_part_enters_the_fit_for_a_prior_of_its_own(kind: str) -> None:
    run = fitted_run()
    fewer = np.where(np.arange(500) < 250, 0, run.predictions["test_labels"])
    assert cut_of(fitted_run(test_labels=fewer), kind) == cut_of(run, kind)


@pytest.mark.parametrize("metric", DECISION_METRICS)
@pytest.mark.parametrize("kind", PRIORS)
def test_the_weights_of_the_test_prior_enter_fit_and_numbers(kind: str, metric: str) -> None:
    run = fitted_run()
    stored = run.predictions
    prior = {"dataset": [0.7, 0.3], "train": [0.9, 0.1], "uniform": [0.5, 0.5]}[kind]
    val_mass = np.eye(2)[stored["val_labels"]] * (np.array(prior) / [0.85, 0.15])
    test_weight = (np.array(prior) / [0.7, 0.3])[stored["test_labels"]]
    val_gap, test_gap = (stored[f"{part}_logits"].astype(float) @ [-1, 1] for part in ("val", "test"))
    values = by_cut(val_gap, val_mass)[metric]
    falling = np.sort(val_gap)[::-1]
    tried = [falling[0] + 1, *(falling[1:] + falling[:-1]) / 2, falling[-1] - 1]
    best = [
        by_scikit_learn(stored["test_labels"], (test_gap > tried[k]).astype(int), test_weight)[metric]
        for k in np.flatnonzero(values > values.max() - 1e-9)
    ]
    found = score(run, create("threshold"), kind, tuned_for=metric).summary[metric]
    assert min(abs(found - value) for value in best) < 1e-9


def test_the_prior_moves_the_threshold() -> None:
    run = fitted_run()
    found = [cut_of(run, kind) for kind in ("train", "dataset", "uniform")]
    # The commoner the class, the less is asked of it.
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_what_the_fit_sees() -> None:
    run, watched = fitted_run(), Watched()
    score(run, watched, "uniform", tuned_for="mcc")
    (seen,) = watched.seen
    assert seen.logits.dtype == np.float64
    assert seen.logits.tolist() == run.predictions["val_logits"].astype(float).tolist()
    assert seen.labels.tolist() == run.predictions["val_labels"].tolist()
    assert seen.metric == "mcc"
    assert seen.sample_weight == pytest.approx(np.where(seen.labels == 1, 0.5 / 0.15, 0.5 / 0.85), rel=1e-12)
    score(run, watched, "dataset")
    assert watched.seen[1].metric == "macro_f1"


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("spec", ["cross-entropy", "focal", "logit-adjustment"])
def test_a_threshold_changes_decisions_only(stored: StoredComparison, spec: str, kind: str) -> None:
    trained = "focal" if spec == "focal" else "cross-entropy"
    run = next(run for run in find_runs(stored.folder)[0] if run.config.strategy == trained)
    plain, tuned = score(run, create(spec), kind), score(run, create(f"{spec}+threshold"), kind)
    # The very same numbers, to the last bit.
    assert [tuned.summary[name] for name in OF_SCORES] == [plain.summary[name] for name in OF_SCORES]
    for a, b in zip(plain.per_class, tuned.per_class, strict=True):
        assert a["average_precision"] == b["average_precision"]
        assert a["support"] == b["support"]
    assert tuned.summary["macro_f1"] != plain.summary["macro_f1"]


@pytest.mark.parametrize("metric", DECISION_METRICS)
def test_tuned_for_is_what_auto_means(stored: StoredComparison, metric: str) -> None:
    run = find_runs(stored.folder)[0][0]
    auto = score(run, create("threshold"), "dataset", tuned_for=metric)
    named = score(run, create(f"threshold:metric={metric}"), "dataset", tuned_for="macro_f1")
    np.testing.assert_equal((auto.summary, auto.per_class), (named.summary, named.per_class))


def test_a_named_metric_wins_over_tuned_for() -> None:
    found = [
        score(fitted_run(), create(spec), "dataset", tuned_for=tuned_for).summary
        for spec in ("threshold", "threshold:metric=accuracy")
        for tuned_for in ("balanced_accuracy", "worst_class_recall")
    ]
    assert found[0] != found[1]
    assert found[2] == found[3]


def test_a_class_that_validation_lacks() -> None:
    rng = np.random.default_rng(3)
    val, test = rng.choice(2, size=200, p=[0.8, 0.2]), rng.choice(3, size=300, p=[0.6, 0.3, 0.1])
    run = run_of(
        {
            "val_labels": val,
            "test_labels": test,
            "val_logits": noisy(val, 3, 1),
            "test_logits": noisy(test, 3, 2),
        },
        (80, 20, 5),
    )
    watched = Watched()
    found = score(run, watched, "dataset")
    # The two classes that are there keep the shares that they have in the test part, among themselves.
    shares = np.bincount(test)[:2] / (test < 2).sum()
    (seen,) = watched.seen
    for label in (0, 1):
        weight = seen.sample_weight[seen.labels == label]
        assert weight == pytest.approx(np.full(len(weight), shares[label] / (val == label).mean()))
    assert found.test_prior == pytest.approx(np.bincount(test) / 300)
    assert np.isfinite(found.summary["macro_f1"])
    plain = score(run, create("cross-entropy"), "dataset")
    assert [found.summary[name] for name in OF_SCORES] == [plain.summary[name] for name in OF_SCORES]
    for kind in ("train", "uniform"):
        with pytest.raises(RequestError, match=f"{kind}: the validation part can't be weighted.*'c2'"):
            score(run, create("threshold"), kind)
