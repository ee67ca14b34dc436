"""The results store: a run is there whole or not at all, under a name that any file system takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pandas as pd
import pytest
from conftest import StoredComparison
from helpers import leftovers, run_folders

from imbalance_bench.config import RunConfig
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.record import FILES, FORMAT_VERSION, DamagedError
from imbalance_bench.experiments.store import Store, StoredRun, find_runs, read_run, safe_name


@pytest.fixture
def store(stored: StoredComparison, tmp_path: Path) -> Store:
    """A copy of the stored comparison, to be damaged."""
    shutil.copytree(stored.folder, tmp_path / "results")
    return Store(tmp_path / "results")


@pytest.fixture
def run(store: Store) -> StoredRun:
    return runs_in(store)[0]


def runs_in(store: Store) -> list[StoredRun]:
    return find_runs(store.root)[0]


def copy_of(run: StoredRun, to: Path) -> Callable[[Path], None]:
    """What fills a new folder with the files of `run`, which are kept aside in `to`."""
    shutil.copytree(run.folder, to)

    def fill(folder: Path) -> None:
        shutil.copytree(to, folder, dirs_exist_ok=True)

    return fill


def test_the_macro_values_of_a_run_recompute_from_its_table_alone(stored: StoredComparison) -> None:
    """per_class.csv, read as anyone would; what is empty there is undefined."""
    runs, _ = find_runs(stored.folder)
    assert len(runs) == 8
    for run in runs:
        table = pd.read_csv(run.folder / "per_class.csv")
        assert table["class"].astype(str).tolist() == run.record["class_names"]
        expected = {
            "macro_f1": table["f1"].mean(),
            "balanced_accuracy": table["recall"].mean(),
            "g_mean": table["recall"].prod() ** (1 / table["recall"].count()),
            "worst_class_recall": table["recall"].min(),
            "macro_ap": table["average_precision"].mean(),
        }
        assert {name: run.record["metrics"][name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_every_run_is_found_by_its_config_and_by_its_key(store: Store) -> None:
    runs, left_out = find_runs(store.root)
    assert left_out == []
    assert len(runs) == 8
    for run in runs:
        found = store.find(run.config)
        assert found is not None
        assert found.folder == run.folder == store.folder(run.config)
        by_key = store.find_key(run.config.key())
        assert by_key is not None
        assert by_key.folder == run.folder
    assert store.find_key("0" * 12) is None
    assert leftovers(store.root) == []


def test_the_record_and_the_files_are_whole(run: StoredRun) -> None:
    kept = {path.name for path in run.folder.iterdir() if not path.match("scores-*.npz")}
    assert kept == {"run.json", *FILES}
    wanted = {
        "format_version", "config", "versions", "device", "class_counts", "sampled_counts", "optimizer_steps",
        "passes", "split_hash", "initial_weights_hash", "train_seconds", "status", "metrics",
    }  # fmt: skip
    assert wanted <= set(run.record)
    assert set(run.predictions) == {f"{part}_{what}" for part in ("val", "test") for what in
                                    ("logits", "labels", "rows")}  # fmt: skip
    assert run.head_weight().shape[0] == 10


def test_a_fill_that_raises_leaves_nothing(store: Store, run: StoredRun) -> None:
    shutil.rmtree(run.folder)

    def fill(folder: Path) -> None:
        (folder / "history.csv").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        store.write(run.config, fill)
    assert store.find(run.config) is None
    assert not run.folder.exists()
    assert leftovers(store.root) == []


def test_what_a_killed_writer_left_is_removed(store: Store, run: StoredRun, tmp_path: Path) -> None:
    fill = copy_of(run, tmp_path / "aside")
    shutil.rmtree(run.folder)
    left = run.folder.with_name(f".tmp-{run.folder.name}-0badcafe")
    left.mkdir()
    (left / "run.json").write_text((tmp_path / "aside" / "run.json").read_text())
    assert run.folder.name not in run_folders(store.root)
    assert run.folder not in [found.folder for found in runs_in(store)]
    written = store.write(run.config, fill)
    assert written.folder == run.folder
    assert leftovers(store.root) == []


def test_a_damaged_run_is_replaced(store: Store, run: StoredRun, tmp_path: Path) -> None:
    fill = copy_of(run, tmp_path / "aside")
    (run.folder / "run.json").write_text("{")
    (run.folder / "stray").touch()
    store.write(run.config, fill)
    assert store.find(run.config) is not None
    assert not (run.folder / "stray").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '"completed"'])
def test_a_damaged_record_is_no_run(store: Store, run: StoredRun, text: str) -> None:
    (run.folder / "run.json").write_text(text)
    assert store.find(run.config) is None
    runs, left_out = find_runs(store.root)
    assert len(runs) == 7
    assert len(left_out) == 1
    assert str(run.folder) in left_out[0]


@pytest.mark.parametrize("name", ["run.json", *FILES])
def test_a_run_without_one_of_its_files_is_no_run(store: Store, run: StoredRun, name: str) -> None:
    (run.folder / name).unlink()
    assert store.find(run.config) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 0},
        {"format_version": 1},
        {"format_version": FORMAT_VERSION + 1},
        {"format_version": None},
        {"status": "failed"},
        {"positive_class": "nobody"},
        {"class_counts": [0] * 10},
        {"effective_prior": [float("nan")] * 10},
        {"effective_prior": [-0.1] * 9 + [1.9]},
        {"config": {}},
        {"config": None},
    ],
)
def test_another_format_or_status_is_no_run(store: Store, run: StoredRun, change: dict[str, Any]) -> None:
    (run.folder / "run.json").write_text(json.dumps({**run.record, **change}))
    assert store.find(run.config) is None


def test_a_record_that_is_not_utf8_is_no_run(store: Store, run: StoredRun) -> None:
    (run.folder / "run.json").write_bytes(b"\xff\xfe{}")
    assert store.find(run.config) is None


def test_a_folder_under_another_key_is_no_run(store: Store, run: StoredRun) -> None:
    moved = run.folder.with_name(f"seed-{run.config.seed}-{'0' * 12}")
    run.folder.rename(moved)
    with pytest.raises(DamagedError, match="name does not fit"):
        read_run(moved)
    assert store.find_key("0" * 12) is None
    assert store.find(run.config) is None


def test_a_config_changed_by_hand_is_no_run(store: Store, run: StoredRun) -> None:
    changed = {**run.record, "config": {**run.record["config"], "lr": 0.5}}
    (run.folder / "run.json").write_text(json.dumps(changed))
    assert store.find(run.config) is None


@pytest.mark.parametrize("name", ["predictions.npz", "weights.safetensors"])
@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_cut_off_file_makes_no_run(store: Store, run: StoredRun, name: str, keep: int) -> None:
    path = run.folder / name
    path.write_bytes(path.read_bytes()[:keep])
    assert store.find(run.config) is None
    (said,) = find_runs(store.root)[1]
    assert name in said


def test_a_copy_of_a_run_counts_once(store: Store, run: StoredRun) -> None:
    shutil.copytree(run.folder, store.root / "copies" / run.folder.name)
    runs, left_out = find_runs(store.root)
    assert len(runs) == 8
    assert "a copy of" in left_out[0]


def test_a_failure_is_noted_beside_and_removed_on_success(
    store: Store, run: StoredRun, tmp_path: Path
) -> None:
    fill = copy_of(run, tmp_path / "aside")
    shutil.rmtree(run.folder)
    store.record_failure(run.config, "it broke", "Traceback ...")
    note = run.folder.with_name(f"{run.folder.name}.failed.json")
    said = json.loads(note.read_text())
    assert (said["status"], said["error"], said["traceback"]) == ("failed", "it broke", "Traceback ...")
    assert RunConfig.model_validate(said["config"]) == run.config
    assert store.find(run.config) is None
    assert leftovers(store.root) == []
    store.write(run.config, fill)
    assert not note.exists()


def test_the_lock_is_held_by_one(store: Store, run: StoredRun) -> None:
    with store.lock(run.config), pytest.raises(filelock.Timeout), store.lock(run.config):
        pass
    with store.lock(run.config):
        pass


@pytest.mark.parametrize(
    "text",
    [
        "focal:alpha=0.2/0.3",
        "../etc",
        "..",
        ".",
        "",
        "a b\tc\n",
        "a:C:\\x",
        "ü:é*?",
        "x" * 300,
        "-rf",
        "nul\0",
    ],
)
def test_names_are_safe(text: str) -> None:
    name = safe_name(text)
    assert 1 <= len(name) <= 80
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>|\0 \n\t')
    assert not name.startswith(".")


def test_specs_stay_readable() -> None:
    assert safe_name("oversample+focal:gamma=1,alpha=0.5") == "oversample+focal_gamma=1,alpha=0.5"


@pytest.fixture
def config(stored: StoredComparison) -> RunConfig:
    return find_runs(stored.folder)[0][0].config


def test_a_results_folder_that_is_a_file_is_refused(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RequestError, match=r"--results .*can't be made or written to"):
            Store(place).prepare(config)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that takes no files is needed")
def test_a_results_folder_that_takes_no_files_is_refused(config: RunConfig) -> None:
    with pytest.raises(RequestError, match="can't be made or written to"):
        Store(Path("/proc/results")).prepare(config)


def test_preparing_leaves_no_probe(config: RunConfig, tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b")
    store.prepare(config)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_reading_needs_no_folder(config: RunConfig, tmp_path: Path) -> None:
    store = Store(tmp_path / "missing")
    assert store.find(config) is None
    assert store.find_key(config.key()) is None
    assert not store.root.exists()
