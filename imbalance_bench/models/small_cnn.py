"""The small CNN that every remedy trains: three convolutions, quick on a laptop's processor."""

from __future__ import annotations

from torch import nn

WIDTHS = (16, 32, 64)
KERNELS = (5, 3, 3)
GRID = 2
"""The last maps are averaged to GRID x GRID: a rough place is kept, and any image size fits."""


def small_cnn(in_channels: int) -> tuple[nn.Module, int]:
    """The backbone and its number of features.

    Each convolution is averaged to half the size before normalisation and activation: together they are one
    wide, smooth filter of stride 2, which a faint signal needs more than sharp maxima (docs/defaults.md).
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for width, kernel in zip(WIDTHS, KERNELS, strict=True):
        layers += [
            nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
            nn.AvgPool2d(2, ceil_mode=True),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(GRID), nn.Flatten()), channels * GRID**2
