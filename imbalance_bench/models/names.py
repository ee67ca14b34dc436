"""The names of the models with a line each, for lists that must not import torch."""

from __future__ import annotations

MODELS = {"small-cnn": "three 3x3 convolutions (16, 32, 64), batch normalisation, global mean; any image size"}
