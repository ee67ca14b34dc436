"""From a request to runs: keys, seeds, devices, what a run starts from; nothing is trained."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from imbalance_bench.config import Settings, merge
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments import planning
from imbalance_bench.experiments.planning import Plan, plan, resolve_device
from imbalance_bench.strategies import registry
from imbalance_bench.strategies.base import Adjust, Context, Decide, FittingData, RowLoss, Strategy
from imbalance_bench.strategies.registry import create, create_list, register


def planned(strategies: str, **settings: object) -> Plan:
    asked: Settings = merge(None, {"dataset": "digits", "device": "cpu", **settings})
    return plan(asked, create_list(strategies), default_seeds=2)


def keys(made: Plan) -> dict[tuple[str, int], str]:
    return {(arm.strategy.spec, c.seed): c.key() for arm in made.arms for c in arm.configs}


def test_one_arm_per_strategy_and_one_run_per_seed() -> None:
    made = planned("ce,focal", seeds="3,7")
    assert [arm.strategy.spec for arm in made.arms] == ["cross-entropy", "focal"]
    assert made.seeds == (3, 7)
    assert [[c.seed for c in arm.configs] for arm in made.arms] == [[3, 7], [3, 7]]
    assert [c.seed for wave in made.waves for c in wave] == [3, 3, 7, 7]
    assert made.class_names == tuple("0123456789")


def test_the_default_number_of_seeds_is_the_callers() -> None:
    assert planned("ce").seeds == (0, 1)
    assert planned("ce", seed=5).seeds == (5,)


def test_keys_do_not_depend_on_the_other_strategies_or_their_order() -> None:
    forwards, backwards = keys(planned("ce,undersample,focal")), keys(planned("focal,undersample,ce"))
    assert forwards == backwards
    assert len(set(forwards.values())) == 6
    assert keys(planned("focal")).items() <= forwards.items()


@pytest.mark.parametrize(
    "setting",
    [
        {"workers": 2},
        {"results": "elsewhere"},
        {"test_prior": "uniform"},
        {"format": "json"},
        {"output": "x.json"},
        {"quiet": True},
        {"primary_metric": "mcc"},
        {"seeds": "0,1,2"},
        {"lr": planning.DEFAULT_LR["small-cnn"]},
        {"steps": planning.DEFAULT_STEPS},
    ],
)
def test_what_changes_no_number_changes_no_key(setting: dict[str, object]) -> None:
    assert keys(planned("ce,focal")).items() <= keys(planned("ce,focal", **setting)).items()


@pytest.mark.parametrize(
    "setting",
    [
        {"dataset": "synthetic:train=50,val=50,test=50"},
        {"imbalance_ratio": 10},
        {"imbalance_ratio": 10, "profile": "step"},
        {"imbalance_ratio": 10, "tail_order": "fixed"},
        {"imbalance_ratio": 10, "validation": "full"},
        {"imbalance_ratio": 10, "n_max": 90},
        {"steps": 5},
        {"epochs": 1},
        {"batch_size": 32},
        {"lr": 0.001},
        {"schedule": "constant"},
        {"weight_decay": 0.5},
        {"vary": "data"},
    ],
)
def test_what_changes_the_numbers_changes_every_key(setting: dict[str, object]) -> None:
    plain, other = keys(planned("ce,focal")), keys(planned("ce,focal", **setting))
    assert not set(plain.values()) & set(other.values())


def test_n_max_without_a_ratio_is_refused() -> None:
    with pytest.raises(RequestError, match="--n-max needs --imbalance-ratio"):
        planned("ce", n_max=50)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model": "small-cmm"}, "small-cnn"),
        ({"dataset": "digit"}, "digits"),
        ({"positive_class": "3"}, "10 classes"),
        ({"dataset": "synthetic", "positive_class": "diseasd"}, "Did you mean 'diseased'"),
    ],
)
def test_names_that_are_not_known_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        planned("ce", **setting)


@dataclass(frozen=True)
class Retrained(Strategy):
    """Starts from the run of focal."""

    name: ClassVar[str] = "retrained"

    @property
    def requires(self) -> str | None:
        return "focal:gamma=1"

    def loss(self, context: Context) -> RowLoss:
        return Strategy.loss(self, context)


@dataclass(frozen=True)
class Shifted(Strategy):
    """Acts on a stored run only."""

    name: ClassVar[str] = "shifted"

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        return lambda logits: logits + 1

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        return Strategy.fit_decision(self, run, context)


@pytest.mark.usefixtures("own_strategies")
def test_a_run_comes_after_the_one_it_starts_from() -> None:
    register(Retrained)
    made = planned("retrained,ce", seeds=2)
    assert [[c.strategy for c in wave] for wave in made.waves] == [
        ["focal:gamma=1", "cross-entropy"] * 2,
        ["retrained"] * 2,
    ]
    for before, after in zip(made.waves[0][::2], made.waves[1], strict=True):
        assert after.requires_key == before.key()
        assert after.seed == before.seed
    assert keys(planned("focal:gamma=1"))[("focal:gamma=1", 0)] == made.waves[0][0].key()


@pytest.mark.usefixtures("own_strategies")
def test_what_acts_afterwards_needs_no_run_of_its_own() -> None:
    register(Shifted)
    made = planned("ce,shifted,focal,focal+shifted", seeds=1)
    assert [c.strategy for wave in made.waves for c in wave] == ["cross-entropy", "focal"]
    assert [arm.configs[0].strategy for arm in made.arms] == [
        "cross-entropy",
        "cross-entropy",
        "focal",
        "focal",
    ]


def test_the_device_is_resolved_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from imbalance_bench.experiments import planning\n"
        "planning._may_have_gpu = lambda: False\n"
        "assert planning.resolve_device('cpu') == planning.resolve_device('auto') == 'cpu'\n"
        "assert not {'torch', 'sklearn', 'pandas', 'scipy', 'joblib'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("cuda", "mps"):
        with pytest.raises(RequestError, match=f"--device {device}: this machine has cpu"):
            resolve_device(device)
    monkeypatch.setattr(planning, "_may_have_gpu", lambda: True)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"


SOURCE = """
from dataclasses import dataclass
from imbalance_bench.strategies import Strategy, register

@register
@dataclass(frozen=True)
class Mine(Strategy):
    name = "toy-edited"
    summary = "SAID"

    def weights(self, context, progress):
        return None
"""


def test_a_strategy_of_someone_else_goes_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "edited_strategy.py"

    def keys(text: str, spec: str) -> tuple[str, str]:
        file.write_text(SOURCE.replace("SAID", text))
        importlib.invalidate_caches()
        importlib.reload(importlib.import_module("edited_strategy"))
        planned = plan(Settings(), [create("ce"), create(spec)], default_seeds=1)
        ours, theirs = (arm.configs[0] for arm in planned.arms)
        assert ours.libraries is None
        assert theirs.group() == ours.group()
        return ours.key(), theirs.key()

    before = keys("one", "toy-edited+focal")
    assert keys("one", "toy-edited+focal") == before
    after = keys("quite another", "toy-edited+focal")
    assert after[0] == before[0]
    assert after[1] != before[1]
    sys.modules.pop("edited_strategy")
