"""From a stored run to its numbers: adjustment, decision, test prior, metrics. Needs logits only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores, summary_metrics
from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.evaluation.prior import prior_weights
from imbalance_bench.evaluation.resampling import resampled_classes, resampled_metrics, row_weights
from imbalance_bench.evaluation.thresholds import fit_offsets
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Context, FittingData, Floats, Strategy

PER_CLASS = ("class", "precision", "recall", "f1", "support", "average_precision")
REPLICATES = 200
TUNED_FOR = "macro_f1"
"""What decisions are tuned for where the primary metric is one of scores."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The numbers of one strategy on one run.

    Attributes:
        per_class: one mapping per class, with the names of `PER_CLASS`; undefined is NaN.
        summary: the metrics by name; undefined is NaN.
        test_prior: (C,) class shares that the numbers stand for.
        shift: (C,) what the places after training add to logits of 0.
        replicates: the metrics by name, (B,), on resampled test rows; empty where nothing was resampled.
        class_replicates: precision, recall and F1 likewise, (B, C).
    """

    per_class: list[dict[str, Any]]
    summary: dict[str, float]
    test_prior: Floats
    shift: Floats = field(default_factory=lambda: np.zeros(0))
    replicates: Mapping[str, Floats] = field(default_factory=dict)
    class_replicates: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """The labels of validation or test, with the weights that make them stand for the test prior.

    Attributes:
        labels: (n,) int64.
        weight: (n,) float64 of mean 1.
        context: of the run's training rows.
        prior: (C,) class shares that the weighted rows have.
    """

    labels: NDArray[np.int64]
    weight: Floats
    context: Context
    prior: Floats
    kind: str

    def numbers(
        self,
        logits: Floats,
        decided: NDArray[np.int64],
        resample: bool = False,
        like: Scores | None = None,
    ) -> Scores:
        """All metrics of logits (n, C) and decisions (n,), and where asked those of resampled rows.

        `like` are the numbers of the same logits under other decisions: what decisions leave alone is theirs.
        """
        names = self.context.class_names
        minority = int(np.argmin(self.context.class_counts))
        found = Scores(
            per_class_rows(self.labels, decided, names, ranking_scores(logits), self.weight),
            summary_metrics(self.labels, logits, names, self.weight, y_pred=decided, minority=minority),
            self.prior,
        )
        if not resample:
            return found
        draws = self.draws()
        return replace(
            found,
            replicates={
                **(like.replicates if like is not None else {}),
                **resampled_metrics(
                    self.labels,
                    logits,
                    decided,
                    draws,
                    self.weight,
                    minority,
                    tuple(METRICS) if like is None else DECISION_METRICS,
                ),
            },
            class_replicates=resampled_classes(self.labels, decided, len(names), draws, self.weight),
        )

    def draws(self) -> Floats:
        """(B, n) weights of resampled rows: the same for every strategy and seed on the same test part.

        Where the test prior fixes the class shares they are kept, class by class.
        """
        strata = None if self.kind == "dataset" else self.labels.tobytes()
        return _draws(len(self.labels), strata)


@lru_cache(maxsize=2)
def _draws(n: int, strata: bytes | None) -> Floats:
    labels = None if strata is None else np.frombuffer(strata, dtype=np.int64)
    return row_weights(n, REPLICATES, np.random.default_rng(0), strata=labels)


def score(
    run: StoredRun,
    strategy: Strategy,
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    resample: bool = False,
    like: Scores | None = None,
) -> Scores:
    """The numbers of `strategy` on the run that it trained or adjusts; `like`: see `Part.numbers`.

    `test_prior` is "dataset", "train" or "uniform"; `tuned_for` one of `DECISION_METRICS`. RequestError
    where a class that the prior weighs has no rows.
    """
    stored, context = run.predictions, context_of(run.record)
    test = _part(stored["test_labels"], stored, context, test_prior, "test")
    val = _part(stored["val_labels"], stored, context, test_prior, "validation")
    val_logits = stored["val_logits"].astype(np.float64)
    fitting = FittingData(val_logits, val.labels, val.weight, run.head_weight, tuned_for)
    adjust = strategy.fit_adjust(fitting, context)
    decide = strategy.fit_decision(replace(fitting, logits=adjust(val_logits)), context)
    logits = adjust(stored["test_logits"].astype(np.float64))
    shift = adjust(np.zeros((1, context.n_classes)))[0]
    return replace(test.numbers(logits, decide(logits), resample, like), shift=shift)


def score_untouched(record: Mapping[str, Any], predictions: Mapping[str, NDArray[Any]]) -> Scores:
    """The numbers of a run's logits as they are, on the test part as it is."""
    test = _part(predictions["test_labels"], predictions, context_of(record), "dataset", "test")
    logits = predictions["test_logits"].astype(np.float64)
    return test.numbers(logits, logits.argmax(axis=1))


def score_majority(run: StoredRun, test_prior: str, resample: bool = False) -> Scores:
    """The numbers of always saying the largest training class, with the training shares as probabilities."""
    context = context_of(run.record)
    test = _part(run.predictions["test_labels"], run.predictions, context, test_prior, "test")
    logits = np.tile(np.log(context.prior), (len(test.labels), 1))
    return test.numbers(logits, logits.argmax(axis=1), resample)


def score_bayes(run: StoredRun, test_prior: str, resample: bool = False) -> Scores | None:
    """The numbers of the exact posterior under the test prior; None where the data set does not know it.

    Every metric of decisions has its own Bayes rule: the decisions with the greatest expected value under
    the posterior, found without the labels (balanced accuracy: the class of the greatest likelihood;
    accuracy: of the greatest posterior). The rows per class are at the decisions of macro F1.
    """
    stored, context = run.predictions, context_of(run.record)
    if "test_log_likelihood" not in stored:
        return None
    test = _part(stored["test_labels"], stored, context, test_prior, "test")
    likelihood = stored["test_log_likelihood"].astype(np.float64)
    observed = np.bincount(test.labels, minlength=context.n_classes) / len(test.labels)
    with np.errstate(divide="ignore"):
        # A class of share 0 keeps a finite, negligible logit.
        logits = likelihood + np.maximum(np.log(test.prior), -1e3)
        posterior = likelihood + np.log(observed)
    posterior = np.exp(posterior - posterior.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    # A row's weight depends on its class, which is unknown here: so does its expected weight.
    mass = posterior * np.divide(test.prior, observed, out=np.zeros_like(observed), where=observed > 0)
    decided = {"balanced_accuracy": likelihood.argmax(axis=1), "accuracy": logits.argmax(axis=1)}
    for metric in DECISION_METRICS:
        if metric not in decided:
            decided[metric] = (logits + fit_offsets(logits, mass, metric)).argmax(axis=1)
    found = {metric: test.numbers(logits, rule, resample) for metric, rule in decided.items()}
    shown = found["macro_f1"]
    best = {metric: found[metric].summary[metric] for metric in DECISION_METRICS}
    drawn = {metric: found[metric].replicates[metric] for metric in DECISION_METRICS if resample}
    return replace(shown, summary=shown.summary | best, replicates={**shown.replicates, **drawn})


def context_of(record: Mapping[str, Any]) -> Context:
    """The context of the rows that a run was trained on."""
    names = tuple(record["class_names"])
    return Context(
        record["class_counts"],
        names,
        positive=-1 if record["positive_class"] is None else names.index(record["positive_class"]),
        effective_prior=np.asarray(record["effective_prior"]),
    )


def softmax_loss(logits: NDArray[Any], labels: NDArray[np.int64]) -> Floats:
    """(n,) float64: -log softmax of the true class."""
    z = logits.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels])


def _part(
    labels: NDArray[np.int64],
    stored: Mapping[str, NDArray[Any]],
    context: Context,
    kind: str,
    name: str,
) -> Part:
    """A part's rows, weighted to the shares of a test prior.

    With the data set's own prior a class that validation lacks is left out of account, never refused.
    """
    n_classes = context.n_classes
    if kind == "train":
        target = context.prior
    elif kind == "uniform":
        target = np.full(n_classes, 1 / n_classes)
    else:
        test_labels = stored["test_labels"]
        target = np.asarray(np.bincount(test_labels, minlength=n_classes) / len(test_labels))
        reachable = np.where(np.bincount(labels, minlength=n_classes) > 0, target, 0.0)
        if not reachable.any():
            # Validation and test share no class: nothing can be weighed, so every row counts alike.
            return Part(labels, np.ones(len(labels)), context, target, kind)
        target = reachable / reachable.sum()
    try:
        weight = prior_weights(labels, target, context.class_names)
    except ValueError as error:
        raise RequestError(
            f"--test-prior {kind}: the {name} part can't be weighted: {error} "
            "Use --test-prior dataset, or give that class rows."
        ) from None
    return Part(labels, weight, context, target, kind)
