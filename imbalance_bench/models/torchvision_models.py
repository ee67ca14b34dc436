"""Any classifier of torchvision.models as a backbone: fresh weights, any channels, small images too.

What a network needs is read from its structure and from the parameters of its class, not from its name:
the first convolution is the stem, the last linear (or convolutional) layer is the head.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import get_type_hints

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torchvision.models import MaxVit, get_model_builder

from imbalance_bench.errors import RequestError

SMALL = 64
"""Where a side is shorter than this the stem hardly shrinks the image, as is usual for CIFAR."""
SEARCHED = 256
"""So many pixels from the image's own size up are searched for one that the network takes."""
ROWS = 2
UNFIT = (RuntimeError, ValueError, AssertionError)
"""What networks raise over a size that they can't take."""

Size = tuple[int, int]


def torchvision_backbone(name: str, in_channels: int, image_size: Size) -> tuple[nn.Module, int]:
    """The network without its last layer, (n, in_channels, H, W) -> (n, D), and D.

    Everything in front of the last layer stays, dropout and hidden layers included. The weights come from
    the global generator, by the network's own rule.

    Raises:
        RequestError: where the network can't take images of `image_size`, (height, width).
    """
    whole_stem = check_size(name, in_channels, image_size)
    net, n_features = _network(name, in_channels, image_size, whole_stem=whole_stem, sketch=False)
    if not _gives_finite(net, in_channels, image_size):
        raise RequestError(
            f"{name} gives features that are not finite for images of {_shown(image_size)} before any "
            "training; take another model, such as small-cnn, resnet32 or resnet18."
        )
    return net, n_features


def check_size(name: str, in_channels: int, image_size: Size) -> bool:
    """Whether the stem may stay as it is; RequestError where images of this size don't fit either way."""
    whole_stem = _whole_stem(name, in_channels, image_size)
    if whole_stem is None:
        raise RequestError(_refusal(name, in_channels, image_size))
    return whole_stem


def _whole_stem(name: str, in_channels: int, size: Size) -> bool | None:
    """Whether the stem may stay as it is, None where the network doesn't fit either way; nothing is drawn.

    From SMALL pixels on the whole stem is tried first, and the one for small images after it.
    """
    for whole_stem in (False,) if min(size) < SMALL else (True, False):
        try:
            with torch.random.fork_rng(devices=[]):
                net, n_features = _sketch(name, in_channels, _fixed_size(name, size), whole_stem)
                out = net(_on_meta(torch.empty(ROWS, in_channels, *size)))
        except UNFIT:
            continue
        if isinstance(out, Tensor) and out.shape == (ROWS, n_features):
            return whole_stem
    return None


def _gives_finite(net: nn.Module, in_channels: int, size: Size) -> bool:
    """One training pass of noise; running statistics and random state stay as they were."""
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        out = torch.func.functional_call(net, buffers, (torch.randn(ROWS, in_channels, *size),))
    return bool(torch.isfinite(out).all())


@lru_cache
def _refusal(name: str, in_channels: int, size: Size) -> str:
    def first(sides: range) -> list[str]:
        fits = (side for side in sides if _whole_stem(name, in_channels, (side, side)) is not None)
        return [_shown((side, side)) for side in islice(fits, 1)]

    low = min(size)
    above = first(range(low, low + SEARCHED))
    # A network that is built for one size may take a smaller one where it refuses this one; no other does.
    below = first(range(low - 1, 0, -1)) if _fixed_size(name, size) else []
    match [*below, *above]:
        case [smaller, larger]:
            allowed = f"the nearest square sizes that it takes are {smaller} and {larger}"
        case [smallest]:
            allowed = f"the smallest square size that it takes is {smallest}"
        case _:
            allowed = f"none of the next {SEARCHED} square sizes suits it either"
    return (
        f"{name} can't take images of {_shown(size)} pixels; {allowed}. Take another model: small-cnn, "
        "resnet32 and resnet18 take any size."
    )


def _shown(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


class _Fitting:
    """Called for each parameter that a network under construction gets: fits its first convolution.

    The network's own rule then draws weights of the right shape, whatever that rule is.

    Attributes:
        stem: the first convolution, once it is there.
        narrowed: whether it was kept from shrinking the image.
    """

    def __init__(self, in_channels: int, *, whole_stem: bool, sketch: bool) -> None:
        self._in_channels, self._whole_stem, self._sketch = in_channels, whole_stem, sketch
        self.stem: nn.Conv2d | None = None
        self.narrowed = False

    def __call__(self, module: nn.Module, name: str, parameter: nn.Parameter) -> nn.Parameter:
        if self.stem is None and isinstance(module, nn.Conv2d):
            self.stem = module
            module.in_channels = self._in_channels
            if not self._whole_stem and max(module.stride) > 1:
                self._narrow(module)
            shape = module.out_channels, module.in_channels, *module.kernel_size
            parameter = nn.Parameter(torch.empty(shape))
        return nn.Parameter(_on_meta(parameter)) if self._sketch else parameter

    def _narrow(self, stem: nn.Conv2d) -> None:
        self.narrowed = True
        if stem.kernel_size == stem.stride:
            # Patches: a pixel alone would lose its brightness in the layer norm that follows.
            stem.kernel_size = stem.stride = (2, 2)
            return
        if max(stem.kernel_size) > 3:
            stem.kernel_size, stem.padding = (3, 3), (1, 1)
        stem.stride = (1, 1)

    @contextmanager
    def active(self) -> Iterator[None]:
        # mypy sees the hook's type as one that returns nothing; its documentation allows a parameter.
        handle = register_module_parameter_registration_hook(self)  # type: ignore[arg-type]
        try:
            yield
        finally:
            handle.remove()


def _network(
    name: str, in_channels: int, size: Size | None, *, whole_stem: bool, sketch: bool
) -> tuple[nn.Module, int]:
    """The network without its last layer and the number of features; a sketch has shapes and no weights.

    `size` is None for a network that is not built for one size.
    """
    parameters = _parameters(name)
    # A network that takes the image size has the size of its patches in its name: that stem stays.
    fitting = _Fitting(in_channels, whole_stem=whole_stem or "image_size" in parameters, sketch=sketch)
    with fitting.active():
        if size is not None and "partition_size" in parameters:
            net = _maxvit_t(size, whole_stem=whole_stem)
        else:
            options = {"aux_logits": False, "init_weights": True, "num_classes": 1}
            options |= {"image_size": size[0]} if size is not None else {}
            accepted = {key: value for key, value in options.items() if key in parameters}
            net = get_model_builder(name)(weights=None, **accepted)
    if sketch:
        net.to("meta")  # the buffers
    if fitting.narrowed:
        _leave_out_pooling(net, fitting.stem)
    path, last = [item for item in net.named_modules() if isinstance(item[1], nn.Linear | nn.Conv2d)][-1]
    net.set_submodule(path, nn.Identity())
    return net, int(last.weight.shape[1])


@lru_cache(maxsize=4)
def _sketch(name: str, in_channels: int, size: Size | None, whole_stem: bool) -> tuple[nn.Module, int]:
    net, n_features = _network(name, in_channels, size, whole_stem=whole_stem, sketch=True)
    return net.to(memory_format=torch.channels_last), n_features


def _on_meta(tensor: Tensor) -> Tensor:
    return tensor.detach().to("meta")


@lru_cache
def _parameters(name: str) -> frozenset[str]:
    """The parameters of the class that the builder of this name makes."""
    return frozenset(inspect.signature(get_type_hints(get_model_builder(name))["return"]).parameters)


def _fixed_size(name: str, size: Size) -> Size | None:
    """The image size where the network is built for just one, otherwise None."""
    return size if _parameters(name) & {"image_size", "partition_size"} else None


def _leave_out_pooling(net: nn.Module, stem: nn.Module | None) -> None:
    """Leave out max pooling that follows the stem with nothing but norm and activation in between."""
    leaves = [(path, module) for path, module in net.named_modules() if not list(module.children())]
    start = next(i for i, (_, module) in enumerate(leaves) if module is stem)
    for path, module in leaves[start + 1 :]:
        if isinstance(module, nn.MaxPool2d):
            net.set_submodule(path, nn.Identity())
        if not isinstance(module, nn.BatchNorm2d | nn.ReLU):
            return


def _maxvit_t(size: Size, *, whole_stem: bool) -> nn.Module:
    """MaxViT-T with the largest partition up to its own of 7 that divides the maps of all four blocks.

    torchvision's builder has the 7 fixed, and with it the image size.

    Raises:
        ValueError: where no partition of at least 2 divides them.
    """
    # The class reckons with a stem of stride 2, the first block's convolution halves too.
    assumed = size if whole_stem else (2 * size[0], 2 * size[1])
    sides = [math.ceil(side / 2 ** (block + 2)) for side in assumed for block in range(4)]
    partition = max((p for p in range(2, 8) if math.gcd(*sides) % p == 0), default=None)
    if partition is None:
        raise ValueError(f"no partition fits maps of {sides}")
    net: nn.Module = MaxVit(
        input_size=assumed,
        stem_channels=64,
        partition_size=partition,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        stochastic_depth_prob=0.2,
        num_classes=1,
    )
    return net
