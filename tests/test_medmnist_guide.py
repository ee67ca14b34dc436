"""docs/medmnist.md: its commands run, and its numbers follow from its counts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers import Call
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, f1_score

import imbalance_bench
from imbalance_bench.data.medmnist_info import INFO, VOLUMES

TEXT = (Path(imbalance_bench.__file__).parents[1] / "docs" / "medmnist.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.S) for line in block.splitlines()]
SMALL = [
    "--steps=2",
    "--seeds=1",
    "--batch-size=16",
    "--workers=0",
    "--device=cpu",
    "--quiet",
    "--format=json",
]
HAM10000 = (327, 514, 1099, 115, 1113, 6705, 142)


def counts(name: str) -> np.ndarray:
    """(classes, 3) as the guide's table of the set has them."""
    rows = [
        re.search(rf"^\| {re.escape(c)} \| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.M)
        for c in INFO[name].classes
    ]
    return np.array([[int(n) for n in row.groups()] for row in rows if row])


@pytest.mark.parametrize("name", ["pneumoniamnist", "dermamnist"])
def test_the_counts_add_up(name: str) -> None:
    table = counts(name)
    assert table.shape == (len(INFO[name].classes), 3)
    assert tuple(table.sum(axis=0)) == INFO[name].rows
    if name == "dermamnist":
        assert tuple(table.sum(axis=1)) == HAM10000
        assert round(table[:, 0].max() / table[:, 0].min()) == 59


@pytest.mark.parametrize(("name", "majority"), [("pneumoniamnist", 1), ("dermamnist", 5)])
def test_the_baselines_follow_from_the_counts(name: str, majority: int) -> None:
    test = counts(name)[:, 2]
    labels = np.repeat(np.arange(len(test)), test)
    decided = np.full(len(labels), majority)
    f1 = f1_score(labels, decided, average=None, zero_division=0)
    numbers = [
        accuracy_score(labels, decided),
        balanced_accuracy_score(labels, decided),
        f1.mean(),
        f1[majority],
        0,
    ]
    if name == "pneumoniamnist":
        numbers += [average_precision_score(labels == c, np.zeros(len(labels))) for c in (1, 0)]
    told = " | ".join("0" if n == 0 else f"{n:.3f}" for n in numbers)
    assert f"| {told} |" in TEXT


def test_every_set_is_named() -> None:
    for name in INFO:
        assert name in TEXT
    assert len(VOLUMES) == 6


@pytest.mark.docs
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBENCH_DATA", str(tmp_path))
    for name, shape in (("pneumoniamnist", (28, 28)), ("dermamnist", (28, 28, 3))):
        arrays = {}
        n_classes = len(INFO[name].classes)
        for part, each in (("train", 8), ("val", 3), ("test", 4)):
            labels = np.repeat(np.arange(n_classes, dtype=np.uint8), each)[:, None]
            rng = np.random.default_rng(each)
            arrays[f"{part}_images"] = rng.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
            arrays[f"{part}_labels"] = labels
        np.savez_compressed(tmp_path / f"{name}.npz", **arrays)
    program, *arguments = shlex.split(command)
    assert program == "imbench"
    ended = call(*arguments, *SMALL)
    assert ended.status == 0, ended.err
    assert ended.json["failures"] == []
    assert ended.json["dataset"].startswith("medmnist:")


def test_there_are_commands() -> None:
    assert len(COMMANDS) == 4
