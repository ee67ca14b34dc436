"""The cache that tests of reading files have to themselves."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where images are kept: in an empty cache of its own for each test."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("IMBENCH_CACHE", str(place))
    return place / "images"
