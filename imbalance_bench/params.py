"""Declared parameters: frozen dataclass fields with a range, a default and an explanation.

Strategies and datasets declare their parameters with `param`; the command line's help, the checks and
`imbench list` are all read from there, so a parameter is described in one place only.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

from imbalance_bench.errors import RequestError, nearest, shown

KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "text": "any text"}
Value = float | int | bool | str | tuple[float, ...] | None
T = TypeVar("T")
_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


@dataclass(frozen=True)
class Rule:
    """What a parameter may be: the kinds of value, their range, what it means, and what is usual."""

    kind: str
    low: float
    high: float
    low_open: bool
    high_open: bool
    words: tuple[str, ...]
    many: bool
    help: str
    usual: str = ""

    def allowed(self) -> str:
        """The admissible values in words, for messages and help."""
        said = []
        if self.kind != "word":
            said.append(KINDS[self.kind])
            low = "" if self.low == -math.inf else f"{'above' if self.low_open else 'at least'} {self.low:g}"
            high = (
                "" if self.high == math.inf else f"{'below' if self.high_open else 'at most'} {self.high:g}"
            )
            if (low or high) and self.kind in ("int", "float"):
                said[0] += " " + " and ".join(part for part in (low, high) if part)
        if self.many:
            said.append("one such number per class, as 0.2/0.3/0.5")
        said += [repr(word) for word in self.words]
        return " or ".join(said)


def param(
    default: Value,
    *,
    help: str,
    kind: str = "float",
    low: float = -math.inf,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
    words: Sequence[str] = (),
    many: bool = False,
    usual: str = "",
) -> Any:
    """A dataclass field that carries its own rule.

    `kind` is "float", "int", "bool", "text" or "word"; `words` are admitted beside it (the word
    "none" stands for None); `many` also admits a list of numbers, written with slashes. `usual`
    is the sensible range in words.
    """
    rule = Rule(kind, low, high, low_open, high_open, tuple(words), many, help, usual)
    return dataclasses.field(default=default, metadata={"rule": rule})


def rules(cls: type) -> dict[str, Rule]:
    """The declared parameters of a strategy or dataset class, by name, in the order of declaration."""
    return {f.name: f.metadata["rule"] for f in dataclasses.fields(cls) if "rule" in f.metadata}


def build(cls: type[T], given: Mapping[str, object], *, what: str) -> T:
    """An instance of `cls` from checked parameters; RequestError for an unknown name or a bad value."""
    known = rules(cls)
    values: dict[str, Value] = {}
    for key, value in given.items():
        name = key.replace("-", "_")
        if name not in known:
            own = ", ".join(known) or "none"
            raise RequestError(f"{what} has no parameter {key!r}; it takes: {own}.{nearest(name, known)}")
        values[name] = check(known[name], value, f"{what}: {name}")
    return cls(**values)


def check(rule: Rule, value: object, what: str) -> Value:
    """`value` (text or Python) as the rule's type; RequestError naming what was found and what is allowed."""
    refusal = RequestError(f"{what} is {shown(value)}; allowed: {rule.allowed()}.")
    if value is None or (isinstance(value, str) and value.lower() in {w.lower() for w in rule.words}):
        if value is None or value.lower() == "none":
            if "none" in rule.words:
                return None
            raise refusal
        return value.lower()
    if rule.kind == "word":
        raise refusal
    if rule.kind == "text":
        return _text(value, refusal)
    if rule.kind == "bool":
        return _bool(value, refusal)
    if rule.many and (many := _many(value)) is not None:
        # A list of one would read back from its canonical text as a plain number.
        if len(many) < 2:
            raise refusal
        return tuple(float(_number(rule, item, refusal)) for item in many)
    return _number(rule, value, refusal)


def canonical(value: Value) -> str:
    """A value as text that `check` reads back to the same value."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "/".join(canonical(item) for item in value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def non_defaults(instance: Any) -> dict[str, str]:
    """The parameters of `instance` that differ from their defaults, as canonical text, by sorted name."""
    found = {}
    for field in sorted(dataclasses.fields(instance), key=lambda f: f.name):
        value = getattr(instance, field.name)
        if "rule" in field.metadata and value != field.default:
            found[field.name] = canonical(value)
    return found


def _text(value: object, refusal: RequestError) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise refusal
    return value


def _bool(value: object, refusal: RequestError) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
        return value.lower() in ("true", "yes")
    raise refusal


def _many(value: object) -> list[object] | None:
    if isinstance(value, str):
        return list(value.split("/")) if "/" in value else None
    if hasattr(value, "tolist") and getattr(value, "ndim", 0) == 1:
        return list(value.tolist())
    return list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else None


def _number(rule: Rule, value: object, refusal: RequestError) -> float | int:
    """`value` in the rule's range; text in plain ASCII digits, a whole number without point or exponent."""
    whole = rule.kind == "int"
    if isinstance(value, str):
        value = value.strip()
        if not (_WHOLE if whole else _DECIMAL).match(value):
            raise refusal
    elif isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise refusal
    try:
        number = int(value) if whole else float(value)  # type: ignore[arg-type]
        finite = math.isfinite(number)
    except (ValueError, OverflowError):
        raise refusal from None
    excluded = (rule.low_open and number == rule.low) or (rule.high_open and number == rule.high)
    if not finite or not rule.low <= number <= rule.high or excluded:
        raise refusal
    return number
