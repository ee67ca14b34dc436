"""Every registered strategy can be made from its name; what can't be made is refused with help."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import pytest

from imbalance_bench.errors import RequestError
from imbalance_bench.params import rules
from imbalance_bench.strategies import Strategy, available, create, register
from imbalance_bench.strategies import registry as module
from imbalance_bench.strategies.registry import create_list, registry

ARTICLE = {"cross-entropy", "undersample", "oversample", "focal", "class-weights"}


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers or discovers is forgotten afterwards."""
    available()
    monkeypatch.setattr(module, "_registered", dict(module._registered))
    yield
    module._discover.cache_clear()


class FakeEntry:
    """An entry point that gives `found`, or raises it."""

    def __init__(self, name: str, found: Any) -> None:
        self.name, self.value, self._found = name, f"some_plugin:{name}", found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def discover(monkeypatch: pytest.MonkeyPatch, *entries: FakeEntry) -> None:
    def entry_points(group: str) -> tuple[FakeEntry, ...]:
        assert group == "imbench.strategies"
        return entries

    module._discover.cache_clear()
    monkeypatch.setattr(metadata, "entry_points", entry_points)


def example_of(name: str) -> str:
    """A spec that makes the strategy; most need no more than the name."""
    return registry()[name].example or name


def test_the_known_ones_are_there_and_sorted() -> None:
    assert set(available()) >= ARTICLE
    assert available() == sorted(available())


@pytest.mark.parametrize("name", available())
def test_every_name_makes_a_strategy(name: str) -> None:
    strategy = create(example_of(name))
    assert type(strategy) is registry()[name]
    assert strategy.name == name
    assert strategy.spec == example_of(name)
    assert create(strategy.spec) == strategy


@pytest.mark.parametrize("name", available())
def test_every_strategy_explains_itself(name: str) -> None:
    cls = registry()[name]
    assert cls.summary
    assert cls.paper
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    # Who reads specs itself has fields that follow rules of its own.
    if "from_spec" not in vars(cls):
        assert set(rules(cls)) == {field.name for field in dataclasses.fields(cls)}
    assert all(rule.help for rule in rules(cls).values())


@pytest.mark.parametrize("name", available())
def test_every_alias_resolves(name: str) -> None:
    for alias in registry()[name].aliases:
        assert create(example_of(name).replace(name, alias, 1)) == create(example_of(name))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ce", "cross-entropy"),
        ("focal:gamma=2", "focal"),
        ("focal:gamma=2.0,alpha=none", "focal"),
        ("focal:gamma=1e+1,alpha=0.250", "focal:alpha=0.25,gamma=10"),
        ("focal:gamma=0,alpha=Balanced", "focal:alpha=balanced,gamma=0"),
        ("focal:alpha=0.2/0.30/.5", "focal:alpha=0.2/0.3/0.5"),
        ("undersample:redraw=once", "undersample"),
        ("undersample:redraw=pass,ratio=.5", "undersample:ratio=0.5,redraw=pass"),
        ("oversample:ratio=1+focal:gamma=1", "oversample+focal:gamma=1"),
        ("focal+class-weights", "focal+class-weights"),
    ],
)
def test_canonical_specs(text: str, spec: str) -> None:
    strategy = create(text)
    assert strategy.spec == spec
    assert create(spec) == strategy


def test_parameters_beside_the_spec() -> None:
    assert create("focal", gamma=1, alpha=[0.2, 0.8]) == create("focal:alpha=0.2/0.8,gamma=1")
    assert create("oversample+focal", gamma="1", ratio=0.5).spec == "oversample:ratio=0.5+focal:gamma=1"


@pytest.mark.parametrize(
    ("text", "params", "reason"),
    [
        ("focul", {}, r"no strategy 'focul'; known are: .*cross-entropy.*Did you mean 'focal'\?"),
        ("CE", {}, "no strategy 'CE'"),
        ("focal:gama=1", {}, r"focal has no parameter 'gama'; it takes: gamma, alpha\. Did you mean 'gamma'"),
        ("ce:gamma=1", {}, r"cross-entropy has no parameter 'gamma'; it takes: none\."),
        ("focal:gamma=-1", {}, "gamma is '-1'; allowed: a number at least 0"),
        ("focal:gamma=1_0", {}, "gamma is '1_0'"),
        ("undersample:ratio=0", {}, "above 0 and at most 1"),
        ("undersample:redraw=often", {}, "'once' or 'pass'"),
        ("focal:SMOTE", {}, "takes no word after the colon, found 'SMOTE'"),
        ("focal", {"gama": 1}, r"no parameter 'gama'; it takes: gamma, alpha\. Did you mean 'gamma'\?"),
        ("focal:gamma=1", {"gamma": 2}, "beside it; keep one"),
        ("ce,focal", {}, "one is wanted here"),
    ],
)
def test_refusals(text: str, params: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        create(text, **params)


def test_lists_keep_their_order_and_each_strategy_once() -> None:
    found = create_list("focal:gamma=2,ce,focal,cross-entropy,focal:gamma=1")
    assert [strategy.spec for strategy in found] == ["focal", "cross-entropy", "focal:gamma=1"]


@pytest.mark.usefixtures("clean")
def test_a_name_or_alias_is_taken_once() -> None:
    @dataclasses.dataclass(frozen=True)
    class Mine(Strategy):
        name = "focal"

    @dataclasses.dataclass(frozen=True)
    class Yours(Strategy):
        name = "something-new"
        aliases = ("ce",)

    for cls in (Mine, Yours):
        with pytest.raises(ValueError, match="is taken by"):
            register(cls)
    assert "something-new" not in available()


@pytest.mark.usefixtures("clean")
def test_a_plugin_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclasses.dataclass(frozen=True)
    class Plugin(Strategy):
        name = "from-afar"

    discover(monkeypatch, FakeEntry("from-afar", Plugin))
    assert "from-afar" in available()
    assert create("from-afar") == Plugin()


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    "found",
    [
        ImportError("no such module"),
        RuntimeError("broken"),
        3,
        object,
        Strategy,
        type("X", (), {"name": "x"}),
    ],
    ids=["import", "runtime", "number", "object", "nameless", "no-strategy"],
)
def test_a_broken_plugin_is_a_warning(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    discover(monkeypatch, FakeEntry("broken", found))
    with pytest.warns(UserWarning, match="the strategy plugin 'broken' .* is left out"):
        names = available()
    assert set(names) >= ARTICLE
    assert "x" not in names


@pytest.mark.parametrize("name", ["bayes-optimal", "majority-class"])
def test_the_references_are_no_strategies(name: str, own_strategies: None) -> None:
    with pytest.raises(RequestError, match="every comparison shows by itself"):
        create(name)

    @dataclasses.dataclass(frozen=True)
    class Taken(Strategy):
        pass

    Taken.name = name
    with pytest.raises(ValueError, match="the name of a reference"):
        register(Taken)
