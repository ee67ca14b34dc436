"""Finds strategies by file and by entry point, and makes them from specs."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import TypeVar

from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.specs import split_list, split_spec
from imbalance_bench.strategies.base import Strategy, is_afterwards_only
from imbalance_bench.strategies.composite import combine, parts_of
from imbalance_bench.strategies.declared import asked, check_class, made

OWN = "imbalance_bench.strategies"
ENTRY_POINTS = "imbench.strategies"
BAYES, MAJORITY = "bayes-optimal", "majority-class"
"""The references: rows that every comparison adds by itself, and no strategy's names."""
S = TypeVar("S", bound=type[Strategy])
_registered: dict[str, type[Strategy]] = {}
_plugins: set[str] = set()


class UnknownStrategyError(RequestError):
    """There is no strategy of that name."""

    def __init__(self, name: str, said: str) -> None:
        super().__init__(said)
        self.name = name


def register(cls: S) -> S:
    """Class decorator that makes a strategy known under its name and aliases.

    Raises:
        TypeError: where `cls` is no strategy, or says of itself what can't be.
        ValueError: where the name or an alias is taken by another class.
    """
    if not (isinstance(cls, type) and issubclass(cls, Strategy)):
        raise TypeError(f"{cls!r} is not a subclass of Strategy.")
    if not cls.__module__.startswith(f"{OWN}."):
        _discover_own()  # so that a name of ours is refused here, and not whenever ours are looked up
    check_class(cls)
    known = {**_aliases(), **{name: name for name in _registered}}
    for name in (cls.name, *cls.aliases):
        if name in (BAYES, MAJORITY):
            raise ValueError(f"{name!r} is the name of a reference, not of a strategy; take another.")
        holder = _registered.get(known.get(name, ""))
        if holder is not None and (holder.__module__, holder.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise ValueError(f"the strategy name {name!r} is taken by {holder.__module__}.{holder.__name__}.")
    _registered[cls.name] = cls
    return cls


def registry() -> Mapping[str, type[Strategy]]:
    """Every known strategy class by name, sorted; plugins that fail to load are warned of and left out."""
    _discover_own()
    _discover()
    return dict(sorted(_registered.items()))


def registered_here() -> list[type[Strategy]]:
    """The strategies that only this process knows: neither ours nor those of an installed plugin."""
    found = registry()
    return [c for name, c in found.items() if not c.__module__.startswith(f"{OWN}.") and name not in _plugins]


def available() -> list[str]:
    """The names of all strategies, sorted."""
    return list(registry())


def create(spec: str, **params: object) -> Strategy:
    """A strategy from its spec, such as `"focal:alpha=0.25,gamma=2"` or `"oversample+focal"`.

    `params` add to a spec of one or several parts: each goes to the part that declares it.

    Raises:
        RequestError: for an unknown name, an unknown or doubtful parameter, or a value out of range.
    """
    parts = split_spec(spec)
    classes = [find(part.name) for part in parts]
    pairs = list(zip(classes, parts, strict=True))
    known = [asked(cls, "parameters", cls.parameters, part.word) for cls, part in pairs]
    given: list[dict[str, object]] = [dict(part.params) for part in parts]
    for key, value in params.items():
        name = key.replace("-", "_")
        owners = [i for i, own in enumerate(known) if name in own]
        if not owners and (reason := why_not(spec, name)):
            raise RequestError(reason)
        if not owners:
            own = [rule for names in known for rule in names]
            said = f"{spec!r} has no parameter {key!r}; it takes: {', '.join(own) or 'none'}."
            raise RequestError(said + nearest(name, own))
        if len(owners) > 1:
            names = " and ".join(classes[i].name for i in owners)
            raise RequestError(f"{key!r} belongs to {names}; write it in the spec, as NAME:{name}=...")
        if name in given[owners[0]]:
            raise RequestError(f"{name!r} stands in the spec {spec!r} and beside it; keep one.")
        given[owners[0]][name] = value
    return combine([made(cls, part.word, own) for (cls, part), own in zip(pairs, given, strict=True)])


def why_not(spec: str, parameter: str) -> str | None:
    """Why a parameter that one could expect of a part of `spec` is not taken, or None."""
    for part in split_spec(spec):
        cls = find(part.name)
        if why := asked(cls, "why_not", cls.why_not, part.word, parameter):
            return str(why)
    return None


def create_list(text: str) -> list[Strategy]:
    """The strategies of a comma-separated list, in order, each once; RequestError as in `create`."""
    found: dict[str, Strategy] = {}
    for spec in split_list(text):
        strategy = create(spec)
        found.setdefault(strategy.spec, strategy)
    return list(found.values())


def trained_part(strategy: Strategy) -> Strategy:
    """The strategy whose stored run `strategy` reads: without the parts that act after training only."""
    trained = [part for part in parts_of(strategy) if not is_afterwards_only(part)]
    return combine(trained) if trained else required_by(strategy)


def required_by(strategy: Strategy) -> Strategy:
    """The strategy whose run this one requires, by default cross-entropy; RequestError names both."""
    spec = strategy.requires or "cross-entropy"
    try:
        return create(spec)
    except RequestError as error:
        raise RequestError(f"{strategy.spec}: its requires is {spec!r}: {error}") from None


def find(name: str) -> type[Strategy]:
    """The class of a name or alias; RequestError for one that is not known."""
    known = registry()
    if name in known:
        return known[name]
    aliases = _aliases()
    if name in aliases:
        return known[aliases[name]]
    if name in (BAYES, MAJORITY):
        raise RequestError(f"{name!r} is a reference that every comparison shows by itself; leave it out.")
    near = nearest(name, [*known, *aliases])
    raise UnknownStrategyError(name, f"there is no strategy {name!r}; known are: {', '.join(known)}.{near}")


def _aliases() -> dict[str, str]:
    return {alias: name for name, cls in _registered.items() for alias in cls.aliases}


@cache
def _discover_own() -> None:
    package = importlib.import_module(OWN)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{OWN}.{module.name}")


@cache
def _discover() -> None:
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        before = dict(_registered)
        try:
            cls = entry.load()
            register(cls)
            _plugins.update({cls.name} | (set(_registered) - set(before)))
        except (Exception, SystemExit) as error:
            # Anything may go wrong in foreign code; the other strategies must stay usable.
            _registered.clear()
            _registered.update(before)
            warnings.warn(
                f"the strategy plugin {entry.name!r} ({entry.value}) is left out: {error}", stacklevel=2
            )
