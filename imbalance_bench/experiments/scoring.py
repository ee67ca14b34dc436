"""From a stored run to its numbers: adjustment, decision, test prior, metrics. Needs logits only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.evaluation.thresholds import fit_offsets
from imbalance_bench.experiments.calibrated import calibration_as_is, calibration_numbers, reliability_rows
from imbalance_bench.experiments.clinical import clinical_numbers
from imbalance_bench.experiments.parts import Part, Scores, context_of, part_of
from imbalance_bench.experiments.score_cache import kept
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import FittingData, Floats, Strategy
from imbalance_bench.strategies.checked import Checked
from imbalance_bench.strategies.composite import parts_of

TUNED_FOR = "macro_f1"
"""What decisions are tuned for where the primary metric is one of scores."""


def score(
    run: StoredRun,
    strategy: Strategy,
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    resample: bool = False,
    like: Scores | None = None,
    prevalence: float | None = None,
) -> Scores:
    """The numbers of `strategy` on the run that it trained or adjusts; `like`: see `Part.numbers`.

    `test_prior` is "dataset", "train" or "uniform"; `tuned_for` one of `DECISION_METRICS`. RequestError
    where a class that the prior weighs has no rows. `prevalence`: see `clinical_numbers`.
    FaultyError where the strategy does what none may.
    """
    asked = ("strategy", strategy.spec, test_prior, tuned_for, str(resample), str(prevalence))
    found = kept(
        run,
        asked,
        lambda: _score(run, strategy, test_prior, tuned_for, resample, like, prevalence),
        parts_of(strategy),
    )
    assert found is not None
    return found


def _score(
    run: StoredRun,
    strategy: Strategy,
    test_prior: str,
    tuned_for: str,
    resample: bool,
    like: Scores | None,
    prevalence: float | None,
) -> Scores:
    stored, context = run.predictions, context_of(run.record)
    test = part_of(stored["test_labels"], stored, context, test_prior, "test")
    if "val_labels" not in stored:
        return _score_unfitted(test, stored["test_logits"].astype(np.float64), resample)
    val = part_of(stored["val_labels"], stored, context, test_prior, "validation")
    val_logits = stored["val_logits"].astype(np.float64)
    fitting = FittingData(val_logits, val.labels, val.weight, run.head_weight, tuned_for, run.head_bias)
    checked = Checked(strategy)
    adjust = checked.fit_adjust(fitting, context)
    decide = checked.fit_decision(replace(fitting, logits=adjust(val_logits)), context)
    logits = adjust(stored["test_logits"].astype(np.float64))
    shift = adjust(np.zeros((1, context.n_classes)))[0]
    found = test.numbers(logits, decide(logits), resample, like)
    if like is not None:
        return replace(
            found,
            shift=shift,
            calibration=like.calibration,
            reliability=like.reliability,
            clinical=like.clinical,
            correction=like.correction,
        )
    known = stored.get("test_log_likelihood")
    numbers, correction = calibration_numbers(
        strategy,
        val,
        adjust(val_logits),
        test,
        logits,
        shift,
        None if known is None else known.astype(np.float64),
    )
    clinical, drawn = clinical_numbers(
        val, correction(adjust(val_logits)), test, correction(logits), prevalence, resample
    )
    return replace(
        found,
        shift=shift,
        replicates={**found.replicates, **drawn},
        calibration=numbers,
        reliability=reliability_rows(test, logits),
        clinical=clinical,
        correction=correction.kind,
    )


def _score_unfitted(test: Part, logits: Floats, resample: bool) -> Scores:
    """The numbers of logits (n, C) as they are: without validation rows there is nothing to fit on."""
    found = test.numbers(logits, logits.argmax(axis=1), resample)
    return replace(
        found,
        shift=np.zeros(test.context.n_classes),
        calibration=calibration_as_is(test, logits),
        reliability=reliability_rows(test, logits),
    )


def score_untouched(record: Mapping[str, Any], predictions: Mapping[str, NDArray[Any]]) -> Scores:
    """The numbers of a run's logits as they are, on the test part as it is."""
    test = part_of(predictions["test_labels"], predictions, context_of(record), "dataset", "test")
    logits = predictions["test_logits"].astype(np.float64)
    return test.numbers(logits, logits.argmax(axis=1))


def score_majority(run: StoredRun, test_prior: str, resample: bool = False) -> Scores:
    """The numbers of always saying the largest training class, with the training shares as probabilities."""
    asked = ("majority", test_prior, str(resample))
    found = kept(run, asked, lambda: _score_majority(run, test_prior, resample))
    assert found is not None
    return found


def _score_majority(run: StoredRun, test_prior: str, resample: bool) -> Scores:
    context = context_of(run.record)
    test = part_of(run.predictions["test_labels"], run.predictions, context, test_prior, "test")
    logits = np.tile(np.log(context.prior), (len(test.labels), 1))
    return test.numbers(logits, logits.argmax(axis=1), resample)


def score_bayes(run: StoredRun, test_prior: str, resample: bool = False) -> Scores | None:
    """The numbers of the exact posterior under the test prior; None where the data set does not know it.

    Every metric of decisions has its own Bayes rule: the decisions with the greatest expected value under
    the posterior, found without the labels (balanced accuracy: the class of the greatest likelihood;
    accuracy: of the greatest posterior). The rows per class are at the decisions of macro F1.
    """
    return kept(run, ("bayes", test_prior, str(resample)), lambda: _score_bayes(run, test_prior, resample))


def _score_bayes(run: StoredRun, test_prior: str, resample: bool) -> Scores | None:
    stored, context = run.predictions, context_of(run.record)
    if "test_log_likelihood" not in stored:
        return None
    test = part_of(stored["test_labels"], stored, context, test_prior, "test")
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


def softmax_loss(logits: NDArray[Any], labels: NDArray[np.int64]) -> Floats:
    """(n,) float64: -log softmax of the true class."""
    z = logits.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels])
