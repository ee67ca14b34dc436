"""Experiment files: a flat YAML mapping of settings, read so that each refusal names its line.

The file is read as a stream of parser events, never loaded into objects: nothing is constructed from a
tag, no alias is expanded, and the first level of nesting that is not allowed ends the reading. YAML 1.2
holds, so `on`, `yes` and `no` are text. Numbers are those whose text says nothing more than their value
(`400`, `1e-3`); what YAML reads in other ways (`007`, `0x1f`, `1_000`, dates, `.inf`) stays text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from imbalance_bench.errors import RequestError, nearest, shown

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000

_ALLOWED = "allowed is one setting a line, as KEY: VALUE (a space after the colon) or KEY: [VALUE, VALUE]"
_SYNTAX = "write KEY: VALUE, and put text with special characters in quotes"
_WANTED = "--config takes a YAML file"
_INT = re.compile(r"-?(0|[1-9][0-9]{0,29})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class LoadedConfig:
    """The settings of one file, keys with `_` for `-`: those known, those not, and the line of each."""

    path: Path
    values: dict[str, object] = field(default_factory=dict)
    unknown: dict[str, object] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """`FILE:LINE` of a key, for messages."""
        return f"{self.path}:{self.lines[key]}"


def load_config(path: Path, known: Iterable[str]) -> LoadedConfig:
    """The settings in the YAML file `path`; RequestError, with file and line, for whatever is not allowed.

    Keys that are not among `known` (`-` and `_` alike) are returned as `unknown`: `run` takes them as
    parameters of its strategy, the other commands call `refuse_unknown`.
    """
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    spelled: dict[str, str] = {}
    for line, key, value in _settings(path, _read(path)):
        name = key.replace("-", "_")
        if name in lines:
            also = "" if spelled[name] == key else f", where it is spelled {shown(spelled[name])}"
            _refuse(path, line, f"{shown(key)} is already set in line {lines[name]}{also}; keep one of them")
        values[name], lines[name], spelled[name] = value, line, key
    names = _names(known)
    return LoadedConfig(
        path,
        values={name: value for name, value in values.items() if name in names},
        unknown={name: value for name, value in values.items() if name not in names},
        lines=lines,
    )


def refuse_unknown(config: LoadedConfig, known: Iterable[str]) -> None:
    """RequestError for the keys of the file that are not among `known`, one a line with the nearest name."""
    names = _names(known)
    said = []
    for key in config.unknown:
        if key not in names:
            flag = key.replace("_", "-")
            near = nearest(flag, sorted(name.replace("_", "-") for name in names))
            hint = near or " Its keys are the command's flags without the dashes in front."
            said.append(f"{config.where(key)}: {shown(flag)} is no setting of this command.{hint}")
    if said:
        raise RequestError("\n".join(said))


def _names(known: Iterable[str]) -> set[str]:
    return {name.replace("-", "_") for name in known}


def _refuse(path: Path, line: int, message: str) -> NoReturn:
    raise RequestError(f"{path}:{line}: {message}.")


def _read(path: Path) -> str:
    """The text of the file, its size checked first; RequestError where it is not a small UTF-8 text file."""
    try:
        if path.is_dir():
            raise RequestError(f"{path} is a folder; {_WANTED}.")
        if not path.exists():
            raise RequestError(f"{path} does not exist; {_WANTED}.")
        if not path.is_file():
            raise RequestError(f"{path} is not a regular file; {_WANTED}.")
        size = path.stat().st_size
        with path.open("rb") as file:
            data = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except RequestError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RequestError(f"{shown(str(path))} cannot be read ({reason}); {_WANTED}.") from None
    if (size := max(size, len(data))) > MAX_BYTES:
        raise RequestError(f"{path} has {size} bytes; a config file has at most {MAX_BYTES}.")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        _refuse(path, line, "a NUL byte: this is a binary or UTF-16 file; save it as UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(path, line, f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8 text")


def _settings(path: Path, text: str) -> Iterator[tuple[int, str, object]]:
    """Line, key as written and plain value of each setting, in order."""
    from ruamel.yaml.events import DocumentEndEvent, MappingEndEvent, MappingStartEvent

    events = _events(path, text)
    first = next(events, None)
    if first is None or (isinstance(first, _Scalar) and first.value is None):
        first = None  # an empty file, or one with comments or `---` only: no settings
    elif not isinstance(first, MappingStartEvent):
        found = f"the text {shown(first.text)}" if isinstance(first, _Scalar) else "a list"
        _refuse(path, _line(first), f"found {found} instead of settings; {_ALLOWED}")
    while first is not None and not isinstance(key := next(events), MappingEndEvent):
        if not isinstance(key, _Scalar) or not isinstance(key.value, str) or not key.value:
            found = shown(key.value) if isinstance(key, _Scalar) else "a list or mapping"
            _refuse(path, _line(key), f"found {found} as a key; a key is the name of a setting, as text")
        if key.value == "<<":
            _refuse(path, key.line, "found a merge key '<<'; write the settings out, one a line")
        yield key.line, key.value, _value(path, key.value, events)
    for event in events:
        if not isinstance(event, DocumentEndEvent):
            _refuse(path, _line(event), "found a second document; a config file holds one: remove the rest")


def _value(path: Path, key: str, events: Iterator[Any]) -> object:
    """The value that follows a key: a scalar, or a list of scalars."""
    from ruamel.yaml.events import SequenceEndEvent, SequenceStartEvent

    event = next(events)
    if isinstance(event, _Scalar):
        return event.value
    if not isinstance(event, SequenceStartEvent):
        _refuse(path, _line(event), f"found a mapping under {shown(key)}; {_ALLOWED}")
    items: list[object] = []
    while not isinstance(event := next(events), SequenceEndEvent):
        if not isinstance(event, _Scalar):
            kind = "list" if isinstance(event, SequenceStartEvent) else "mapping"
            hint = "" if kind == "list" else "; in a spec no space follows a colon, as focal:gamma=2"
            _refuse(path, _line(event), f"found a {kind} inside the list {shown(key)}; {_ALLOWED}{hint}")
        items.append(event.value)
    return items


@dataclass(frozen=True)
class _Scalar:
    """One scalar: its line, its text, and the plain Python value that it stands for."""

    line: int
    text: str
    value: object


def _events(path: Path, text: str) -> Iterator[Any]:
    """The parser's events between the start and end of the first document, and the start of any second.

    Scalars come as `_Scalar`. Lazy, so that a refusal stops the parser before it goes deeper.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.events import (
        AliasEvent,
        DocumentStartEvent,
        NodeEvent,
        ScalarEvent,
        StreamEndEvent,
        StreamStartEvent,
    )

    directive = re.search(r"^%", text, re.MULTILINE)
    if directive:
        line = text.count("\n", 0, directive.start()) + 1
        _refuse(path, line, "found a directive ('%' at the start of a line); remove it: files are YAML 1.2")
    yaml = YAML(typ="safe", pure=True)  # the events are those of "rt", without the comments, in linear time
    documents = values = 0
    for event in _parsed(path, text, yaml):
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents == 1:
                continue
        if isinstance(event, StreamStartEvent | StreamEndEvent):
            continue
        if isinstance(event, AliasEvent):
            found = shown("*" + str(event.anchor))
            _refuse(path, _line(event), f"found the alias {found}; write the value out")
        if isinstance(event, NodeEvent):
            values += 1
            if event.anchor is not None:
                _refuse(path, _line(event), f"found the anchor {shown('&' + str(event.anchor))}; remove it")
            if (tag := getattr(event, "tag", None)) is not None:
                _refuse(path, _line(event), f"found the tag {shown(str(tag))}; remove it: values are plain")
            if values > MAX_VALUES:
                _refuse(path, _line(event), f"found more than {MAX_VALUES} keys and values; shorten the file")
        yield _scalar(event, yaml) if isinstance(event, ScalarEvent) else event


def _parsed(path: Path, text: str, yaml: Any) -> Iterator[Any]:
    """ruamel's events; what it refuses becomes a RequestError with line and column."""
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    line = 1
    try:
        for event in yaml.parse(text):
            line = event.end_mark.line + 1
            yield event
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (line, 1)
        said = ", ".join(str(part) for part in (error.context, error.problem) if part)
        said = said.removeprefix("while scanning for the next token, ")
        hint = "use spaces, not tabs" if "\\t" in said else _SYNTAX
        _refuse(path, line, f"not valid YAML in column {column}: {_short(said)}; {hint}")
    except ReaderError as error:
        before = text[: error.position]
        column = len(before) - (before.rfind("\n") + 1) + 1
        found = f"the control character U+{ord(text[error.position]):04X} in column {column}"
        _refuse(path, before.count("\n") + 1, f"found {found}; remove it: a config file is plain text")
    except Exception as error:  # the parser's own slips on malformed text are no fault of the command
        _refuse(path, line, f"not valid YAML: {_short(str(error)) or type(error).__name__}; {_SYNTAX}")


def _scalar(event: Any, yaml: Any) -> _Scalar:
    from ruamel.yaml.nodes import ScalarNode

    tag = str(yaml.resolver.resolve(ScalarNode, event.value, event.implicit)).rpartition(":")[2]
    return _Scalar(_line(event), event.value, _plain(event.value, tag))


def _plain(text: str, tag: str) -> object:
    """The value of a scalar that YAML resolves to `tag`; text where a number would lose how it is written."""
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int" and _INT.fullmatch(text):
        return int(text)
    if tag == "float" and _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


def _line(event: Any) -> int:
    return event.line if isinstance(event, _Scalar) else int(event.start_mark.line) + 1


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."
