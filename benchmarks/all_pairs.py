"""Every strategy and every pair of them, trained for a few steps on data with odd classes.

    python -m benchmarks.all_pairs
    python -m benchmarks.all_pairs --with root-weights

Three data sets: two classes; ten classes, of which one has a single training row; four classes, of which one
has no validation row. Pairs are tried in both orders, since adjustments chain. How a spec can end:

    trained   to finite numbers
    clash     two parts fill one place; the refusal names both
    refused   by the data, before any training, with class, count and remedy
    failed    anything else, which must not be; the exit status is then 1

All of them take three to five minutes.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal
from unittest import mock

import numpy as np

from imbalance_bench import compare
from imbalance_bench.data import registry as sources
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError
from imbalance_bench.params import param
from imbalance_bench.strategies.registry import create, registry

COUNTS = {
    "two": ((60, 12), (20, 6), (30, 10)),
    "one-member": ((30, 20, 14, 10, 8, 6, 4, 3, 2, 1), (6,) * 10, (6,) * 10),
    "no-validation": ((30, 20, 10, 6), (9, 6, 3, 0), (10, 10, 10, 10)),
}
"""Rows per class in training, validation and test."""
SIDE = 8
MORE = (
    "smote:space=features",
    "two-phase:first=oversample,tune=all",
    "imblearn:SMOTE",
    "imblearn:RandomOverSampler",
    "imblearn:SMOTEENN",
)
"""Variants that act elsewhere than the strategy's defaults."""
Ended = Literal["trained", "clash", "refused", "failed"]


@dataclass(frozen=True)
class OddClasses(Source):
    """Noise with a bright row of pixels that tells the class."""

    name = "odd-classes"
    summary = "small data sets with odd classes"

    kind: str = param("two", kind="word", words=tuple(COUNTS), help="which of them")

    def fingerprint(self) -> str:
        """Made by this file."""
        return self.kind

    def class_names(self) -> tuple[str, ...]:
        """A name for each."""
        return tuple(f"class-{i}" for i in range(len(COUNTS[self.kind][0])))

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        """The same for every seed."""
        per_part = COUNTS[self.kind]
        labels = np.concatenate([np.repeat(np.arange(len(counts)), counts) for counts in per_part])
        images = np.random.default_rng(0).normal(size=(len(labels), 1, SIDE, SIDE)).astype(np.float32)
        images[np.arange(len(labels)), 0, labels % SIDE, labels // SIDE] += 4
        ends = np.cumsum([sum(counts) for counts in per_part])
        rows = np.split(np.arange(len(labels)), ends[:-1])
        parts = dict(zip(("train", "val", "test"), rows, strict=True))
        return ImageDataset(self.spec(), images, labels.astype(np.int64), self.class_names(), parts)


@contextmanager
def odd_classes() -> Iterator[None]:
    """The data sets are known by name, in this process."""
    found = {**sources.available(), OddClasses.name: OddClasses}
    with mock.patch.object(sources, "available", return_value=found):
        yield


def specs() -> list[str]:
    """Every registered strategy, and the variants of `MORE`."""
    return [*(cls.example or name for name, cls in registry().items()), *MORE]


def pairs(of: Sequence[str]) -> list[str]:
    """Two of them at a time; in both orders, since adjustments chain."""
    return [f"{a}+{b}" for one, other in combinations(of, 2) for a, b in ((one, other), (other, one))]


def outcome(spec: str, kind: str, steps: int, results: Path) -> tuple[Ended, str]:
    """How a spec ended on one of the data sets, and why."""
    try:
        create(spec)
    except RequestError as error:
        return "clash", str(error)
    try:
        found = compare(
            [spec],
            dataset=f"odd-classes:kind={kind}",
            steps=steps,
            batch_size=16,
            seeds=1,
            workers=0,
            device="cpu",
            results=str(results),
            quiet=True,
        )
    except RequestError as error:
        return "refused", str(error)
    except Exception as error:  # what must not happen is what this script looks for
        return "failed", f"{type(error).__name__}: {error}"
    if failures := found["failures"]:
        error = failures[0]["error"]
        return ("refused" if "class-" in error else "failed"), error
    spec = create(spec).spec
    row = next(row for row in found["rows"] if row["strategy"] == spec)
    numbers = ("macro_f1", "balanced_accuracy", "macro_ap", "log_loss", "brier", "train_seconds")
    wrong = [name for name in numbers if row[name] is None or not math.isfinite(row[name])]
    return ("failed", f"not finite: {', '.join(wrong)}") if wrong else ("trained", "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=8, help="optimiser steps of each training (default: 8)")
    parser.add_argument(
        "--with", dest="one", metavar="SPEC", help="only this one and its pairs with all others"
    )
    parser.add_argument("--output", type=Path, help="a line for each spec and data set, as they end")
    asked = parser.parse_args()
    singles = specs()
    everything = [*singles, *pairs(singles)]
    if asked.one:
        mine = [other for other in singles if other != asked.one]
        both = [f"{a}+{b}" for other in mine for a, b in ((asked.one, other), (other, asked.one))]
        everything = [asked.one, *both]
    failed = 0
    if asked.output:
        asked.output.write_text("", encoding="utf-8")
    with odd_classes(), tempfile.TemporaryDirectory() as folder:
        for kind in COUNTS:
            tally: Counter[str] = Counter()
            reasons: dict[str, list[str]] = defaultdict(list)
            for spec in everything:
                ended, why = outcome(spec, kind, asked.steps, Path(folder))
                tally[ended] += 1
                if asked.output:
                    with asked.output.open("a", encoding="utf-8") as file:
                        file.write(f"{kind}\t{spec}\t{ended}\t{why}\n")
                if sum(tally.values()) % 100 == 0:
                    print(f"{kind}: {sum(tally.values())} of {len(everything)}", file=sys.stderr)
                if ended in ("refused", "failed"):
                    reasons[f"{ended}: {why}"].append(spec)
            failed += tally["failed"]
            print(f"{kind}: {len(everything)} specs: " + ", ".join(f"{tally[e]} {e}" for e in tally))
            for why, of in reasons.items():
                print(f"  {why}\n    {len(of)}: {', '.join(of[:6])}{' ...' * (len(of) > 6)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
