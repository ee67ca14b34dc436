"""Probabilities before and after correction, where the posterior behind the scores is known."""

from __future__ import annotations

import numpy as np
import pytest
from made_runs import run_of, synthetic
from scipy.special import log_softmax

from imbalance_bench.experiments.calibrated import NUMBERS, calibration_numbers, reliability_rows
from imbalance_bench.experiments.parts import Part, context_of, part_of
from imbalance_bench.experiments.scoring import score, score_bayes
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Floats
from imbalance_bench.strategies.registry import create

SPEC = "synthetic:prevalence=0.2,test=4000,train=100,val=2000"


def exact(part: str, prior: list[float]) -> Floats:
    """(n, 2) log posterior under those class shares."""
    likelihood = synthetic(SPEC, (80, 20)).predictions[f"{part}_log_likelihood"]
    return np.asarray(log_softmax(likelihood.astype(np.float64) + np.log(prior), axis=1))


def numbers(
    strategy: str, logits: tuple[Floats, Floats], effective: list[float]
) -> tuple[dict[str, float], str]:
    run = synthetic(SPEC, (80, 20))
    context = context_of({**run.record, "effective_prior": effective})
    parts = {name: part_of(run.predictions[f"{key}_labels"], run.predictions, context, "dataset", name)
             for key, name in (("val", "validation"), ("test", "test"))}  # fmt: skip
    found, correction = calibration_numbers(
        create(strategy),
        parts["validation"],
        logits[0],
        parts["test"],
        logits[1],
        np.zeros(2),
        run.predictions["test_log_likelihood"].astype(np.float64),
    )
    assert set(found) == set(NUMBERS)
    return found, correction.kind


def test_the_posterior_under_balanced_classes_is_corrected_exactly() -> None:
    even = [0.5, 0.5]
    found, kind = numbers("undersample", (exact("val", even), exact("test", even)), even)
    assert kind == "exact"
    assert found["posterior_kl"] > 0.015
    assert found["posterior_kl_corrected"] == pytest.approx(0, abs=1e-5)
    # The fit knows no prior, and comes near.
    assert 0 < found["posterior_kl_fitted"] < found["posterior_kl"] / 4
    assert found["log_loss_corrected"] < found["log_loss_fitted"] + 0.01
    assert found["calibration_slope"] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_a_temperature_is_found_again(sharpness: float) -> None:
    shares = [0.8, 0.2]
    found, _ = numbers("focal", (sharpness * exact("val", shares), sharpness * exact("test", shares)), shares)
    assert found["temperature"] == pytest.approx(sharpness, rel=0.1)
    assert found["log_loss_scaled"] == pytest.approx(found["log_loss_fitted"], abs=0.01)
    assert found["calibration_slope"] == pytest.approx(1 / sharpness, rel=0.15)
    assert found["posterior_kl_fitted"] < 0.2 * found["posterior_kl"]


def test_where_the_prior_is_not_known_the_fit_is_the_correction() -> None:
    shares = [0.8, 0.2]
    found, kind = numbers("focal", (exact("val", shares), exact("test", shares)), shares)
    assert kind == "fitted"
    for name in ("log_loss", "brier", "ece", "posterior_kl"):
        assert found[f"{name}_corrected"] == found[f"{name}_fitted"]


def test_reliability_of_the_exact_posterior_lies_on_the_diagonal() -> None:
    run = synthetic(SPEC, (80, 20))
    context = context_of(run.record)
    test: Part = part_of(run.predictions["test_labels"], run.predictions, context, "dataset", "test")
    shares = np.bincount(test.labels) / len(test.labels)
    rows = reliability_rows(test, exact("test", shares.tolist()))
    assert rows[:, 0].sum() == len(test.labels)
    assert rows[:, 1].sum() == pytest.approx(1)
    assert (np.diff(rows[:, 2]) > 0).all()
    # 267 rows in a bin: a frequency may be off by 3 standard errors of about .03 at most.
    assert np.abs(rows[:, 2] - rows[:, 3]).max() < 0.09
    assert (rows[:, 1] * rows[:, 3]).sum() == pytest.approx(shares[1])


def test_a_run_without_validation_has_what_needs_no_fit() -> None:
    run = synthetic(SPEC, (80, 20))
    bare = StoredRun(run.folder, run.record)
    bare.__dict__["predictions"] = {
        name: value for name, value in run.predictions.items() if not name.startswith("val")
    }
    scores = score(bare, create("cross-entropy"), "dataset")
    assert set(scores.calibration) == {"calibration_slope", "calibration_intercept", "ece_above_prevalence"}
    assert len(scores.reliability) == 1  # all logits are alike
    assert score_bayes(run, "dataset") is not None


def test_divergence_is_undefined_where_the_posterior_is_not_known() -> None:
    labels = np.arange(60) % 3
    logits = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    parts = {f"{part}_{what}": value for part in ("val", "test")
             for what, value in (("labels", labels), ("logits", logits))}  # fmt: skip
    scores = score(run_of(parts, [20, 20, 20]), create("cross-entropy"), "dataset")
    assert np.isnan(scores.calibration["posterior_kl"])
    assert scores.correction == "exact"
