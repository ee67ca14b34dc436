"""Making the runs of a plan: only what is missing, and one that fails does not stop the others."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from helpers import leftovers, run_folders

from imbalance_bench.config import RunConfig, merge
from imbalance_bench.errors import RefusedError
from imbalance_bench.experiments import execution, making
from imbalance_bench.experiments.execution import Outcome
from imbalance_bench.experiments.planning import Plan, plan
from imbalance_bench.experiments.runner import execute
from imbalance_bench.experiments.store import Store
from imbalance_bench.strategies.base import Context, RowLoss, Strategy
from imbalance_bench.strategies.registry import create_list, register


class Told:
    """Keeps what the runner tells."""

    def __init__(self) -> None:
        self.counts: tuple[int, int, int] | None = None
        self.outcomes: list[tuple[str, int, str]] = []

    def start(self, missing: int, stored: int, workers: int) -> None:
        self.counts = (missing, stored, workers)

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append((outcome.config.strategy, outcome.config.seed, outcome.status))


def planned(strategies: str, results: Path, **settings: object) -> Plan:
    wanted = {"dataset": "digits", "steps": 2, "batch_size": 16, "workers": 0, "device": "cpu", "seeds": 2}
    asked = merge(None, {**wanted, "results": results, **settings})
    return plan(asked, create_list(strategies), default_seeds=1)


def done(made: Plan) -> tuple[Told, list[Outcome]]:
    told = Told()
    return told, execute(made, told)


@dataclass(frozen=True)
class Broken(Strategy):
    """Its loss raises in training."""

    name: ClassVar[str] = "broken"

    def loss(self, context: Context) -> RowLoss:
        raise ArithmeticError("no loss today\nand more")


@dataclass(frozen=True)
class Choosy(Strategy):
    """Refuses every data set."""

    name: ClassVar[str] = "choosy"

    def loss(self, context: Context) -> RowLoss:
        return Strategy.loss(self, context)

    def check(self, context: Context) -> None:
        raise RefusedError("not these data")


@dataclass(frozen=True)
class After(Strategy):
    """Starts from a run that cannot be had."""

    name: ClassVar[str] = "after"

    @property
    def requires(self) -> str | None:
        return "broken"

    def loss(self, context: Context) -> RowLoss:
        return Strategy.loss(self, context)


@dataclass(frozen=True)
class Continued(Strategy):
    """Starts from the run of cross-entropy."""

    name: ClassVar[str] = "continued"

    @property
    def requires(self) -> str | None:
        return "cross-entropy"

    def loss(self, context: Context) -> RowLoss:
        return Strategy.loss(self, context)


def test_what_is_stored_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, failed = done(planned("ce,focal", tmp_path))
    assert told.counts == (4, 0, 0)
    assert told.outcomes == [(s, n, "stored") for n in (0, 1) for s in ("cross-entropy", "focal")]
    assert failed == []
    assert len(run_folders(tmp_path)) == 4

    def never(config: RunConfig, store: Store) -> None:
        raise AssertionError(f"{config.strategy} is trained again")

    monkeypatch.setattr(making, "make", never)
    told, failed = done(planned("focal,ce", tmp_path))
    assert (told.counts, told.outcomes, failed) == ((0, 4, 0), [], [])


def test_only_what_is_missing_is_trained(tmp_path: Path) -> None:
    done(planned("ce", tmp_path, seeds=None, seed=0))
    told, _ = done(planned("ce,focal", tmp_path, seeds="0,1"))
    assert told.counts == (3, 1, 0)
    assert ("cross-entropy", 0, "stored") not in told.outcomes


@pytest.mark.usefixtures("own_strategies")
def test_a_strategy_that_fails_is_recorded_and_the_others_are_kept(tmp_path: Path) -> None:
    register(Broken)
    register(Choosy)
    register(After)
    made = planned("broken,choosy,after,ce", tmp_path, seeds=1)
    told, failed = done(made)
    assert {(o.config.strategy, o.status, o.error) for o in failed} == {
        ("broken", "failed", "broken: its loss raised ArithmeticError: no loss today."),
        ("choosy", "refused", "not these data"),
        (
            "after",
            "failed",
            "the run it starts from is missing: broken: its loss raised ArithmeticError: no loss today.",
        ),
    }
    assert ("cross-entropy", 0, "stored") in told.outcomes
    assert len(run_folders(tmp_path)) == 1
    notes = {json.loads(p.read_text())["config"]["strategy"]: json.loads(p.read_text()) for p in
             tmp_path.rglob("*.failed.json")}  # fmt: skip
    assert set(notes) == {"broken", "choosy"}
    assert "and more" in notes["broken"]["traceback"]
    assert "Traceback" in notes["broken"]["traceback"]
    assert leftovers(tmp_path) == []


@pytest.mark.usefixtures("own_strategies")
def test_steps_of_the_run_it_starts_from_count(tmp_path: Path) -> None:
    register(Continued)
    made = planned("continued", tmp_path, seeds=1)
    _, failed = done(made)
    assert failed == []
    run = Store(tmp_path).find(made.arms[0].configs[0])
    assert run is not None
    assert run.record["optimizer_steps"] == 4
    assert run.record["samples_seen"] == 4 * 16


def test_a_run_that_another_process_makes_is_waited_for(tmp_path: Path) -> None:
    made = planned("ce", tmp_path, seeds=1)
    (config,) = made.arms[0].configs
    store = Store(tmp_path)
    store.prepare(config)
    held, release = threading.Event(), threading.Event()

    def other() -> None:
        with store.lock(config):
            held.set()
            release.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert held.wait(30)
    assert execution.attempt(config, tmp_path).status == "busy"
    threading.Timer(0.3, release.set).start()
    began = time.monotonic()
    told, failed = done(made)
    assert time.monotonic() - began >= 0.2
    thread.join()
    assert failed == []
    assert told.outcomes == [("cross-entropy", 0, "stored")]
