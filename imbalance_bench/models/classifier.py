"""A classifier in three pieces: normalisation of the input, a backbone to features, a head to logits."""

from __future__ import annotations

import hashlib
import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CosineHead(nn.Module):
    """`scale` times the cosines between features and class weights, (n, D) -> (n, C); no bias."""

    scale: Tensor

    def __init__(self, in_features: int, n_classes: int, scale: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(float(scale)))
        # By way of a linear layer: it draws as many random numbers, so both kinds of head start alike.
        self.weight = nn.Linear(in_features, n_classes).weight

    def forward(self, features: Tensor) -> Tensor:
        """(n, D) features to (n, C) scaled cosines."""
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))


class Classifier(nn.Module):
    """Raw images (n, C, H, W) in the source's range to logits (n, n_classes).

    The constants that normalise the input are part of the model, so that stored weights suffice to use it.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        n_features: int,
        n_classes: int,
        *,
        head: Literal["linear", "cosine"],
        mean: Tensor,
        std: Tensor,
        head_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("std", std.reshape(1, -1, 1, 1))
        self.backbone = backbone
        self.head = (
            nn.Linear(n_features, n_classes)
            if head == "linear"
            else CosineHead(n_features, n_classes, head_scale)
        )
        self.reset_head()
        self.to(memory_format=torch.channels_last)

    def features(self, images: Tensor) -> Tensor:
        """Images to (n, D) features."""
        normal = ((images.float() - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        out: Tensor = self.backbone(normal)
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Images to (n, n_classes) logits."""
        out: Tensor = self.head(self.features(images))
        return out

    def reset_head(self) -> None:
        """Draw the head anew; weights first, so that both kinds of head start from the same ones."""
        bound = 1 / math.sqrt(self.head.weight.shape[1])
        with torch.no_grad():
            self.head.weight.uniform_(-bound, bound)
            if isinstance(self.head, nn.Linear):
                self.head.bias.zero_()


def initial_hash(model: Classifier) -> str:
    """12 hex digits over the backbone's parameters and the head's weights: equal where runs start alike."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if name != "head.bias":
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
