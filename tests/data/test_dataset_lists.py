"""How a comma-separated list of data sets is split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from imbalance_bench.config import merge
from imbalance_bench.data import registry
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError


@dataclass(frozen=True)
class Files(Source):
    """A data set that takes a path."""

    name = "files"
    summary = "files"
    takes = "PATH"
    path: str = ""

    def fingerprint(self) -> str:
        return self.path

    def class_names(self) -> tuple[str, ...]:
        return ("a", "b")

    def load(self, rng: np.random.Generator | None, download: bool = False) -> ImageDataset:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def with_files(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**registry.available(), "files": Files}
    monkeypatch.setattr(registry, "available", lambda: known)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("digits", ["digits"]),
        (" digits", [" digits"]),
        ("digits, synthetic", ["digits", "synthetic"]),
        ("digits,synthetic:prevalence=0.05,train=2000,fashion-mnist",
         ["digits", "synthetic:prevalence=0.05,train=2000", "fashion-mnist"]),
        ("synthetic:train=5, val=6,digits", ["synthetic:train=5, val=6", "digits"]),
        # A path may hold commas, until the name of a data set follows one.
        ("files:/a,b/c.npz", ["files:/a,b/c.npz"]),
        ("files:/a, b,", ["files:/a, b,"]),
        ("files:/a,b=c", ["files:/a,b=c"]),
        ("files:/a,b,digits,files:/c", ["files:/a,b", "digits", "files:/c"]),
        ("digits,nothing", ["digits", "nothing"]),
    ],
)  # fmt: skip
def test_split(text: str, names: list[str]) -> None:
    assert registry.split(text) == names
    assert all(registry.split(name) == [name] for name in names)


@pytest.mark.parametrize("text", ["digits,", ",digits", "digits,,synthetic", ","])
def test_an_empty_entry_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="remove the extra comma"):
        registry.split(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["digits", "synthetic"], "digits,synthetic"),
        (["synthetic:prevalence=0.1", "train=5", "digits"], "synthetic:prevalence=0.1,train=5,digits"),
        ("a, b", "a, b"),
    ],
)
def test_a_list_of_a_file_is_joined(value: Any, text: str) -> None:
    assert merge(None, {"dataset": value}).dataset == text
