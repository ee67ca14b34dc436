"""The numbers are a function of the request: not of the folder, the order, the workers or the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import STRATEGIES, StoredComparison
from helpers import expected_kinds, kinds, without_clock

from imbalance_bench.api import compare
from imbalance_bench.stored import load_results


def again(stored: StoredComparison, folder: Path, strategies: str = STRATEGIES, **changed: Any) -> Any:
    return without_clock(dict(compare(strategies, results=folder, **{**stored.settings, **changed})))


def test_a_fresh_folder_gives_the_same_numbers(stored: StoredComparison, tmp_path: Path) -> None:
    assert again(stored, tmp_path) == without_clock(dict(stored.result))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_no_number(stored: StoredComparison, tmp_path: Path, workers: int) -> None:
    assert again(stored, tmp_path, workers=workers) == without_clock(dict(stored.result))


def test_the_order_of_strategies_changes_no_number(stored: StoredComparison, tmp_path: Path) -> None:
    other = again(stored, tmp_path, ",".join(STRATEGIES.split(",")[::-1]))
    first = without_clock(dict(stored.result))
    names = STRATEGIES.split(",")
    assert kinds(first) == expected_kinds(*names)
    assert kinds(other) == expected_kinds(*names[::-1])

    def by_strategy(content: Any) -> Any:
        tables = ("rows", "per_class", "per_rank", "reliability", "differences", "decomposition")
        ordered = {name: sorted(content[name], key=lambda row: row["strategy"]) for name in tables}
        # The verdict names strategies in the order of the request.
        return content | ordered | {name: len(content[name]) for name in ("verdict", "notices")}

    assert by_strategy(other) == by_strategy(first)


def test_a_subset_of_strategies_gives_the_same_rows(stored: StoredComparison, tmp_path: Path) -> None:
    alone = again(stored, tmp_path, "focal", seeds="0,1")
    first = without_clock(dict(stored.result))
    wanted = expected_kinds("cross-entropy", "focal")
    assert kinds(alone) == wanted
    assert alone["rows"] == [row for row in first["rows"] if (row["strategy"], row["kind"]) in wanted]


def test_strategies_share_split_and_initial_weights(stored: StoredComparison) -> None:
    runs = load_results(stored.folder)
    assert len(runs) == 8
    for column in ("split_hash", "initial_weights_hash"):
        assert (runs.groupby("seed")[column].nunique() == 1).all()
        assert runs[column].nunique() == 2


def test_vary_init_keeps_the_split_and_vary_data_the_weights(
    stored: StoredComparison, tmp_path: Path
) -> None:
    for vary, fixed, free in (
        ("init", "split_hash", "initial_weights_hash"),
        ("data", "initial_weights_hash", "split_hash"),
    ):
        again(stored, tmp_path / vary, "cross-entropy", vary=vary, steps=1)
        runs = load_results(tmp_path / vary)
        assert runs[fixed].nunique() == 1
        assert runs[free].nunique() == 2
