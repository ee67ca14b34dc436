"""What a strategy says of itself, refused when it is registered or made, with the place."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from typing import Any

import pytest

from imbalance_bench.config import merge
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.planning import plan
from imbalance_bench.params import param
from imbalance_bench.strategies import Strategy, available, create, register
from imbalance_bench.strategies import registry as module
from imbalance_bench.strategies.registry import create_list

pytestmark = pytest.mark.usefixtures("own_strategies")


def cls_of(**said: Any) -> type[Strategy]:
    return dataclasses.dataclass(frozen=True)(type("Mine", (Strategy,), {"name": "p-x", **said}))


def raising(error: Exception) -> Any:
    def act(*_: Any) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"name": 3}, "its name is 3; text of letters"),
        ({"name": "two words"}, "its name is 'two words'; text of letters"),
        ({"name": ""}, "its name is ''; text of letters"),
        ({"aliases": "px"}, "its aliases is 'px'; a tuple of such names"),
        ({"aliases": ("a+b",)}, "its aliases is"),
        ({"summary": None}, "its summary is nothing; text is needed"),
        ({"loss": None}, "its loss is nothing; a method is needed"),
        (
            {"power": param(1.0, help="odd", kind="real"), "__annotations__": {"power": float}},
            "its power is Rule.* what `params.param` makes of known kinds is needed",
        ),
        ({"power": param(1.0, help=3), "__annotations__": {"power": float}}, "its help of power is 3; text"),  # type: ignore[arg-type]
        ({"requires": lambda self: "focal"}, "its requires is a method; write @property above it"),
    ],
)
def test_what_can_not_be_registered(said: dict[str, Any], found: str) -> None:
    with pytest.raises(TypeError, match=found):
        register(cls_of(**said))
    assert "p-x" not in available()


def test_a_class_that_is_no_dataclass_of_its_own_would_lose_its_parameters() -> None:
    class Bare(Strategy):
        name = "p-x"
        power: float = param(0.5, help="lost without the decorator")

    with pytest.raises(TypeError, match=r"Bare is no frozen dataclass; write @dataclass\(frozen=True\)"):
        register(Bare)


@pytest.mark.parametrize("error", [SystemExit(3), TypeError("no")])
def test_a_plugin_that_ends_or_fails_is_left_out_whole(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    class Entry:
        name, value = "p-x", "p:X"

        def load(self) -> Any:
            register(cls_of())
            raise error

    monkeypatch.setattr(metadata, "entry_points", lambda group: (Entry(),))
    module._discover.cache_clear()
    with pytest.warns(UserWarning, match="the strategy plugin 'p-x' .* is left out"):
        names = available()
    assert "p-x" not in names
    assert "focal" in names


def test_a_name_of_ours_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a process that has looked nothing up yet: only what is imported already is known.
    monkeypatch.setattr(module, "_registered", {})
    calls = []
    monkeypatch.setattr(module, "_discover_own", lambda: calls.append(1))
    register(cls_of())
    assert calls == [1]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"from_spec": classmethod(raising(TypeError("odd")))}, "its from_spec raised TypeError: odd."),
        ({"from_spec": classmethod(lambda *_: 3)}, "its from_spec gave 3; a strategy is needed."),
        ({"parameters": classmethod(raising(KeyError("k")))}, "its parameters raised KeyError: 'k'."),
        ({"requires": property(raising(ValueError("odd")))}, "its requires raised ValueError: odd."),
        ({"requires": 3}, "its requires gave 3; a spec or None is needed."),
        ({"draws_on": "scipy"}, r"its draws_on gave 'scipy'; a tuple of names, as \('scipy',\), is needed."),
        (
            {"own_parameters": property(raising(ValueError("odd")))},
            "its own_parameters raised ValueError: odd.",
        ),
        ({"spec": property(raising(ValueError("odd")))}, "its spec raised ValueError: odd."),
    ],
)
def test_what_can_not_be_made(said: dict[str, Any], found: str) -> None:
    register(cls_of(**said))
    with pytest.raises(RequestError, match=f"^p-x: {found}"):
        create("p-x")


def test_a_field_without_default() -> None:
    @register
    @dataclasses.dataclass(frozen=True)
    class Needy(Strategy):
        name = "p-x"
        power: float

    with pytest.raises(RequestError, match=r"^p-x: its from_spec raised TypeError: .*'power'"):
        create("p-x")


def planned(spec: str) -> None:
    plan(merge(None, {"dataset": "digits", "device": "cpu"}), create_list(spec), default_seeds=1)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"requires": "p-x"}, "its requires leads back to itself: p-x -> p-x."),
        ({"requires": "focl"}, "its requires is 'focl': there is no strategy 'focl'"),
        ({"draws_on": ("no-such-thing",)}, "its draws_on names 'no-such-thing', which is not installed."),
    ],
)
def test_what_can_not_be_planned(said: dict[str, Any], found: str) -> None:
    register(cls_of(loss=lambda self, context: None, **said))
    with pytest.raises(RequestError, match=f"^p-x: {found}"):
        planned("focal,p-x")


def test_a_circle_of_two() -> None:
    for name, other in (("p-a", "p-b"), ("p-b", "p-a")):
        register(cls_of(name=name, requires=other, loss=lambda self, context: None, __qualname__=name))
    with pytest.raises(RequestError, match=r"^p-a: its requires leads back to itself: p-a -> p-b -> p-a\.$"):
        planned("p-a")


def test_the_nearest_in_any_case() -> None:
    for written, meant in (("LDAM", "ldam"), ("IMBLEARN", "imblearn"), ("Focul", "focal")):
        with pytest.raises(RequestError, match=f"Did you mean '{meant}'"):
            create(written)


def test_spaces_around_a_plus() -> None:
    assert create("focal:gamma=1 + smote").spec == create("focal:gamma=1+smote").spec
