"""The samplers of imbalanced-learn that text can describe, and their parameters read and checked."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any

from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.params import Value, canonical

Settings = tuple[tuple[str, Value], ...]
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_WORDS: dict[str, Value] = {"none": None, "true": True, "false": False}
_NOT_TAKEN = {
    "random_state": "it follows from the seed of the run",
    "n_jobs": "it changes no number; --workers trains several runs at a time",
}
_SAID = {"boolean": "true or false", "cv_object": "a whole number from 2 on"}


@cache
def samplers() -> dict[str, Any]:
    """Every sampler class of imbalanced-learn by name, sorted; also those that `reason_against` refuses."""
    from imblearn import FunctionSampler, combine, over_sampling, under_sampling

    found = {FunctionSampler.__name__: FunctionSampler}
    for module in (combine, over_sampling, under_sampling):
        found |= {name: getattr(module, name) for name in module.__all__}
    return dict(sorted(found.items()))


def reason_against(cls: Any) -> str | None:
    """Why a sampler can't work on images as text describes it; None where it can."""
    parameters = inspect.signature(cls).parameters.values()
    if any(p.name.startswith("categorical") for p in parameters):
        return "it is made for categorical features, and pixels are numbers"
    if any(p.name == "func" for p in parameters):
        return "it runs a function, which text can't give; a strategy of your own can be a plugin"
    needed = [p.name for p in parameters if p.default is p.empty]
    return f"it needs {' and '.join(needed)}, which text can't give" if needed else None


def usable() -> list[str]:
    """The names of the samplers that a spec can name, sorted."""
    return [name for name, cls in samplers().items() if reason_against(cls) is None]


def find(word: str | None) -> Any:
    """The sampler class of a name, in any case; RequestError where there is none or it can't be used."""
    if word is None:
        raise RequestError(
            "imblearn needs the name of a sampler after a colon, as in imblearn:SMOTE or "
            f"imblearn:NearMiss:n_neighbors=3; available are: {', '.join(usable())}."
        )
    spellings = {name.lower(): name for name in samplers()}
    if word.lower() not in spellings:
        close = nearest(word.lower(), spellings)
        for lower, name in spellings.items():
            close = close.replace(repr(lower), repr(name))
        raise RequestError(
            f"imbalanced-learn has no sampler {word!r}; available are: {', '.join(usable())}.{close}"
        )
    name = spellings[word.lower()]
    if reason := reason_against(samplers()[name]):
        raise RequestError(f"imblearn:{name} can't be used: {reason}. Available are: {', '.join(usable())}.")
    return samplers()[name]


def parameters(cls: Any) -> tuple[str, ...]:
    """The names of the parameters that text can set, sorted; those of a part as part__name."""
    sampler = make(cls)
    names = sorted(sampler.get_params())
    return tuple(name for name in names if any(map(_said, _constraints(sampler, name))))


def why_not(cls: Any, name: str) -> str | None:
    """Why a parameter that the sampler has is not taken; None of any other name."""
    reason = _NOT_TAKEN.get(name.rpartition("__")[2])
    return (
        f"imblearn:{cls.__name__} takes no {name}: {reason}."
        if reason and name in make(cls).get_params()
        else None
    )


def read(cls: Any, given: Mapping[str, object]) -> Settings:
    """The settings, by sorted name and without defaults, from text or from numbers, words and lists.

    Raises:
        RequestError: for a parameter that the sampler lacks or text can't set, or a value out of its range.
    """
    what, plain = f"imblearn:{cls.__name__}", make(cls)
    own, defaults = parameters(cls), plain.get_params()
    values: dict[str, Value] = {}
    for key, raw in given.items():
        name = key.replace("-", "_")
        if name not in own:
            raise RequestError(f"{what} {_why_not(name, own, defaults)}")
        constraints = _constraints(plain, name)
        allowed = " or ".join(said for said in map(_said, constraints) if said)
        allowed += " or none" if None in constraints else ""
        refusal = RequestError(f"{what}: {name} is {shown(raw)}; allowed: {allowed}.")
        value = _value(raw, list in constraints, refusal)
        # Python counts true among the whole numbers, and so does scikit-learn.
        if isinstance(value, bool) and "boolean" not in constraints:
            raise refusal
        try:
            _owner(make(cls, ((name, value),)), name)._validate_params()
        except (TypeError, ValueError):
            raise refusal from None
        if value != defaults[name]:
            values[name] = value
    return tuple(sorted(values.items()))


def make(cls: Any, settings: Settings = ()) -> Any:
    """The sampler with these settings; one made of others holds them, as it would make them itself."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings}
    sampler = cls(**{name: value for name, value in given.items() if "__" not in name})
    if parts := [name for name in sampler.get_params(deep=False) if _is_part(cls, name)]:
        sampler._validate_estimator()
        sampler.set_params(**{name: getattr(sampler, name + "_") for name in parts})
    return sampler.set_params(**{name: value for name, value in given.items() if "__" in name})


def written(value: Value) -> str:
    """A value as text that `read` reads back; a list of one ends in a slash."""
    return canonical(value) + ("/" if isinstance(value, tuple) and len(value) == 1 else "")


def _is_part(cls: Any, name: str) -> bool:
    """Whether a parameter is a sampler of a class of its own, as the SMOTE within SMOTEENN."""
    return any(isinstance(c, type) and hasattr(c, "fit_resample") for c in cls._parameter_constraints[name])


def _owner(sampler: Any, name: str) -> Any:
    """The sampler, or the part of it, whose parameter `name` is."""
    part, nested, _ = name.rpartition("__")
    return getattr(sampler, part) if nested else sampler


def _constraints(sampler: Any, name: str) -> Sequence[Any]:
    """The alternatives that scikit-learn's validation admits for a parameter; none for what is not taken."""
    owner, last = _owner(sampler, name), name.rpartition("__")[2]
    follows = owner is not sampler and owner._sampling_type == sampler._sampling_type
    if last in _NOT_TAKEN or (follows and last == "sampling_strategy"):
        return ()
    found: Sequence[Any] = owner._parameter_constraints[last]
    return found


def _said(constraint: Any) -> str:
    """An alternative in words; empty for what text can't give: objects, functions, dicts, and None alone."""
    if isinstance(constraint, str):
        return _SAID.get(constraint, "")
    if constraint is list:
        return "classes by number, as 0/2 or 1/"
    if constraint in (Integral, Real):
        return "a whole number" if constraint is Integral else "a number"
    if hasattr(constraint, "options"):
        return " or ".join(map(repr, sorted(constraint.options)))
    return str(constraint) if hasattr(constraint, "left") else ""


def _why_not(name: str, own: Sequence[str], defaults: Mapping[str, object]) -> str:
    last, takes = name.rpartition("__")[2], f"it takes: {', '.join(own)}."
    if name not in defaults:
        return f"has no parameter {name!r}; {takes}{nearest(name, own)}"
    if last in _NOT_TAKEN:
        return f"takes no {name}: {_NOT_TAKEN[last]}."
    if last == "sampling_strategy":
        return f"takes no {name}: {last} sets it."
    return f"takes no {name}: it would have to be an object, which text can't give; {takes}"


def _value(raw: object, many: bool, refusal: RequestError) -> Value:
    """A value from text or Python; with `many`, a list (in text, with slashes) of whole numbers too."""
    if isinstance(raw, str) and not (many and "/" in raw):
        return _word(raw.strip(), refusal)
    if many and isinstance(raw, str | Sequence):
        items = raw.removesuffix("/").split("/") if isinstance(raw, str) else raw
        numbers = [_value(item, False, refusal) for item in items]
        if not numbers or any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
            raise refusal
        return tuple(n for n in numbers if isinstance(n, int))
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, Integral):
        return int(raw)
    if isinstance(raw, Real) and math.isfinite(raw):
        return float(raw)
    raise refusal


def _word(text: str, refusal: RequestError) -> Value:
    if _WHOLE.match(text):
        return int(text)
    if _DECIMAL.match(text):
        number = float(text)
        if not math.isfinite(number):
            raise refusal
        return number
    lower = text.lower()
    return _WORDS.get(lower, lower)
