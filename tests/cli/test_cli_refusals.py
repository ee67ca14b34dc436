"""What the command line refuses, and how it says so; configuration files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import (
    SMALL,
    Call,
    compare,
    expected_kinds,
    kinds,
)

from imbalance_bench.experiments import making


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dataset=digit",), "Did you mean 'digits'"),
        (("--dataset=synthetic:tran=5",), "train"),
        (("--dataset=synthetic:train=-5",), "train"),
        (("--strategies=ce,fcal",), "Did you mean 'focal'"),
        (("--strategies=focal:gama=1",), "Did you mean 'gamma'"),
        (("--strategies=ce,k=3",), "k=3"),
        (("--strategies=",), "strategies"),
        (("--strategies=ce,,focal",), "strategies"),
        (("--primary-metric=macro_f2",), "Did you mean 'macro_f1'"),
        (("--dataset=digits", "--imbalance-ratio=10", "--n-max=100000"), "The largest n_max that works is"),
        (("--dataset=digits", "--imbalance-ratio=100000"), "ratio"),
        (("--n-max=50",), "--imbalance-ratio"),
        (("--imbalance-ratio=0.5",), "--imbalance-ratio"),
        (("--imbalance-ratio=nan",), "--imbalance-ratio"),
        (("--seeds=0",), "--seeds"),
        (("--seeds=-1",), "--seeds"),
        (("--seeds=1,1",), "--seeds"),
        (("--seeds=two",), "--seeds"),
        (("--seeds=2", "--seed=1"), "--seed"),
        (("--steps=0",), "--steps"),
        (("--steps=many",), "--steps"),
        (("--steps=5", "--epochs=1"), "--epochs"),
        (("--epochs=0",), "--epochs"),
        (("--batch-size=1",), "--batch-size"),
        (("--lr=0",), "--lr"),
        (("--lr=inf",), "--lr"),
        (("--workers=-1",), "--workers"),
        (("--device=tpu",), "--device"),
        (("--format=html",), "--format"),
        (("--test-prior=even",), "--test-prior"),
        (("--model=resnet",), "small-cnn"),
        (("--positive-class=ill",), "healthy, diseased"),
        (("--config=none.yaml",), "none.yaml"),
        (("--output=nowhere/out.json",), "nowhere"),
        (("--output=.",), "folder"),
        (("--results=a-file",), "--results"),
        (("--results=a-file/below",), "--results"),
        (("--gamma=2",), "--gamma"),
        (("focal",), "focal"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_request_is_refused_before_anything_is_trained(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("something is trained")

    monkeypatch.setattr(making, "_train", never)
    (tmp_path / "a-file").touch()
    ended = call("compare", "--workers=0", *arguments)
    assert ended.status == 2, ended.err
    assert said in ended.err
    assert ended.out == ""
    assert "fault" not in ended.err


def test_a_gpu_that_is_not_there_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ended = call("compare", "--device=cuda")
    assert ended.status == 2
    assert "--device cuda: this machine has" in ended.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = call("compare", "--output=locked/out.json")
    assert ended.status == 2
    assert "can't be written to" in ended.err


@pytest.mark.parametrize("command", ["comapre", "--verison", ""])
def test_an_unknown_command_is_refused(call: Call, command: str) -> None:
    assert call(command).status == 2


def test_a_config_file_works_and_a_flag_wins(call: Call, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(
        "dataset: synthetic:train=200,val=100,test=100,prevalence=0.2\n"
        "strategies: [focal, undersample]\nseeds: [0, 1]\nsteps: 5\nbatch_size: 32\nworkers: 0\n"
        "device: cpu\nformat: json\n"
    )
    ended = call("compare", "--config=experiment.yaml")
    assert ended.status == 0, ended.err
    assert ended.out == call(*compare("--format=json")).out
    one = call("compare", "--config", "experiment.yaml", "--seed=1", "--strategies=ce").json
    assert one["seeds"] == [1]
    assert kinds(one) == expected_kinds("cross-entropy", bayes=True)


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("compare", "steps: 5\nbatch_sise: 3\n", ("experiment.yaml:2", "batch-size")),
        ("compare", "dataset: digits\nsteps: none of them\n", ("experiment.yaml:2", "steps")),
        ("compare", "strategy: focal\n", ("belongs to `run`",)),
        ("run", "strategies: [focal, ce]\n", ("belongs to `compare`",)),
        ("run", "strategy: focal\ngama: 2\n", ("experiment.yaml:2", "gama", "Did you mean 'gamma'")),
        ("compare", "steps: [\n", ("experiment.yaml",)),
        ("compare", "- a\n- b\n", ("experiment.yaml",)),
    ],
)
def test_a_bad_config_file_is_refused_by_line(
    call: Call, tmp_path: Path, command: str, text: str, said: tuple[str, ...]
) -> None:
    (tmp_path / "experiment.yaml").write_text(text)
    ended = call(command, "--config=experiment.yaml", "--workers=0")
    assert ended.status == 2
    assert all(words in ended.err for words in said), ended.err


def test_parameters_of_the_strategy_may_stand_in_the_config(call: Call, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("strategy: focal\ngamma: 1\nalpha: 0.25\n")
    ended = call("run", "--config=experiment.yaml", "--gamma=3", *SMALL, "--format=json")
    assert ended.status == 0, ended.err
    assert ended.json["strategy"] == "focal:alpha=0.25,gamma=3"
