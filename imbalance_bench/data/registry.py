"""The data sources by name: found by file in `data/sources/` and through entry points."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from imbalance_bench.data import sources
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.params import build
from imbalance_bench.specs import split_spec

GROUP = "imbench.datasets"
_ASSIGNMENT = re.compile(r"\s*[A-Za-z][A-Za-z0-9_-]*\s*=")


@functools.cache
def available() -> Mapping[str, type[Source]]:
    """The source classes by name: our own files first, then plugins, each in order of name.

    A plugin that can't be loaded, is no `Source`, or takes a name already taken is left out with a warning.
    """
    found: dict[str, type[Source]] = {}
    for info in sorted(pkgutil.iter_modules(sources.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{sources.__name__}.{info.name}")
        own = [v for v in vars(module).values() if getattr(v, "__module__", None) == module.__name__]
        found |= {value.name: value for value in own if not _fault(value)}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            plugin = entry.load()
            fault = _fault(plugin) or _taken(plugin, found)
        except Exception as error:  # whatever a plugin does wrong, the rest must work
            fault = f"{type(error).__name__}: {error}"
        if fault:
            warnings.warn(f"dataset plugin {entry.name!r} ({entry.value}) is left out: {fault}", stacklevel=2)
        else:
            found[plugin.name] = plugin
    return MappingProxyType(found)


def create(spec: str, **params: object) -> Source:
    """The source that a spec names, as `synthetic:prevalence=0.05`; keywords are parameters too.

    RequestError for an unknown name or parameter, a bad value, or a missing or superfluous word.
    """
    name = _name(spec)
    cls = _resolve(name)
    if cls.takes is not None:
        return _with_word(cls, spec.strip()[len(name) :], params)
    part, *more = split_spec(spec)
    if more:
        raise RequestError(f"{spec!r} joins data sets with '+'; name one data set.")
    if part.word is not None:
        raise RequestError(f"{cls.name} takes nothing but parameters; found {part.word!r} after the colon.")
    twice = sorted(set(part.params) & set(params))
    if twice:
        raise RequestError(f"{cls.name}: {twice[0]} is given in {spec!r} and again beside it; keep one.")
    return build(cls, {**part.params, **params}, what=cls.name)


def split(text: str) -> list[str]:
    """The data sets of a comma-separated list, each as written; RequestError for an empty entry.

    A piece `key=...` belongs to the data set before it; so does any piece after a data set that takes a path,
    which may hold commas, unless it starts with the name of a data set.
    """
    found: list[str] = []
    for piece in text.split(","):
        cls = _known(found[-1]) if found else None
        if found and (_ASSIGNMENT.match(piece) or (cls and cls.takes is not None and not _known(piece))):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    if len(found) > 1 and not all(piece.strip() for piece in found):
        raise RequestError(f"an empty entry in the list {text!r}; remove the extra comma.")
    return [piece.strip() for piece in found] if len(found) > 1 else [text]


def canonical(source: Source) -> str:
    """The source as the spec that `create` reads back to an equal source."""
    return source.spec()


def _name(spec: str) -> str:
    return re.split(r"[:,+]", spec, maxsplit=1)[0].strip()


def _by_word() -> dict[str, type[Source]]:
    known = available()
    return {alias: cls for cls in known.values() for alias in cls.aliases} | dict(known)


def _known(spec: str) -> type[Source] | None:
    """The class that the spec's name stands for, or None."""
    return _by_word().get(_name(spec).lower())


def _resolve(name: str) -> type[Source]:
    by_word = _by_word()
    if name.lower() not in by_word:
        raise RequestError(
            f"no data set is called {name!r}; available: {', '.join(sorted(available()))}."
            + (_as_path(name) or nearest(name.lower(), by_word))
        )
    return by_word[name.lower()]


def _as_path(text: str) -> str:
    """What to write for the path of a folder or file, or for a set of MedMNIST; empty for anything else."""
    from imbalance_bench.data.medmnist_info import INFO

    path = Path(text).expanduser()
    kind = {".csv": "csv", ".npz": "npz"}.get(path.suffix.lower(), "")
    with contextlib.suppress(OSError, ValueError):
        if path.is_dir():
            return f" {text!r} is a folder: write folder:{text}."
        if kind and path.is_file():
            return f" {text!r} is a file: write {kind}:{text}."
    return f" Write medmnist:{text.lower()}." if text.lower().partition("_")[0] in INFO else ""


def _with_word(cls: type[Source], rest: str, params: Mapping[str, object]) -> Source:
    word = rest[1:].strip() if rest.startswith(":") else ""
    if not word:
        raise RequestError(f"{cls.name} needs a {cls.takes}; write {cls.name}:{cls.takes}.")
    source: Any = build(cls, params, what=cls.name)
    built: Source = dataclasses.replace(source, **{str(cls.takes).lower(): word})
    return built


def _fault(value: Any) -> str:
    """Why `value` can't be registered, or the empty text."""
    if not (isinstance(value, type) and issubclass(value, Source)):
        return f"{value!r} is no subclass of imbalance_bench.data.source.Source"
    if inspect.isabstract(value) or "__dataclass_fields__" not in vars(value):
        return f"{value.__name__} is abstract, or no dataclass"
    missing = [key for key in ("name", "summary") if not isinstance(getattr(value, key, None), str)]
    return f"{value.__name__} has no {' and no '.join(missing)}" if missing else ""


def _taken(plugin: type[Source], found: Mapping[str, type[Source]]) -> str:
    words = {*found, *(alias for cls in found.values() for alias in cls.aliases)}
    both = sorted(words & {plugin.name, *plugin.aliases})
    return f"the name {both[0]!r} is taken" if both else ""
