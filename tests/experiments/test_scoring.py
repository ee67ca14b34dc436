"""Numbers of a stored run: references against scikit-learn and by hand; thresholds from validation only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from conftest import StoredComparison
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier

from imbalance_bench.data.registry import create as create_source
from imbalance_bench.errors import RequestError
from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.experiments.record import Record
from imbalance_bench.experiments.scoring import Scores, score, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.strategies.base import Context, Decide, FittingData, Strategy
from imbalance_bench.strategies.registry import create

OF_SCORES = ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece")
PRIORS = ("dataset", "train", "uniform")


def run_of(predictions: Mapping[str, NDArray[Any]], counts: Sequence[int]) -> StoredRun:
    """A run that stands nowhere, with just what scoring reads of its record."""
    record = {
        "class_counts": list(counts),
        "class_names": [f"c{i}" for i in range(len(counts))],
        "positive_class": None,
        "effective_prior": [n / sum(counts) for n in counts],
    }
    run = StoredRun(Path("nowhere"), cast(Record, record))
    run.__dict__["predictions"] = {
        **predictions,
        "val_rows": np.arange(len(predictions["val_labels"])),
        "test_rows": np.arange(len(predictions["test_labels"])),
    }
    return run


def noisy(labels: NDArray[np.int64], n_classes: int, seed: int) -> NDArray[np.float32]:
    """Logits that tell something of the labels."""
    found = np.random.default_rng(seed).normal(size=(len(labels), n_classes))
    found[np.arange(len(labels)), labels] += 1
    return (found - np.arange(n_classes)).astype(np.float32)


@cache
def synthetic(spec: str, counts: tuple[int, ...]) -> StoredRun:
    """A run on drawn data whose stored logits are worth nothing."""
    source = create_source(spec)
    data = source.load(np.random.default_rng(4))
    assert data.parts is not None
    predictions: dict[str, NDArray[Any]] = {}
    for part in ("val", "test"):
        rows = data.parts[part]
        likelihood = source.log_likelihood(data.images[rows])
        assert likelihood is not None
        predictions |= {
            f"{part}_logits": np.zeros((len(rows), data.n_classes), np.float32),
            f"{part}_labels": data.labels[rows],
            f"{part}_log_likelihood": likelihood.astype(np.float32),
        }
    return run_of(predictions, counts)


def two_classes() -> StoredRun:
    """400 of 2000 test rows diseased; the training rows had one in ten."""
    return synthetic("synthetic:test=2000,train=10,val=10,prevalence=0.2", (900, 100))


def four_classes() -> StoredRun:
    return synthetic("synthetic:classes=4,test=1500,train=10,val=10,prevalence=0.3", (700, 100, 100, 100))


def bayes(run: StoredRun, test_prior: str = "dataset") -> Scores:
    found = score_bayes(run, test_prior)
    assert found is not None
    return found


def target_prior(run: StoredRun, kind: str) -> NDArray[np.float64]:
    labels, counts = run.predictions["test_labels"], np.array(run.record["class_counts"])
    if kind == "uniform":
        return np.full(len(counts), 1 / len(counts))
    shares = counts if kind == "train" else np.bincount(labels, minlength=len(counts))
    return np.asarray(shares / shares.sum())


def truth(run: StoredRun, kind: str = "dataset") -> tuple[Any, Any, Any]:
    """Labels, weights and log posterior of the test part under a prior, from the definitions."""
    labels = run.predictions["test_labels"]
    prior = target_prior(run, kind)
    weight = (prior / (np.bincount(labels, minlength=len(prior)) / len(labels)))[labels]
    joint = run.predictions["test_log_likelihood"].astype(float) + np.log(prior)
    return labels, weight, joint - logsumexp(joint, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("make", [two_classes, four_classes])
def test_bayes_is_the_posterior_of_the_test_prior(make: Any, kind: str) -> None:
    run = make()
    found = bayes(run, kind)
    labels, weight, log_posterior = truth(run, kind)
    p = np.exp(log_posterior)
    n_classes = p.shape[1]
    assert found.test_prior == pytest.approx(target_prior(run, kind))
    hot = np.eye(n_classes)[labels]
    ap = [sk.average_precision_score(hot[:, c], p[:, c], sample_weight=weight) for c in range(n_classes)]
    auc = [sk.roc_auc_score(hot[:, c], p[:, c], sample_weight=weight) for c in range(n_classes)]
    assert [row["average_precision"] for row in found.per_class] == pytest.approx(ap)
    wanted = {
        "log_loss": sk.log_loss(labels, p, sample_weight=weight),
        "brier": np.average(((p - hot) ** 2).sum(axis=1), weights=weight),
        "macro_ap": np.mean(ap),
        "minority_ap": ap[1],  # the first of the rarest
        "macro_auc": np.mean(auc),
        # Every class counts alike, so that the greatest likelihood is best whatever the prior.
        "balanced_accuracy": sk.balanced_accuracy_score(
            labels, run.predictions["test_log_likelihood"].argmax(axis=1)
        ),
        "accuracy": sk.accuracy_score(labels, p.argmax(axis=1), sample_weight=weight),
    }
    assert {name: found.summary[name] for name in wanted} == pytest.approx(wanted)
    assert found.summary["ece"] < 0.03


def test_the_prior_moves_the_posterior_by_its_log_odds() -> None:
    run = two_classes()
    labels, _, by_dataset = truth(run)
    odds = by_dataset[:, 1] - by_dataset[:, 0]
    # from one diseased in five to one in ten, and to one in two
    for kind, shift in (("train", np.log((1 / 9) / (1 / 4))), ("uniform", np.log(4))):
        p = 1 / (1 + np.exp(-(odds + shift)))
        weight = np.where(
            labels == 1, {"train": 0.5, "uniform": 2.5}[kind], {"train": 1.125, "uniform": 0.625}[kind]
        )
        own = np.where(labels == 1, p, 1 - p)
        assert bayes(run, kind).summary["log_loss"] == pytest.approx(np.average(-np.log(own), weights=weight))


def test_another_prior_is_as_if_the_rows_were_drawn_so() -> None:
    run = two_classes()
    labels = run.predictions["test_labels"]
    assert np.bincount(labels).tolist() == [1600, 400]
    drawn = np.concatenate([np.flatnonzero(labels == 0), np.repeat(np.flatnonzero(labels == 1), 4)])
    again = run_of(
        {name: v[drawn] if name.startswith("test") else v for name, v in run.predictions.items()},
        run.record["class_counts"],
    )
    weighted, repeated = bayes(run, "uniform").summary, bayes(again, "dataset").summary
    names = ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "balanced_accuracy", "accuracy")
    assert {name: weighted[name] for name in names} == pytest.approx({name: repeated[name] for name in names})


def by_cut(odds: NDArray[np.float64], mass: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """(n + 1,) each metric of decisions, where the k rows of the greatest odds are called class 1.

    mass: (n, 2), what a row counts as a member of each class.
    """
    order = np.argsort(-odds)
    hit = np.concatenate([[0], np.cumsum(mass[order, 1])])
    called = np.concatenate([[0], np.cumsum(mass[order].sum(axis=1))])
    present, whole = mass.sum(axis=0), mass.sum()
    right = present[0] - (called - hit)
    recalls = np.stack([right / present[0], hit / present[1]])
    f1 = np.stack([2 * right / (whole - called + present[0]), 2 * hit / (called + present[1])])
    # Matthews correlation of two classes, from its four cells
    miss, false = present[1] - hit, called - hit
    below = np.sqrt((called * (whole - called)).clip(min=0) * present[0] * present[1])
    mcc = np.divide(hit * right - false * miss, below, out=np.zeros_like(hit), where=below > 1e-9)
    return {
        "macro_f1": f1.mean(axis=0),
        "balanced_accuracy": recalls.mean(axis=0),
        "g_mean": np.sqrt(recalls.clip(min=0).prod(axis=0)),
        "mcc": mcc,
        "worst_class_recall": recalls.min(axis=0),
        "accuracy": (hit + right) / whole,
    }


def by_scikit_learn(labels: Any, said: Any, weight: Any) -> dict[str, float]:
    recalls = sk.recall_score(labels, said, average=None, sample_weight=weight)
    return {
        "macro_f1": sk.f1_score(labels, said, average="macro", sample_weight=weight),
        "balanced_accuracy": recalls.mean(),
        "g_mean": recalls.prod() ** (1 / len(recalls)),
        "mcc": sk.matthews_corrcoef(labels, said, sample_weight=weight),
        "worst_class_recall": recalls.min(),
        "accuracy": sk.accuracy_score(labels, said, sample_weight=weight),
    }


@pytest.mark.parametrize("kind", PRIORS)
def test_every_metric_of_decisions_has_the_cut_of_the_greatest_expected_value(kind: str) -> None:
    run = two_classes()
    labels, weight, log_posterior = truth(run, kind)
    odds = log_posterior[:, 1] - log_posterior[:, 0]
    # A row is a member of a class with the probability at the part's own shares, and weighs what those weigh.
    mass = np.exp(truth(run)[2]) * (target_prior(run, kind) / [0.8, 0.2])
    found = bayes(run, kind)
    best = {metric: int(values.argmax()) for metric, values in by_cut(odds, mass).items()}
    # The number of members of each class is known, so that recalls weigh the likelihoods alike.
    best["balanced_accuracy"] = int((run.predictions["test_log_likelihood"][:, 1] > 0).sum())
    assert len(set(best.values())) >= 4
    for metric, n_called in best.items():
        said = np.zeros(len(labels), dtype=int)
        said[np.argsort(-odds)[:n_called]] = 1
        assert found.summary[metric] == pytest.approx(by_scikit_learn(labels, said, weight)[metric]), metric
    # The rows per class are at the decisions of macro F1.
    assert np.mean([row["f1"] for row in found.per_class]) == pytest.approx(found.summary["macro_f1"])
    if kind == "train":
        recalls = [row["recall"] for row in found.per_class]
        assert np.mean(recalls) < found.summary["balanced_accuracy"] - 0.01


def test_the_labels_decide_nothing_for_bayes() -> None:
    run = two_classes()
    labels = run.predictions["test_labels"]
    turned = run_of({**run.predictions, "test_labels": labels[::-1]}, (900, 100))
    called = []
    for each in (run, turned):
        _, sick = bayes(each).per_class
        called.append(sick["recall"] * sick["support"] / sick["precision"])
    assert called[0] == pytest.approx(called[1])
    assert bayes(turned).summary["balanced_accuracy"] < 0.6 < bayes(run).summary["balanced_accuracy"]


def test_bayes_reaches_the_published_numbers() -> None:
    # golden.md, `synthetic`: minority AP .926, ROC AUC .995, .964 thresholded at the prevalence
    run = synthetic("synthetic:test=20000,train=10,val=10", (9800, 200))
    found = bayes(run).summary
    assert found["minority_ap"] == pytest.approx(0.926, abs=0.03)
    assert found["macro_auc"] == pytest.approx(0.995, abs=0.003)
    assert found["balanced_accuracy"] == pytest.approx(0.964, abs=0.015)
    assert found["ece"] < 0.005
    # At argmax, recall is .80: the greatest posterior serves accuracy alone.
    assert found["accuracy"] == pytest.approx(0.996, abs=0.002)


def test_without_a_likelihood_there_is_no_bayes(stored: StoredComparison) -> None:
    assert score_bayes(find_runs(stored.folder)[0][0], "dataset") is None


def test_a_class_without_test_rows() -> None:
    run = four_classes()
    kept = run.predictions["test_labels"] != 2
    some = run_of(
        {name: v[kept] if name.startswith("test") else v for name, v in run.predictions.items()},
        run.record["class_counts"],
    )
    found = bayes(some)
    # Its share is 0, so it is never the answer, and the numbers are those of the three others.
    assert found.test_prior[2] == 0
    labels = some.predictions["test_labels"]
    joint = some.predictions["test_log_likelihood"][:, [0, 1, 3]].astype(float)
    joint += np.log(np.bincount(labels)[[0, 1, 3]])
    assert found.summary["log_loss"] == pytest.approx(
        sk.log_loss(np.searchsorted([0, 1, 3], labels), softmax(joint, axis=1)), rel=1e-6
    )
    assert np.isnan(found.per_class[2]["recall"])
    assert np.isnan(found.per_class[2]["precision"])
    with pytest.raises(RequestError, match=r"--test-prior uniform: the test part can't be weighted.*'c2'"):
        score_bayes(some, "uniform")
    with pytest.raises(RequestError, match="'c2'"):
        score_majority(some, "train")


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("make", [two_classes, four_classes])
def test_majority_is_scikit_learns_dummy(make: Any, kind: str) -> None:
    run = make()
    counts = run.record["class_counts"]
    trained_on = np.repeat(np.arange(len(counts)), counts)
    dummy = DummyClassifier(strategy="prior").fit(trained_on[:, None], trained_on)
    labels, weight, _ = truth(run, kind)
    p, said = dummy.predict_proba(labels[:, None]), dummy.predict(labels[:, None])
    found = score_majority(run, kind)
    hot = np.eye(len(counts))[labels]
    wanted = {
        "log_loss": sk.log_loss(labels, p, sample_weight=weight),
        "brier": np.average(((p - hot) ** 2).sum(axis=1), weights=weight),
        "accuracy": sk.accuracy_score(labels, said, sample_weight=weight),
        "macro_f1": sk.f1_score(labels, said, average="macro", sample_weight=weight),
        "macro_auc": 0.5,
        # what any order gives that tells nothing: the share of the class
        "macro_ap": 1 / len(counts),
        "balanced_accuracy": 1 / len(counts),
        "g_mean": 0,
        "mcc": 0,
        "worst_class_recall": 0,
    }
    assert {name: found.summary[name] for name in wanted} == pytest.approx(wanted)
    assert [row["recall"] for row in found.per_class] == [1] + [0] * (len(counts) - 1)
    assert [np.isnan(row["precision"]) for row in found.per_class] == [False] + [True] * (len(counts) - 1)
    assert found.per_class[0]["precision"] == pytest.approx(found.test_prior[0])


def test_majority_is_of_the_training_rows() -> None:
    run = two_classes()
    turned = run_of(run.predictions, (100, 900))
    assert [row["recall"] for row in score_majority(turned, "dataset").per_class] == [0, 1]
    assert score_majority(turned, "dataset").summary["accuracy"] == pytest.approx(0.2)


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
