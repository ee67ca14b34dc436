"""Means over seeds, differences and where they come from, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from imbalance_bench.evaluation import statistics
from imbalance_bench.evaluation.statistics import Estimate
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Floats

Design = Literal["independent", "crossed", "resplit"]
Seeds = Mapping[int, Scores]
Pair = tuple[str, Seeds, str, Seeds]
"""Strategy and baseline by name, each with the scores of its seeds."""
Value = Callable[[Scores], tuple[float, Floats | None]]
"""A number of one seed, with its replicates (B,) where there are some."""


@dataclass(frozen=True)
class Protocol:
    """How seeds and test rows meet, which decides what an interval must allow for.

    Attributes:
        design: "independent": every seed draws its own training and test data; "crossed": one test part for
            all seeds; "resplit": every seed splits one pool again.
        n_train, n_test: rows of a seed.
    """

    design: Design
    n_train: int
    n_test: int

    @property
    def resamples(self) -> bool:
        """Whether intervals rest on resampled test rows, too."""
        return self.design == "crossed"


def protocol_of(runs: Sequence[StoredRun]) -> Protocol:
    """The protocol of runs made alike."""
    if not runs:
        return Protocol("independent", 1, 1)
    record = runs[0].record
    designs: dict[str, Design] = {"drawn": "independent", "given": "crossed", "split": "resplit"}
    design = "crossed" if runs[0].config.vary == "init" else designs[record["test_part"]]
    return Protocol(design, sum(record["class_counts"]), len(runs[0].predictions["test_labels"]))


def value_of(metric: str) -> Value:
    """The metric of that name."""
    return lambda scores: (scores.summary[metric], scores.replicates.get(metric))


def of_class(metric: str, index: int) -> Value:
    """A number of one class."""

    def value(scores: Scores) -> tuple[float, Floats | None]:
        drawn = scores.class_replicates.get(metric)
        return scores.per_class[index][metric], None if drawn is None else drawn[:, index]

    return value


def mean_over_seeds(protocol: Protocol, scores: Sequence[Scores], of: Value) -> Estimate:
    """The mean of a number over the seeds that define it."""
    return combined(protocol, [(1.0, dict(enumerate(scores)))], of)


def combined(
    protocol: Protocol,
    parts: Sequence[tuple[float, Seeds]],
    of: Value,
) -> Estimate:
    """The mean over seeds of a weighted sum of values, as S - CE: [(1, S), (-1, CE)]; paired by seed."""
    return _estimate(protocol, *_paired(parts, of))


def needed_seeds(
    protocol: Protocol, parts: Sequence[tuple[float, Seeds]], of: Value, comparisons: int = 1
) -> statistics.Needed | None:
    """What it takes to tell the value that `combined` finds; None for fewer than two seeds or no spread.

    `comparisons`: of how many this is one, for Holm's correction.
    """
    values, draws = _paired(parts, of)
    values = values[np.isfinite(values)] if draws is None else values
    if len(values) < 2 or not np.isfinite(values).all() or protocol.design == "resplit":
        return None
    if protocol.design == "crossed" and draws is None:
        return None
    found = statistics.components(values, draws if protocol.design == "crossed" else None)
    if not found.seed > 0:
        return None
    return statistics.seeds_needed(float(values.mean()), found, comparisons=comparisons)


def _paired(parts: Sequence[tuple[float, Seeds]], of: Value) -> tuple[Floats, Floats | None]:
    """The weighted sums (S,) of the seeds that all parts have; replicates (S, B) where all have some."""
    common = sorted(set.intersection(*(set(seeds) for _, seeds in parts)))
    values, draws = [], []
    for seed in common:
        terms = [(sign, *of(seeds[seed])) for sign, seeds in parts]
        values.append(math.fsum(sign * value for sign, value, _ in terms))
        drawn = [sign * replicates for sign, _, replicates in terms if replicates is not None]
        if len(drawn) == len(terms):
            draws.append(np.sum(drawn, axis=0))
    return np.array(values), np.array(draws) if draws and len(draws) == len(values) else None


def _estimate(protocol: Protocol, values: Floats, draws: Floats | None) -> Estimate:
    if len(values) == 1 and draws is not None:
        return statistics.one_seed(float(values[0]), draws[0])
    if protocol.design == "crossed" and len(values) > 1:
        if draws is None:
            defined = values[np.isfinite(values)]
            mean = float(defined.mean()) if len(defined) else math.nan
            return Estimate(mean, math.nan, math.nan, math.nan, 0.0, statistics.CROSSED, len(defined))
        return statistics.crossed(values, draws)
    if protocol.design == "resplit":
        return statistics.resplit(values, protocol.n_train, protocol.n_test)
    return statistics.paired_t(values)


def as_fields(name: str, found: Estimate) -> dict[str, float | None]:
    """NAME, NAME_low and NAME_high; undefined is None."""
    return {name: defined(found.mean), f"{name}_low": defined(found.low), f"{name}_high": defined(found.high)}


def defined(value: float) -> float | None:
    """The value, or None for NaN and the infinities."""
    return float(value) if math.isfinite(value) else None


def differences(
    protocol: Protocol,
    pairs: Sequence[Pair],
    metrics: Mapping[str, Value],
    primary: str,
) -> list[dict[str, Any]]:
    """One mapping per pair (strategy, its seeds, baseline, its seeds) and metric.

    `p_value` is corrected by Holm over the strategies that are compared with one baseline on the primary
    metric; on the others it is None: they explore. What differs on no seed is no test, and has 1. One seed
    has no p-value: it says nothing of other trainings.
    """
    rows = [
        {"strategy": name, "baseline": base, "metric": metric}
        | as_fields("mean", combined_found)
        | {
            "p_raw": defined(combined_found.p_value) if combined_found.n > 1 else None,
            "p_value": None,
            "n": combined_found.n,
        }
        for metric, value in metrics.items()
        for name, seeds, base, base_seeds in pairs
        for combined_found in [combined(protocol, [(1, seeds), (-1, base_seeds)], value)]
    ]
    for row in rows:
        row["low"], row["high"] = row.pop("mean_low"), row.pop("mean_high")
    for base in dict.fromkeys(base for _, _, base, _ in pairs):
        family = [row for row in rows if row["metric"] == primary and row["baseline"] == base]
        for row in family:
            row["p_value"] = row["p_raw"]
        _correct([row for row in family if row["p_raw"] is not None and differs(row)], "p_value")
    return rows


def differs(row: Mapping[str, Any]) -> bool:
    """Whether a difference is other than 0 on some seed, as the interval tells."""
    return not row["mean"] == row["low"] == row["high"] == 0


def _correct(rows: Sequence[dict[str, Any]], name: str) -> None:
    """Holm's correction of the p-values of that name, in place."""
    for row, corrected in zip(rows, statistics.holm([row[name] for row in rows]), strict=True):
        row[name] = float(corrected)


def decomposition(
    protocol: Protocol,
    arms: Sequence[tuple[str, Seeds, str, Seeds]],
    base: Seeds,
    base_tuned: Seeds,
    metric: str,
    of: Value,
    beside: Sequence[str],
) -> list[dict[str, Any]]:
    """The gain of each (strategy, its seeds, it tuned, its seeds) over the baseline, taken apart.

    gain = threshold_effect + model_effect - own_threshold_effect: what a moved threshold gives the
    baseline, what the model gives beyond it where both are tuned, less what the strategy itself still gains
    from tuning.
    All on the seeds that the four have in common. `model_effect_p` is corrected by Holm over the strategies.
    `beside` are metrics of scores whose change no threshold can make.
    """
    rows = []
    for name, seeds, tuned_name, tuned in arms:
        four = (seeds, tuned, base, base_tuned)
        common = sorted(set.intersection(*map(set, four)))
        plain, moved, ce, ce_moved = ({seed: each[seed] for seed in common} for each in four)
        terms = {
            "gain": [(1.0, plain), (-1.0, ce)],
            "threshold_effect": [(1.0, ce_moved), (-1.0, ce)],
            "model_effect": [(1.0, moved), (-1.0, ce_moved)],
            "own_threshold_effect": [(1.0, moved), (-1.0, plain)],
        }
        row: dict[str, Any] = {"strategy": name, "tuned": tuned_name, "metric": metric, "n": len(common)}
        for term, parts in terms.items():
            found = combined(protocol, parts, of)
            row |= as_fields(term, found)
            if term == "model_effect":
                row["model_effect_p"] = defined(found.p_value) if found.n > 1 else None
        for other in beside:
            row |= as_fields(f"{other}_change", combined(protocol, terms["gain"], value_of(other)))
        rows.append(row)
    tested = [row for row in rows if row["model_effect_p"] is not None]
    _correct([row for row in tested if row["model_effect_low"] or row["model_effect_high"]], "model_effect_p")
    return rows
