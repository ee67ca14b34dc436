"""The small CNN: any image size, both heads, the same start from the same seed."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from imbalance_bench.errors import RequestError
from imbalance_bench.models.classifier import Classifier, initial_hash
from imbalance_bench.models.registry import build_model

Head = Literal["linear", "cosine"]


pytestmark = pytest.mark.usefixtures("one_thread")


def model(head: Head = "linear", channels: int = 1, classes: int = 3, seed: int = 0) -> Classifier:
    mean, std = torch.full((channels,), 100.0), torch.full((channels,), 50.0)
    return build_model(
        "small-cnn",
        in_channels=channels,
        image_size=(28, 28),
        n_classes=classes,
        head=head,
        mean=mean,
        std=std,
        seed=seed,
    )


@pytest.mark.parametrize("size", [8, 9, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_shapes(size: int, channels: int, head: Head) -> None:
    net = model(head, channels)
    images = torch.randint(0, 256, (4, channels, size, size), dtype=torch.uint8)
    assert net.features(images).shape == (4, 256)
    assert net(images).shape == (4, 3)
    assert net(images).dtype == torch.float32
    net(images).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_narrow_image_fits() -> None:
    assert model()(torch.zeros(2, 1, 8, 40)).shape == (2, 3)


def test_the_cosine_head_gives_cosines() -> None:
    net = model("cosine").eval()
    g = torch.Generator().manual_seed(0)
    logits = net(torch.rand(50, 1, 12, 12, generator=g) * 255)
    assert logits.abs().max() <= 1 + 1e-6
    assert logits.std() > 0
    features = torch.randn(5, 256, generator=g)
    torch.testing.assert_close(net.head(features), net.head(features * 7))
    assert [name for name, _ in net.head.named_parameters()] == ["weight"]


def test_the_same_seed_gives_the_same_start_for_both_heads() -> None:
    one = initial_hash(model("linear", seed=3))
    torch.rand(7)
    assert initial_hash(model("linear", seed=3)) == one
    assert initial_hash(model("cosine", seed=3)) == one
    assert initial_hash(model("linear", seed=4)) != one
    assert len(one) == 12


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    model(seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_input_is_normalised_by_constants_of_the_model() -> None:
    net = model().eval()
    assert {"mean", "std"} <= set(net.state_dict())
    plain = Classifier(net.backbone, 256, 3, head="linear", mean=torch.zeros(1), std=torch.ones(1)).eval()
    images = torch.rand(4, 1, 12, 12) * 255
    torch.testing.assert_close(net.features(images), plain.features((images - 100) / 50))
    raw = images.to(torch.uint8)
    torch.testing.assert_close(net(raw), net(raw.float()))


def test_resetting_the_head_leaves_the_backbone() -> None:
    net = model()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.reset_head()
    after = net.state_dict()
    assert not torch.equal(after["head.weight"], before["head.weight"])
    assert all(torch.equal(after[name], before[name]) for name in before if name != "head.weight")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(RequestError, match=r"no model 'small-cn'.*Did you mean 'small-cnn'\?"):
        build_model(
            "small-cn",
            in_channels=1,
            image_size=(28, 28),
            n_classes=2,
            head="linear",
            mean=torch.zeros(1),
            std=torch.ones(1),
            seed=0,
        )
