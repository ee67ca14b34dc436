"""What is said of the test part: classes without rows, the class that the minority's metric is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imbalance_bench import compare
from imbalance_bench.experiments.store import find_runs
from imbalance_bench.report.arms import score_arm
from imbalance_bench.report.heading import header
from imbalance_bench.report.notices import notices
from imbalance_bench.strategies import create

SMALL: dict[str, Any] = {"steps": 3, "batch_size": 16, "workers": 0, "device": "cpu"}


def made(path: Path, test: list[str]) -> Path:
    """48 training and 16 validation images of two classes, and the test images asked for."""
    rng = np.random.default_rng(0)
    labels = {"train": ["well"] * 36 + ["ill"] * 12, "val": ["well"] * 12 + ["ill"] * 4, "test": test}
    arrays: dict[str, Any] = {}
    for part, names in labels.items():
        arrays |= {
            f"{part}_labels": np.array(names),
            f"{part}_images": rng.integers(0, 255, (len(names), 8, 8), dtype=np.uint8),
        }
    np.savez(path, **arrays)
    return path


def test_a_class_without_test_images_is_told(tmp_path: Path) -> None:
    found = compare(
        "ce",
        dataset=f"npz:{made(tmp_path / 'a.npz', ['well'] * 20)}",
        results=str(tmp_path),
        seeds=2,
        **SMALL,
    )
    said = [line for line in found.notices if "has no test image" in line]
    assert said == [
        "class ill has no test image in 2 of 2 seeds: there its recall and average precision are empty, and "
        "means over classes leave it out."
    ]


def test_only_where_it_has_none(tmp_path: Path) -> None:
    compare("ce", dataset="digits", results=str(tmp_path), seeds=2, imbalance_ratio=10, **SMALL)
    runs = sorted(find_runs(tmp_path)[0], key=lambda run: run.config.seed)
    assert not any("no test image" in line for line in notices([score_arm(create("ce"), runs, "dataset")]))
    first = replace(runs[0])
    kept = first.predictions["test_labels"] != 3
    lacking = {k: v[kept] if k.startswith("test") else v for k, v in first.predictions.items()}
    vars(first)["predictions"] = lacking
    said = notices([score_arm(create("ce"), [first, runs[1]], "dataset")])
    assert any(line.startswith("class 3 has no test image in 1 of 2 seeds") for line in said)


def test_the_header_names_the_rarer_class(tmp_path: Path) -> None:
    path = made(tmp_path / "a.npz", ["well"] * 10 + ["ill"] * 10)
    found = compare("ce", dataset=f"npz:{path}", results=str(tmp_path), seeds=1, **SMALL)
    assert any("minority AP (of ill, the rarer in training)" in line for line in header(found))


def test_the_names_of_images_are_stored(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    path = made(tmp_path / "a.npz", ["well"] * 10 + ["ill"] * 10)
    compare("ce", dataset=f"npz:{path}", results=str(tmp_path), seeds=1, **SMALL)
    (run,) = find_runs(tmp_path)[0]
    with np.load(run.folder / "predictions.npz", allow_pickle=False) as stored:
        assert stored["test_names"].tolist()[:2] == ["test row 0", "test row 1"]
        assert len(stored["val_names"]) == 16
