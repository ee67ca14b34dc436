"""The result of a comparison as plain numbers: means over seeds of what each stored run gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.evaluation.statistics import Needed
from imbalance_bench.experiments.calibrated import NUMBERS
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.scoring import TUNED_FOR, score, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.clinical import clinical_rows
from imbalance_bench.report.estimates import (
    Pair,
    Protocol,
    Value,
    as_fields,
    decomposition,
    differences,
    mean_over_seeds,
    needed_seeds,
    protocol_of,
    value_of,
)
from imbalance_bench.report.verdict import FEW_ROWS, verdict
from imbalance_bench.strategies.base import Floats, Strategy
from imbalance_bench.strategies.composite import combine, fills, parts_of
from imbalance_bench.strategies.registry import BAYES, MAJORITY, create

BASELINE = "cross-entropy"
BESIDE = ("macro_ap", "macro_auc", "log_loss", "ece")
CLASS_METRICS = ("precision", "recall", "f1", "average_precision")
MANY, FEW = 100, 20
"""Bounds of the groups by training rows: above 100 many, below 20 few (Liu et al. 2019, OLTR)."""


Kind = Literal["requested", "tuned", "reference"]


@dataclass(frozen=True)
class ScoredArm:
    """A row of the comparison: finished runs and what each gives, seed by seed.

    Attributes:
        name: a strategy's canonical spec, or the name of a reference.
        strategy: None for a reference, which trains nothing.
        kind: asked for by the user, the same with a tuned threshold, or a reference.
        tunes: the name of the arm that this one is with a tuned threshold.
    """

    name: str
    strategy: Strategy | None
    runs: tuple[StoredRun, ...]
    scores: tuple[Scores, ...]
    kind: Kind = "requested"
    tunes: str | None = None


@dataclass(frozen=True)
class Failure:
    """A run that is not there, and why."""

    strategy: str
    seed: int
    error: str


def score_arm(
    strategy: Strategy,
    runs: Sequence[StoredRun],
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    like: ScoredArm | None = None,
    prevalence: float | None = None,
) -> ScoredArm:
    """All numbers of one strategy; RequestError where the test prior can't be had.

    `like` is the arm that this one is with a tuned threshold.
    """
    resample = resampling(runs)
    known = like.scores if like is not None else (None,) * len(runs)
    scores = tuple(
        score(run, strategy, test_prior, tuned_for, resample, same, prevalence)
        for run, same in zip(runs, known, strict=True)
    )
    kind: Kind = "requested" if like is None else "tuned"
    return ScoredArm(
        strategy.spec, strategy, tuple(runs), scores, kind, like.name if like is not None else None
    )


def resampling(runs: Sequence[StoredRun]) -> bool:
    """Whether intervals need resampled test rows: for one seed, or where all seeds share the test rows."""
    return len(runs) == 1 or protocol_of(runs).resamples


def with_companions(
    arms: Sequence[ScoredArm],
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    threshold: Strategy | None = None,
) -> list[ScoredArm]:
    """The arms; each that decides by argmax again with a tuned threshold; the references. Trains nothing.

    `threshold` is the strategy that tunes; by default for `tuned_for`.
    """
    threshold = threshold or create("threshold")
    found = {arm.name: arm for arm in arms}
    for arm in arms:
        if arm.strategy is None or fills(arm.strategy, "fit_decision"):
            continue
        if not all("val_labels" in run.predictions for run in arm.runs):
            continue  # nothing to fit a threshold on
        tuned = combine([*parts_of(arm.strategy), threshold])
        if tuned.spec in found:
            found[tuned.spec] = replace(found[tuned.spec], tunes=arm.name)
        else:
            found[tuned.spec] = score_arm(tuned, arm.runs, test_prior, tuned_for, like=arm)
    by_seed = {run.config.seed: run for arm in reversed(arms) for run in arm.runs}
    runs = tuple(by_seed[seed] for seed in sorted(by_seed))
    resample = resampling(runs)
    bayes = [(run, scores) for run in runs if (scores := score_bayes(run, test_prior, resample)) is not None]
    if bayes:
        known, values = zip(*bayes, strict=True)
        found[BAYES] = ScoredArm(BAYES, None, known, values, "reference")
    majority = tuple(score_majority(run, test_prior, resample) for run in runs)
    found[MAJORITY] = ScoredArm(MAJORITY, None, runs, majority, "reference")
    return list(found.values())


def tuned_metric(primary_metric: str | None) -> str:
    """What decisions are tuned for: the primary metric where it is one of decisions, else macro F1."""
    return primary_metric if primary_metric in DECISION_METRICS else TUNED_FOR


def comparison(
    arms: Sequence[ScoredArm],
    failures: Sequence[Failure],
    *,
    dataset: str,
    seeds: Sequence[int],
    class_names: Sequence[str],
    primary_metric: str | None,
    baseline: str = BASELINE,
) -> dict[str, Any]:
    """The object that `compare --format json` prints; undefined numbers are None.

    `baseline` names the arm that the others are compared with.
    """
    primary = primary_metric or ("minority_ap" if len(class_names) == 2 else "macro_f1")
    protocol = protocol_of([run for arm in arms for run in arm.runs])
    content: dict[str, Any] = {
        "dataset": dataset,
        "baseline": baseline,
        "seeds": list(seeds),
        "test_prior": test_prior(arms, class_names),
        "primary_metric": primary,
        "threshold_metric": tuned_metric(primary),
        "intervals": method_of(arms, protocol),
        "rows": [_row(arm, protocol) for arm in arms],
        "per_class": [row for arm in arms for row in per_class(arm, class_names)],
        "per_rank": [row for arm in arms for row in _per_rank(arm)],
        "operating_points": [
            row
            for arm in arms
            if arm.kind == "requested"
            for row in clinical_rows(arm.name, arm.scores, protocol)
        ],
        "differences": _differences(_pairs(arms, baseline), protocol, primary),
        "decomposition": _decomposition(arms, protocol, tuned_metric(primary), baseline),
        "verdict": [],
        "failures": [vars(failure) for failure in failures],
    }
    runs = [run for arm in arms for run in arm.runs]
    if runs:
        content["verdict"] = verdict(
            content,
            vary=runs[0].config.vary,
            needed=_needed(_pairs(arms, baseline), protocol, primary),
            scarce=_scarce(runs, class_names),
        )
    return content


def _needed(pairs: Sequence[Pair], protocol: Protocol, metric: str) -> dict[str, Needed]:
    """By strategy, what it takes to tell the difference from the baseline that was found."""
    found = {}
    for name, seeds, _, base_seeds in pairs:
        what = needed_seeds(protocol, [(1.0, seeds), (-1.0, base_seeds)], value_of(metric))
        if what is not None:
            found[name] = what
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


def method_of(arms: Sequence[ScoredArm], protocol: Protocol) -> str:
    """How the intervals were computed, and why."""
    n = max((len(arm.runs) for arm in arms), default=0)
    if n < 2:
        return (
            "95 % intervals of one seed allow for other test images only; nothing is said of other trainings"
        )
    return {
        "independent": "95 % intervals: t over seeds, since each draws its own training and test images",
        "crossed": "95 % intervals: seeds and resampled test images together, since all seeds share the test part",
        "resplit": "95 % intervals: t over seeds, widened since they split one pool (Nadeau & Bengio 2003)",
    }[protocol.design]


def _by_seed(arm: ScoredArm) -> dict[int, Scores]:
    return {run.config.seed: scores for run, scores in zip(arm.runs, arm.scores, strict=True)}


def _tuned_pairs(arms: Sequence[ScoredArm]) -> dict[str, ScoredArm]:
    """The arm with a tuned threshold of each requested arm, by the latter's name; its own where it has one."""
    tuned = {arm.tunes: arm for arm in arms if arm.tunes is not None}
    return {
        arm.name: tuned.get(arm.name, arm)
        for arm in arms
        if arm.kind == "requested" and arm.tunes is None and arm.runs
    }


def _differences(pairs: Sequence[Pair], protocol: Protocol, primary: str) -> list[dict[str, Any]]:
    """Each strategy against cross-entropy, and with a tuned threshold against cross-entropy with one."""
    metrics = [primary, *(name for name in METRICS if name != primary)]
    return differences(protocol, pairs, metrics, primary)


def _pairs(arms: Sequence[ScoredArm], baseline: str) -> list[Pair]:
    """Strategy and baseline, with the scores of their seeds; both plain, and both with a tuned threshold."""
    by_name, tuned = {arm.name: arm for arm in arms}, _tuned_pairs(arms)
    if baseline not in tuned:
        return []
    base, base_tuned = by_name[baseline], tuned[baseline]
    pairs: list[Pair] = []
    for name, tuned_arm in tuned.items():
        if by_name[name] not in (base, base_tuned):
            if tuned_arm is not by_name[name]:
                pairs.append((name, _by_seed(by_name[name]), base.name, _by_seed(base)))
            pairs.append((tuned_arm.name, _by_seed(tuned_arm), base_tuned.name, _by_seed(base_tuned)))
    return pairs


def _decomposition(
    arms: Sequence[ScoredArm], protocol: Protocol, metric: str, baseline: str
) -> list[dict[str, Any]]:
    by_name, tuned = {arm.name: arm for arm in arms}, _tuned_pairs(arms)
    if baseline not in tuned:
        return []
    base, base_tuned = _by_seed(by_name[baseline]), _by_seed(tuned[baseline])
    taken = [
        (name, _by_seed(by_name[name]), _by_seed(tuned_arm))
        for name, tuned_arm in tuned.items()
        if name != baseline and tuned_arm is not by_name[name]
    ]
    return decomposition(protocol, taken, base, base_tuned, metric, BESIDE)


def test_prior(arms: Sequence[ScoredArm], class_names: Sequence[str]) -> dict[str, float | None]:
    """The class shares that the numbers stand for, by name; the mean over seeds."""
    priors = [scores.test_prior for arm in arms for scores in arm.scores]
    shares = np.mean(priors, axis=0) if priors else [None] * len(class_names)
    return {name: None if s is None else float(s) for name, s in zip(class_names, shares, strict=True)}


def summary(arm: ScoredArm, protocol: Protocol | None = None) -> dict[str, Any]:
    """Every metric of `METRICS` as mean over seeds, with NAME_sd, NAME_low and NAME_high."""
    found: dict[str, Any] = {}
    for name in METRICS:
        found |= spread(arm, name, value_of(name), protocol)
    return found


def per_class(arm: ScoredArm, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """One mapping per class, in the order of the classes; `precision_n` of the `n` seeds define precision."""
    rows = []
    for index, name in enumerate(class_names):
        counts = [run.train_rows[index] for run in arm.runs if run.train_rows is not None]
        each = [scores.per_class[index] for scores in arm.scores]
        row: dict[str, Any] = {"strategy": arm.name, "class": name}
        for metric in CLASS_METRICS:
            row |= spread(arm, metric, _of_class(metric, index))
        row["n"] = len(each)
        row["precision_n"] = sum(math.isfinite(values["precision"]) for values in each)
        row["support"] = _mean([values["support"] for values in each])
        row |= {"train_rows_min": min(counts, default=None), "train_rows_max": max(counts, default=None)}
        rows.append(row)
    return rows


def _of_class(metric: str, index: int) -> Value:
    def value(scores: Scores) -> tuple[float, Floats | None]:
        drawn = scores.class_replicates.get(metric)
        return scores.per_class[index][metric], None if drawn is None else drawn[:, index]

    return value


def spread(arm: ScoredArm, name: str, of: Value, protocol: Protocol | None = None) -> dict[str, float | None]:
    """NAME, the mean over the seeds that define it, with NAME_sd, NAME_low and NAME_high."""
    values = [value for scores in arm.scores if math.isfinite(value := of(scores)[0])]
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    found = as_fields(name, mean_over_seeds(protocol or protocol_of(arm.runs), arm.scores, of))
    return {name: found[name], f"{name}_sd": sd, f"{name}_low": found[f"{name}_low"],
            f"{name}_high": found[f"{name}_high"]}  # fmt: skip


def _mean(values: Sequence[float]) -> float | int | None:
    if not values:
        return None
    mean = float(np.mean(values))
    return int(mean) if all(isinstance(value, int) for value in values) and mean.is_integer() else mean


def _row(arm: ScoredArm, protocol: Protocol) -> dict[str, Any]:
    # A reference trains nothing, and what a run made elsewhere cost is not known.
    records = [run.record for run in arm.runs if "passes" in run.record] if arm.strategy is not None else []
    costs = {
        "optimizer_steps": _mean([record["optimizer_steps"] for record in records]),
        "samples_seen": _mean([record["samples_seen"] for record in records]),
        "passes": _mean([record["passes"] for record in records]),
        "train_seconds": _mean([record["train_seconds"] for record in records]),
    }
    calibration: dict[str, Any] = {
        "correction": next((scores.correction for scores in arm.scores), None),
    }
    for name in NUMBERS:
        calibration |= spread(arm, name, _calibration(name), protocol)
    return {
        "strategy": arm.name,
        "kind": arm.kind,
        "n": len(arm.runs),
        **summary(arm, protocol),
        **calibration,
        "classes_predicted": _mean([scores.classes_predicted for scores in arm.scores]),
        **costs,
    }


def _calibration(name: str) -> Value:
    return lambda scores: (scores.calibration.get(name, math.nan), None)


def _per_rank(arm: ScoredArm) -> list[dict[str, Any]]:
    """By frequency rank, where a profile was imposed on more than two classes: rank 1 is the head."""
    if (
        not arm.runs
        or arm.runs[0].config.imbalance_ratio is None
        or len(arm.runs[0].record["class_names"]) < 3
    ):
        return []
    rows = []
    for rank in range(len(arm.runs[0].record["class_order"])):
        at = [run.record["class_order"][rank] for run in arm.runs]
        counts = [run.record["class_counts"][c] for run, c in zip(arm.runs, at, strict=True)]
        row: dict[str, Any] = {
            "strategy": arm.name,
            "rank": rank + 1,
            "train_rows": _mean(counts),
            "group": group_of(float(np.mean(counts))),
        }
        for metric in CLASS_METRICS:
            values = [scores.per_class[c][metric] for scores, c in zip(arm.scores, at, strict=True)]
            row |= ranked(metric, values)
        row["n"] = len(arm.scores)
        row["precision_n"] = sum(
            math.isfinite(scores.per_class[c]["precision"]) for scores, c in zip(arm.scores, at, strict=True)
        )
        rows.append(row)
    return rows


def ranked(name: str, values: Sequence[float]) -> dict[str, float | None]:
    """As `spread`, of values by seed that stand for other classes each: without an interval."""
    known = [value for value in values if math.isfinite(value)]
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {name: _mean(known), f"{name}_sd": sd, f"{name}_low": None, f"{name}_high": None}


def group_of(train_rows: float) -> str:
    """ "many", "medium" or "few", by the number of training rows."""
    return "many" if train_rows > MANY else "few" if train_rows < FEW else "medium"
