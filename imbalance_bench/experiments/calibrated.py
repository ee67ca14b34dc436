"""How well a run's probabilities fit, as they are and after a correction of their prior."""

from __future__ import annotations

import numpy as np

from imbalance_bench.evaluation.calibration import (
    errors_above_prevalence,
    fit_temperature,
    recalibrations,
    reliability,
)
from imbalance_bench.evaluation.correction import Correction, correction_for
from imbalance_bench.evaluation.metrics import ranking_scores, summary_metrics
from imbalance_bench.experiments.parts import Part
from imbalance_bench.strategies.base import Floats, Strategy
from imbalance_bench.strategies.checked import Checked

MEASURED = ("log_loss", "brier", "ece")
NUMBERS = (
    *(f"{name}_{how}" for how in ("corrected", "fitted", "scaled") for name in MEASURED),
    "temperature",
    *("calibration_slope", "calibration_intercept", "ece_above_prevalence"),
    *("posterior_kl", "posterior_kl_corrected", "posterior_kl_fitted"),
)
"""Beside the metrics themselves: after the correction, exact where the effective prior is known; after one
fitted on validation in any case; and after temperature scaling alone. Slope, intercept and error are those of
the rarest class."""


def calibration_numbers(
    strategy: Strategy,
    val: Part,
    val_logits: Floats,
    test: Part,
    logits: Floats,
    shift: Floats,
    log_likelihood: Floats | None,
) -> tuple[dict[str, float], Correction]:
    """The numbers of `NUMBERS`, NaN where undefined, and the correction: exact, or fitted.

    `val_logits`, `logits` (n, C) are adjusted already; `shift` (C,) is what that added. `log_likelihood`
    (n, C) of the test rows, where it is known, gives the mean divergence (nats) of the exact posterior from
    the scores.
    """
    context = test.context
    minority = int(np.argmin(context.class_counts))
    fit = (context.effective_prior, test.prior, shift, val_logits, val.labels, val.weight)
    best, fitted = (
        correction_for(Checked(strategy).prior_is_known(context), *fit),
        correction_for(False, *fit),
    )
    temperature = fit_temperature(val_logits, val.labels, val.weight)
    found: dict[str, float] = {"temperature": temperature}
    probabilities = {"corrected": best(logits), "fitted": fitted(logits), "scaled": logits / temperature}
    for how, changed in probabilities.items():
        values = summary_metrics(test.labels, changed, context.class_names, test.weight, minority=minority)
        found |= {f"{name}_{how}": values[name] for name in MEASURED}
    found |= calibration_as_is(test, logits)
    found |= _divergences(test, logits, best, fitted, log_likelihood)
    return found, best


def calibration_as_is(test: Part, logits: Floats) -> dict[str, float]:
    """The numbers of `NUMBERS` that need no correction: of the rarest class, by logits (n, C)."""
    minority = int(np.argmin(test.context.class_counts))
    line = recalibrations(ranking_scores(logits), test.labels, test.weight)[minority]
    p = np.exp(_log_softmax(logits))
    return {
        "calibration_slope": line.slope,
        "calibration_intercept": line.intercept,
        "ece_above_prevalence": float(errors_above_prevalence(p, test.labels, test.weight)[minority]),
    }


def reliability_rows(test: Part, logits: Floats) -> Floats:
    """(bins, 4) of the rarest class: rows, share of the weight, mean probability, frequency."""
    minority = int(np.argmin(test.context.class_counts))
    p = np.exp(_log_softmax(logits))[:, minority]
    found = reliability(p, test.labels == minority, test.weight)
    return np.array([[b.rows, b.share, b.mean_probability, b.frequency] for b in found])


def _divergences(
    test: Part, logits: Floats, best: Correction, fitted: Correction, log_likelihood: Floats | None
) -> dict[str, float]:
    names = ("posterior_kl", "posterior_kl_corrected", "posterior_kl_fitted")
    if log_likelihood is None:
        return dict.fromkeys(names, float("nan"))
    with np.errstate(divide="ignore"):
        exact = _log_softmax(log_likelihood + np.maximum(np.log(test.prior), -1e3))
    scores = (logits, best(logits), fitted(logits))
    gaps = [(np.exp(exact) * (exact - _log_softmax(z))).sum(axis=1) for z in scores]
    return {name: float(np.average(gap, weights=test.weight)) for name, gap in zip(names, gaps, strict=True)}


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
