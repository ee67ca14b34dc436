"""One stored comparison that the tests of the runner, the command line and the reports share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import Call, Ended
from hypothesis import settings as hypothesis_settings

from imbalance_bench.api import compare
from imbalance_bench.cli.app import app
from imbalance_bench.report.result import Result
from imbalance_bench.strategies import registry

# The clock of a shared machine is no property of the code.
hypothesis_settings.register_profile("imbench", deadline=None)
hypothesis_settings.load_profile("imbench")

STRATEGIES = "cross-entropy,undersample,oversample,focal"


@dataclass(frozen=True)
class StoredComparison:
    """A small comparison on thinned digits: what was asked, where it is stored, what it answered."""

    folder: Path
    result: Result
    settings: dict[str, Any]

    def arguments(self, folder: Path | None = None) -> list[str]:
        """The command line that asks for the same, by default in the same results folder."""
        flags = {**self.settings, "results": folder or self.folder, "strategies": STRATEGIES}
        return ["compare", *(f"--{key.replace('_', '-')}={value}" for key, value in flags.items())]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredComparison:
    """Four strategies, two seeds, twelve steps. Only to be read: tests that change it copy the folder."""
    folder = tmp_path_factory.mktemp("stored") / "results"
    settings: dict[str, Any] = {
        "dataset": "digits",
        "imbalance_ratio": 10,
        "steps": 12,
        "seeds": 2,
        "workers": 0,
        "device": "cpu",
    }
    result = compare(STRATEGIES, results=folder, **settings)
    assert result["failures"] == []
    return StoredComparison(folder, result, settings)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny tensors are quicker on one thread, above all beside other processes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def own_strategies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strategies that a test registers are forgotten at its end."""
    known = dict(registry.registry())
    monkeypatch.setattr(registry, "_registered", known)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            app(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ended(int(end.value.code or 0), out, err)

    return called


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where images are kept: in an empty cache of its own for each test."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("IMBENCH_CACHE", str(place))
    return place / "images"
