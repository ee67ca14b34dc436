"""The study of real trainings: what is alike in its arms, its rates, and that it takes up where it ended."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import real_study, real_trainings
from benchmarks.real_study import clock
from benchmarks.real_summary import METHODS, intervals, summarise
from benchmarks.real_trainings import KINDS, METRICS, SETTINGS, Study, seed_of
from imbalance_bench.evaluation.metrics import summary_metrics

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = Study("synthetic:norm=2,prevalence=0.2,size=12,train=80,val=40", steps=4, test_rows=50, truth_rows=100)
WEIGHTS, ORDER = range(len(SETTINGS))


@pytest.fixture(scope="module")
def made(one_thread):
    """One replicate of each setting, with two seeds."""
    return [real_trainings.replicate(TINY, setting, 3, range(2)) for setting in (WEIGHTS, ORDER)]


def test_values_are_those_of_the_package(made):
    assert made[WEIGHTS]["values"].shape == (len(KINDS), len(METRICS), TINY.arms, 2, 201)
    data = real_trainings.test_set(TINY, TINY.test_rows, (WEIGHTS, 3))
    trained = real_trainings.run(TINY, WEIGHTS, 1, seed_of(WEIGHTS, 3, 1, 1))
    logits = real_trainings.logits_of(trained.model, data.images, np.arange(50)).astype(np.float64)
    expected = summary_metrics(data.labels, logits, data.class_names, minority=1)
    tuned = summary_metrics(data.labels, logits, data.class_names, y_pred=trained.tuned(logits))
    wanted = [*(expected[name] for name in METRICS[:3]), tuned["macro_f1"]]
    for kind in range(len(KINDS)):
        assert made[WEIGHTS]["values"][kind, :, 1, 1, 0] == pytest.approx(wanted, abs=1e-12)
    # The two ways to resample agree on the test set itself, and on nothing else.
    assert (made[WEIGHTS]["values"][0, 0, ..., 1:] != made[WEIGHTS]["values"][1, 0, ..., 1:]).all()


def test_the_order_alone_keeps_the_initial_weights(made):
    assert len(set(made[ORDER]["starts"].ravel())) == 1
    starts = made[WEIGHTS]["starts"]
    assert (starts[0] == starts[-1]).all(), "the remedy starts like the baseline"
    assert len(set(starts[:-1].ravel())) == starts[:-1].size
    found = made[ORDER]["values"][0, 0, :, :, 0]
    assert len(np.unique(found)) == found.size, "the order moves every training"


def test_equal_seeds_differ_by_exactly_nothing(monkeypatch):
    monkeypatch.setattr(real_trainings, "seed_of", lambda setting, block, arm, k: 7 + k)
    found = np.stack([real_trainings.replicate(TINY, WEIGHTS, n, range(3))["values"] for n in range(2)])
    none, gain = intervals(found, 3)[:3, :, :, :-1], intervals(found, 3)[0, :, 0, -1]
    assert (none[..., :3] == 0).all()
    assert (none[..., 3] == 1).all()
    assert (gain[:, 1] < gain[:, 0]).all()
    rows = summarise(found, np.zeros((2, len(METRICS), 2)), [3])
    assert {row["false_alarms"] for row in rows} == {0.0}


def test_no_seed_serves_twice():
    blocks = (0, 1, 199, real_trainings.TRUTH, real_trainings.TRUTH + 199)
    seeds = [seed_of(s, b, a, k) for s in (0, 1) for b in blocks for a in range(4) for k in range(10)]
    assert len(set(seeds)) == len(seeds)


def test_fresh_rows_have_the_class_shares_of_training():
    one, other = (real_trainings.test_set(TINY, 50, (0, number)) for number in (0, 1))
    assert one.counts().tolist() == other.counts().tolist() == [40, 10]
    assert not np.isin(one.images, other.images).any()


def test_rates_of_made_up_differences():
    """Null differences of mean 0 and known spread: 1 replicate in 20 is called one, and a gain is covered."""
    rng = np.random.default_rng(0)
    found = np.zeros((400, len(KINDS), len(METRICS), 4, 5, 41))
    found += rng.normal(size=(400, 1, 1, 4, 5, 1)) + 0.01 * rng.normal(size=(400, 1, 1, 1, 1, 41))
    found[..., 3, :, :] += 2.0
    true = np.zeros((6, len(METRICS), 2))
    true[..., 1] = 2.0
    rows = {row["method"]: row for row in summarise(found, true, [5]) if row["metric"] == "minority_ap"}
    ours = rows[METHODS[0]]
    # A t interval of five independent seeds; with 400 replicates .05 has the standard error .011.
    assert ours["false_alarms"] == pytest.approx(0.05, abs=0.03)
    assert ours["coverage"] == pytest.approx(0.95, abs=0.03)
    assert ours["sd"] == pytest.approx(np.sqrt(2 / 5), rel=0.1)
    assert rows["rows alone"]["coverage"] < 0.2
    assert ours["found"] == pytest.approx(2.0, abs=0.1)


def test_the_clock_stands_still_between_two_starts():
    assert clock([(0, 2), (1, 3), (10, 11), (10.5, 10.7)]) == 4


def test_a_second_start_adds_nothing(tmp_path, monkeypatch, capsys):
    page, parts = tmp_path / "study" / "README.md", tmp_path / "parts"
    sizes = ["--replicates", "2", "--trainings", "2", "--seeds", "5", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["real_study", "--output", str(page), "--parts", str(parts), *sizes])
    monkeypatch.setattr(real_study, "STUDY", replace(TINY, steps=2, nulls=1))
    real_study.main()
    assert "8 of 8 parts are to be made" in capsys.readouterr().err
    first = page.read_text()
    assert "2 replicates, 68 trainings" in first
    with (page.parent / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SETTINGS) * len(METRICS) * len(METHODS) * 2
    assert {row["setting"] for row in rows} == {setting.name for setting in SETTINGS}
    files = {file: file.stat().st_mtime_ns for file in parts.rglob("*.npz")}

    def refuse(*_):
        raise AssertionError("nothing is left to train")

    monkeypatch.setattr(real_trainings, "train", refuse)
    real_study.main()
    assert page.read_text() == first
    (page.parent / "cells.csv").unlink()
    real_study.main()
    assert "0 of 8 parts are to be made" in capsys.readouterr().err
    assert page.read_text() == first
    assert {file: file.stat().st_mtime_ns for file in parts.rglob("*.npz")} == files
    next(iter(files)).unlink()
    (page.parent / "cells.csv").unlink()
    with pytest.raises(AssertionError, match="nothing is left"):
        real_study.main()
