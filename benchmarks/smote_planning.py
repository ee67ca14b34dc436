"""Time to plan SMOTE: our row numbers and weights against imbalanced-learn's resampled copy.

    python -m benchmarks.smote_planning --repeats 7 --rows 50000 --minority 2500

Two classes of float32 images, 784 numbers each. Ours goes from the arrays of training images and labels to
the finished SamplingPlan; theirs is SMOTE().fit_resample on the same arrays. Both use k = 5 and take turns in
one process. Each has one thread, as a run on the CPU has; --threads gives ours more, --their-threads
imbalanced-learn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from imblearn.over_sampling import SMOTE
from threadpoolctl import threadpool_limits

from imbalance_bench.strategies import TrainingView, create

FEATURES = 784
RANK = 20


def main() -> None:
    """Measure and print both medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--minority", type=int, default=2_500)
    parser.add_argument("--threads", type=int, default=1, help="torch's threads for ours")
    parser.add_argument("--their-threads", type=int, default=1)
    asked = parser.parse_args()
    images, labels = made(asked.rows, asked.minority)
    rivals: dict[str, tuple[int, Callable[..., np.ndarray]]] = {
        "ours": (asked.threads, plan),
        "imbalanced-learn": (asked.their_threads, resampled),
    }
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(asked.repeats + 1):
        for name, (threads, rival) in rivals.items():
            torch.set_num_threads(threads)
            with threadpool_limits(threads):
                began = time.perf_counter()
                made_rows = len(rival(images, labels))
                seconds = time.perf_counter() - began
            if made_rows != 2 * (asked.rows - asked.minority):
                raise SystemExit(f"{name} made {made_rows} rows")
            if turn:  # the first one warms up
                taken[name].append(seconds)
    print(
        f"{asked.rows} x {FEATURES} float32, {asked.minority} of them in the smaller class, "
        f"{asked.repeats} runs each on {os.cpu_count()} cores"
    )
    print(f"{'':<20}{'threads':>8}{'median s':>10}{'min':>8}{'max':>8}")
    for name, times in taken.items():
        print(
            f"{name:<20}{rivals[name][0]:>8}{statistics.median(times):>10.3f}"
            f"{min(times):>8.3f}{max(times):>8.3f}"
        )
    ours, theirs = (statistics.median(times) for times in taken.values())
    print(f"imbalanced-learn / ours: {theirs / ours:.1f}")


def made(rows: int, minority: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (rows, 1, 28, 28) float32 of a few common patterns and noise, and their labels 0 and 1."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(RANK, FEATURES)).astype(np.float32)
    images = rng.normal(size=(rows, RANK)).astype(np.float32) @ patterns
    images += rng.normal(scale=0.5, size=images.shape).astype(np.float32)
    labels = rng.permutation(np.arange(rows) < minority).astype(np.int64)
    return images.reshape(rows, 1, 28, 28), labels


def plan(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The base rows of our plan."""
    view = TrainingView(labels, 2, lambda rows: images[rows])
    return create("smote").plan(view, np.random.default_rng(0)).base


def resampled(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rows that imbalanced-learn makes."""
    return np.asarray(SMOTE(random_state=0).fit_resample(images.reshape(len(images), -1), labels)[0])


if __name__ == "__main__":
    main()
