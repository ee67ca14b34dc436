"""Logits and features for many rows, a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imbalance_bench.models.classifier import Classifier

BLOCK = 512


def logits_of(model: Classifier, images: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, C) float32 logits of `rows` of `images` (M, C, H, W), in evaluation mode."""
    blocks = (torch.from_numpy(images[part]) for part in _blocks(rows))
    return _collect(model, model, blocks)


def features_of(model: Classifier, pool: Tensor, index: Tensor) -> NDArray[np.float32]:
    """(N, D) float32 features of the images `pool[index]`, in evaluation mode."""
    return _collect(model, model.features, (pool[part] for part in torch.split(index, BLOCK)))


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]


def _collect(model: Classifier, function: Callable[[Tensor], Tensor], blocks: Any) -> NDArray[np.float32]:
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        found = [function(block.to(model.mean.device)).float().cpu() for block in blocks]
    model.train(was_training)
    return np.asarray(torch.cat(found).numpy(), dtype=np.float32)
