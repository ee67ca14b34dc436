"""A small drawn data set on which tests compare again what is stored already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers import run_folders

from imbalance_bench.api import compare
from imbalance_bench.report.result import Result

SETTINGS: dict[str, Any] = {
    "dataset": "synthetic:train=300,val=200,test=200,prevalence=0.2",
    "steps": 5,
    "batch_size": 32,
    "workers": 0,
    "device": "cpu",
}
OF_SCORES = ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece")


def again(folder: Path, strategies: str, **changed: Any) -> Result:
    """A comparison from what is stored; it must train nothing."""
    before = run_folders(folder)
    result = compare(strategies, seeds=2, results=folder, **SETTINGS, **changed)
    assert result["failures"] == []
    assert run_folders(folder) == before
    return result


def row_of(result: Result, name: str) -> dict[str, Any]:
    """The row of that strategy."""
    (row,) = [row for row in result["rows"] if row["strategy"] == name]
    return dict(row)
