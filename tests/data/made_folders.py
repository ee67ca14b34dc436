"""A data set of folders, as the source reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbalance_bench.data import registry
from imbalance_bench.data.image_source import ImageFileSource
from imbalance_bench.errors import RequestError


def source(root: Path, **options: object) -> ImageFileSource:
    found = registry.create(f"folder:{root}", **options)
    assert isinstance(found, ImageFileSource)
    return found


def loaded(root: Path, **options: object) -> Any:
    return source(root, **options).load(None)


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(RequestError) as refused:
        source(root, **options).ensure()
    return str(refused.value)
