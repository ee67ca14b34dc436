"""What the value of a setting may be: readers of numbers, text, paths, specs and seeds as field types.

Values come from flags (typed by the command line) and from files (plain YAML scalars, or the flag's text):
lax only where nothing is guessed. True and false never pass for numbers.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainValidator, Strict
from pydantic.fields import FieldInfo

from imbalance_bench.errors import RequestError, shown
from imbalance_bench.specs import split_list, split_spec

MAX_SEED = 2**63 - 1
MAX_SEEDS = 10_000
MAX_COUNT = 10**9
MAX_STEPS = 10_000_000
AUGMENTATIONS = ("flip", "flip-vertical", "shift", "crop")
"""What `--augment` can do to training images."""

_DIGITS = re.compile(r"[0-9]{1,30}")
_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_REAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def parse_seeds(value: object) -> tuple[int, ...]:
    """The seeds that `value` stands for: 5 or "5" is 0 to 4, "3,7" those two, a list exactly its members."""
    if isinstance(value, str):
        pieces: list[object] = [piece.strip() for piece in value.split(",")]
        if len(pieces) == 2 and not pieces[1] and _DIGITS.fullmatch(one := str(pieces[0])):
            raise RequestError(
                f"found {shown(value)}, which is one seed or a count; write --seed {one} for that seed "
                f"alone, --seeds {one} for a count (in a file the same names without dashes)."
            )
        if len(pieces) > 1:
            return _distinct(pieces, value)
        value = pieces[0]
    elif isinstance(value, Sequence):
        return _distinct(value, value)
    count = _seed(value, value)
    if not 1 <= count <= MAX_SEEDS:
        raise RequestError(f"found {shown(value)} as the number of seeds, allowed: 1 to {MAX_SEEDS}.")
    return tuple(range(count))


def _distinct(pieces: Sequence[object], whole: object) -> tuple[int, ...]:
    if not 1 <= len(pieces) <= MAX_SEEDS:
        raise RequestError(f"found a list of {len(pieces)} seeds, allowed: 1 to {MAX_SEEDS}.")
    seeds = tuple(_seed(piece, whole) for piece in pieces)
    seed, times = Counter(seeds).most_common(1)[0]
    if times > 1:
        raise RequestError(f"found {shown(whole)} with the seed {seed} more than once; name each once.")
    return seeds


def _seed(value: object, whole: object) -> int:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEED:
        raise RequestError(
            f"found {shown(whole)}, allowed: a count, as 5 for the seeds 0 to 4, "
            f"or a list of seeds from 0 to {MAX_SEED}, as 3,7."
        )
    return value


def _whole(value: object) -> int:
    """A whole number, or its decimal digits as text; not true or false, and not 5.0."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("not a whole number")


def _real(value: object) -> float:
    """A finite number, or its decimal text; -0.0 becomes 0.0, so that equal settings have one form."""
    if isinstance(value, str) and _REAL.fullmatch(value.strip()):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
        raise ValueError("not a number")
    return float(value) + 0.0


def _text(value: object) -> str:
    """Non-empty text without control characters; a whole number stands for its digits (a class named 3)."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        hint = "; put it in quotes to have it read as text" if isinstance(value, bool | float) else ""
        raise RequestError(f"found {shown(value)}, allowed: text{hint}.")
    if not value.strip() or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        raise RequestError(f"found {shown(value)}, allowed: text that is not empty, on one line.")
    return value


def _path(value: object) -> Path:
    try:
        return Path(value if isinstance(value, Path) else _text(value)).expanduser()
    except RuntimeError:
        raise RequestError(f"found {shown(value)}, allowed: a path; its home folder is unknown.") from None


def _spec(value: object) -> str:
    text = _text(_on_one_line(value))
    split_spec(text)
    return text


def _specs(value: object) -> str:
    """The comma text of a list of specs; a list is joined, so `[focal:alpha=1,gamma=2, ce]` holds two."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise RequestError("found an empty list, allowed: the names of one or more strategies.")
        value = ",".join(map(_text, value))
    return ",".join(split_list(_text(_on_one_line(value))))


def _datasets(value: object) -> str:
    """The comma text of one or several data sets; a list is joined, as in `_specs`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            raise RequestError("found an empty list, allowed: the names of one or more data sets.")
        value = ",".join(map(_text, value))
    return _text(value)


def _augment(value: object) -> str:
    """Names out of `AUGMENTATIONS`, each once, in that order, joined by commas."""
    given = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    pieces = [piece.strip() for piece in given.split(",")] if isinstance(given, str) else given
    if not isinstance(pieces, list) or not pieces or not all(piece in AUGMENTATIONS for piece in pieces):
        raise RequestError(
            f"found {shown(value)}, allowed: one or several of {', '.join(AUGMENTATIONS)}, as flip,shift."
        )
    return ",".join(name for name in AUGMENTATIONS if name in pieces)


def _on_one_line(value: object) -> object:
    """Text whose lines YAML kept apart (`|` and `>`), with single spaces; other values as they are."""
    return " ".join(value.split()) if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_whole)]
Real = Annotated[float, BeforeValidator(_real)]
Text = Annotated[str, BeforeValidator(_text)]
File = Annotated[Path, PlainValidator(_path)]
Flag = Annotated[bool, Strict()]
Spec = Annotated[str, BeforeValidator(_spec)]
Specs = Annotated[str, BeforeValidator(_specs)]
Augment = Annotated[str, BeforeValidator(_augment)]
Datasets = Annotated[str, BeforeValidator(_datasets)]
Seeds = Annotated[tuple[int, ...], BeforeValidator(parse_seeds)]
Profile = Literal["exp", "step", "linear"]
TailOrder = Literal["random", "fixed"]
Validation = Literal["thinned", "full"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Vary = Literal["init", "data", "all"]

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def whole(default: Any, **bounds: Any) -> Any:
    """A field for a `Whole` with bounds (ge, gt, le, lt), which messages repeat in words."""
    return _number("a whole number", default, bounds)


def real(default: Any, **bounds: Any) -> Any:
    """A field for a `Real` with bounds (ge, gt, le, lt), which messages repeat in words."""
    return _number("a number", default, bounds)


def _number(kind: str, default: Any, bounds: dict[str, Any]) -> Any:
    words = " and ".join(f"{_BOUNDS[name]} {bound:,}" for name, bound in bounds.items())
    return Field(default, json_schema_extra={"allowed": f"{kind} {words}"}, **bounds)


def allowed(field: FieldInfo) -> str:
    """What a field may be, in words."""
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["allowed"])
    if field.annotation is bool:
        return "true or false"
    choices = get_args(field.annotation)
    if type(None) in choices:  # left out, it is None: only what can be said is told
        choices = get_args(choices[0])
    *words, last = choices
    return f"{', '.join(words)} or {last}" if words else str(last)
