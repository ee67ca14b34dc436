"""From trained replicates and the truth to the rows of cells.csv: coverage, false alarms, power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.aa_study import IDEAL_POWER, LEVEL, family_wise, t_power
from benchmarks.real_trainings import METRICS, Array
from imbalance_bench.evaluation.statistics import Estimate, components, crossed, paired_t

SEEDS, USUAL = (3, 5, 10), 5
METHODS = ("two-way moments", "two-way moments, rows not by class", "t over seeds", "rows alone")


def intervals(found: Array, size: int) -> Array:
    """(methods, replicates, metrics, comparisons, 4): mean, low, high, p of each arm less arm 0.

    Args:
        found: (replicates, kinds, metrics, arms, seeds, 1 + B) as of `real_trainings.replicate`.
        size: the seeds to use, from the first.
    """
    differences = (found[:, :, :, 1:] - found[:, :, :, :1])[..., :size, :]
    shape = (len(found), len(METRICS), differences.shape[3])
    result = np.empty((len(METHODS), *shape, 4))
    for r, m, c in np.ndindex(*shape):
        by_class, together = differences[r, :, m, c]
        values = by_class[:, 0]
        result[:, r, m, c] = (
            _numbers(crossed(values, by_class[:, 1:])),
            _numbers(crossed(values, together[:, 1:])),
            _numbers(paired_t(values)),
            (values.mean(), *np.quantile(by_class[:, 1:].mean(axis=0), [LEVEL / 2, 1 - LEVEL / 2]), np.nan),
        )
    return result


def _numbers(estimate: Estimate) -> tuple[float, ...]:
    return estimate.mean, estimate.low, estimate.high, estimate.p_value


def summarise(found: Array, true: Array, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each metric, number of seeds and method; `true` is (trainings, metrics, 2).

    Power is at the difference that a z test with the true variance tells with probability .8: null
    intervals are moved by it. Standard errors count replicates, whose null comparisons share a baseline.
    """
    rows = []
    for size in sizes:
        made = intervals(found, size)
        for m, metric in enumerate(METRICS):
            gain = true[:, m, 1] - true[:, m, 0]
            mean = made[0, :, m, -1, 0]
            differences = (found[:, 0, m, 1:] - found[:, 0, m, :1])[..., :size, :]
            shared = {
                "metric": metric,
                "seeds": size,
                "replicates": len(found),
                "baseline": float(true[:, m, 0].mean()),
                "truth": float(gain.mean()),
                "truth_se": _se(gain),
                "found": float(mean.mean()),
                "found_se": _se(mean),
                "row_sd": _row_sd(differences[:, -1]),
                "raised": _raised(differences[:, :-1]),
            }
            own = [
                shared | {"method": method} | _rates(made[j, :, m], float(gain.mean()), size)
                for j, method in enumerate(METHODS)
            ]
            rows += [{k: round(v, 5) if isinstance(v, float) else v for k, v in row.items()} for row in own]
    return rows


def _rates(made: Array, gain: float, size: int) -> dict[str, Any]:
    """What the intervals (replicates, comparisons, 4) of one method do; the last comparison has the gain."""
    nulls, low, high = made[:, :-1, 0], made[:, :-1, 1], made[:, :-1, 2]
    sd = float(np.sqrt((nulls**2).mean()))
    wide = float(norm.ppf(1 - LEVEL / 2)) * sd
    distance = wide + float(norm.ppf(IDEAL_POWER)) * sd
    p = made[:, :-1, 3]
    flags: dict[str, Array] = {
        "coverage": _within(gain, made[:, -1]),
        "own_coverage": _within(float(made[:, -1, 0].mean()), made[:, -1]),
        "false_alarms": ((low > 0) | (high < 0)).mean(axis=1),
        "family_wise": np.array([family_wise(row[None]) for row in p]),
        "power": ((low + distance > 0) | (high + distance < 0)).mean(axis=1),
    }
    numbers: dict[str, Any] = {"sd": sd}
    for name, values in flags.items():
        known = name != "family_wise" or not np.isnan(p).all()
        numbers |= {name: float(values.mean()) if known else "", f"{name}_se": _se(values) if known else ""}
    return numbers | {
        "ideal_power": float((np.abs(nulls + distance) > wide).mean()),
        "t_power": t_power(size),
        "width": float((high - low).mean() / (2 * wide)) if wide else 1.0,
    }


def _row_sd(differences: Array) -> float:
    """What one test set adds to the standard error, by the variances of `crossed`; (replicates, S, 1 + B)."""
    return float(np.sqrt(np.mean([components(made[:, 0], made[:, 1:]).test for made in differences])))


def _raised(differences: Array) -> float:
    """How often seeds vary less than resampled rows alone make them, so that `crossed` takes the latter."""
    cells = differences.reshape(-1, *differences.shape[2:])
    parts = [components(made[:, 0], made[:, 1:]) for made in cells]
    return float(np.mean([part.residual > part.seed for part in parts]))


def _within(value: float, made: Array) -> Array:
    return np.asarray((made[:, 1] <= value) & (value <= made[:, 2]), dtype=np.float64)


def _se(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
