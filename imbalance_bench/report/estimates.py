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
    metrics: Sequence[str],
    primary: str,
) -> list[dict[str, Any]]:
    """One mapping per pair (strategy, its seeds, baseline, its seeds) and metric.

    `p_value` is corrected by Holm over the strategies that are compared with one baseline on the primary
    metric; on the others it is None: they explore.
    """
    rows = [
        {"strategy": name, "baseline": base, "metric": metric}
        | as_fields("mean", combined_found)
        | {"p_raw": defined(combined_found.p_value), "p_value": None, "n": combined_found.n}
        for metric in metrics
        for name, seeds, base, base_seeds in pairs
        for combined_found in [combined(protocol, [(1, seeds), (-1, base_seeds)], value_of(metric))]
    ]
    for base in dict.fromkeys(base for _, _, base, _ in pairs):
        family = [row for row in rows if row["metric"] == primary and row["baseline"] == base]
        raw = [math.nan if row["p_raw"] is None else row["p_raw"] for row in family]
        for row, corrected in zip(family, statistics.holm(raw), strict=True):
            row["p_value"] = defined(float(corrected))
    for row in rows:
        row["low"], row["high"] = row.pop("mean_low"), row.pop("mean_high")
    return rows


def decomposition(
    protocol: Protocol,
    arms: Sequence[tuple[str, Seeds, str, Seeds]],
    base: Seeds,
    base_tuned: Seeds,
    metric: str,
    beside: Sequence[str],
) -> list[dict[str, Any]]:
    """The gain of each (strategy, its seeds, it tuned, its seeds) over the baseline, taken apart.

    gain = threshold_effect + model_effect - own_threshold_effect: what a moved threshold gives the
    baseline, what the model gives beyond it where both are tuned, less what the strategy itself still gains
    from tuning.
    `beside` are metrics of scores whose change no threshold can make.
    """
    rows = []
    of = value_of(metric)
    for name, seeds, tuned_name, tuned in arms:
        terms = {
            "gain": [(1.0, seeds), (-1.0, base)],
            "threshold_effect": [(1.0, base_tuned), (-1.0, base)],
            "model_effect": [(1.0, tuned), (-1.0, base_tuned)],
            "own_threshold_effect": [(1.0, tuned), (-1.0, seeds)],
        }
        row: dict[str, Any] = {"strategy": name, "tuned": tuned_name, "metric": metric}
        for term, parts in terms.items():
            row |= as_fields(term, combined(protocol, parts, of))
        for other in beside:
            row |= as_fields(
                f"{other}_change", combined(protocol, [(1.0, seeds), (-1.0, base)], value_of(other))
            )
        rows.append(row)
    return rows
