"""The small CNN that every remedy trains: three convolutions, quick on a laptop's processor."""

from __future__ import annotations

from torch import nn

WIDTHS = (16, 32, 64)
GRID = 2
"""The last maps are averaged to GRID x GRID: a rough place is kept, and any image size fits."""


def small_cnn(in_channels: int) -> tuple[nn.Module, int]:
    """The backbone and its number of features.

    Pooling stands before normalisation and activation: the maximum commutes with the monotone activation,
    and three quarters of the later work fall away.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for width in WIDTHS:
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten()), channels * GRID**2
