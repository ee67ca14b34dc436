"""Finding data sources by name, by file and by entry point; the data set's own checks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from imbalance_bench.data import registry
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.registry import available, canonical, create
from imbalance_bench.data.source import Source
from imbalance_bench.data.sources.synthetic import Synthetic
from imbalance_bench.errors import RequestError
from imbalance_bench.params import param


class _Stub(Source):
    def fingerprint(self) -> str:
        return "0"

    def class_names(self) -> tuple[str, ...]:
        return ("a", "b")

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        raise NotImplementedError


@dataclass(frozen=True)
class Plugin(_Stub):
    name = "plug-in"
    aliases = ("plug",)
    summary = "a plugin"
    takes = "PATH"

    path: str = ""
    size: int = param(8, kind="int", help="pixels")


@dataclass(frozen=True)
class Thief(_Stub):
    name = "synthetic"
    summary = "takes a name"


class NoDataclass(_Stub):
    name = "none"
    summary = "not a dataclass"


@dataclass(frozen=True)
class Nameless(_Stub):
    summary = "no name"


def raises() -> None:
    raise RuntimeError


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """A list that stands for the installed entry points."""
    installed: list[EntryPoint] = []

    def entry_points(group: str) -> list[EntryPoint]:
        assert group == "imbench.datasets"
        return installed

    monkeypatch.setattr(registry, "entry_points", entry_points)
    available.cache_clear()
    yield installed
    available.cache_clear()


def entry(value: str) -> EntryPoint:
    return EntryPoint("it", value, "imbench.datasets")


def test_sources_are_found_by_file() -> None:
    assert {"digits", "fashion-mnist", "synthetic"} <= set(available())
    assert available()["synthetic"] is Synthetic
    assert list(available()) == sorted(available())


@pytest.mark.parametrize("name", sorted(available()))
def test_every_source_describes_itself(name: str) -> None:
    cls = available()[name]
    assert cls.name == name == name.lower()
    assert cls.summary
    assert "\n" not in cls.summary
    assert cls.takes is None or hasattr(cls, cls.takes.lower())
    if cls.takes is None:
        source = create(name)
        assert canonical(source) == name
        assert len(source.class_names()) >= 2
        assert source == create(name)
    for alias in cls.aliases:
        assert type(create(alias if cls.takes is None else f"{alias}:x")) is cls


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("Synthetic", "synthetic"),
        ("fmnist", "fashion-mnist"),
        ("synthetic:size=32,prevalence=0.05", "synthetic:prevalence=0.05,size=32"),
        ("synthetic:norm=5.0,size=28", "synthetic"),
        ("synthetic: norm = 4e0 ", "synthetic:norm=4"),
    ],
)
def test_canonical_specs(spec: str, text: str) -> None:
    assert canonical(create(spec)) == text
    assert create(text) == create(spec)


def test_keywords_are_parameters() -> None:
    assert create("synthetic", size=32, prevalence="0.1") == create("synthetic:prevalence=0.1,size=32")
    with pytest.raises(RequestError, match="size is given in 'synthetic:size=32' and again"):
        create("synthetic:size=32", size=16)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("sinthetic", "no data set is called 'sinthetic'; available: .*digits.*Did you mean 'synthetic'"),
        ("fmnst", "Did you mean 'fmnist'"),
        ("", "no data set is called ''"),
        ("nothing:/a,b", "no data set is called 'nothing'"),
        ("digits:8", "digits takes nothing but parameters; found '8'"),
        ("digits:size=8", "digits has no parameter 'size'; it takes: none"),
        ("digits+synthetic", "name one data set"),
        ("digits,synthetic", "holds 2 entries"),
        ("synthetic:sise=8", "Did you mean 'size'"),
    ],
)
def test_refusals(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)


def test_a_plugin_joins_and_its_path_may_hold_anything(plugins: list[EntryPoint]) -> None:
    plugins.append(entry(f"{__name__}:Plugin"))
    assert available()["plug-in"] is Plugin
    source = create("plug:C:/my data,v=2+x/:1", size=9)
    assert source == Plugin(path="C:/my data,v=2+x/:1", size=9)
    assert canonical(create("plug:a,b")) == "plug-in:a,b"
    assert create(canonical(create("plug:a,b"))) == Plugin(path="a,b")
    for spec in ("plug", "plug:", "plug: ", "plug,x"):
        with pytest.raises(RequestError, match="plug-in needs a PATH; write plug-in:PATH"):
            create(spec)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module_anywhere:X", "ModuleNotFoundError"),
        (f"{__name__}:missing", "AttributeError"),
        (f"{__name__}:raises", "is no subclass"),
        (f"{__name__}:_Stub", "is abstract, or no dataclass"),
        (f"{__name__}:NoDataclass", "is abstract, or no dataclass"),
        (f"{__name__}:Nameless", "has no name"),
        (f"{__name__}:Thief", "the name 'synthetic' is taken"),
    ],
)
def test_a_broken_plugin_is_a_warning(plugins: list[EntryPoint], value: str, said: str) -> None:
    plugins.append(entry(value))
    with pytest.warns(UserWarning, match=f"dataset plugin 'it' .* is left out: .*{said}"):
        found = available()
    assert found["synthetic"] is Synthetic
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create("synthetic")  # warned of once


GOOD = {
    "name": "x",
    "images": np.zeros((4, 1, 2, 2), np.uint8),
    "labels": np.array([0, 1, 1, 0]),
    "class_names": ("a", "b"),
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_data_set_in_order(dtype: type) -> None:
    parts = {"train": np.array([0, 1]), "test": np.array([3])}
    d = ImageDataset(**{**GOOD, "images": GOOD["images"].astype(dtype), "parts": parts})  # type: ignore[attr-defined]
    assert d.n_classes == 2
    assert d.counts().tolist() == [2, 2]
    assert d.counts(np.array([0, 3])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((4, 2, 2), np.uint8)}, "images must be"),
        ({"images": np.zeros((0, 1, 2, 2), np.uint8)}, "images must be"),
        ({"images": np.zeros((4, 1, 2, 2))}, "found float64"),
        ({"labels": np.array([0, 1, 1])}, "labels must be int64"),
        ({"labels": np.array([0, 1, 1, 0], np.int32)}, "labels must be int64"),
        ({"labels": np.array([0, 1, 2, 0])}, "found 0..2"),
        ({"labels": np.array([0, 1, -1, 0])}, "found -1..1"),
        ({"class_names": ("a",)}, "class_names"),
        ({"class_names": ("a", "a")}, "class_names"),
        ({"parts": {}}, "parts must be"),
        ({"parts": {"dev": np.array([1])}}, "parts must be"),
        ({"parts": {"train": np.array([1.0])}}, "must be 1-d int64"),
        ({"parts": {"train": np.array([4])}}, "outside 0..3"),
        ({"parts": {"train": np.array([-1])}}, "outside 0..3"),
        ({"parts": {"train": np.array([0, 1]), "test": np.array([1])}}, "stands twice"),
    ],
)
def test_a_data_set_out_of_order(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ImageDataset(**{**GOOD, **change})  # type: ignore[arg-type]
