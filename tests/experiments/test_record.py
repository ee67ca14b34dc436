"""What a run's files must be: predictions without likelihoods are read, damaged ones are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import expected_kinds, kinds, run_folders, without_clock
from numpy.typing import NDArray

from imbalance_bench.api import compare
from imbalance_bench.experiments.record import DamagedError, read_predictions
from imbalance_bench.experiments.store import find_runs
from imbalance_bench.stored import stored_comparisons

SETTINGS: dict[str, Any] = {
    "dataset": "synthetic:train=200,val=90,test=100,prevalence=0.2",
    "steps": 3,
    "batch_size": 32,
    "seeds": 2,
    "workers": 0,
    "device": "cpu",
}
Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    compare("ce", results=folder, **SETTINGS)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


def rewrite(path: Path, change: Callable[[Arrays], Arrays]) -> None:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(path, **change(arrays))


def without_likelihood(arrays: Arrays) -> Arrays:
    return {name: value for name, value in arrays.items() if "likelihood" not in name}


def test_runs_on_drawn_data_hold_their_likelihood(made: Path) -> None:
    for run in find_runs(made)[0]:
        for part, n in (("val", 90), ("test", 100)):
            known = run.predictions[f"{part}_log_likelihood"]
            assert known.shape == (n, 2)
            assert known.dtype == np.float32
            assert (known[:, 0] == 0).all()
            # Known as far as to tell the classes apart: that is what it is for.
            labels = run.predictions[f"{part}_labels"]
            assert known[labels == 1, 1].mean() > known[labels == 0, 1].mean() + 3


def test_a_store_without_likelihoods_is_read_and_has_no_bayes_row(made: Path, folder: Path) -> None:
    (whole,) = stored_comparisons(made)
    assert kinds(whole) == expected_kinds("cross-entropy", bayes=True)
    paths = sorted(folder.rglob("predictions.npz"))
    assert len(paths) == 2
    for path in paths:
        rewrite(path, without_likelihood)
    assert find_runs(folder)[1] == []
    (without,) = stored_comparisons(folder)
    assert kinds(without) == expected_kinds("cross-entropy")
    shared = [row for row in whole["rows"] if row["strategy"] != "bayes-optimal"]
    for row, other in zip(without["rows"], shared, strict=True):
        assert other["posterior_kl"] is None or row["posterior_kl"] is None
        exact = {name for name in row if name.startswith("posterior_kl")}
        assert {n: v for n, v in row.items() if n not in exact} == {
            n: v for n, v in other.items() if n not in exact
        }
    # They count as stored for `compare` too.
    before = run_folders(folder)
    again = compare("ce", results=folder, **SETTINGS)
    assert run_folders(folder) == before
    assert without_clock(dict(again)) == without_clock(dict(without))


def test_where_some_runs_lack_them_the_row_says_for_how_many_it_stands(folder: Path) -> None:
    rewrite(sorted(folder.rglob("predictions.npz"))[0], without_likelihood)
    (found,) = stored_comparisons(folder)
    assert kinds(found) == expected_kinds("cross-entropy", bayes=True)
    assert [row["n"] for row in found["rows"]] == [2, 2, 1, 2]
    assert any("different seeds" in line for line in found.notices)


def filled(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def fill(array: NDArray[Any]) -> NDArray[Any]:
        array[3, 1] = value
        return array

    return fill


@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:-1], "shapes do not fit"),
        (lambda a: a[:, :1], "shapes do not fit"),
        (lambda a: np.repeat(a, 2, axis=1), "shapes do not fit"),
        (lambda a: a[:, 1], "shapes do not fit"),
        (lambda a: a[..., None], "shapes do not fit"),
        (lambda a: a.astype(np.int64), "shapes do not fit"),
        (lambda a: a.astype(str), "shapes do not fit"),
        (filled(np.nan), "values that no run leaves"),
        (filled(np.inf), "values that no run leaves"),
        (filled(-np.inf), "values that no run leaves"),
        (lambda a: a.astype(object), "is not whole"),
    ],
    ids=[
        "rows",
        "classes",
        "more classes",
        "flat",
        "deep",
        "integers",
        "text",
        "nan",
        "inf",
        "-inf",
        "objects",
    ],
)
def test_a_likelihood_that_does_not_fit_is_damage(
    folder: Path, part: str, change: Callable[[NDArray[Any]], NDArray[Any]], said: str
) -> None:
    path = sorted(folder.rglob("predictions.npz"))[0]
    name = f"{part}_log_likelihood"
    rewrite(path, lambda arrays: {**arrays, name: change(arrays[name])})
    with pytest.raises(DamagedError, match=rf"predictions\.npz.*{said}"):
        read_predictions(path, 2)
    runs, left_out = find_runs(folder)
    assert len(runs) == 1
    assert len(left_out) == 1
    assert str(path.parent) in left_out[0]


def test_what_is_left_is_read_as_it_was_written(made: Path) -> None:
    path = sorted(made.rglob("predictions.npz"))[0]
    with np.load(path) as stored:
        names = set(stored.files)
        found = read_predictions(path, 2)
        assert set(found) == names
        for name in names:
            np.testing.assert_array_equal(found[name], stored[name])
    assert names == {
        f"{part}_{what}"
        for part in ("val", "test")
        for what in ("logits", "labels", "rows", "log_likelihood")
    }
