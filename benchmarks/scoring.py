"""What metrics and intervals cost a comparison: computed anew, and read from where they are kept.

imbench compare --results DIR
python -m benchmarks.scoring DIR

Both kinds are timed in turn in one process, after a first round that imports everything; medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from imbalance_bench.api import DEFAULT_STRATEGIES
from imbalance_bench.experiments.score_cache import forget
from imbalance_bench.experiments.store import find_runs
from imbalance_bench.stored import stored_comparisons


def seconds(place: Path, strategies: str, fresh: bool) -> float:
    """Time of all tables of the runs in `place`; fresh: without anything kept."""
    if fresh:
        for run in find_runs(place)[0]:
            forget(run.folder)
    start = time.perf_counter()
    stored_comparisons(place, strategies)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--strategies", default=DEFAULT_STRATEGIES)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    seconds(asked.results, asked.strategies, fresh=True)
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(asked.repeats):
        for fresh in (True, False):
            found[fresh].append(seconds(asked.results, asked.strategies, fresh))
    for fresh, times in found.items():
        spread = ", ".join(f"{value:.2f}" for value in sorted(times))
        print(f"{'anew' if fresh else 'kept'}: median {statistics.median(times):.2f} s ({spread})")


if __name__ == "__main__":
    main()
