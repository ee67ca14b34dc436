"""Strategies of someone else that fail, or are gone: told, while everything else goes on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers import Call, requested

from imbalance_bench import compare
from imbalance_bench.strategies import Context, FittingData, Strategy, register
from imbalance_bench.strategies import registry as module
from imbalance_bench.strategies.base import Adjust, Decide, Floats

SMALL = ("--dataset=digits", "--imbalance-ratio=10", "--steps=3", "--workers=0", "--device=cpu")

pytestmark = pytest.mark.usefixtures("own_strategies")


@dataclass(frozen=True)
class BadAdjust(Strategy):
    name = "p-adjust"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        return lambda logits: np.hstack([logits, logits[:, :1]])


@dataclass(frozen=True)
class BadDecision(Strategy):
    name = "p-decide"

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        return lambda logits: np.full(len(logits), 10)


@dataclass(frozen=True)
class BadExact(Strategy):
    name = "p-exact"

    @property
    def prior_is_exact(self) -> bool:
        raise ArithmeticError("who knows")

    def weights(self, context: Context, progress: float) -> Floats:
        return np.ones(context.n_classes)


@dataclass(frozen=True)
class BadWeights(Strategy):
    name = "p-weights"

    def weights(self, context: Context, progress: float) -> Any:
        return [-1.0] * context.n_classes


@dataclass(frozen=True)
class SecondOnly(Strategy):
    """Fails on the validation rows of the second seed."""

    name = "p-second"
    seen: ClassVar[list[bytes]] = []

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        self.seen.append(run.logits.tobytes())
        if self.seen[-1] != self.seen[0]:
            raise ValueError("not this one")
        return lambda logits: logits


BAD = (BadAdjust, BadDecision, BadExact, BadWeights)


def test_a_comparison_shows_the_others(call: Call) -> None:
    for cls in BAD:
        register(cls)
    asked = ",".join(cls.name for cls in BAD)
    ended = call("compare", f"--strategies={asked},focal", "--seeds=2", *SMALL, "--format=json")
    assert ended.status == 1
    failures = {(f["strategy"], f["seed"]): f["error"] for f in ended.json["failures"]}
    said = {
        "p-adjust": "gave shape (",
        "p-decide": "gave label 10; one of 0 to 9 is needed.",
        "p-exact": "raised ArithmeticError: who knows.",
        "p-weights": "gave [-1.0, -1.0",
    }
    assert set(failures) == {(name, seed) for name in said for seed in (0, 1)}
    for (name, _), error in failures.items():
        assert error.startswith(f"{name}: its ")
        assert said[name] in error
    n = {row["strategy"]: row["n"] for row in requested(ended.json)}
    assert n == {"cross-entropy": 2, "focal": 2, **dict.fromkeys(said, 0)}

    # From the store, those that are trained and can't be scored are told again.
    stored = call("report", "results", "--format=json")
    assert stored.status == 1
    assert {f["strategy"] for f in stored.json["failures"]} == {"p-exact"}
    assert call("report", "results", "--strategies=ce,p-adjust").status == 1
    assert call("report", "results", "--strategies=p-adjust").status == 1
    assert call("report", "results", "--strategies=ce,focal").status == 0

    alone = call("run", "--strategy=p-decide", *SMALL)
    assert alone.status == 1
    assert "no run came through: p-decide: its fit_decision gave label 10" in alone.err

    # And once the plugin is gone, so are its rows, with a sentence.
    del module._registered["p-exact"]
    gone = call("report", "results", "--format=json")
    assert gone.status == 0
    assert "2 runs of p-exact left out: there is no strategy 'p-exact'; is its plugin installed?" in gone.err
    assert {row["strategy"] for row in requested(gone.json)} == {"cross-entropy", "focal"}


def test_the_seeds_that_can_be_scored_are(tmp_path: Path) -> None:
    register(SecondOnly)
    SecondOnly.seen.clear()
    found = compare("p-second", dataset="digits", steps=3, seeds=2, workers=0, device="cpu", results=tmp_path)
    mine = next(row for row in found["rows"] if row["strategy"] == "p-second")
    assert mine["n"] == 1
    assert found["failures"] == [
        {
            "strategy": "p-second",
            "seed": 1,
            "error": "p-second: its fit_adjust raised ValueError: not this one.",
        }
    ]


def test_images_that_are_no_numbers_are_the_samplers(call: Call) -> None:
    ended = call("run", "--strategy=imblearn:RandomOverSampler:shrinkage=1e300", *SMALL)
    assert ended.status == 1
    assert "the images that it makes, hold values that are not finite numbers" in ended.err
    assert "--lr" not in ended.err


def test_the_seed_of_a_sampler_is_the_runs(call: Call) -> None:
    ended = call("run", "--strategy=imblearn:SMOTE", "--random-state=3", *SMALL)
    assert ended.status == 2
    assert "imblearn:SMOTE takes no random_state: it follows from the seed of the run." in ended.err
    assert "Did you mean" not in ended.err


SCRIPT = """
from dataclasses import dataclass
from imbalance_bench import compare
from imbalance_bench.params import param
from imbalance_bench.strategies import Strategy, register

@register
@dataclass(frozen=True)
class Mine(Strategy):
    name = "mine2"
    power: float = param(0.5, low=0.0, help="of the counts")

    def weights(self, context, progress):
        return 10 * context.class_counts ** -self.power

if __name__ == "__main__":
    found = compare("mine2:power=1", dataset="digits", imbalance_ratio=10, steps=2, seeds=2, workers=2,
                    device="cpu", results="results")
    assert found["failures"] == [], found["failures"]
    print([row["n"] for row in found["rows"] if row["strategy"] == "mine2:power=1"])
"""

TAKEN = """
from dataclasses import dataclass
from imbalance_bench.strategies import Strategy, create, register

@dataclass(frozen=True)
class Mine(Strategy):
    name = "focal"

try:
    register(Mine)
except ValueError as error:
    print(error)
print(type(create("focal")).__module__)
"""


def python(text: str, folder: Path) -> list[str]:
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=folder, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_strategy_of_a_script_is_trained_in_workers(tmp_path: Path) -> None:
    assert python(SCRIPT, tmp_path) == ["[2]"]


def test_a_name_of_ours_is_refused_before_anything_is_looked_up(tmp_path: Path) -> None:
    assert python(TAKEN, tmp_path) == [
        "the strategy name 'focal' is taken by imbalance_bench.strategies.focal.Focal.",
        "imbalance_bench.strategies.focal",
    ]
