"""Operating points of a run, and the same on resampled test rows."""

from __future__ import annotations

import numpy as np
import pytest
from made_runs import noisy

from imbalance_bench.evaluation.cuts import Cases
from imbalance_bench.evaluation.operating import at_threshold, net_benefit
from imbalance_bench.experiments.clinical import BENEFIT_AT, _Resampled, clinical_numbers
from imbalance_bench.experiments.parts import REPLICATES, Part, Scores
from imbalance_bench.report.clinical import clinical_rows
from imbalance_bench.report.estimates import Protocol
from imbalance_bench.strategies.base import Context, Floats

CONTEXT = Context([800, 200], ("well", "ill"))


def part(n: int, seed: int) -> tuple[Part, Floats]:
    labels = (np.random.default_rng(seed).random(n) < 0.2).astype(np.int64)
    shares = np.bincount(labels, minlength=2) / n
    return Part(labels, np.ones(n), CONTEXT, shares, "dataset"), noisy(labels, 2, seed).astype(np.float64)


def found(
    resample: bool, prevalence: float | None = None
) -> tuple[dict[str, tuple[float, float, float]], dict[str, Floats]]:
    val, test = part(500, 1), part(800, 2)
    return clinical_numbers(val[0], val[1], test[0], test[1], prevalence, resample)


def test_names_and_values() -> None:
    spans, drawn = found(False)
    assert drawn == {}
    aims = [f"{aim}:{target}:{on}" for aim in ("specificity", "sensitivity") for target in ("0.9", "0.95")
            for on in ("validation", "test")]  # fmt: skip
    wanted = [f"{aim}:{what}" for aim in aims for what in ("sensitivity", "specificity", "ppv", "npv")]
    wanted += [f"net_benefit:{t:g}:{what}" for t in BENEFIT_AT for what in ("model", "treat_all")]
    assert list(spans) == wanted
    assert spans["specificity:0.9:test:specificity"][0] >= 0.9
    assert all(low <= value <= high for value, low, high in spans.values())


def test_the_prevalence_moves_predictive_values_alone() -> None:
    plain, rare = found(False)[0], found(False, 0.01)[0]
    for name, (value, _, _) in plain.items():
        if name.endswith(":ppv"):
            assert rare[name][0] < value
        elif name.endswith(":npv"):
            assert rare[name][0] > value
        else:
            assert rare[name][0] == value


def test_more_than_two_classes_have_no_operating_points() -> None:
    labels = np.arange(30) % 3
    three = Part(labels, np.ones(30), Context([10, 10, 10], ("a", "b", "c")), np.full(3, 1 / 3), "dataset")
    logits = noisy(labels, 3, 0).astype(np.float64)
    assert clinical_numbers(three, logits, three, logits, None, True) == ({}, {})


def test_each_replicate_is_what_its_weights_give() -> None:
    spans, drawn = found(True, 0.05)
    assert set(drawn) == {name for name in spans if not name.endswith("treat_all")}
    test, logits = part(800, 2)
    cases = Cases.of(logits, test.labels, 1)
    draws = test.draws()
    assert draws.shape == (REPLICATES, 800)
    threshold = 0.3
    resampled = _Resampled(draws, cases.hit).of(cases.scores > threshold, 0.05)
    for b in (0, 17, 199):
        point = at_threshold(Cases(cases.scores, cases.hit, draws[b]), threshold)
        assert resampled["sensitivity"][b] == pytest.approx(point.sensitivity.value)
        assert resampled["specificity"][b] == pytest.approx(point.specificity.value)
        assert resampled["ppv"][b] == pytest.approx(point.ppv(0.05).value)
        assert resampled["npv"][b] == pytest.approx(point.npv(0.05).value)
    # Weights that are all alike give the value itself.
    one = _Resampled(np.ones((1, 800)), cases.hit).of(cases.scores > threshold, 0.05)
    assert one["sensitivity"][0] == pytest.approx(at_threshold(cases, threshold).sensitivity.value)
    for values in drawn.values():
        assert values.shape == (REPLICATES,)
    p = 1 / (1 + np.exp(-cases.scores))
    (benefit,) = net_benefit(p, cases, [0.1])
    assert spans["net_benefit:0.1:model"][0] == pytest.approx(benefit.model.value)
    assert drawn["net_benefit:0.1:model"].mean() == pytest.approx(benefit.model.value, abs=0.01)


def scores(value: float, spread: float, exact: float, seed: int) -> Scores:
    name = "sensitivity:0.9:validation:specificity"
    draws = value + np.random.default_rng(seed).normal(0, spread, REPLICATES)
    clinical = {name: (value, value - exact, value + exact)}
    return Scores([], {}, np.ones(2), clinical=clinical, replicates={name: draws})


def test_several_seeds_on_one_test_part_are_never_narrower_than_exact() -> None:
    crossed = Protocol("crossed", 100, 100)
    (alone,) = clinical_rows("ce", [scores(0.8, 0.02, 0.05, 0)], crossed)
    assert (alone["specificity_low"], alone["specificity_high"]) == pytest.approx((0.75, 0.85))
    (alike,) = clinical_rows("ce", [scores(0.8, 0.01, 0.05, 0)] * 5, crossed)
    assert (alike["specificity_low"], alike["specificity_high"]) == pytest.approx((0.75, 0.85))
    (apart,) = clinical_rows("ce", [scores(v, 0.01, 0.05, 0) for v in (0.6, 0.8, 0.95)], crossed)
    assert apart["specificity"] == pytest.approx((0.6 + 0.8 + 0.95) / 3)
    assert apart["specificity_low"] < 0.6
    assert apart["specificity_high"] == 1.0  # a share ends at 1
