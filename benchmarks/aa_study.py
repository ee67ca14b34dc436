"""Do the intervals and p-values of a comparison keep what they promise? Simulated logits, truth known.

python -m benchmarks.aa_study --output results/reference/aa_study/README.md

How the logits are made: `benchmarks.aa_model`. Five arms are exchangeable, so that every difference among
them is 0 in truth, and a sixth is better; its true difference is taken as the mean over all replicates. Of
the ten seeds of a replicate the first 3, 5 and 10 serve the cells of 3, 5 and 10 seeds. The rows of a setting
are appended to cells.csv beside the table when it is done, and a second start skips what stands there.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.aa_model import (
    ARMS,
    METRICS,
    MOST_SEEDS,
    NULLS,
    SETTINGS,
    Array,
    Setting,
    resampled,
    simulate,
)
from benchmarks.aa_report import report
from imbalance_bench.evaluation.resampling import row_weights
from imbalance_bench.evaluation.statistics import Estimate, crossed, holm, paired_t

SEEDS = (3, 5, 10)
METHODS = ("two-way moments", "t over seeds", "rows alone", "crossed percentile", "nested percentile")
REPLICATES, BOOTSTRAP, CHUNK = 2_000, 200, 25
ENTROPY = 2026
"""Other draws than those (2024) on which the degrees of freedom of `statistics.crossed` were chosen."""
LEVEL, IDEAL_POWER = 0.05, 0.8


def replicate(setting: Setting, seed: np.random.SeedSequence) -> Array:
    """(metrics, seeds, methods, 5, 4): mean, low, high, p of each difference to arm 0.

    Percentile methods are slow: NaN for all null differences but the first.
    """
    data, resampling, naive = (np.random.default_rng(child) for child in seed.spawn(3))
    truth, logits = simulate(setting, data)
    weights = np.ones((BOOTSTRAP + 1, len(truth)))
    weights[1:] = row_weights(len(truth), BOOTSTRAP, resampling, strata=truth)
    values = resampled(truth, logits.reshape(-1, *logits.shape[2:]), weights)
    values = values.reshape(len(METRICS), ARMS, MOST_SEEDS, BOOTSTRAP + 1)
    result = np.full((len(METRICS), len(SEEDS), len(METHODS), NULLS + 1, 4), np.nan)
    for m, k, c in np.ndindex(len(METRICS), len(SEEDS), NULLS + 1):
        difference = (values[m, c + 1] - values[m, 0])[: SEEDS[k]]
        found, draws = difference[:, 0], difference[:, 1:]
        result[m, k, :2, c] = _numbers(crossed(found, draws)), _numbers(paired_t(found))
        if c in (0, NULLS):
            result[m, k, 2:, c, :3] = _percentiles(found, draws, naive)
    return result


def _numbers(estimate: Estimate) -> tuple[float, ...]:
    return estimate.mean, estimate.low, estimate.high, estimate.p_value


def _percentiles(values: Array, draws: Array, rng: np.random.Generator) -> Array:
    """(3, 3) mean, low, high: rows alone, seeds and rows, and rows anew within every seed."""
    n_seeds, b = draws.shape
    seeds, own_sets = rng.integers(0, n_seeds, (b, n_seeds)), rng.integers(0, b, (b, n_seeds))
    crossed_draws = draws[seeds, np.arange(b)[:, None]].mean(axis=1)
    samples = np.stack([draws.mean(axis=0), crossed_draws, draws[seeds, own_sets].mean(axis=1)])
    low, high = np.quantile(samples, [LEVEL / 2, 1 - LEVEL / 2], axis=1)
    return np.stack([np.full(3, values.mean()), low, high], axis=1)


def _chunk(setting: Setting, seeds: list[np.random.SeedSequence]) -> Array:
    return np.stack([replicate(setting, seed) for seed in seeds])


def summarise(setting: Setting, found: Array, seconds: float) -> list[dict[str, Any]]:
    """A row per metric, number of seeds and method, from (replicates, metrics, seeds, methods, 5, 4).

    Power is at the difference that a z test with the true variance tells with probability .8: null
    intervals are moved by it. `t_power` is that of Student's test with S - 1 degrees of freedom, which no
    unbiased test exceeds where the seeds' variance is all there is, and unknown.
    """
    rows = []
    for m, k in np.ndindex(len(METRICS), len(SEEDS)):
        effect = float(found[:, m, -1, 0, NULLS, 0].mean())
        null_means = found[:, m, k, 0, :NULLS, 0]
        sd = float(np.sqrt((null_means**2).mean()))
        distance = float(norm.ppf(1 - LEVEL / 2) + norm.ppf(IDEAL_POWER)) * sd
        ideal = (np.abs(null_means + distance) > norm.ppf(1 - LEVEL / 2) * sd).mean()
        for j, method in enumerate(METHODS):
            _, low, high, p = np.moveaxis(found[:, m, k, j], -1, 0)
            null = ~np.isnan(low[0, :NULLS])
            null_low, null_high = low[:, :NULLS][:, null], high[:, :NULLS][:, null]
            row: dict[str, Any] = {
                "setting": setting.name,
                "metric": METRICS[m],
                "seeds": SEEDS[k],
                "method": method,
                "replicates": len(found),
                "difference": round(effect, 5),
                "sd": round(sd, 5),
                "coverage": ((low <= effect) & (effect <= high))[:, NULLS].mean(),
                "false_alarms": ((null_low > 0) | (null_high < 0)).mean(),
                "family_wise": "" if np.isnan(p).all() else family_wise(p[:, :NULLS]),
                "power": ((null_low + distance > 0) | (null_high + distance < 0)).mean(),
                "ideal_power": ideal,
                "t_power": t_power(SEEDS[k]),
                "width": (null_high - null_low).mean() / (2 * norm.ppf(1 - LEVEL / 2) * sd),
                "seconds": round(seconds),
            }
            rows.append({name: round(float(v), 4) if isinstance(v, float) else v for name, v in row.items()})
    return rows


def family_wise(p: Array) -> float:
    return float(np.mean([holm(row).min() < LEVEL for row in p]))


def t_power(seeds: int) -> float:
    from scipy.stats import nct, t

    limit, shift = t.ppf(1 - LEVEL / 2, seeds - 1), norm.ppf(1 - LEVEL / 2) + norm.ppf(IDEAL_POWER)
    return float(nct.sf(limit, seeds - 1, shift))


def _stored(cells: Path, replicates: int) -> list[dict[str, str]]:
    if not cells.exists():
        return []
    with cells.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["replicates"]) == replicates]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="markdown table; cells.csv beside it")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--note", default="", help="said of the machine in the table")
    asked = parser.parse_args()
    cells = asked.output.with_name("cells.csv")
    cells.parent.mkdir(parents=True, exist_ok=True)
    done = {row["setting"] for row in _stored(cells, asked.replicates)}
    with ProcessPoolExecutor(asked.workers) as pool:
        for index, setting in enumerate(SETTINGS):
            if setting.name in done:
                continue
            start = time.perf_counter()
            seeds = np.random.SeedSequence((ENTROPY, index)).spawn(asked.replicates)
            chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
            found = np.concatenate(list(pool.map(_chunk, [setting] * len(chunks), chunks)))
            rows = summarise(setting, found, time.perf_counter() - start)
            with cells.open("a", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                if not file.tell():
                    writer.writeheader()
                writer.writerows(rows)
            print(f"{setting.name}: {rows[0]['seconds']} s", flush=True)
    asked.output.write_text(report(_stored(cells, asked.replicates), asked.note), encoding="utf-8")
    print(asked.output)


if __name__ == "__main__":
    main()
