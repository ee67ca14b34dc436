"""Groups and notes of a data set on their way: into the split, the stored run, intervals and notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imbalance_bench import compare
from imbalance_bench.experiments.parts import context_of, part_of
from imbalance_bench.experiments.store import StoredRun, find_runs

SMALL: dict[str, Any] = {"steps": 3, "batch_size": 16, "seeds": 2, "workers": 0, "device": "cpu"}
PATIENTS = 40


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """200 images of 40 patients, a quarter of them ill."""
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    patient = rng.permutation(np.repeat(np.arange(PATIENTS), 5))
    labels = np.where(patient % 4 == 0, "ill", "well")
    images = rng.integers(0, 255, (200, 8, 8), dtype=np.uint8)
    path = tmp_path / "scans.npz"
    np.savez(path, images=images, labels=labels, groups=patient)
    return path


def stored(scans: Path, results: Path) -> list[StoredRun]:
    assert compare("ce", dataset=f"npz:{scans}", results=str(results), **SMALL)["failures"] == []
    return sorted(find_runs(results)[0], key=lambda run: run.config.seed)


def test_no_patient_stands_in_two_parts(scans: Path, tmp_path: Path) -> None:
    with np.load(scans) as arrays:
        patient = arrays["groups"]
    for run in stored(scans, tmp_path / "results"):
        test, val = (set(patient[run.predictions[f"{part}_rows"]]) for part in ("test", "val"))
        rest = np.setdiff1d(
            np.arange(200), np.concatenate([run.predictions[f"{p}_rows"] for p in ("test", "val")])
        )
        assert not test & val
        assert not (test | val) & set(patient[rest])
        assert len(test) in (7, 8, 9)


def test_the_stored_groups_are_resampled_whole(scans: Path, tmp_path: Path) -> None:
    run = stored(scans, tmp_path / "results")[0]
    kept, context = run.predictions, context_of(run.record)
    part = part_of(kept["test_labels"], kept, context, "dataset", "test")
    weights = part.draws()
    for group in np.unique(kept["test_groups"]):
        members = kept["test_groups"] == group
        assert np.ptp(weights[:, members], axis=1) == pytest.approx(0)
    assert np.ptp(weights, axis=1).min() > 0


def test_a_data_set_without_groups_stores_none(tmp_path: Path) -> None:
    compare("ce", dataset="digits", results=str(tmp_path), **SMALL)
    assert all("test_groups" not in run.predictions for run in find_runs(tmp_path)[0])


def test_notes_of_the_data_are_told_once(scans: Path, tmp_path: Path) -> None:
    with np.load(scans) as arrays:
        given = dict(arrays)
    given["images"] = given["images"].astype(np.float64)
    np.savez(scans, **given)
    found = compare("ce,focal", dataset=f"npz:{scans}", results=str(tmp_path / "r"), **SMALL)
    (run, *_) = find_runs(tmp_path / "r")[0]
    assert run.record["data_notes"]
    for note in run.record["data_notes"]:
        assert found.notices.count(note) == 1
