"""A million images from an npz file: peak memory and steps per second beside the same set held in memory.

    python -m benchmarks.large_set --repeats 5

Every run is a process of its own, on one core; the ways of holding the images take turns. The peak is the
maximum resident set, mapped pages included, less what a process has that only imports torch; the speed is
that of training alone, by the clock and by processor time, which other processes disturb less. The made
files (0.8 GB each) and the cache go to a temporary folder. Linux and macOS.
The kind "pool" has no parts: a fifth of the rows is test, whose resampling takes most of the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("torch", "memory", "parts", "parts-compressed")
PARTS = {"train": 1.0, "val": 0.01, "test": 0.01}
"""Rows of each part beside those of train."""
CHUNK = 10_000


def main() -> None:
    """Make the files, run every kind in turn and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help="where the files are made, kept for another call")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one, Path(asked.folder), asked.steps)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(asked.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kinds = asked.kinds.split(",")
        for kind in kinds:
            if kind != "torch":
                write(folder, "parts" if kind == "memory" else kind, asked.rows)
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
        for _ in range(asked.repeats):
            for kind in kinds:
                found[kind].append(measured(kind, folder, asked.steps))
    base = statistics.median(run["peak"] for run in found["torch"])
    print(f"{asked.rows} training rows of 28x28, {asked.steps} steps, {asked.repeats} runs each, medians")
    print(f"importing torch alone: {base:.0f} MiB")
    heads = ("above torch, MiB", "before training, s", "steps/s", "steps/s of processor", "min", "max")
    print(f"{'images':<18}" + "".join(f"{head:>{len(head) + 2}}" for head in heads))
    for kind in kinds:
        if kind != "torch":
            runs = found[kind]
            speeds = [run["processor_speed"] for run in runs]
            numbers = (
                statistics.median(run["peak"] for run in runs) - base,
                statistics.median(run["load"] for run in runs),
                statistics.median(run["speed"] for run in runs),
                *(statistics.median(speeds), min(speeds), max(speeds)),
            )
            print(
                f"{kind:<18}" + "".join(f"{n:>{len(h) + 2}.1f}" for n, h in zip(numbers, heads, strict=True))
            )


def write(folder: Path, kind: str, rows: int) -> None:
    """`kind`.npz, a block at a time: uncompressed or compressed parts, or one pool without parts."""
    path = folder / f"{kind}.npz"
    if path.exists():
        return
    rng = np.random.default_rng(0)
    parts = {part: int(rows * share) for part, share in PARTS.items()}
    if kind == "pool":
        parts = {"": rows * 5 // 3}
    compression = zipfile.ZIP_DEFLATED if kind == "parts-compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        for part, n in parts.items():
            labels = (rng.random(n) < 0.1).astype(np.int64)
            stem = f"{part}_" if part else ""
            with archive.open(f"{stem}images.npy", "w", force_zip64=True) as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (n, 28, 28)}
                np.lib.format.write_array_header_1_0(file, header)
                for start in range(0, n, CHUNK):
                    chosen = labels[start : start + CHUNK]
                    images = rng.integers(0, 200, (len(chosen), 28, 28), dtype=np.uint8)
                    images[chosen == 1, 8:16, 8:16] += 30
                    file.write(images.tobytes())
            with archive.open(f"{stem}labels.npy", "w") as file:
                np.lib.format.write_array(file, labels)


def measured(kind: str, folder: Path, steps: int) -> dict[str, float]:
    """One process: its peak in MiB, and what it tells itself."""
    command = [sys.executable, "-m", "benchmarks.large_set", "--one", kind, "--folder", str(folder)]
    environment = os.environ | {"IMBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, "--steps", str(steps)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{kind} ended with status {status}")
    process.returncode = 0
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {**json.loads(told), "peak": peak}


def one(kind: str, folder: Path, steps: int) -> dict[str, float]:
    """A stored `run` on the file; seconds to load it and optimiser steps per second."""
    import time

    import torch

    torch.set_num_threads(1)
    if kind == "torch":
        return {}
    from imbalance_bench.api import run
    from imbalance_bench.data import mapped
    from imbalance_bench.training import loop

    train, spent = loop.train, []

    def timed(*arguments: Any, **more: Any) -> Any:
        began = time.process_time()
        trained = train(*arguments, **more)
        spent.append(time.process_time() - began)
        return trained

    loop.train = timed
    if kind == "memory":
        mapped.SMALL = sys.maxsize
    path = folder / ("parts.npz" if kind == "memory" else f"{kind}.npz")
    with tempfile.TemporaryDirectory() as results:
        began = time.perf_counter()
        ran = run(dataset=f"npz:{path}", steps=steps, seed=0, workers=0, device="cpu", results=results)
        total = time.perf_counter() - began
        record = json.loads((Path(ran["runs"][0]) / "run.json").read_text())
    seconds = record["train_seconds"]
    return {"load": total - seconds, "speed": steps / seconds, "processor_speed": steps / sum(spent)}


if __name__ == "__main__":
    main()
