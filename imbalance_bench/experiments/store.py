"""The results store: a run appears whole or not at all, and is found again by its key."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import filelock
import numpy as np
from numpy.typing import NDArray

from imbalance_bench.config import RunConfig
from imbalance_bench.data.source import digest
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.record import (
    DamagedError,
    Record,
    check_weights,
    read_predictions,
    read_record,
)


def safe_name(text: str) -> str:
    """`text` as a folder name on any system, at most 80 characters; a run is unique by its key."""
    return re.sub(r"[^A-Za-z0-9._+=,-]", "_", text).lstrip(".")[:80] or "_"


@dataclass(frozen=True)
class StoredRun:
    """A finished run on disk: `record` is its run.json."""

    folder: Path
    record: Record
    keeps_scores: ClassVar[bool] = True
    """Whether numbers may be kept in `folder`."""

    @property
    def train_rows(self) -> list[int] | None:
        """(C,) training rows per class; None where they are not known."""
        return self.record["class_counts"]

    @cached_property
    def config(self) -> RunConfig:
        """Everything that the run's numbers depend on."""
        return RunConfig.model_validate(self.record["config"])

    @cached_property
    def predictions(self) -> Mapping[str, NDArray[Any]]:
        """`{val,test}_{logits,labels,rows}`; read and checked before the run counts as found."""
        return read_predictions(self.folder / "predictions.npz", len(self.record["class_names"]))

    @cached_property
    def scored_digest(self) -> str:
        """Of all that numbers are drawn from: predictions, and what the record says of classes and priors."""
        said = [self.record[name] for name in ("class_names", "class_counts", "effective_prior")]
        known = json.dumps([*said, self.record["positive_class"]])
        arrays = (
            part
            for name, array in sorted(self.predictions.items())
            for part in (name, str(array.dtype), array.tobytes())
        )
        return digest(known, *arrays)

    def head_weight(self) -> NDArray[np.float32]:
        """(C, D) weights of the head."""
        return self._tensor("head.weight")

    def head_bias(self) -> NDArray[np.float32]:
        """(C,) biases of a linear head."""
        return self._tensor("head.bias")

    def _tensor(self, name: str) -> NDArray[np.float32]:
        from safetensors import safe_open

        with safe_open(self.folder / "weights.safetensors", framework="numpy") as weights:
            return np.asarray(weights.get_tensor(name))


class Store:
    """Runs under `root`, as `DATASET/STRATEGY/seed-S-KEY/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, config: RunConfig) -> None:
        """Make the folders that the run of `config` needs; RequestError where they can't be written to."""
        for folder in (self.root / ".locks", self.folder(config).parent):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".probe-{uuid.uuid4().hex}"
                probe.touch()
                probe.unlink()
            except OSError as error:
                raise RequestError(
                    f"--results {self.root}: {folder} can't be made or written to ({error.strerror}); "
                    "name a folder of your own."
                ) from None

    def folder(self, config: RunConfig) -> Path:
        """Where the run of `config` stands, or will."""
        name = f"seed-{config.seed}-{config.key()}"
        return self.root / safe_name(config.dataset) / safe_name(config.strategy) / name

    def lock(self, config: RunConfig) -> filelock.BaseFileLock:
        """The lock that whoever makes this run holds; the system frees it when the process ends."""
        return filelock.FileLock(self.root / ".locks" / f"{config.key()}.lock", timeout=0)

    def find(self, config: RunConfig) -> StoredRun | None:
        """The finished run of `config`; None where there is none or what is there is damaged."""
        try:
            return read_run(self.folder(config))
        except DamagedError:
            return None

    def find_key(self, key: str) -> StoredRun | None:
        """The finished run of that key, or None."""
        for path in self.root.glob(f"*/*/seed-*-{key}"):
            try:
                return read_run(path)
            except DamagedError:
                continue
        return None

    def write(self, config: RunConfig, fill: Callable[[Path], None]) -> StoredRun:
        """Let `fill` write the files into a temporary folder and rename it; hold the lock while calling.

        What a killed process left behind for this run is removed first.
        """
        target = self.folder(config)
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(f".tmp-{target.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = target.parent / f".tmp-{target.name}-{uuid.uuid4().hex[:8]}"
        try:
            temporary.mkdir()
            fill(temporary)
            for path in temporary.iterdir():
                _sync(path)
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._failure(config).unlink(missing_ok=True)
        run = read_run(target)
        assert run is not None
        return run

    def record_failure(self, config: RunConfig, error: str, trace: str) -> None:
        """Note beside the run's place why it is not there; the next attempt replaces the note."""
        path = self._failure(config)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".tmp-{path.name}-{uuid.uuid4().hex[:8]}")
        write_json(
            temporary, {"config": config.model_dump(), "status": "failed", "error": error, "traceback": trace}
        )
        temporary.replace(path)

    def _failure(self, config: RunConfig) -> Path:
        folder = self.folder(config)
        return folder.with_name(f"{folder.name}.failed.json")


def read_run(folder: Path) -> StoredRun | None:
    """The run in `folder`, checked to the last file; None where there is no run.json.

    Raises:
        DamagedError: where it is not whole or of another format.
        RequestError: where it can't be read for want of permission and the like.
    """
    record = read_record(folder)
    if record is None:
        return None
    run = StoredRun(folder, record)
    check_weights(folder / "weights.safetensors")
    len(run.predictions)
    return run


def find_runs(place: Path) -> tuple[list[StoredRun], list[str]]:
    """Every finished run in `place` (a store, one of its folders, or a single run), each once, by path.

    The second list says which folders were left out: damaged ones, and copies of runs that are there.
    """
    found: dict[str, StoredRun] = {}
    left_out = []
    for path in sorted(place.rglob("run.json")):
        if any(part.startswith(".") for part in path.relative_to(place).parts):
            continue
        try:
            run = read_run(path.parent)
        except DamagedError as error:
            left_out.append(f"{path.parent} is left out: {error}.")
            continue
        if run is not None and found.setdefault(run.record["key"], run) is not run:
            left_out.append(f"{path.parent} is left out: a copy of {found[run.record['key']].folder}.")
    return list(found.values()), left_out


def write_json(path: Path, content: object) -> None:
    """Readable JSON; undefined numbers must be None already."""
    path.write_text(
        json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """A comma-separated file; undefined numbers are empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)


def _sync(path: Path) -> None:
    """Have the system write it to disk, so that a run that is there after a power cut is whole."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
