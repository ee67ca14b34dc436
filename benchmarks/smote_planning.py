"""Time to plan SMOTE: our row numbers and weights against imbalanced-learn's resampled copy.

    python -m benchmarks.smote_planning --repeats 7 --rows 50000 --minority 2500

Two classes of float32 images, 784 numbers each. Ours goes from the arrays of training images and labels to
the finished SamplingPlan; theirs is SMOTE().fit_resample on the same arrays. Both use k = 5 and take turns in
one process. By default torch gets one thread, as in a run on the CPU; imbalanced-learn takes what it takes.
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
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    images, labels = made(asked.rows, asked.minority)
    rivals: dict[str, Callable[[], int]] = {
        "ours": lambda: len(plan(images, labels)),
        "imbalanced-learn": lambda: len(resampled(images, labels)),
    }
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    sizes = {name: rival() for name, rival in rivals.items()}  # also warms up
    if len(set(sizes.values())) > 1:
        raise SystemExit(f"the results differ in size: {sizes}")
    for _ in range(asked.repeats):
        for name, rival in rivals.items():
            began = time.perf_counter()
            rival()
            taken[name].append(time.perf_counter() - began)
    print(
        f"{asked.rows} x {FEATURES} float32, {asked.minority} of them in the smaller class, {asked.repeats} "
        f"runs each; torch threads: {torch.get_num_threads()}, cores: {os.cpu_count()}"
    )
    print(f"{'':<20}{'median s':>10}{'min':>8}{'max':>8}")
    for name, seconds in taken.items():
        print(f"{name:<20}{statistics.median(seconds):>10.3f}{min(seconds):>8.3f}{max(seconds):>8.3f}")
    ours, theirs = (statistics.median(seconds) for seconds in taken.values())
    print(f"ours is {theirs / ours:.1f} times as fast")


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
    view = TrainingView(labels, 2, lambda: images)
    return create("smote").plan(view, np.random.default_rng(0)).base


def resampled(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The rows that imbalanced-learn makes."""
    return np.asarray(SMOTE(random_state=0).fit_resample(images.reshape(len(images), -1), labels)[0])


if __name__ == "__main__":
    main()
