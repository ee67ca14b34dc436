"""The grammar of specs: how strategies and datasets are written as text.

    list := spec ("," spec)*          focal:alpha=0.25,gamma=2,smote      three words, two specs
    spec := part ("+" part)*          oversample+focal
    part := name[":"Word][":"key=value(","key=value)*]

A comma piece that looks like `key=...` continues the part before it, which must already have a
`:key=value`. `+` separates parts only before a letter, with or without spaces, so `1e+3` is a number. Lists
inside a value use `/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from imbalance_bench.errors import RequestError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_PLUS = re.compile(r"\s*\+\s*(?=[A-Za-z])")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*=(.*)\Z", re.DOTALL)
MAX_LENGTH = 10_000


@dataclass(frozen=True)
class Part:
    """One component of a spec: its name, the word after the first colon, and its parameters as text."""

    name: str
    word: str | None = None
    params: dict[str, str] = field(default_factory=dict)


def split_list(text: str) -> list[str]:
    """The specs of a comma-separated list, each as written; RequestError where the list is malformed."""
    if len(text) > MAX_LENGTH:
        raise RequestError(f"the list of specs has {len(text)} characters; at most {MAX_LENGTH} are read.")
    specs: list[str] = []
    for raw in text.split(","):
        piece = raw.strip()
        assignment = _ASSIGNMENT.match(piece)
        if assignment and ":" not in assignment.group(1):
            if not specs:
                raise RequestError(f"{piece!r} stands before any name; write NAME:{piece}.")
            last = _PLUS.split(specs[-1])[-1]
            if "=" not in last:
                raise RequestError(
                    f"{piece!r} follows {specs[-1]!r}, which has no parameters yet; "
                    f"write {specs[-1]}:{piece} (a colon before the first parameter, commas after it)."
                )
            specs[-1] += "," + piece
        elif not piece:
            raise RequestError(f"an empty entry in the list {text!r}; remove the extra comma.")
        else:
            specs.append(piece)
    return specs


def split_spec(text: str) -> list[Part]:
    """The parts of one spec, in order; RequestError where it is malformed or holds more than one spec."""
    specs = split_list(text)
    if len(specs) != 1:
        raise RequestError(f"{text!r} holds {len(specs)} entries ({', '.join(specs)}); one is wanted here.")
    return [_part(piece) for piece in _PLUS.split(specs[0])]


def _part(text: str) -> Part:
    name, *rest = (piece.strip() for piece in text.strip().split(":"))
    if not NAME.match(name):
        raise RequestError(
            f"{text!r} does not start with a name; write NAME, NAME:key=value or NAME+NAME "
            "(names hold letters, digits, '-' and '_')."
        )
    word = rest.pop(0) if rest and "=" not in rest[0] else None
    if word is not None and not word:
        raise RequestError(f"{text!r} ends in a colon; write {name} or {name}:key=value.")
    if len(rest) > 1:
        raise RequestError(f"{text!r} has too many colons; write {name}:key=value,key=value.")
    return Part(name, word, _params(rest[0], text) if rest else {})


def _params(text: str, whole: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for piece in text.split(","):
        assignment = _ASSIGNMENT.match(piece)
        if not assignment or not assignment.group(2).strip():
            raise RequestError(f"{piece!r} in {whole!r} is not key=value.")
        key = assignment.group(1).replace("-", "_")
        if key in params:
            raise RequestError(f"{whole!r} gives {key!r} twice; keep one.")
        params[key] = assignment.group(2).strip()
    return params
