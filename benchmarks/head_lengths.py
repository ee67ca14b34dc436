"""Whether common classes have the longer weight vectors, on which tau-normalisation lives.

imbench compare --config configs/catalogue.yaml --results DIR
python -m benchmarks.head_lengths DIR

For every stored run of a strategy: the correlation over the classes of log |w_c|, the length of the head's
weight vector, with log n_c, the training rows; and the shortest length over the longest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from imbalance_bench.experiments.store import find_runs
from imbalance_bench.strategies.registry import create


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--strategy", default="cross-entropy", help="whose runs (default: cross-entropy)")
    asked = parser.parse_args()
    wanted = create(asked.strategy).spec
    print("| seed | correlation | shortest over longest |")
    print("|---:|---:|---:|")
    for run in sorted(find_runs(asked.results)[0], key=lambda run: run.config.seed):
        if run.config.strategy == wanted:
            lengths = np.linalg.norm(run.head_weight().astype(np.float64), axis=1)
            together = np.corrcoef(np.log(lengths), np.log(run.record["class_counts"]))[0, 1]
            print(f"| {run.config.seed} | {together:.2f} | {lengths.min() / lengths.max():.2f} |")


if __name__ == "__main__":
    main()
