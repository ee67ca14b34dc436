"""How near any correction of the scores could bring them to the exact posterior, beside those that are made.

imbench compare --seeds 5 --results DIR
python -m benchmarks.correction_bound DIR

KL is the mean divergence (nats) of the exact posterior from the scores, two classes. "best monotone" is the
isotonic regression of the exact posterior itself on the scores of the test part: it knows what no user knows,
and no rule that keeps the order of the images can do better on them. What it leaves is an error of order,
which no correction of priors or temperatures touches.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, rel_entr

from imbalance_bench.experiments.scoring import score
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.strategies.registry import create

Floats = NDArray[np.float64]


def best_monotone(run: StoredRun) -> float:
    """The least KL over all monotone maps of the log odds."""
    from sklearn.isotonic import IsotonicRegression

    stored = run.predictions
    shares = np.bincount(stored["test_labels"], minlength=2) / len(stored["test_labels"])
    exact = np.exp(log_softmax(stored["test_log_likelihood"] + np.log(shares), axis=1))[:, 1]
    odds = np.diff(stored["test_logits"].astype(np.float64), axis=1)[:, 0]
    best = IsotonicRegression(y_min=1e-12, y_max=1 - 1e-12).fit(odds, exact).predict(odds)
    return float((rel_entr(exact, best) + rel_entr(1 - exact, 1 - best)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    by_strategy: dict[str, list[StoredRun]] = {}
    for run in find_runs(parser.parse_args().results)[0]:
        by_strategy.setdefault(run.config.strategy, []).append(run)
    print("| strategy | seeds | as it is | corrected | fitted | best monotone |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, runs in by_strategy.items():
        each = [score(run, create(name), "dataset") for run in runs]
        kinds = ("posterior_kl", "posterior_kl_corrected", "posterior_kl_fitted")
        means = [float(np.mean([scores.calibration[kind] for scores in each])) for kind in kinds]
        means.append(float(np.mean([best_monotone(run) for run in runs])))
        cells = [f"{mean:.4f} ({mean / means[0]:.2f})" for mean in means[1:]]
        print(f"| {name} ({each[0].correction}) | {len(runs)} | {means[0]:.4f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
