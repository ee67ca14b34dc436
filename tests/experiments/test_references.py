"""The rows that train nothing: the exact posterior and the largest class, against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import StoredComparison
from made_runs import PRIORS, by_cut, by_scikit_learn, run_of, synthetic
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier

from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.scoring import Scores, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun, find_runs


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
