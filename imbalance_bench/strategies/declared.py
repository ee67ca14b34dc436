"""What a strategy says of itself, looked at when it is registered and when it is made."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from imbalance_bench.errors import RequestError, shown
from imbalance_bench.params import Value, canonical
from imbalance_bench.specs import NAME
from imbalance_bench.strategies.base import Strategy

TOLD = ("summary", "formula", "caution", "paper", "example")
METHODS = ("from_spec", "parameters", "more", "why_not", "check", "notes", "plan", "loss", "loss_factors",
           "loss_shift", "weights", "stages", "fit_adjust", "fit_decision")  # fmt: skip
PROPERTIES = ("own_parameters", "spec", "head", "head_scale", "requires", "draws_on", "redraws",
              "prior_is_exact")  # fmt: skip


def check_class(cls: type[Strategy]) -> None:
    """TypeError, in words for its author, where a class can't be a strategy."""
    name = getattr(cls, "name", None)
    if not _is_name(name):
        raise _wrong(cls, "name", name, "text of letters, digits, '-' and '_' that starts with a letter")
    if not isinstance(cls.aliases, tuple) or not all(map(_is_name, cls.aliases)):
        raise _wrong(cls, "aliases", cls.aliases, "a tuple of such names, as ('ce',),")
    for told in TOLD:
        if not isinstance(getattr(cls, told), str):
            raise _wrong(cls, told, getattr(cls, told), "text")
    params: Any = vars(cls).get("__dataclass_params__")
    if params is None or not params.frozen:
        raise TypeError(
            f"{cls.__name__} is no frozen dataclass; write @dataclass(frozen=True) under @register."
        )
    for field in dataclasses.fields(cls):
        _check_parameter(cls, field)
    for place in METHODS:
        if not callable(getattr(cls, place)):
            raise _wrong(cls, place, getattr(cls, place), "a method")
    for place in PROPERTIES:
        if inspect.isroutine(inspect.getattr_static(cls, place)):
            raise TypeError(f"{cls.__name__}: its {place} is a method; write @property above it.")


def made(cls: type[Strategy], word: str | None, params: Mapping[str, object]) -> Strategy:
    """`cls.from_spec`; RequestError where it raises anything else, or the strategy says what none may."""
    strategy = asked(cls, "from_spec", cls.from_spec, word, params)
    if not isinstance(strategy, Strategy):
        raise _refusal(cls, "from_spec", strategy, "a strategy")
    spec, requires, packages, _ = (
        asked(cls, place, getattr, strategy, place)
        for place in ("spec", "requires", "draws_on", "own_parameters")
    )
    if not isinstance(spec, str):
        raise _refusal(cls, "spec", spec, "text")
    if not isinstance(requires, str | None):
        raise _refusal(cls, "requires", requires, "a spec or None")
    if not isinstance(packages, tuple) or not all(isinstance(name, str) for name in packages):
        raise _refusal(cls, "draws_on", packages, "a tuple of names, as ('scipy',),")
    return strategy


def asked(cls: type[Strategy], place: str, function: Callable[..., Any], *arguments: object) -> Any:
    """What `function` gives; RequestError that names strategy and place where it raises anything else."""
    try:
        return function(*arguments)
    except RequestError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(". ")
        raise RequestError(f"{cls.name}: its {place} raised {said}.") from error


def _check_parameter(cls: type[Strategy], field: dataclasses.Field[Any]) -> None:
    if "rule" not in field.metadata:
        return
    rule, default = field.metadata["rule"], cast("Value", field.default)
    try:
        told = (rule.allowed(), canonical(default), rule.help, rule.usual)
    except Exception as error:
        raise _wrong(cls, field.name, rule, "what `params.param` makes of known kinds") from error
    if not all(isinstance(text, str) for text in told):
        raise _wrong(cls, f"help of {field.name}", rule.help, "text")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and NAME.match(name) is not None


def _wrong(cls: type, place: str, found: object, needed: str) -> TypeError:
    return TypeError(f"{cls.__name__}: its {place} is {shown(found)}; {needed} is needed.")


def _refusal(cls: type[Strategy], place: str, found: object, needed: str) -> RequestError:
    return RequestError(f"{cls.name}: its {place} gave {shown(found)}; {needed} is needed.")
