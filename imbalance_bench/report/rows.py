"""A row for each arm, class and rank: means over seeds, with spread and interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.evaluation.proportions import FEW_ROWS, exact_interval
from imbalance_bench.experiments.calibrated import NUMBERS
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm
from imbalance_bench.report.estimates import (
    Protocol,
    Value,
    as_fields,
    mean_over_seeds,
    of_class,
    protocol_of,
    value_of,
)
from imbalance_bench.strategies.registry import BAYES

CLASS_METRICS = ("precision", "recall", "f1", "average_precision")
RANGES = {
    **dict.fromkeys((*METRICS, *CLASS_METRICS, "positive_recall", "positive_precision"), (0.0, 1.0)),
    "mcc": (-1.0, 1.0),
    "brier": (0.0, 2.0),
    **dict.fromkeys(("log_loss", "expected_cost"), (0.0, math.inf)),
    **{name: (0.0, math.inf) for name in NUMBERS if not name.startswith("calibration")},
}
MANY, FEW = 100, 20
"""Bounds of the groups by training rows: above 100 many, below 20 few (Liu et al. 2019, OLTR)."""


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
            row |= spread(arm, metric, of_class(metric, index))
        row |= _exact_recall(row, [values["support"] for values in each], protocol_of(arm.runs))
        row["n"] = len(each)
        row["precision_n"] = sum(math.isfinite(values["precision"]) for values in each)
        row["support"] = _mean([values["support"] for values in each])
        row |= {"train_rows_min": min(counts, default=None), "train_rows_max": max(counts, default=None)}
        rows.append(row)
    return rows


def _exact_recall(row: dict[str, Any], supports: Sequence[int], protocol: Protocol) -> dict[str, float]:
    """Of a class with few test rows: the interval of its recall, never narrower than the exact one.

    Clopper & Pearson's of the rows of one seed, or of all seeds where each draws its own.
    """
    if row["recall"] is None or min(supports) >= FEW_ROWS:
        return {}
    rows = sum(supports) if protocol.design == "independent" else min(supports)
    low, high = exact_interval(row["recall"], rows)
    if row["recall_low"] is not None:
        low, high = min(low, row["recall_low"]), max(high, row["recall_high"])
    return {"recall_low": low, "recall_high": high}


def spread(arm: ScoredArm, name: str, of: Value, protocol: Protocol | None = None) -> dict[str, float | None]:
    """NAME, the mean over the seeds that define it, with NAME_sd, NAME_low and NAME_high.

    An interval ends where the metric's range does, which t intervals may leave.
    """
    values = [value for scores in arm.scores if math.isfinite(value := of(scores)[0])]
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    found = as_fields(name, mean_over_seeds(protocol or protocol_of(arm.runs), arm.scores, of))
    least, most = RANGES.get(name, (-math.inf, math.inf))
    ends = {end: found[f"{name}_{end}"] for end in ("low", "high")}
    ends = {end: value if value is None else min(most, max(least, value)) for end, value in ends.items()}
    return {name: found[name], f"{name}_sd": sd, f"{name}_low": ends["low"], f"{name}_high": ends["high"]}


def _mean(values: Sequence[float]) -> float | int | None:
    if not values:
        return None
    mean = float(np.mean(values))
    return int(mean) if all(isinstance(value, int) for value in values) and mean.is_integer() else mean


def arm_row(arm: ScoredArm, protocol: Protocol, aims: Mapping[str, Value]) -> dict[str, Any]:
    """The row of an arm; `aims` are further numbers by name."""
    # The exact posterior has a rule of its own for each metric, and none for these.
    aimed = replace(arm, runs=(), scores=()) if arm.name == BAYES else arm
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
        **{key: v for name, of in aims.items() for key, v in spread(aimed, name, of, protocol).items()},
        **calibration,
        "classes_predicted": _mean([scores.classes_predicted for scores in arm.scores]),
        **costs,
    }


def within_range(difference: Mapping[str, Any]) -> dict[str, Any]:
    """A difference whose interval ends where differences of its metric do."""
    least, most = RANGES.get(difference["metric"], (-math.inf, math.inf))
    width, ends = most - least, {end: difference[end] for end in ("low", "high")}
    return {**difference} | {
        end: value if value is None else min(width, max(-width, value)) for end, value in ends.items()
    }


def rarest_class(runs: Sequence[StoredRun], class_names: Sequence[str]) -> str | None:
    """The class with the fewest training rows, where it is the same in all runs."""
    rarest = {int(np.argmin(run.record["class_counts"])) for run in runs}
    return class_names[rarest.pop()] if len(rarest) == 1 else None


def reliability_points(arm: ScoredArm, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """The points of a reliability diagram of the rarest class, by rising probability: means over seeds.

    "class" is None where the rarest class differs by seed. "n" seeds have a bin of that number: ties may
    leave some with fewer.
    """
    points = []
    for number in range(max((len(scores.reliability) for scores in arm.scores), default=0)):
        found = [scores.reliability[number] for scores in arm.scores if len(scores.reliability) > number]
        rows, share, probability, frequency = np.mean(found, axis=0).tolist()
        points.append(
            {
                "strategy": arm.name,
                "class": rarest_class(arm.runs, class_names),
                "bin": number + 1,
                "rows": rows,
                "share": share,
                "mean_probability": probability,
                "frequency": frequency,
                "n": len(found),
            }
        )
    return points


def _calibration(name: str) -> Value:
    return lambda scores: (scores.calibration.get(name, math.nan), None)


def per_rank(arm: ScoredArm) -> list[dict[str, Any]]:
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
