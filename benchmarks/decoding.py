"""How long the first reading of a folder of images takes, beside one process's plain loop over them.

    python -m benchmarks.decoding [--files 20000] [--size 64] [--repeats 5]

The plain loop opens each file with Pillow, turns it into an array and copies that into its row: no hash, no
check, nothing kept. Ours starts from an empty cache and ends with the images mapped. Both are run in turn, in
processes of their own, the files being in the system's cache; medians. On a machine with other work the CPUs'
seconds (of all processes, their start included) tell more than those of the clock.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PLAIN = """
import os, sys, time, pathlib
import numpy as np
from PIL import Image
paths = sorted(str(path) for path in pathlib.Path(sys.argv[1]).glob("*/*.png"))
started = time.perf_counter()
with Image.open(paths[0]) as image:
    out = np.empty((len(paths), 3, image.height, image.width), np.uint8)
for row, path in zip(out, paths):
    with Image.open(path) as image:
        row[:] = np.asarray(image).transpose(2, 0, 1)
print(time.perf_counter() - started, sum(os.times()[:4]))
"""
OURS = """
import os, sys, time
from imbalance_bench.data import registry
source = registry.create(f"folder:{sys.argv[1]}")
started = time.perf_counter()
source.ensure()
print(time.perf_counter() - started, sum(os.times()[:4]))
"""


def main() -> None:
    """Print one line for each pair of runs, then the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_images(root / "images", asked.files, asked.size)
        timed("plain", PLAIN, root)  # warms the system's cache
        plain, ours, again = [], [], []
        for n in range(asked.repeats):
            environment = {"IMBENCH_CACHE": str(root / f"cache{n}")}
            plain.append(timed("plain", PLAIN, root))
            ours.append(timed("first", OURS, root, environment))
            again.append(timed("second", OURS, root, environment))
            for what, (clock, cpu) in (("plain", plain[-1]), ("first", ours[-1]), ("second", again[-1])):
                print(f"{what} {clock:.2f} s (CPUs {cpu:.2f} s)  ", end="")
            print(flush=True)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(
        f"\n{asked.files} PNG files of {asked.size} x {asked.size} in colour, {cpus} CPUs, "
        f"{platform.machine()}, Python {platform.python_version()}; medians:"
    )
    for kind, place in (("clock", 0), ("CPUs", 1)):
        whole, first, second = (statistics.median(t[place] for t in times) for times in (plain, ours, again))
        print(
            f"{kind}: plain loop {whole:.2f} s; first start {first:.2f} s = {first / whole:.2f} of it; "
            f"second start {second:.2f} s"
        )


def timed(what: str, code: str, root: Path, environment: dict[str, str] | None = None) -> tuple[float, float]:
    """The two times that the program prints: by the clock, and of the CPUs."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(root / "images")],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{what}: {done.stderr}")
    clock, cpu = done.stdout.split()
    return float(clock), float(cpu)


def make_images(folder: Path, n: int, size: int) -> None:
    """Smooth colours with a little noise, as photographs have: ten classes, evenly."""
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)).astype(np.int64)
        noisy = (smooth + rng.integers(-6, 7, smooth.shape)).clip(0, 255).astype(np.uint8)
        target = folder / f"class{i % 10}"
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(target / f"{i}.png")


if __name__ == "__main__":
    main()
