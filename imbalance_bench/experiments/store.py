"""The results store: a run appears whole or not at all, and is found again by its key."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from numpy.typing import NDArray

from imbalance_bench.config import RunConfig
from imbalance_bench.errors import RequestError

FORMAT_VERSION = 1
FILES = ("per_class.csv", "history.csv", "predictions.npz", "hardest.npz", "weights.safetensors")


def safe_name(text: str) -> str:
    """`text` as a folder name on any system, at most 80 characters; a run is unique by its key."""
    return re.sub(r"[^A-Za-z0-9._+=,-]", "_", text).lstrip(".")[:80] or "_"


@dataclass(frozen=True)
class StoredRun:
    """A finished run on disk: `record` is its run.json."""

    folder: Path
    record: Mapping[str, Any]

    @cached_property
    def config(self) -> RunConfig:
        """Everything that the run's numbers depend on."""
        return RunConfig.model_validate(self.record["config"])

    @cached_property
    def predictions(self) -> Mapping[str, NDArray[Any]]:
        """`{val,test}_{logits,labels,rows}`; RequestError where the file is damaged."""
        path = self.folder / "predictions.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RequestError(
                f"{path} is damaged ({error}); delete the folder {self.folder} and run again."
            ) from None

    def head_weight(self) -> NDArray[np.float32]:
        """(C, D) weights of the head."""
        from safetensors import safe_open

        with safe_open(self.folder / "weights.safetensors", framework="numpy") as weights:
            return np.asarray(weights.get_tensor("head.weight"))


class Store:
    """Runs under `root`, as `DATASET/STRATEGY/seed-S-KEY/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the folder; RequestError where it can't be made or written to."""
        try:
            (self.root / ".locks").mkdir(parents=True, exist_ok=True)
            probe = self.root / ".locks" / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RequestError(
                f"--results {self.root} can't be written to ({error.strerror}); name a folder of your own."
            ) from None

    def folder(self, config: RunConfig) -> Path:
        """Where the run of `config` stands, or will."""
        name = f"seed-{config.seed}-{config.key()}"
        return self.root / safe_name(config.dataset) / safe_name(config.strategy) / name

    def lock(self, config: RunConfig) -> filelock.BaseFileLock:
        """The lock that whoever makes this run holds; the system frees it when the process ends."""
        return filelock.FileLock(self.root / ".locks" / f"{config.key()}.lock", timeout=0)

    def find(self, config: RunConfig) -> StoredRun | None:
        """The finished run of `config`, or None."""
        return read_run(self.folder(config))

    def find_key(self, key: str) -> StoredRun | None:
        """The finished run of that key, or None."""
        found = (read_run(path) for path in self.root.glob(f"*/*/seed-*-{key}"))
        return next((run for run in found if run is not None), None)

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
    """The run in `folder`; None where there is none, it is not whole, or of another format."""
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format_version") != FORMAT_VERSION:
        return None
    if record.get("status") != "completed" or not all((folder / name).is_file() for name in FILES):
        return None
    run = StoredRun(folder, record)
    try:
        return run if folder.name == f"seed-{run.config.seed}-{run.config.key()}" else None
    except (KeyError, ValueError):
        return None


def find_runs(place: Path) -> Iterator[StoredRun]:
    """Every finished run in `place`: a store, one of its folders, or a single run; sorted by path."""
    for path in sorted(place.rglob("run.json")):
        if not any(part.startswith(".") for part in path.relative_to(place).parts):
            run = read_run(path.parent)
            if run is not None:
                yield run


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
