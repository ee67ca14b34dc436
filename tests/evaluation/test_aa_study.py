"""The study of false alarms: its shortcut gives the metrics of the package; it takes up where it ended."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import aa_study
from benchmarks.aa_model import METRICS, SETTINGS, resampled, simulate
from imbalance_bench.evaluation.resampling import resampled_metrics, row_weights

SMALL = (
    replace(SETTINGS[0], name="ten", counts=(6,) * 10),
    replace(SETTINGS[3], name="two", counts=(50, 8)),
)


@pytest.mark.parametrize("setting", SMALL)
def test_all_runs_at_once_are_one_after_the_other(setting):
    truth, logits = simulate(setting, np.random.default_rng(0))
    runs = logits.reshape(-1, *logits.shape[2:])[::13]
    weights = row_weights(len(truth), 5, np.random.default_rng(1), strata=truth)
    found, last = resampled(truth, runs, weights), runs.shape[-1] - 1
    for r, run in enumerate(runs):
        expected = resampled_metrics(truth, run, None, weights, minority=last, metrics=METRICS)
        for m, metric in enumerate(METRICS):
            assert found[m, r] == pytest.approx(expected[metric], abs=1e-12)


@pytest.mark.slow
def test_a_second_start_skips_what_is_there(tmp_path, monkeypatch, capsys):
    page = tmp_path / "study" / "README.md"
    monkeypatch.setattr(
        sys, "argv", ["aa_study", "--output", str(page), "--replicates", "4", "--workers", "1"]
    )
    monkeypatch.setattr(aa_study, "SETTINGS", SMALL[:1])
    aa_study.main()
    monkeypatch.setattr(aa_study, "SETTINGS", SMALL)
    aa_study.main()
    said = capsys.readouterr().out
    assert said.count("ten:") == said.count("two:") == 1
    with (page.parent / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(METRICS) * len(aa_study.SEEDS) * len(aa_study.METHODS)
    assert all(0 <= float(row["coverage"]) <= 1 for row in rows)
    assert "Two-way moments" in page.read_text()
