"""Stored starts, adjusted scores and decisions, end to end through `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import kinds

from imbalance_bench.api import compare
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.result import Result
from imbalance_bench.stored import load_results, stored_comparisons
from imbalance_bench.strategies import Context, FittingData, Stage, Strategy
from imbalance_bench.strategies import registry as module
from imbalance_bench.strategies.base import Adjust, Decide
from imbalance_bench.strategies.registry import available, register

STEPS = 6
RANKING = ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece")
DECISIONS = ("macro_f1", "balanced_accuracy", "mcc")


@dataclass(frozen=True)
class NewHead(Strategy):
    """A new head on the backbone of the stored cross-entropy run."""

    name = "toy-new-head"

    @property
    def requires(self) -> str | None:
        return "cross-entropy"

    def stages(self) -> Sequence[Stage]:
        return (Stage(trainable="head", reset_head=True),)


@dataclass(frozen=True)
class MinusPrior(Strategy):
    """z - log pi."""

    name = "toy-minus-prior"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        assert run.logits.shape == (len(run.labels), context.n_classes)
        assert run.head_weight().shape[0] == context.n_classes
        assert len(run.sample_weight) == len(run.labels)
        log_prior = np.log(context.prior)
        return lambda logits: logits - log_prior


@dataclass(frozen=True)
class Rarest(Strategy):
    """Every decision is the rarest class."""

    name = "toy-rarest"

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        rarest = int(np.argmin(context.class_counts))
        return lambda logits: np.full(len(logits), rarest, dtype=np.int64)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    available()
    monkeypatch.setattr(module, "_registered", dict(module._registered))
    for cls in (NewHead, MinusPrior, Rarest):
        register(cls)


def compared(strategies: str, results: Path, **settings: Any) -> Result:
    return compare(
        strategies,
        dataset="digits",
        imbalance_ratio=10,
        seeds=2,
        steps=STEPS,
        batch_size=32,
        workers=0,
        device="cpu",
        results=results,
        **settings,
    )


def rows(result: Result) -> dict[str, dict[str, Any]]:
    return {row["strategy"]: row for row in result["rows"]}


def runs(results: Path) -> dict[str, list[StoredRun]]:
    found: dict[str, list[StoredRun]] = {}
    for run in find_runs(results)[0]:
        found.setdefault(run.config.strategy, []).append(run)
    return found


def test_a_strategy_that_starts_from_a_stored_run(tmp_path: Path) -> None:
    result = compared("toy-new-head", tmp_path)
    assert result["failures"] == []
    stored = runs(tmp_path)
    assert {name: len(found) for name, found in stored.items()} == {"cross-entropy": 2, "toy-new-head": 2}
    table = rows(result)
    assert table["cross-entropy"]["optimizer_steps"] == STEPS
    assert table["toy-new-head"]["optimizer_steps"] == 2 * STEPS
    assert table["toy-new-head"]["samples_seen"] == 2 * STEPS * 32
    for before, after in zip(stored["cross-entropy"], stored["toy-new-head"], strict=True):
        assert after.config.requires_key == before.config.key()
        assert after.record["initial_weights_hash"] == before.record["initial_weights_hash"]
        assert_same_backbone(before, after)


def assert_same_backbone(one: StoredRun, other: StoredRun) -> None:
    from safetensors.numpy import load_file

    a, b = (load_file(run.folder / "weights.safetensors") for run in (one, other))
    assert all(np.array_equal(a[name], b[name]) for name in a if not name.startswith("head."))
    assert not np.array_equal(a["head.weight"], b["head.weight"])


def test_the_stored_run_is_shared_and_kept(tmp_path: Path) -> None:
    compared("ce", tmp_path)
    before = {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    compared("toy-new-head,ce", tmp_path)
    after = {str(path): path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    assert len(before) == 2
    assert len(after) == 4
    assert before.items() <= after.items()


def test_what_acts_afterwards_trains_nothing(tmp_path: Path) -> None:
    result = compared("ce,toy-minus-prior,toy-rarest,toy-minus-prior+toy-rarest", tmp_path)
    assert result["failures"] == []
    assert {name: len(found) for name, found in runs(tmp_path).items()} == {"cross-entropy": 2}
    table = rows(result)
    # What decides for itself is not tuned again.
    assert kinds(result) == [
        ("cross-entropy", "requested"),
        ("toy-minus-prior", "requested"),
        ("toy-rarest", "requested"),
        ("toy-minus-prior+toy-rarest", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("toy-minus-prior+threshold", "tuned"),
        ("majority-class", "reference"),
    ]
    assert [row["optimizer_steps"] for row in table.values()] == [STEPS] * 6 + [None]
    assert all(row["n"] == 2 for row in table.values())

    plain, adjusted, decided = table["cross-entropy"], table["toy-minus-prior"], table["toy-rarest"]
    # A decision leaves the scores as they are.
    assert [decided[name] for name in RANKING] == [plain[name] for name in RANKING]
    assert all(decided[name] != plain[name] for name in DECISIONS[:2])
    assert decided["balanced_accuracy"] == pytest.approx(0.1)
    # An adjustment changes them, and the decision that stands after it leaves those.
    assert adjusted["log_loss"] != plain["log_loss"]
    both = table["toy-minus-prior+toy-rarest"]
    assert [both[name] for name in RANKING] == [adjusted[name] for name in RANKING]
    assert both["balanced_accuracy"] == pytest.approx(0.1)


def test_the_adjustment_is_applied_to_the_stored_logits(tmp_path: Path) -> None:
    table = rows(compared("toy-minus-prior", tmp_path))
    expected = []
    for run in runs(tmp_path)["cross-entropy"]:
        prior = np.array(run.record["class_counts"]) / np.sum(run.record["class_counts"])
        predicted = (run.predictions["test_logits"] - np.log(prior)).argmax(1)
        labels = run.predictions["test_labels"]
        expected.append(np.mean([(predicted[labels == c] == c).mean() for c in range(10)]))
    assert table["toy-minus-prior"]["balanced_accuracy"] == pytest.approx(np.mean(expected))


def test_what_acts_afterwards_follows_another_strategy(tmp_path: Path) -> None:
    result = compared("focal,focal+toy-rarest,toy-new-head+toy-minus-prior", tmp_path)
    assert result["failures"] == []
    assert set(runs(tmp_path)) == {"cross-entropy", "focal", "toy-new-head"}
    table = rows(result)
    assert table["focal+toy-rarest"]["macro_ap"] == table["focal"]["macro_ap"]
    assert table["toy-new-head+toy-minus-prior"]["optimizer_steps"] == 2 * STEPS


def test_a_report_adds_them_to_stored_runs(tmp_path: Path) -> None:
    compared("ce", tmp_path)
    (result,) = stored_comparisons(tmp_path, "ce,toy-rarest")
    assert kinds(result) == [
        ("cross-entropy", "requested"),
        ("toy-rarest", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("majority-class", "reference"),
    ]
    assert len(load_results(tmp_path)) == 2
