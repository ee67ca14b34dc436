"""Peak memory of a training under each strategy beside cross-entropy's: no sampler may copy images.

    python -m benchmarks.peak_memory --repeats 5 --strategies oversample

Each run is a process of its own with a results folder of its own; the strategies take turns. Linux and macOS.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = "cross-entropy"


def main() -> None:
    """Measure and print one line per strategy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--strategies", default="oversample,undersample")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("flags", nargs="*", help="further flags of `imbench run`, after --")
    asked = parser.parse_args()
    names = [BASELINE, *(name for name in asked.strategies.split(",") if name != BASELINE)]
    peaks: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(asked.repeats):
        for name in names:
            peaks[name].append(peak_mib(name, asked.dataset, asked.steps, asked.flags))
    base = statistics.median(peaks[BASELINE])
    print(f"{asked.dataset}, {asked.steps} steps, {asked.repeats} runs each, maximum resident set in MiB")
    print(f"{'strategy':<28}{'median':>9}{'min':>9}{'max':>9}{'/ cross-entropy':>18}")
    for name, found in peaks.items():
        median = statistics.median(found)
        print(f"{name:<28}{median:>9.0f}{min(found):>9.0f}{max(found):>9.0f}{median / base:>18.3f}")


def peak_mib(strategy: str, dataset: str, steps: int, flags: list[str]) -> float:
    """The maximum resident set of one `imbench run`, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "imbalance_bench", "run", "--strategy", strategy, "--dataset", dataset),
            *("--steps", str(steps), "--device", "cpu", "--workers", "0", "--results", folder, "--quiet"),
            *("--output", str(Path(folder) / "table.txt"), *flags),
        ]
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with exit status {process.returncode}")
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
