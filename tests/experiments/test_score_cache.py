"""What is kept beside a run is what would be computed, and only that."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import StoredComparison

from imbalance_bench.experiments import score_cache
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.scoring import score, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.strategies import Strategy
from imbalance_bench.strategies.registry import create


@pytest.fixture
def run(stored: StoredComparison, tmp_path: Path) -> StoredRun:
    shutil.copytree(stored.folder, tmp_path / "results")
    for path in (tmp_path / "results").rglob("scores-*.npz"):
        path.unlink()
    return find_runs(tmp_path / "results")[0][0]


def files(run: StoredRun) -> list[str]:
    return sorted(path.name for path in run.folder.glob("*scores-*"))


def assert_same(one: Scores, other: Scores) -> None:
    for row, same in zip(one.per_class, other.per_class, strict=True):
        assert row.pop("class") == same.pop("class")
        assert row == pytest.approx(same, nan_ok=True)
    assert one.summary == pytest.approx(other.summary, nan_ok=True)
    assert one.calibration == pytest.approx(other.calibration, nan_ok=True)
    assert one.correction == other.correction
    assert one.clinical == other.clinical
    np.testing.assert_array_equal(one.test_prior, other.test_prior)
    np.testing.assert_array_equal(one.shift, other.shift)
    np.testing.assert_array_equal(one.reliability, other.reliability)
    for name in ("replicates", "class_replicates"):
        a, b = getattr(one, name), getattr(other, name)
        assert list(a) == list(b)
        assert all(np.array_equal(a[key], b[key], equal_nan=True) for key in a)


@pytest.mark.parametrize("resample", [False, True])
def test_reading_gives_what_was_computed(
    run: StoredRun, resample: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(run, create("threshold"), "uniform", "balanced_accuracy", resample)
    assert len(files(run)) == 1
    monkeypatch.setattr("imbalance_bench.experiments.scoring._score", None)
    assert_same(first, score(run, create("threshold"), "uniform", "balanced_accuracy", resample))
    assert len(first.replicates) == (12 if resample else 0)


def test_each_way_of_asking_has_its_own(run: StoredRun) -> None:
    asked = [
        lambda: score(run, create("cross-entropy"), "dataset"),
        lambda: score(run, create("threshold"), "dataset"),
        lambda: score(run, create("threshold"), "dataset", "balanced_accuracy"),
        lambda: score(run, create("threshold"), "uniform"),
        lambda: score(run, create("threshold"), "dataset", resample=True),
        lambda: score_majority(run, "dataset"),
        lambda: score_bayes(run, "dataset"),
    ]
    for n, ask in enumerate(asked, 1):
        ask()
        ask()
        assert len(files(run)) == n
    assert score_bayes(run, "dataset") is None


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_computed_anew(run: StoredRun, content: bytes) -> None:
    first = score(run, create("cross-entropy"), "dataset")
    (name,) = files(run)
    (run.folder / name).write_bytes(content)
    assert_same(first, score(run, create("cross-entropy"), "dataset"))
    assert (run.folder / name).stat().st_size > 100
    (run.folder / ".tmp-scores-0123-killed.npz").write_bytes(b"")
    (run.folder / name).unlink()
    score(run, create("cross-entropy"), "dataset")
    assert files(run) == [name]


def test_no_flipped_byte_is_a_fault(run: StoredRun) -> None:
    asked = (create("cross-entropy"), "dataset")
    first = score(run, *asked)
    (name,) = files(run)
    path = run.folder / name
    whole = path.read_bytes()
    # The directory at the end tells how to unpack: most kinds of fault come from there.
    places = [*range(0, len(whole), 97), *range(len(whole) - 400, len(whole), 9)]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        path.write_bytes(flipped)
        assert_same(score(run, *asked), score(run, *asked))
        assert score(run, *asked).summary == pytest.approx(first.summary, nan_ok=True)


def test_other_predictions_have_other_numbers(run: StoredRun) -> None:
    asked = (create("cross-entropy"), "dataset")
    first = score(run, *asked)
    moved = StoredRun(run.folder, run.record)
    moved.__dict__["predictions"] = {**run.predictions, "test_logits": -run.predictions["test_logits"]}
    assert score(moved, *asked).summary["macro_f1"] != first.summary["macro_f1"]
    counts = [n + 1 for n in run.record["class_counts"]]
    other = StoredRun(run.folder, {**run.record, "class_counts": counts})
    score(other, *asked)
    assert len(files(run)) == 3
    assert_same(score(run, *asked), first)


def test_another_version_of_the_metrics_is_not_read(run: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    score(run, create("cross-entropy"), "dataset")
    monkeypatch.setattr(score_cache, "SCORING_VERSION", 0)
    score(run, create("cross-entropy"), "dataset")
    assert len(files(run)) == 2


@dataclass(frozen=True)
class Own(Strategy):
    """A strategy of one's own, whose code may change under the same name."""

    name = "own"


def test_strategies_of_ones_own_are_never_kept(run: StoredRun) -> None:
    score(run, Own(), "dataset")
    assert files(run) == []


def test_a_folder_that_cannot_be_written_to_only_costs_time(
    run: StoredRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(score_cache, "_write", refuse)
    assert score(run, create("cross-entropy"), "dataset").summary["accuracy"] > 0
    assert files(run) == []
