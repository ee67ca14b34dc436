"""Models by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from imbalance_bench.models.classifier import Classifier
from imbalance_bench.models.names import check_name
from imbalance_bench.models.resnet_cifar import resnet32
from imbalance_bench.models.small_cnn import small_cnn

_BACKBONES: dict[str, Callable[[int], tuple[nn.Module, int]]] = {"small-cnn": small_cnn, "resnet32": resnet32}


def build_model(
    name: str,
    *,
    in_channels: int,
    image_size: tuple[int, int],
    n_classes: int,
    head: Literal["linear", "cosine"],
    mean: Tensor,
    std: Tensor,
    seed: int,
    head_scale: float = 1.0,
) -> Classifier:
    """A freshly drawn classifier on the CPU; the same seed gives the same weights, whatever was drawn before.

    `image_size` is (height, width); `mean` and `std` are (in_channels,) float32, in the range of the raw
    images.

    Raises:
        RequestError: for a model that is not known, or that can't take images of this size.
    """
    check_name(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, n_features = _backbone(name, in_channels, image_size)
        return Classifier(
            backbone, n_features, n_classes, head=head, mean=mean, std=std, head_scale=head_scale
        )


def check_model(name: str, in_channels: int, image_size: tuple[int, int]) -> None:
    """RequestError, without building anything, for a model that can't take images of this size."""
    check_name(name)
    if name not in _BACKBONES:
        from imbalance_bench.models.torchvision_models import check_size

        check_size(name, in_channels, image_size)


def _backbone(name: str, in_channels: int, image_size: tuple[int, int]) -> tuple[nn.Module, int]:
    if name in _BACKBONES:
        return _BACKBONES[name](in_channels)
    # Only here: importing torchvision takes a second, which the networks of our own need not spend.
    from imbalance_bench.models.torchvision_models import torchvision_backbone

    return torchvision_backbone(name, in_channels, image_size)
