"""Models by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from imbalance_bench.models.classifier import Classifier
from imbalance_bench.models.names import check_name
from imbalance_bench.models.small_cnn import small_cnn

_BACKBONES: dict[str, Callable[[int], tuple[nn.Module, int]]] = {"small-cnn": small_cnn}


def build_model(
    name: str,
    *,
    in_channels: int,
    n_classes: int,
    head: Literal["linear", "cosine"],
    mean: Tensor,
    std: Tensor,
    seed: int,
) -> Classifier:
    """A freshly drawn classifier on the CPU; the same seed gives the same weights, whatever was drawn before.

    `mean` and `std` are (in_channels,) float32, in the range of the raw images.
    """
    check_name(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, n_features = _BACKBONES[name](in_channels)
        return Classifier(backbone, n_features, n_classes, head=head, mean=mean, std=std)
