"""The result of a comparison as plain numbers: means over seeds of what each stored run gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.evaluation.proportions import FEW_ROWS
from imbalance_bench.evaluation.statistics import Needed
from imbalance_bench.experiments.parts import Scores, context_of
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import Failure, ScoredArm
from imbalance_bench.report.clinical import clinical_rows
from imbalance_bench.report.estimates import (
    Pair,
    Protocol,
    Seeds,
    Value,
    decomposition,
    differences,
    differs,
    needed_seeds,
    protocol_of,
    value_of,
)
from imbalance_bench.report.reading import AIMS, Reading
from imbalance_bench.report.rows import (
    arm_row,
    per_class,
    per_rank,
    rarest_class,
    reliability_points,
    within_range,
)
from imbalance_bench.report.verdict import verdict

BASELINE = "cross-entropy"
BESIDE = ("macro_ap", "macro_auc", "log_loss", "ece")


def comparison(
    arms: Sequence[ScoredArm],
    failures: Sequence[Failure],
    *,
    dataset: str,
    seeds: Sequence[int],
    class_names: Sequence[str],
    reading: Reading,
    baseline: str = BASELINE,
) -> dict[str, Any]:
    """The object that `compare --format json` prints; undefined numbers are None.

    `reading` is what was asked; `baseline` names the arm that the others are compared with.
    """
    runs = [run for arm in arms for run in arm.runs]
    primary = reading.primary_metric or ("minority_ap" if len(class_names) == 2 else "macro_f1")
    protocol = protocol_of(runs)
    positive = class_names[context_of(runs[0].record).positive] if runs and len(class_names) == 2 else None
    prevalence = reading.prevalence or test_prior(arms, class_names).get(positive or "")
    aims = {} if positive is None else reading.aims(list(class_names).index(positive))
    values = {name: value_of(name) for name in (primary, *(name for name in METRICS if name != primary))}
    pairs = _pairs(arms, baseline)
    aiming = {arm.name for arm in arms if arm.tunes is not None}
    compared = differences(protocol, pairs, values, primary)
    compared += differences(protocol, [pair for pair in pairs if pair[0] in aiming], aims, primary)
    content: dict[str, Any] = {
        "dataset": dataset,
        "baseline": baseline,
        "seeds": list(seeds),
        "vary": _vary(arms),
        "test_prior": test_prior(arms, class_names),
        "primary_metric": primary,
        "threshold_metric": reading.served,
        "aim": {name: value for name in AIMS if (value := getattr(reading, name)) is not None},
        "positive_class": positive,
        "intervals": method_of(arms, protocol),
        "rows": [arm_row(arm, protocol, aims) for arm in arms],
        "per_class": [row for arm in arms for row in per_class(arm, class_names)],
        "per_rank": [row for arm in arms for row in per_rank(arm)],
        "operating_points": [
            row
            for arm in arms
            if arm.kind == "requested"
            for row in clinical_rows(arm.name, arm.scores, protocol, positive, prevalence)
        ],
        "reliability": [
            point for arm in arms if arm.kind == "requested" for point in reliability_points(arm, class_names)
        ],
        "differences": [within_range(row) for row in compared],
        "decomposition": _decomposition(arms, protocol, reading.served, values | aims, baseline),
        "verdict": [],
        "failures": [vars(failure) for failure in [*failures, *(f for arm in arms for f in arm.failures)]],
    }
    if runs:
        content["verdict"] = verdict(
            content,
            needed=_needed(pairs, protocol, primary, compared),
            scarce=_scarce(runs, class_names),
            minority=rarest_class(runs, class_names),
        )
    return content


def _needed(
    pairs: Sequence[Pair], protocol: Protocol, metric: str, compared: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], Needed]:
    """By strategy and baseline, what it takes to tell the difference that was found, with correction."""
    found = {}
    for name, seeds, base, base_seeds in pairs:
        family = [row for row in compared if row["metric"] == metric and row["baseline"] == base]
        rivals = max(1, sum(row["p_raw"] is not None and differs(row) for row in family))
        parts: list[tuple[float, Seeds]] = [(1.0, seeds), (-1.0, base_seeds)]
        what = needed_seeds(protocol, parts, value_of(metric), rivals)
        if what is not None:
            found[name, base] = what
    return found


def _scarce(runs: Sequence[StoredRun], class_names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The classes with fewer than 20 validation or test rows in some seed: the least of either.

    Predictions made elsewhere may lack validation: then the test rows alone.
    """
    n = len(class_names)
    parts = [part for part in ("val", "test") if f"{part}_labels" in runs[0].predictions]
    counts = [[np.bincount(run.predictions[f"{part}_labels"], minlength=n) for part in parts] for run in runs]
    least = np.min(counts, axis=0)
    return {
        name: tuple(least[:, c].tolist())
        for c, name in enumerate(class_names)
        if least[:, c].min() < FEW_ROWS
    }


def _vary(arms: Sequence[ScoredArm]) -> str | None:
    """What the seeds varied: "all", "data" or "init"; "elsewhere" where that is not known."""
    return next((run.config.vary for arm in arms for run in arm.runs), None)


def method_of(arms: Sequence[ScoredArm], protocol: Protocol) -> str:
    """How the intervals were computed, and why."""
    n = max((len(arm.runs) for arm in arms), default=0)
    if n < 2:
        return "95 % intervals of one seed allow for other test images, and say nothing of other trainings"
    return {
        "independent": "95 % intervals: t over seeds, since each draws its own training and test images",
        "crossed": "95 % intervals: over seeds and resampled test images, as all seeds share the test part",
        "resplit": "95 % intervals: t over seeds, widened since they split one pool (Nadeau & Bengio 2003)",
    }[protocol.design]


def _by_seed(arm: ScoredArm) -> dict[int, Scores]:
    return {run.config.seed: scores for run, scores in zip(arm.runs, arm.scores, strict=True)}


def _tuned_pairs(arms: Sequence[ScoredArm]) -> dict[str, ScoredArm]:
    """The arm with a tuned threshold of each requested arm, by the latter's name; its own if it has one."""
    tuned = {arm.tunes: arm for arm in arms if arm.tunes is not None}
    return {
        arm.name: tuned.get(arm.name, arm)
        for arm in arms
        if arm.kind == "requested" and arm.tunes is None and arm.runs
    }


def _pairs(arms: Sequence[ScoredArm], baseline: str) -> list[Pair]:
    """Strategy and baseline, with the scores of their seeds: both as they are, and both tuned.

    A strategy that decides by itself stands in both.
    """
    by_name, tuned = {arm.name: arm for arm in arms}, _tuned_pairs(arms)
    if baseline not in tuned:
        return []
    base, base_tuned = by_name[baseline], tuned[baseline]
    pairs: list[Pair] = []
    for name, tuned_arm in tuned.items():
        if by_name[name] not in (base, base_tuned):
            pairs.append((name, _by_seed(by_name[name]), base.name, _by_seed(base)))
            if (tuned_arm, base_tuned) != (by_name[name], base):
                pairs.append((tuned_arm.name, _by_seed(tuned_arm), base_tuned.name, _by_seed(base_tuned)))
    return pairs


def _decomposition(
    arms: Sequence[ScoredArm], protocol: Protocol, metric: str, values: Mapping[str, Value], baseline: str
) -> list[dict[str, Any]]:
    """Nothing where decisions serve what is no metric: a recall that argmax never aimed at."""
    if metric not in values:
        return []
    by_name, tuned = {arm.name: arm for arm in arms}, _tuned_pairs(arms)
    if baseline not in tuned:
        return []
    base, base_tuned = _by_seed(by_name[baseline]), _by_seed(tuned[baseline])
    taken = [
        (name, _by_seed(by_name[name]), tuned_arm.name, _by_seed(tuned_arm))
        for name, tuned_arm in tuned.items()
        if name != baseline and tuned_arm is not by_name[name]
    ]
    return decomposition(protocol, taken, base, base_tuned, metric, values[metric], BESIDE)


def test_prior(arms: Sequence[ScoredArm], class_names: Sequence[str]) -> dict[str, float | None]:
    """The class shares that the numbers stand for, by name; the mean over seeds."""
    priors = [scores.test_prior for arm in arms for scores in arm.scores]
    shares = np.mean(priors, axis=0) if priors else [None] * len(class_names)
    return {name: None if s is None else float(s) for name, s in zip(class_names, shares, strict=True)}
