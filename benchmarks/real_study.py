"""Do the intervals of a comparison keep what they promise? Real trainings, the truth from others.

python -m benchmarks.real_study --output results/reference/real_study/README.md

What is trained: `benchmarks.real_trainings`. A replicate trains every arm with seeds of its own and judges
all of them on one fresh test set; of its seeds the first 3 and 5 (with --seeds 10: and 10) serve the cells of
that many. Every wave of seeds of a replicate and every training of the truth is a file under --parts, and a
second start makes only what is missing; where cells.csv beside the table has all cells, it trains nothing.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.real_report import machine, report
from benchmarks.real_summary import METHODS, SEEDS, USUAL, summarise
from benchmarks.real_trainings import METRICS, SETTINGS, Array, Study, replicate, truth

STUDY = Study()
WAVES = (range(0, 5), range(5, 10))
"""Seeds that are trained together: more seeds add a wave, and leave the first as it is."""
REPLICATES, WORKERS = 200, 2


@dataclass(frozen=True)
class Job:
    """One file: a wave of seeds of a replicate, or (without a wave) one training of the truth."""

    setting: int
    number: int
    wave: int | None

    @property
    def file(self) -> str:
        """Its name in the folder of the study."""
        kind = "truth" if self.wave is None else f"wave-{self.wave}"
        return f"setting-{self.setting}-{kind}-{self.number:04d}.npz"

    def make(self, study: Study) -> dict[str, Array]:
        """Train and score."""
        if self.wave is None:
            return truth(study, self.setting, self.number)
        return replicate(study, self.setting, self.number, WAVES[self.wave])


def make_part(study: Study, job: Job, folder: Path) -> None:
    """The file of a job, whole or not at all, with when its work began and ended."""
    began = time.time()
    found = job.make(study)
    unfinished = folder / f"{job.file}.part"
    with unfinished.open("wb") as file:
        np.savez(file, **found, span=np.array([began, time.time()]))  # type: ignore[arg-type]
    unfinished.replace(folder / job.file)


def jobs(replicates: int, trainings: int, seeds: int) -> list[Job]:
    """All files of the study; the settings take turns."""
    waves = [i for i, wave in enumerate(WAVES) if wave.start < seeds]
    settings = range(len(SETTINGS))
    made = [Job(s, number, wave) for wave in waves for number in range(replicates) for s in settings]
    return made + [Job(s, number, None) for number in range(trainings) for s in settings]


def _make_all(study: Study, wanted: Sequence[Job], folder: Path, workers: int) -> None:
    missing = [job for job in wanted if not (folder / job.file).exists()]
    print(f"{len(missing)} of {len(wanted)} parts are to be made", file=sys.stderr)
    for done, _ in enumerate(_made(study, missing, folder, workers), start=1):
        if not done % 20:
            print(f"{done} of {len(missing)}", file=sys.stderr, flush=True)


def _made(study: Study, missing: Sequence[Job], folder: Path, workers: int) -> Iterator[Job]:
    """The jobs as they end: one after the other here, or in several processes of one torch thread each."""
    if not workers:
        for job in missing:
            make_part(study, job, folder)
            yield job
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        waiting = {pool.submit(make_part, study, job, folder): job for job in missing}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        finally:
            pool.shutdown(cancel_futures=True)


def _read(folder: Path, wanted: Sequence[Job]) -> tuple[Array, list[tuple[float, float]]]:
    """The values of files of one kind, stacked, and when each was made."""
    found, spans = [], []
    for job in wanted:
        with np.load(folder / job.file) as part:
            found.append(part["values"])
            spans.append((float(part["span"][0]), float(part["span"][1])))
    return np.stack(found), spans


def clock(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one part was being made: pauses between starts do not count."""
    total, last = 0.0, -np.inf
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, last))
        last = max(last, ended)
    return total


def cells(folder: Path, wanted: Sequence[Job], most: int, note: str) -> list[dict[str, Any]]:
    """The rows of cells.csv."""
    rows: list[dict[str, Any]] = []
    every: list[tuple[float, float]] = []
    sizes = [seeds for seeds in SEEDS if seeds <= most]
    for s, setting in enumerate(SETTINGS):
        own = [job for job in wanted if job.setting == s]
        waves = sorted({job.wave for job in own if job.wave is not None})
        read = [_read(folder, [job for job in own if job.wave == wave]) for wave in waves]
        true, true_spans = _read(folder, [job for job in own if job.wave is None])
        found = np.concatenate([values for values, _ in read], axis=4)
        spans = [*true_spans, *(span for _, wave_spans in read for span in wave_spans)]
        every += spans
        given = {"setting": setting.name, "study": STUDY.key(), "trainings": len(true)}
        given["work_seconds"] = round(sum(ended - began for began, ended in spans))
        rows += [given | row for row in summarise(found, true, sizes)]
    shared = {"wall_seconds": round(clock(every)), "machine": machine(note)}
    return [row | shared for row in rows]


def _stored(file: Path, replicates: int, trainings: int, most: int) -> list[dict[str, str]]:
    """The rows of a finished study of this size, or none."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    wanted = (STUDY.key(), str(replicates), str(trainings))
    fits = all((row["study"], row["replicates"], row["trainings"]) == wanted for row in rows)
    sizes = [seeds for seeds in SEEDS if seeds <= most]
    whole = len(SETTINGS) * len(METRICS) * len(METHODS) * len(sizes)
    return rows if fits and len(rows) == whole else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="markdown table; cells.csv beside it")
    parser.add_argument("--parts", type=Path, default=Path("results/real_study"), help="files of the work")
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--trainings", type=int, default=REPLICATES, help="of each arm, for the truth")
    parser.add_argument(
        "--seeds",
        type=int,
        choices=[wave.stop for wave in WAVES],
        default=USUAL,
        help="the most of a cell",
    )
    parser.add_argument("--workers", type=int, default=min(WORKERS, os.cpu_count() or 1))
    parser.add_argument("--note", default="", help="said of the machine in the table")
    asked = parser.parse_args()
    size = (asked.replicates, asked.trainings, asked.seeds)
    file = asked.output.with_name("cells.csv")
    if not _stored(file, *size):
        folder = asked.parts / STUDY.key()
        folder.mkdir(parents=True, exist_ok=True)
        wanted = jobs(*size)
        _make_all(STUDY, wanted, folder, asked.workers)
        rows = cells(folder, wanted, asked.seeds, asked.note)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as text:
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    asked.output.write_text(report(STUDY, _stored(file, *size)), encoding="utf-8")
    print(asked.output)


if __name__ == "__main__":
    main()
