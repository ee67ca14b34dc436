"""The residual network for CIFAR: the paper's structure, weight by weight, for any image."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import nn

from imbalance_bench.models.classifier import Classifier, initial_hash
from imbalance_bench.models.registry import build_model
from imbalance_bench.models.resnet_cifar import BasicBlock, resnet32

pytestmark = pytest.mark.usefixtures("one_thread")


def model(head: Literal["linear", "cosine"] = "linear", channels: int = 3, seed: int = 0) -> Classifier:
    mean, std = torch.full((channels,), 100.0), torch.full((channels,), 50.0)
    return build_model(
        "resnet32",
        in_channels=channels,
        image_size=(32, 32),
        n_classes=10,
        head=head,
        mean=mean,
        std=std,
        seed=seed,
    )


def test_it_has_the_papers_number_of_parameters() -> None:
    def convolution(a: int, b: int) -> int:
        return 9 * a * b + 2 * b  # with the scale and shift of its normalisation

    def group(a: int, b: int) -> int:
        return convolution(a, b) + 9 * convolution(b, b)

    expected = convolution(3, 16) + group(16, 16) + group(16, 32) + group(32, 64) + 64 * 10 + 10
    assert expected == 464_154
    assert sum(p.numel() for p in model().parameters()) == expected


def test_it_has_32_layers_with_weights() -> None:
    layers = [m for m in model().modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 32


@pytest.mark.parametrize("head", ["linear", "cosine"])
@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (32, 32)), (2, (7, 19)), (1, (1, 1))])
def test_any_image(head: Literal["linear", "cosine"], channels: int, size: tuple[int, int]) -> None:
    net = model(head, channels)
    images = torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8)
    assert net.features(images).shape == (2, 64)
    logits = net(images)
    assert logits.shape == (2, 10)
    logits.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_the_shortcut_subsamples_and_pads_with_zeros() -> None:
    block = BasicBlock(16, 32, stride=2).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.rand(2, 16, 5, 7)
    out = block(x)
    assert out.shape == (2, 32, 3, 4)
    torch.testing.assert_close(out[:, 8:24], x[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


def test_the_initial_weights_are_he_s() -> None:
    torch.manual_seed(0)
    backbone, _ = resnet32(3)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels > 3:
            expected = math.sqrt(2 / (9 * module.in_channels))
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.05)


def test_the_same_seed_gives_the_same_start() -> None:
    one = initial_hash(model(seed=3))
    torch.rand(7)
    assert initial_hash(model("cosine", seed=3)) == one
    assert initial_hash(model(seed=4)) != one
