"""Settings, seeds, the merging of file and flags, and the key of a stored run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from imbalance_bench.config import RunConfig, Settings, merge
from imbalance_bench.configfile import LoadedConfig, load_config, refuse_unknown
from imbalance_bench.errors import RequestError

CONFIGS = Path(__file__).parent.parent / "configs"
Write = Callable[[str], LoadedConfig]

RUN: dict[str, Any] = {
    "format_version": 1,
    "data_fingerprint": "digits-0123",
    "dataset": "digits",
    "options": {},
    "imbalance_ratio": 10.0,
    "profile": "step",
    "n_max": 100,
    "minority_fraction": 0.5,
    "tail_order": "random",
    "validation": "thinned",
    "strategy": "focal:gamma=1",
    "libraries": None,
    "requires_key": None,
    "positive_class": None,
    "model": "small-cnn",
    "steps": 400,
    "epochs": None,
    "batch_size": 128,
    "lr": 0.01,
    "schedule": "one-cycle",
    "weight_decay": 0.01,
    "augment": None,
    "seed": 3,
    "vary": "all",
    "device_type": "cpu",
    "torch_version": "2.14",
}
OTHER: dict[str, Any] = {
    "format_version": 2,
    "data_fingerprint": "digits-4567",
    "dataset": "mnist",
    "options": {"image_size": "64"},
    "imbalance_ratio": 10.5,
    "profile": "exp",
    "n_max": None,
    "minority_fraction": 0.25,
    "tail_order": "fixed",
    "validation": "full",
    "strategy": "focal",
    "libraries": "imbalanced-learn 0.14",
    "requires_key": "0123456789ab",
    "positive_class": "3",
    "model": "resnet20",
    "steps": 401,
    "batch_size": 64,
    "lr": 0.010000000000000002,
    "schedule": "cosine",
    "weight_decay": 0.0,
    "augment": "flip,shift",
    "seed": 4,
    "vary": "init",
    "device_type": "cuda",
    "torch_version": "2.15",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A loader of file content, at c.yaml in a folder of its own."""

    def written(text: str) -> LoadedConfig:
        path = tmp_path / "c.yaml"
        path.write_text(text)
        return load_config(path, Settings.model_fields)

    return written


def refusal(config: LoadedConfig | None, flags: dict[str, object]) -> list[str]:
    """The lines of the refusal, without the folder in front; none speaks pydantic."""
    with pytest.raises(RequestError) as caught:
        merge(config, flags)
    message = str(caught.value)
    for jargon in ("pydantic", "http", "Input should", "Value error", "validation error", "Traceback"):
        assert jargon not in message
    return message.replace(f"{config.path.parent}/" if config else "\0", "").splitlines()


def test_defaults() -> None:
    assert merge(None, {}).model_dump() == {
        "dataset": "synthetic",
        "image_size": None,
        "channels": None,
        "layout": None,
        "path_column": None,
        "label_column": None,
        "split_column": None,
        "group_column": None,
        "group_pattern": None,
        "skip_bad": False,
        "imbalance_ratio": None,
        "profile": "exp",
        "n_max": None,
        "minority_fraction": 0.5,
        "tail_order": "random",
        "validation": "thinned",
        "test_prior": "dataset",
        "positive_class": None,
        "strategy": None,
        "strategies": None,
        "model": "small-cnn",
        "steps": None,
        "epochs": None,
        "batch_size": 64,
        "lr": None,
        "schedule": "one-cycle",
        "weight_decay": 0.01,
        "augment": None,
        "seed": None,
        "seeds": None,
        "vary": "all",
        "device": "auto",
        "workers": None,
        "backend": "loky",
        "results": Path("results"),
        "primary_metric": None,
        "target_recall": None,
        "cost_fn": None,
        "cost_fp": None,
        "prevalence": None,
        "format": "terminal",
        "output": None,
        "quiet": False,
        "download": False,
    }


def test_seed_list() -> None:
    assert merge(None, {"seed": 3}).seed_list(5) == (3,)
    assert merge(None, {"seeds": "3,7"}).seed_list(5) == (3, 7)
    assert merge(None, {}).seed_list(3) == (0, 1, 2)


def test_refused_flags_and_several_at_once(write: Write) -> None:
    lines = refusal(write("lr: 0\nquiet: no\n"), {"n_max": 0, "dataset": "", "batch-size": 4})
    assert sorted(lines) == [
        "--dataset: found '', allowed: text that is not empty, on one line.",
        "--n-max: found 0, allowed: a whole number at least 1 and at most 1,000,000,000.",
        "c.yaml:1: lr: found 0, allowed: a number above 0.",
        "c.yaml:2: quiet: found 'no', allowed: true or false.",
    ]


def test_flags_win_over_the_file(write: Write) -> None:
    config = write("dataset: digits\nlr: 0.5\nn-max: bad\n")
    found = merge(config, {"dataset": "mnist", "n-max": 7, "lr": None})
    assert (found.dataset, found.n_max, found.lr) == ("mnist", 7, 0.5)


def test_a_flag_drops_the_other_one_of_its_pair_from_the_file(write: Write) -> None:
    config = write("steps: 30\nseeds: 2\n")
    found = merge(config, {"epochs": 1.5, "seed": 4})
    assert (found.steps, found.epochs, found.seed, found.seeds) == (None, 1.5, 4, None)
    found = merge(write("epochs: 2\nseed: 1\n"), {"steps": 3, "seeds": "2"})
    assert (found.steps, found.epochs, found.seed, found.seeds) == (3, None, None, (0, 1))
    both = merge(write("strategy: ce\n"), {"strategies": "ce,focal"})
    assert (both.strategy, both.strategies) == ("ce", "ce,focal")


def test_pairs_exclude_each_other(write: Write) -> None:
    assert refusal(None, {"steps": 1, "epochs": 1.0}) == [
        "--steps and --epochs exclude each other; give one of them."
    ]
    assert refusal(write("seed: 1\nlr: -1\nseeds: 3\n"), {}) == [
        "c.yaml:1: seed and c.yaml:3: seeds exclude each other; give one of them.",
        "c.yaml:2: lr: found -1, allowed: a number above 0.",
    ]
    assert merge(write("steps: ~\nepochs: 1\n"), {}).epochs == 1.0
    with pytest.raises(ValidationError, match="steps and epochs exclude each other"):
        Settings(steps=1, epochs=1.0)


def test_a_name_that_is_no_setting() -> None:
    assert refusal(None, {"datset": "x"}) == ["--datset: there is no such setting. Did you mean 'dataset'?"]
    assert refusal(None, {"n_mx": 1}) == ["--n-mx: there is no such setting. Did you mean 'n-max'?"]


def test_settings_are_frozen_and_read_back() -> None:
    found = merge(None, {"seeds": "3,7", "strategies": "ce,focal", "lr": 0.1})
    with pytest.raises(ValidationError):
        setattr(found, "lr", 0.2)  # noqa: B010 - as an assignment mypy refuses it first
    assert Settings.model_validate(found.model_dump()) == found
    assert Settings.model_validate_json(found.model_dump_json()) == found


def test_shipped_configs_are_settings() -> None:
    smoke, fashion = (
        load_config(CONFIGS / f"{n}.yaml", Settings.model_fields) for n in ("smoke", "fashion_lt")
    )
    refuse_unknown(smoke, Settings.model_fields)
    refuse_unknown(fashion, Settings.model_fields)
    found = merge(smoke, {})
    assert (found.dataset, found.imbalance_ratio, found.steps) == ("digits", 10.0, 30)
    assert found.seed_list(5) == (0, 1)
    found = merge(fashion, {})
    assert (found.dataset, found.imbalance_ratio, found.n_max) == ("fashion-mnist", 100.0, 1000)
    assert (
        found.strategies == "cross-entropy,undersample,oversample,smote,focal,class-weights,logit-adjustment"
    )
    assert found.seed_list(2) == (0, 1, 2, 3, 4)


def test_key_and_group_are_stable() -> None:
    run = RunConfig(**RUN)
    assert run.key() == "9a2f5d84cef6"
    assert run.group() == "97fab56c036c"
    assert RunConfig(**dict(reversed(RUN.items()))).key() == run.key()
    assert RunConfig.model_validate_json(run.model_dump_json()).key() == run.key()
    assert RunConfig(**RUN | {"imbalance_ratio": 10, "precision": "float32"}).key() == run.key()


def test_zero_has_one_form() -> None:
    zeros = {RunConfig(**RUN | {"weight_decay": zero}).key() for zero in (0, 0.0, -0.0)}
    assert len(zeros) == 1


@pytest.mark.parametrize("name", sorted(OTHER))
def test_every_field_changes_the_key(name: str) -> None:
    run, other = RunConfig(**RUN), RunConfig(**RUN | {name: OTHER[name]})
    assert other.key() != run.key()
    assert (other.group() == run.group()) == (name in {"strategy", "libraries", "requires_key", "seed"})


def test_no_field_is_forgotten() -> None:
    assert set(RunConfig.model_fields) == set(OTHER) | {"epochs", "precision"}  # precision has one value
    by_epochs = RunConfig(**RUN | {"steps": None, "epochs": 400.0})
    assert by_epochs.key() != RunConfig(**RUN).key()


def test_what_is_not_used_does_not_change_the_key() -> None:
    plain = RunConfig(**RUN | {"imbalance_ratio": None})
    for name in ("profile", "n_max", "minority_fraction", "tail_order", "validation"):
        assert getattr(plain, name) is None
        assert RunConfig(**RUN | {"imbalance_ratio": None, name: OTHER[name]}) == plain
    bare = {name: value for name, value in RUN.items() if name not in ("profile", "tail_order", "n_max")}
    assert RunConfig(**bare | {"imbalance_ratio": None}).key() == plain.key()
    exp = RunConfig(**RUN | {"profile": "exp"})
    assert exp.minority_fraction is None
    assert RunConfig(**RUN | {"profile": "exp", "minority_fraction": 0.25}).key() == exp.key()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": True},
        {"seed": -1},
        {"lr": float("nan")},
        {"lr": 0.0},
        {"requires_key": "0123"},
        {"torch_version": "2.14.1"},
        {"device_type": "auto"},
        {"precision": "float16"},
        {"results": "x"},
        {"profile": None},
        {"tail_order": None},
        {"minority_fraction": None},
        {"steps": None},
        {"epochs": 2.0},
        {"strategy": "ce,focal"},
    ],
)
def test_a_run_config_that_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunConfig(**RUN | change)


def test_importing_the_module_is_cheap() -> None:
    code = (
        "import sys, imbalance_bench.config as _; "
        "print([m for m in ('numpy', 'torch', 'sklearn', 'pandas', 'ruamel.yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
