"""`imbench list strategies NAME`: every strategy is explained, in text that fits a terminal and as JSON."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers import HEAVY, Call, modules_after

from imbalance_bench.params import check, rules
from imbalance_bench.strategies import available
from imbalance_bench.strategies.registry import registry

NAMES = sorted(available())
every = pytest.mark.parametrize("name", NAMES)
TITLES = ("formula", "acts on", "beware", "source")
# design.md, the table of strategies, and those that came after it.
PROMISED = {
    "cross-entropy", "undersample", "oversample", "smote", "focal", "class-weights", "class-balanced",
    "class-balanced-focal", "balanced-softmax", "logit-adjusted-loss", "ldam", "drw", "drs", "mixup", "crt",
    "tau-norm", "logit-adjustment", "threshold", "class-balanced-sampling", "square-root-sampling", "poly-1",
    "asymmetric", "label-aware-smoothing", "two-phase",
}  # fmt: skip


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_all_that_was_promised_is_listed(call: Call) -> None:
    listed = [entry["name"] for entry in call("list", "strategies", "--format=json").json]
    assert set(listed) >= PROMISED
    assert len(listed) == len(set(listed))
    assert all(entry["summary"] for entry in call("list", "strategies", "--format=json").json)


@every
def test_one_is_explained_as_json(call: Call, name: str) -> None:
    (entry,) = call("list", "strategies", name, "--format=json").json
    assert entry["name"] == name
    for key in ("summary", "formula", "caution", "paper"):
        assert len(entry[key]) > 5, key
        assert entry[key] == entry[key].strip()
        assert "\n" not in entry[key]
    # A source names its year; what it acts on is one place or more.
    assert re.search(r"\((19|20)\d\d\)", entry["paper"])
    assert entry["acts_on"]
    assert {p["name"] for p in entry["parameters"]} == set(rules(registry()[name]))


@every
def test_every_parameter_has_a_default_that_is_allowed_and_an_explanation(call: Call, name: str) -> None:
    (entry,) = call("list", "strategies", name, "--format=json").json
    known = rules(registry()[name])
    for parameter in entry["parameters"]:
        check(known[parameter["name"]], parameter["default"], parameter["name"])
        assert len(parameter["help"]) > 10
        assert parameter["allowed"]
        # What is allowed is seldom what is sensible; words speak for themselves.
        if known[parameter["name"]].kind in ("float", "int") and name != "threshold":
            assert re.search(r"\d", parameter["usual"]), parameter["name"]


@every
def test_one_is_explained_in_80_columns(call: Call, name: str) -> None:
    (entry,) = call("list", "strategies", name, "--format=json").json
    ended = call("list", "strategies", name)
    assert ended.status == 0
    assert max(map(len, ended.out.splitlines())) <= 80
    assert [title for title in TITLES if re.search(f"^{title} ", ended.out, re.M)] == list(TITLES)
    text = squeezed(ended.out)
    for key in ("summary", "formula", "caution", "paper"):
        assert squeezed(entry[key]) in text, key
    for parameter in entry["parameters"]:
        said = f"{parameter['help']}; {parameter['allowed']}"
        usual = f"; usual: {parameter['usual']}" if parameter["usual"] else ""
        assert squeezed(f"{parameter['name']} {said}{usual} [default: {parameter['default']}]") in text


def test_the_whole_list_fits_too_and_names_each_default(call: Call) -> None:
    out = call("list", "strategies").out
    assert max(map(len, out.splitlines())) <= 80
    for name in NAMES:
        assert re.search(f"^{name} ", out, re.M), name
    assert "epsilon=2" in out
    assert "usual" not in out


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("class-balanced", ["class weights"]),
        ("class-balanced-focal", ["loss", "class weights"]),
        ("ldam", ["loss", "head"]),
        ("drw", ["class weights"]),
        ("drs", ["rows", "stages"]),
        ("mixup", ["rows"]),
        ("tau-norm", ["scores afterwards"]),
        ("threshold", ["decision afterwards"]),
    ],
)
def test_what_it_acts_on(call: Call, name: str, places: list[str]) -> None:
    (entry,) = call("list", "strategies", name, "--format=json").json
    assert entry["acts_on"] == places


def test_an_alias_explains_its_strategy(call: Call) -> None:
    assert call("list", "strategies", "ce").out == call("list", "strategies", "cross-entropy").out


def test_the_parts_of_a_spec_are_explained_one_by_one(call: Call) -> None:
    found = call("list", "strategies", "ldam:s=10+drw", "--format=json").json
    assert [entry["name"] for entry in found] == ["ldam", "drw"]
    told = call("list", "strategies", "ldam+drw").out
    assert told.count("beware") == 2


def test_imblearn_names_its_samplers(call: Call) -> None:
    (entry,) = call("list", "strategies", "imblearn:SMOTE", "--format=json").json
    assert {"SMOTE", "NearMiss", "SMOTEENN"} <= set(entry["samplers"])
    assert "BorderlineSMOTE" in call("list", "strategies", "imblearn").out


def test_a_misspelt_name_is_refused_with_the_nearest(call: Call) -> None:
    ended = call("list", "strategies", "crtt")
    assert ended.status == 2
    assert ended.out == ""
    assert "there is no strategy 'crtt'" in ended.err
    assert "Did you mean 'crt'" in ended.err


@pytest.mark.parametrize("name", ["smote", "label-aware-smoothing"])
def test_nothing_heavy_is_imported(tmp_path: Path, name: str) -> None:
    assert modules_after(("list", "strategies", name), tmp_path, HEAVY) == set()
