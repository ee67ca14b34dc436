"""The result of a comparison as plain numbers: means over seeds of what each stored run gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.experiments.record import Record
from imbalance_bench.experiments.scoring import TUNED_FOR, Scores, score, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Floats, Strategy, is_afterwards_only
from imbalance_bench.strategies.composite import combine, fills, parts_of
from imbalance_bench.strategies.registry import BAYES, MAJORITY, create

CLASS_METRICS = ("precision", "recall", "f1", "average_precision")
LISTED = 4
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
    """

    name: str
    strategy: Strategy | None
    runs: tuple[StoredRun, ...]
    scores: tuple[Scores, ...]
    kind: Kind = "requested"


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
    kind: Kind = "requested",
) -> ScoredArm:
    """All numbers of one strategy; RequestError where the test prior can't be had."""
    scores = tuple(score(run, strategy, test_prior, tuned_for) for run in runs)
    return ScoredArm(strategy.spec, strategy, tuple(runs), scores, kind)


def with_companions(
    arms: Sequence[ScoredArm], test_prior: str, tuned_for: str = TUNED_FOR
) -> list[ScoredArm]:
    """The arms; each that decides by argmax again with a tuned threshold; the references. Trains nothing."""
    found = {arm.name: arm for arm in arms}
    for arm in arms:
        if arm.strategy is None or fills(arm.strategy, "fit_decision"):
            continue
        tuned = combine([*parts_of(arm.strategy), create("threshold")])
        if tuned.spec not in found:
            found[tuned.spec] = score_arm(tuned, arm.runs, test_prior, tuned_for, "tuned")
    by_seed = {run.config.seed: run for arm in reversed(arms) for run in arm.runs}
    runs = tuple(by_seed[seed] for seed in sorted(by_seed))
    bayes = [(run, scores) for run in runs if (scores := score_bayes(run, test_prior)) is not None]
    if bayes:
        known, values = zip(*bayes, strict=True)
        found[BAYES] = ScoredArm(BAYES, None, known, values, "reference")
    majority = tuple(score_majority(run, test_prior) for run in runs)
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
) -> dict[str, Any]:
    """The object that `compare --format json` prints; undefined numbers are None."""
    primary = primary_metric or ("minority_ap" if len(class_names) == 2 else "macro_f1")
    return {
        "dataset": dataset,
        "seeds": list(seeds),
        "test_prior": test_prior(arms, class_names),
        "primary_metric": primary,
        "threshold_metric": tuned_metric(primary),
        "rows": [_row(arm) for arm in arms],
        "per_class": [row for arm in arms for row in per_class(arm, class_names)],
        "per_rank": [row for arm in arms for row in _per_rank(arm)],
        "differences": [],
        "decomposition": [],
        "verdict": [],
        "failures": [vars(failure) for failure in failures],
    }


def test_prior(arms: Sequence[ScoredArm], class_names: Sequence[str]) -> dict[str, float | None]:
    """The class shares that the numbers stand for, by name; the mean over seeds."""
    priors = [scores.test_prior for arm in arms for scores in arm.scores]
    shares = np.mean(priors, axis=0) if priors else [None] * len(class_names)
    return {name: None if s is None else float(s) for name, s in zip(class_names, shares, strict=True)}


def summary(arm: ScoredArm) -> dict[str, Any]:
    """Every metric of `METRICS` as mean over seeds, with NAME_sd, NAME_low and NAME_high."""
    found: dict[str, Any] = {}
    for name in METRICS:
        found |= spread(name, [scores.summary.get(name) for scores in arm.scores])
    return found


def per_class(arm: ScoredArm, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """One mapping per class, in the order of the classes; `precision_n` of the `n` seeds define precision."""
    rows = []
    for index, name in enumerate(class_names):
        each = [scores.per_class[index] for scores in arm.scores]
        counts = [run.record["class_counts"][index] for run in arm.runs]
        row: dict[str, Any] = {"strategy": arm.name, "class": name}
        for metric in CLASS_METRICS:
            row |= spread(metric, [values[metric] for values in each])
        row["n"] = len(each)
        row["precision_n"] = sum(math.isfinite(values["precision"]) for values in each)
        row["support"] = _mean([values["support"] for values in each])
        row |= {"train_rows_min": min(counts, default=None), "train_rows_max": max(counts, default=None)}
        rows.append(row)
    return rows


def spread(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """Mean over the defined values, standard deviation where there are two; the interval is yet to come."""
    defined = [float(value) for value in values if value is not None and math.isfinite(value)]
    sd = float(np.std(defined, ddof=1)) if len(defined) > 1 else None
    return {name: _mean(defined), f"{name}_sd": sd, f"{name}_low": None, f"{name}_high": None}


def _mean(values: Sequence[float]) -> float | int | None:
    if not values:
        return None
    mean = float(np.mean(values))
    return int(mean) if all(isinstance(value, int) for value in values) and mean.is_integer() else mean


def _row(arm: ScoredArm) -> dict[str, Any]:
    records = [run.record for run in arm.runs] if arm.strategy is not None else []
    costs = {
        "optimizer_steps": _mean([record["optimizer_steps"] for record in records]),
        "samples_seen": _mean([record["samples_seen"] for record in records]),
        "passes": _mean([record["passes"] for record in records]),
        "train_seconds": _mean([record["train_seconds"] for record in records]),
    }
    return {"strategy": arm.name, "kind": arm.kind, "n": len(arm.runs), **summary(arm), **costs}


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
        each = [scores.per_class[c] for scores, c in zip(arm.scores, at, strict=True)]
        row: dict[str, Any] = {
            "strategy": arm.name,
            "rank": rank + 1,
            "train_rows": _mean(counts),
            "group": group_of(float(np.mean(counts))),
        }
        for metric in CLASS_METRICS:
            row |= spread(metric, [values[metric] for values in each])
        row["n"] = len(each)
        row["precision_n"] = sum(math.isfinite(values["precision"]) for values in each)
        rows.append(row)
    return rows


def group_of(train_rows: float) -> str:
    """ "many", "medium" or "few", by the number of training rows."""
    return "many" if train_rows > MANY else "few" if train_rows < FEW else "medium"


def notices(arms: Sequence[ScoredArm]) -> list[str]:
    """What the user should know beside the numbers: factors per class, samplers' notes, repeated rows."""
    said: list[str] = []
    asked = [arm for arm in arms if arm.kind == "requested" and arm.runs]
    for arm in asked:
        if arm.strategy is None or not is_afterwards_only(arm.strategy):
            said += [f"{arm.name}: {note}" for note in _notes(arm.runs)]
            said += _factors(arm)
    if len({tuple(run.config.seed for run in arm.runs) for arm in arms if arm.runs}) > 1:
        said.append("the rows stand for different seeds (column n); compare those of equal seeds only.")
    base = next((arm for arm in asked if arm.name == "cross-entropy"), None)
    if base is not None:
        reference = max(passes_of_class(run.record).max() for run in base.runs)
        for arm in asked:
            said += _repeats(arm, float(reference))
    return said


def passes_of_class(record: Record) -> Floats:
    """(C,) how often each row of a class that the plan holds was seen."""
    plan = np.asarray(record["sampled_counts"], dtype=np.float64)
    held = np.minimum(plan, np.asarray(record["class_counts"]))
    return np.asarray(record["samples_seen"] * plan / plan.sum() / np.maximum(held, 1))


def _repeats(arm: ScoredArm, reference: float) -> list[str]:
    """A sentence where a strategy repeats the rows of some class over ten times as often as the baseline."""
    record = max((run.record for run in arm.runs), key=lambda record: passes_of_class(record).max())
    passes = passes_of_class(record)
    if passes.max() <= 10 * reference:
        return []
    name = record["class_names"][int(passes.argmax())]
    return [
        f"{arm.name} sees each training row of class {name} {passes.max():,.0f} times, "
        f"cross-entropy each of its rows {reference:,.1f} times: at equal steps it may overfit."
    ]


def _notes(runs: Sequence[StoredRun]) -> list[str]:
    return list(dict.fromkeys(note for run in runs for note in run.record["notes"]))


def _factors(arm: ScoredArm) -> list[str]:
    """The weight of each class in the loss, and what sampling, weights and shifts make of its share."""
    record: Mapping[str, Any] = arm.runs[0].record
    names, said = record["class_names"], []
    if record["loss_factors"] is not None:
        said.append(f"{arm.name}: weight in the loss: {_by_name(names, record['loss_factors'])}")
    shares = np.asarray(record["class_counts"]) / np.sum(record["class_counts"])
    factors = np.asarray(record["effective_prior"]) / shares
    if not np.allclose(factors, 1, rtol=1e-6):
        taken, seed = "sampling and loss", record["config"]["seed"]
        shift = arm.scores[0].shift
        if shift.size and not np.allclose(shift, shift[0]):
            taken = "sampling, loss and the shift of the scores"
            factors = factors * np.exp(shift - shift.max())
            factors = factors / (factors * shares).sum()
        said.append(
            f"{arm.name}: a training row's weight, {taken} taken together (mean 1, seed {seed}): "
            f"{_by_name(names, factors)}"
        )
    return said


def _by_name(names: Sequence[str], values: Sequence[float]) -> str:
    """A few values by class name; of more, the least and the greatest."""
    pairs = list(zip(names, values, strict=True))
    if len(pairs) <= LISTED:
        return ", ".join(f"{name} {value:.3g}" for name, value in pairs)
    low, high = min(pairs, key=lambda pair: pair[1]), max(pairs, key=lambda pair: pair[1])
    return f"from {low[1]:.3g} (class {low[0]}) to {high[1]:.3g} (class {high[0]})"
