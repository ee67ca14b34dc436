"""Classifier re-training: the backbone of the stored cross-entropy run, and a head drawn and trained anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_trainings import feed, same
from safetensors.numpy import load_file

from imbalance_bench.api import compare
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.result import Result
from imbalance_bench.strategies import create

COUNTS = (60, 15, 9)
STEPS, BATCH = 6, 32
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "imbalance_ratio": 10,
    "steps": STEPS,
    "batch_size": BATCH,
    "seeds": 1,
    "workers": 0,
    "device": "cpu",
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crt")


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return compare("crt,crt+label-aware-smoothing", results=folder, **SETTINGS)


def stored(folder: Path) -> dict[str, StoredRun]:
    return {run.config.strategy: run for run in find_runs(folder)[0]}


def weights(run: StoredRun) -> dict[str, Any]:
    return dict(load_file(run.folder / "weights.safetensors"))


@pytest.mark.parametrize("spec", ["crt", "crt+label-aware-smoothing"])
def test_the_backbone_is_that_of_the_run_that_it_starts_from(result: Result, folder: Path, spec: str) -> None:
    assert result["failures"] == []
    runs = stored(folder)
    before, after = runs["cross-entropy"], runs[spec]
    assert after.config.requires_key == before.config.key()
    a, b = weights(before), weights(after)
    changed = {name for name in a if not np.array_equal(a[name], b[name])}
    assert a.keys() == b.keys()
    assert changed == {"head.weight", "head.bias"}


def test_the_loss_of_the_second_part_reaches_the_head(result: Result, folder: Path) -> None:
    runs = stored(folder)
    plain, smoothed = (weights(runs[spec]) for spec in ("crt", "crt+label-aware-smoothing"))
    assert not np.array_equal(plain["head.weight"], smoothed["head.weight"])


def test_what_it_took_is_added_up(result: Result, folder: Path) -> None:
    runs, table = stored(folder), {row["strategy"]: row for row in result["rows"]}
    before, after = runs["cross-entropy"].record, runs["crt"].record
    assert (table["cross-entropy"]["optimizer_steps"], table["crt"]["optimizer_steps"]) == (STEPS, 2 * STEPS)
    assert after["optimizer_steps"] == 2 * STEPS
    assert after["samples_seen"] == table["crt"]["samples_seen"] == 2 * STEPS * BATCH
    # Plain training feeds each class by its share: as often as any row is fed. The head: a tenth each.
    counts = np.array(after["class_counts"])
    plain = np.full(10, STEPS * BATCH / counts.sum())
    np.testing.assert_allclose(before["class_passes"], plain)
    np.testing.assert_allclose(after["class_passes"][0], plain[0] + STEPS * BATCH / 10 / counts[0], rtol=0.05)
    assert after["passes"] == pytest.approx(before["passes"] + STEPS * BATCH / after["distinct_rows"])
    assert max(after["sampled_counts"]) - min(after["sampled_counts"]) <= 1
    assert sum(after["sampled_counts"]) == counts.sum()
    np.testing.assert_allclose(after["effective_prior"], np.full(10, 0.1), atol=1 / counts.sum())


def test_that_it_costs_twice_is_told(result: Result, folder: Path) -> None:
    (note,) = stored(folder)["crt"].record["notes"]
    assert "goes on from a finished cross-entropy: twice the steps" in note
    assert any("twice the steps" in notice for notice in result["notices"])


def test_the_head_is_drawn_anew_and_the_backbone_is_not() -> None:
    plain = feed(create("cross-entropy"), COUNTS, 3).model.state_dict()
    start = {name: value.clone() for name, value in plain.items()}
    one = feed(create("crt"), COUNTS, 8, start=start)
    assert one.moved == {"head"}
    other_head = feed(create("crt"), COUNTS, 8, start={**start, "head.weight": start["head.weight"] + 5})
    assert same(one, other_head)
    other_backbone = feed(create("crt"), COUNTS, 8)
    assert not torch.equal(one.model.head.weight, other_backbone.model.head.weight)


def test_it_is_fed_balanced_features_of_the_backbone() -> None:
    found = feed(create("crt"), COUNTS, 8, batch_size=21)
    assert found.shares(0, 4) == pytest.approx([1 / 3] * 3)
    assert found.shares(4, 8) == pytest.approx([1 / 3] * 3)
    inputs = torch.cat([batch.inputs for batch in found.batches])
    rows = torch.cdist(inputs, found.features).argmin(1)
    torch.testing.assert_close(inputs, found.features[rows])
    assert found.labels[rows].tolist() == torch.cat([batch.targets for batch in found.batches]).tolist()
    # 28 of 60 rows each pass, none of them twice, and others in the next.
    large = [torch.bincount(part, minlength=84)[found.labels == 0] for part in rows.split(84)]
    assert [times.max().item() for times in large] == [1, 1]
    assert not torch.equal(*large)


def test_what_it_says_of_itself() -> None:
    crt = create("crt")
    assert crt.requires == "cross-entropy"
    assert crt.prior_is_exact
    assert create("crt+label-aware-smoothing").requires == "cross-entropy"
    assert not create("crt+label-aware-smoothing").prior_is_exact
