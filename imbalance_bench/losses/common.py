"""What every loss shares: checks of its inputs, float32 under half types, reductions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def check_inputs(logits: Tensor, targets: Tensor) -> None:
    """ValueError unless logits are (N, C >= 2) floats and targets (N,) integers in 0..C-1."""
    if logits.ndim != 2 or logits.shape[1] < 2 or not logits.is_floating_point():
        raise ValueError(
            f"logits have shape {tuple(logits.shape)} and type {logits.dtype}; "
            "(N, C) floats with C >= 2 are needed."
        )
    if targets.shape != logits.shape[:1] or targets.is_floating_point() or targets.dtype == torch.bool:
        raise ValueError(
            f"targets have shape {tuple(targets.shape)} and type {targets.dtype}; "
            f"({logits.shape[0]},) integers are needed."
        )
    if len(targets) and (int(targets.min()) < 0 or int(targets.max()) >= logits.shape[1]):
        raise ValueError(
            f"targets range from {int(targets.min())} to {int(targets.max())}; "
            f"allowed are 0 to {logits.shape[1] - 1}. Select the rows to leave out before the call."
        )


def in_float(logits: Tensor) -> Tensor:
    """The logits in float32 where they are half or bfloat16, else as they are."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def class_weight_tensor(
    alpha: float | Sequence[float] | Tensor | Any | None, logits: Tensor
) -> Tensor | None:
    """(C,) weights on the device and in the type of the (float) logits; None stays None.

    A number is the weight of class 1 of two, class 0 getting the rest to 1.
    """
    if alpha is None:
        return None
    weight = torch.as_tensor(alpha, dtype=in_float(logits).dtype, device=logits.device)
    n_classes = logits.shape[1]
    if weight.ndim == 0:
        if n_classes != 2:
            raise ValueError(
                f"alpha is one number for {n_classes} classes, which would only rescale the loss; "
                "give one weight per class, or None."
            )
        if not 0 <= float(weight) <= 1:
            raise ValueError(f"alpha is {float(weight):g}; for two classes it lies in [0, 1].")
        weight = torch.stack([1 - weight, weight])
    if weight.shape != (n_classes,):
        raise ValueError(f"alpha has shape {tuple(weight.shape)}; ({n_classes},) is needed.")
    if not bool(torch.isfinite(weight).all()) or bool((weight < 0).any()):
        raise ValueError(f"alpha is {weight.tolist()}; finite weights of at least 0 are needed.")
    return weight


def reduce(loss: Tensor, reduction: str) -> Tensor:
    """Mean over rows, sum, or the rows themselves."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"reduction is {reduction!r}; allowed: 'mean', 'sum', 'none'.")
