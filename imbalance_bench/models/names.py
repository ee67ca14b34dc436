"""The names of the models with a line each, for lists and checks that must not import torch."""

from __future__ import annotations

from imbalance_bench.errors import RequestError, nearest

MODELS = {"small-cnn": "three 3x3 convolutions (16, 32, 64) with batch normalisation; any image size"}


def check_name(name: str) -> None:
    """RequestError for a model that is not known."""
    if name not in MODELS:
        raise RequestError(
            f"there is no model {name!r}; known are: {', '.join(MODELS)}.{nearest(name, MODELS)}"
        )
