"""Models by name: which are known, what lists and plans import, and a run from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import DIGITS, HEAVY, Call, modules_after

from imbalance_bench.errors import RequestError
from imbalance_bench.models.names import MODELS, check_name, torchvision_names, torchvision_summary


def test_our_own_and_torchvisions_names_are_known() -> None:
    for name in [*MODELS, *torchvision_names()]:
        check_name(name)
    assert len(torchvision_names()) >= 80


@pytest.mark.parametrize(
    ("name", "meant"), [("resnet-32", "resnet32"), ("resnet19", "resnet18"), ("vit_b16", "vit_b_16")]
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(RequestError, match=rf"no model '{name}'.*small-cnn.*Did you mean '{meant}'\?"):
        check_name(name)


@pytest.mark.parametrize("name", MODELS)
def test_checking_one_of_our_own_names_imports_nothing_heavy(name: str) -> None:
    code = (
        "import sys; from imbalance_bench.models.names import check_name; "
        f"check_name({name!r}); sys.exit(bool(set({HEAVY!r}) & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_network_of_torchvision_has_a_summary() -> None:
    for name in torchvision_names():
        summary, paper = torchvision_summary(name)
        assert "M parameters" in summary
        assert not {"`", "\n"} & set(summary)
        assert paper is None or paper.startswith("http")


def test_the_list_of_models_names_torchvision_without_importing_it(tmp_path: Path, call: Call) -> None:
    assert modules_after(("list", "models", "resnet32"), tmp_path, HEAVY) == set()
    listed = call("list", "models", "--format=json").json
    assert [entry["name"] for entry in listed] == [*MODELS, "torchvision"]
    assert "imbench list models torchvision" in listed[-1]["summary"]


def test_torchvisions_networks_are_listed_and_explained(call: Call) -> None:
    listed = call("list", "models", "torchvision", "--format=json").json
    assert [entry["name"] for entry in listed] == torchvision_names()
    ended = call("list", "models", "resnet18")
    assert "ResNet-18" in ended.out
    assert "https://arxiv.org/abs/1512.03385" in ended.out
    assert "alexnet" not in ended.out
    ended = call("list", "models", "resnet19")
    assert ended.status == 2
    assert "Did you mean 'resnet18'?" in ended.err


@pytest.mark.parametrize("name", ["resnet18", "resnet32"])
def test_a_run_with_another_network(call: Call, name: str) -> None:
    ended = call("run", "--strategy=ce", f"--model={name}", *DIGITS, "--format=json")
    assert ended.status == 0, ended.err
    record = json.loads((Path(ended.json["runs"][0]) / "run.json").read_text())
    assert record["config"]["model"] == name
    assert record["optimizer_steps"] == 2


def test_a_network_that_can_not_take_the_images_is_refused(call: Call) -> None:
    ended = call("run", "--strategy=ce", "--model=vgg11", *DIGITS)
    assert ended.status == 2
    assert (
        "vgg11 can't take images of 8x8 pixels; the smallest square size that it takes is 32x32" in ended.err
    )
    assert ended.out == ""


def test_a_network_that_does_not_fit_is_refused_once_before_any_run(call: Call, tmp_path: Path) -> None:
    flags = ("--dataset=digits", "--steps=1", "--batch-size=16", "--device=cpu", "--workers=2", "--seeds=3")
    ended = call("compare", "--strategies=ce,focal", "--model=vgg11", *flags)
    assert ended.status == 2
    assert ended.err.count("vgg11 can't take images of 8x8 pixels") == 1
    assert "to train" not in ended.err
    assert not list(tmp_path.rglob("*.json"))
