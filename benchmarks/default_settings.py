"""How good plain cross-entropy gets on validation under different settings: where the defaults come from.

python -m benchmarks.default_settings --lr 3e-3,1e-2 --steps 400,600 --seeds 10,11,12
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from imbalance_bench import run
from imbalance_bench.evaluation import summary_metrics
from imbalance_bench.experiments.store import find_runs


def validation_scores(results: str, metric: str) -> tuple[list[float], list[float]]:
    """The metric on validation and the seconds of training, seed by seed."""
    values, seconds = [], []
    for found in sorted(find_runs(Path(results))[0], key=lambda found: found.config.seed):
        stored, record = found.predictions, found.record
        rarest = int(np.argmin(record["class_counts"]))
        scores = summary_metrics(
            stored["val_labels"], stored["val_logits"], record["class_names"], minority=rarest
        )
        values.append(scores[metric])
        seconds.append(record["train_seconds"])
    return values, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="synthetic")
    parser.add_argument("--imbalance-ratio", type=float)
    parser.add_argument("--n-max", type=int)
    parser.add_argument("--strategies", default="cross-entropy", help="separated by ;")
    parser.add_argument("--lr", default="3e-3,1e-2,3e-2")
    parser.add_argument("--steps", default="600")
    parser.add_argument("--batch-size", default="64")
    parser.add_argument("--schedule", default="one-cycle")
    parser.add_argument("--weight-decay", default="0.01")
    parser.add_argument("--seeds", default="10,11,12", help="others than those that a comparison uses")
    parser.add_argument("--metric", default="minority_ap")
    parser.add_argument("--workers", default="2")
    asked = parser.parse_args()
    fixed = {"dataset": asked.dataset, "seeds": asked.seeds, "workers": asked.workers, "device": "cpu"}
    if asked.imbalance_ratio is not None:
        fixed |= {"imbalance_ratio": asked.imbalance_ratio, "n_max": asked.n_max, "validation": "full"}
    print(f"| strategy | lr | steps | batch | schedule | decay | {asked.metric} | by seed | seconds |")
    print("|---|---:|---:|---:|---|---:|---:|---|---:|")
    names = ("lr", "steps", "batch_size", "schedule", "weight_decay")
    grid = (str(getattr(asked, name)).split(",") for name in names)
    for strategy, *values in itertools.product(asked.strategies.split(";"), *grid):
        with tempfile.TemporaryDirectory() as results:
            run(strategy, results=results, **fixed, **dict(zip(names, values, strict=True)))
            found, seconds = validation_scores(results, asked.metric)
        cells = [strategy, *values, f"{np.mean(found):.3f}", " ".join(f"{v:.3f}" for v in found)]
        print("| " + " | ".join([*cells, f"{np.median(seconds):.1f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
