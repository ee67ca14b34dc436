"""The residual network of He et al. (2016) for CIFAR: 32 layers, 0.46 million weights, any image size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64)
BLOCKS = 5
"""Blocks of two convolutions per width: 6 * BLOCKS + 2 layers with the stem and the head."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without weights (the paper's option A).

    (n, in_channels, H, W) -> (n, out_channels, ceil(H / stride), ceil(W / stride))
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.stride = stride
        self.new_channels = out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        """Residual plus shortcut; the channels that are new start as zeros, half on either side."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        before = self.new_channels // 2
        out += F.pad(shortcut, (0, 0, 0, 0, before, self.new_channels - before))
        return F.relu(out, inplace=True)


class GlobalMean(nn.Module):
    """(n, C, H, W) to (n, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean over all places."""
        return torch.mean(x, dim=(2, 3))


def resnet32(in_channels: int) -> tuple[nn.Module, int]:
    """The backbone and its number of features, with the initial weights of He et al. (2015)."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, WIDTHS[0], 3, padding=1, bias=False),
        nn.BatchNorm2d(WIDTHS[0]),
        nn.ReLU(inplace=True),
    ]
    channels = WIDTHS[0]
    for width in WIDTHS:
        for _ in range(BLOCKS):
            layers.append(BasicBlock(channels, width, stride=1 if width == channels else 2))
            channels = width
    backbone = nn.Sequential(*layers, GlobalMean())
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return backbone, channels
