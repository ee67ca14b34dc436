"""torchvision's classifiers: every family on small images, from the same start, or refused with a size."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from imbalance_bench.errors import RequestError
from imbalance_bench.models import torchvision_models
from imbalance_bench.models.classifier import Classifier, initial_hash
from imbalance_bench.models.names import torchvision_names
from imbalance_bench.models.registry import build_model
from imbalance_bench.models.torchvision_models import torchvision_backbone

Head = Literal["linear", "cosine"]
HEADS = ("fc", "classifier.1", "classifier.3")
HUGE = 400e6
"""Networks of more parameters than this are only sketched, without weights."""

# One of each family: an image size that it takes, and its number of features.
FAMILIES = {
    "alexnet": ((28, 28), 4096),
    "convnext_tiny": ((28, 28), 768),
    "densenet121": ((28, 28), 1024),
    "efficientnet_b0": ((28, 28), 1280),
    "googlenet": ((28, 28), 1024),
    "inception_v3": ((39, 39), 2048),
    "maxvit_t": ((32, 32), 512),
    "mnasnet0_5": ((28, 28), 1280),
    "mobilenet_v3_small": ((28, 28), 1024),
    "regnet_y_400mf": ((28, 28), 440),
    "resnet18": ((28, 28), 512),
    "shufflenet_v2_x0_5": ((28, 28), 1024),
    "squeezenet1_1": ((28, 28), 512),
    "swin_t": ((28, 28), 768),
    "vgg11": ((32, 32), 4096),
    "vit_b_16": ((32, 32), 768),
}
# What is said of 28x28 images where they are refused.
REFUSED = {
    "inception_v3": ["39x39"],
    "maxvit_t": ["31x31"],
    "vgg11": ["32x32"],
    "vit_b_16": ["16x16", "32x32"],
}


pytestmark = pytest.mark.usefixtures("one_thread")


def model(
    name: str, size: tuple[int, int] = (28, 28), channels: int = 1, head: Head = "linear", seed: int = 0
) -> Classifier:
    mean, std = torch.full((channels,), 100.0), torch.full((channels,), 50.0)
    return build_model(
        name,
        in_channels=channels,
        image_size=size,
        n_classes=3,
        head=head,
        mean=mean,
        std=std,
        seed=seed,
    )


def sizes_in(error: pytest.ExceptionInfo[RequestError]) -> list[str]:
    """The sizes that a refusal names after the one that it refuses."""
    return re.findall(r"\d+x\d+", str(error.value).split(";", 1)[1])


def families(slow: str) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.slow] if name == slow else []) for name in FAMILIES]


# The hidden layers of vgg11 have 120 million weights, which take seconds to draw.
@pytest.mark.parametrize("name", families(slow="vgg11"))
def test_each_family_trains_on_small_images(name: str) -> None:
    size, n_features = FAMILIES[name]
    head: Head = "cosine" if len(name) % 2 else "linear"
    net = model(name, size, head=head)
    images = torch.randint(0, 256, (2, 1, *size), dtype=torch.uint8)
    assert net.head.weight.shape == (3, n_features)
    assert len(initial_hash(net)) == 12
    first = next(net.backbone.parameters())
    before = first.detach().clone(), net.head.weight.detach().clone()
    logits = net.train()(images)
    assert logits.shape == (2, 3)
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 2]))
    loss.backward()
    assert torch.isfinite(loss)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.grad is not None:
                assert torch.isfinite(parameter.grad).all()
                parameter -= 0.1 * parameter.grad
    assert not torch.equal(first, before[0])
    assert not torch.equal(net.head.weight, before[1])
    with torch.inference_mode():
        assert net.eval().features(images[:1]).shape == (1, n_features)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_takes_three_channels(name: str) -> None:
    assert torchvision_models._whole_stem(name, 3, FAMILIES[name][0]) is False


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - REFUSED))
def test_most_families_take_images_that_are_not_square(name: str) -> None:
    assert torchvision_models._whole_stem(name, 1, (28, 45)) is False


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_size_that_does_not_fit_is_refused_with_one_that_does(name: str) -> None:
    with pytest.raises(
        RequestError, match=rf"^{name} can't take images of 28x28 pixels;.*small-cnn"
    ) as error:
        model(name)
    assert sizes_in(error) == REFUSED[name]
    for found in REFUSED[name]:
        side = int(found.split("x")[0])
        assert torchvision_models._whole_stem(name, 1, (side, side)) is not None
        if len(REFUSED[name]) == 1:
            assert torchvision_models._whole_stem(name, 1, (side - 1, side - 1)) is None


def test_a_vit_takes_square_images_only() -> None:
    with pytest.raises(RequestError, match=r"of 32x48 pixels; .* 16x16 and 32x32"):
        model("vit_b_16", (32, 48))


@pytest.mark.parametrize(
    ("name", "kernel", "stride", "pools"),
    [
        ("alexnet", 3, 1, 2),
        ("convnext_tiny", 2, 2, 0),
        ("densenet121", 3, 1, 0),
        ("efficientnet_b0", 3, 1, 0),
        ("resnet18", 3, 1, 0),
        ("shufflenet_v2_x0_5", 3, 1, 0),
        ("squeezenet1_0", 3, 1, 2),
        ("vgg11", 3, 1, 5),
    ],
)
def test_the_stem_hardly_shrinks_a_small_image(name: str, kernel: int, stride: int, pools: int) -> None:
    net, _ = torchvision_models._network(name, 1, None, whole_stem=False, sketch=True)
    stem = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    assert stem.weight.shape[1:] == (1, kernel, kernel)
    assert (stem.kernel_size, stem.stride) == ((kernel, kernel), (stride, stride))
    assert sum(isinstance(m, nn.MaxPool2d) for m in net.modules()) == pools


@pytest.mark.parametrize(
    ("name", "size"), [("resnet18", 64), ("mobilenet_v3_small", 64), ("squeezenet1_1", 64)]
)
def test_large_colour_images_get_torchvisions_own_network(name: str, size: int) -> None:
    torch.manual_seed(5)
    own = get_model(name, weights=None, num_classes=1).state_dict()
    torch.manual_seed(5)
    ours = torchvision_backbone(name, 3, (size, size))[0].state_dict()
    assert set(own) - set(ours) in ({f"{head}.{p}" for p in ("weight", "bias")} for head in HEADS)
    assert all(torch.equal(value, own[key]) for key, value in ours.items())


def test_the_rebuilt_stem_is_drawn_by_the_networks_own_rule() -> None:
    stem = model("resnet18").backbone.conv1
    assert isinstance(stem, nn.Conv2d)
    assert float(stem.weight.detach().std()) == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.1)
    stem = model("vit_b_32", (32, 32)).backbone.conv_proj
    assert isinstance(stem, nn.Conv2d)
    assert float(stem.weight.detach().std()) == pytest.approx(math.sqrt(1 / (32 * 32)), rel=0.01)


def test_the_same_seed_gives_the_same_start_for_both_heads() -> None:
    one = initial_hash(model("resnet18", seed=3))
    torch.rand(7)
    assert initial_hash(model("resnet18", seed=3, head="cosine")) == one
    assert initial_hash(model("resnet18", seed=4)) != one


def test_building_leaves_no_trace() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    net = model("shufflenet_v2_x0_5")
    with pytest.raises(RequestError):
        model("vgg11")
    assert torch.equal(torch.get_rng_state(), before)
    state = net.state_dict()
    assert all(not value.any() for key, value in state.items() if key.endswith("num_batches_tracked"))
    assert all((value == 1).all() for key, value in state.items() if key.endswith("running_var"))
    assert nn.Conv2d(3, 5, 7).weight.shape == (5, 3, 7, 7)


def test_features_that_are_not_finite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_models, "_gives_finite", lambda *_: False)
    with pytest.raises(RequestError, match="resnet18 gives features that are not finite"):
        model("resnet18")


def test_where_no_size_fits_the_refusal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_models, "_whole_stem", lambda *_: None)
    with pytest.raises(RequestError, match="none of the next 256 square sizes"):
        model("resnet18")


@pytest.mark.slow
@pytest.mark.parametrize("name", torchvision_names())
def test_every_name_gives_finite_logits_or_is_refused_with_a_size(name: str) -> None:
    size = (28, 28)
    if torchvision_models._whole_stem(name, 1, size) is None:
        with pytest.raises(RequestError, match="can't take") as error:
            model(name, size)
        side = int(sizes_in(error)[-1].split("x")[0])
        size = (side, side)
        assert torchvision_models._whole_stem(name, 1, size) is not None
    assert torchvision_models._whole_stem(name, 3, (224, 224)) is True
    shape = torchvision_models._fixed_size(name, size)
    sketch, _ = torchvision_models._network(name, 1, shape, whole_stem=False, sketch=True)
    if sum(p.numel() for p in sketch.parameters()) > HUGE:
        pytest.skip("its shapes fit; its weights would take gigabytes")
    images = torch.randint(0, 256, (2, 1, *size), dtype=torch.uint8)
    net = model(name, size)
    logits = net.train()(images)
    assert logits.shape == (2, 3)
    assert torch.isfinite(logits).all()
