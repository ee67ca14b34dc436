"""Random flips, shifts and crops of a batch of training images, in one gather on the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from imbalance_bench.fields import AUGMENTATIONS

SHIFT = 0.1
"""The largest shift, as a share of the image's side."""
SMALLEST_CROP = 0.8
"""The shortest side of a crop, as a share of the image's."""


def augmentation(names: str | None, seed: int) -> Callable[[Tensor], Tensor]:
    """A function from (n, C, H, W) images of any type to float32 ones of the same shape, changed at random.

    Args:
        names: comma-separated, of `AUGMENTATIONS`; None changes nothing.
        seed: of a random stream of its own, so that no other draw depends on it.

    "flip" mirrors left and right, "flip-vertical" up and down, each for every second image; "shift" moves by
    up to a tenth of each side, in whole pixels; "crop" takes a part of at least .8 of the sides, anywhere,
    enlarged to the whole by bilinear interpolation. What comes in from outside repeats the edge.
    """
    if names is None:
        return lambda images: images
    chosen = names.split(",")
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, low: float, high: float) -> Tensor:
        return torch.rand(n, generator=generator) * (high - low) + low

    def augment(images: Tensor) -> Tensor:
        n, _, height, width = images.shape
        # Where each output pixel comes from: x' = scale * x + offset, in [-1, 1] over the image.
        scale, offset = torch.ones(n, 2), torch.zeros(n, 2)
        for name in chosen:
            if name == "crop":
                side = drawn(n, SMALLEST_CROP, 1.0)
                scale *= side[:, None]
                offset += torch.stack([drawn(n, -1, 1), drawn(n, -1, 1)], 1) * (1 - side)[:, None]
            elif name == "shift":
                pixels = torch.stack(
                    [torch.round(drawn(n, -1, 1) * int(SHIFT * size)) for size in (width, height)], 1
                )
                offset += pixels * 2 / torch.tensor([width, height])
            else:
                mirrored = torch.where(drawn(n, 0, 1) < 0.5, -1.0, 1.0)
                scale[:, int(name == AUGMENTATIONS[1])] *= mirrored
        matrix = torch.zeros(n, 2, 3)
        matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = scale[:, 0], scale[:, 1], offset
        grid = F.affine_grid(matrix.to(images.device), [n, 1, height, width], align_corners=False)
        return F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)

    return augment
