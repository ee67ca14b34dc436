"""What every loss shares: checks of its inputs, float32 under half types, weights and reductions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

PerClass = Sequence[float] | npt.NDArray[Any] | Tensor
"""One number per class, (C,), of any numeric type and on any device."""

LIMIT = 1e30
"""The largest setting that is taken, where it multiplies: float32 ends at 3.4e38."""


def check_inputs(logits: Tensor, targets: Tensor) -> Tensor:
    """The targets as int64 on the logits' device.

    ValueError unless logits are (N, C >= 2) floats and targets (N,) integers in 0..C-1. Their range is left
    to torch where there are no values to read (`values_of`).
    """
    for name, value in (("logits", logits), ("targets", targets)):
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} are a {type(value).__name__}; a torch tensor is needed.")
    if logits.ndim != 2 or logits.shape[1] < 2 or not logits.is_floating_point():
        raise ValueError(
            f"logits have shape {tuple(logits.shape)} and type {logits.dtype}; "
            "(N, C) floats with C >= 2 are needed."
        )
    whole = not (targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool)
    if targets.shape != logits.shape[:1] or not whole:
        raise ValueError(
            f"targets have shape {tuple(targets.shape)} and type {targets.dtype}; "
            f"({logits.shape[0]},) integers are needed."
        )
    targets = targets.to(torch.int64)
    ends = values_of(torch.stack(targets.aminmax())) if targets.numel() else None
    if ends is not None and (ends[0] < 0 or ends[1] >= logits.shape[1]):
        raise ValueError(
            f"targets range from {ends[0]} to {ends[1]}; "
            f"allowed are 0 to {logits.shape[1] - 1}. Select the rows to leave out before the call."
        )
    return targets.to(logits.device)


def values_of(tensor: Tensor) -> Any:
    """The numbers of a tensor in (nested) lists, by one transfer.

    None where torch has none to give: while it compiles, for what `vmap` maps over, on the meta device.
    """
    if torch.compiler.is_compiling():
        return None
    try:
        return tensor.detach().tolist()
    except RuntimeError:
        return None


def number(name: str, value: Any) -> float:
    """A number of Python, numpy or torch, also as an array of no dimension; ValueError for all else."""
    if isinstance(value, int | float):
        return value
    found = value.item() if getattr(value, "ndim", 1) == 0 else None
    if not isinstance(found, int | float):
        raise ValueError(f"{name} is {value!r}; a number is needed.")
    return found


def check_setting(
    name: str, value: float, low: float, high: float = math.inf, *, below: bool = False
) -> float:
    """The value as a Python number; ValueError unless finite, low <= value <= high; `below`: < high."""
    value = number(name, value)
    inside = low <= value < high if below else low <= value <= high
    if inside and value < math.inf:
        return value
    if high == math.inf:
        raise ValueError(f"{name} is {value}; a finite number of at least {low:g} is needed.")
    raise ValueError(f"{name} is {value}; a number in [{low:g}, {high:g}{')' if below else ']'} is needed.")


def check_counts(class_counts: PerClass, n_classes: int | None = None) -> npt.NDArray[np.float64]:
    """(C,) training rows per class as float64.

    ValueError unless they are whole numbers of at least 1, one for each of the `n_classes` (None: any).
    """
    counts = numbers(class_counts, "class_counts")
    if counts.ndim != 1 or len(counts) == 0 or n_classes not in (None, len(counts)):
        needed = "C" if n_classes is None else n_classes
        raise ValueError(
            f"class_counts have shape {counts.shape}; ({needed},) is needed: the training rows of each class."
        )
    if torch.compiler.is_compiling():
        return counts
    if counts.dtype.kind == "b":
        raise ValueError(
            "class_counts are booleans; whole numbers are needed: the training rows of each class."
        )
    counts = counts.astype(np.float64)
    wrong = ~(np.isfinite(counts) & (counts >= 1) & (counts == np.floor(counts)))
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"class_counts[{first}] is {counts[first]:g}; a whole number of at least 1 is needed. "
            "Leave out classes without training rows."
        )
    return counts


def numbers(values: Any, name: str) -> npt.NDArray[Any]:
    """Real numbers of any container as an array of their own type; ValueError for all else."""
    if torch.compiler.is_compiling():
        # Traced as torch, which has no types of arrays to check.
        values = values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values
        return np.asarray(values, dtype=np.float64)
    if isinstance(values, Tensor):
        # As a list: numpy has no bfloat16, and torch.func.grad lends no memory.
        given, values = values, values_of(values)
        if values is None:
            raise ValueError(
                f"{name} has no values to read (a {given.device} tensor, or one that vmap maps over)."
            )
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of unequal length, tensors on several devices
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} is {values!r}; real numbers are needed, one per class.")
    return array


def in_float(logits: Tensor) -> Tensor:
    """The logits in float32, or as they are where they are float64."""
    return logits if logits.dtype == torch.float64 else logits.float()


def like_logits(values: npt.NDArray[np.float64], logits: Tensor) -> Tensor:
    """Numbers per class on the logits' device, in the type that the loss is computed in."""
    return torch.as_tensor(values).to(_computed_in(logits)).to(logits.device)


def _computed_in(logits: Tensor) -> torch.dtype:
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def class_weight_tensor(weight: PerClass | None, logits: Tensor, name: str = "weight") -> Tensor | None:
    """(C,) weights on the device and in the type of the (float) logits, as constants; None stays None.

    ValueError, speaking of `name`, unless they are finite (in that type) and at least 0; a tensor without
    values to read (`values_of`) is taken as it is.
    """
    if weight is None:
        return None
    read: Any = values_of(weight) if isinstance(weight, Tensor) else weight
    values = weight.detach() if isinstance(weight, Tensor) and read is None else numbers(read, name)
    if values.shape != (logits.shape[1],):
        raise ValueError(
            f"{name} has shape {tuple(values.shape)}; ({logits.shape[1]},) is needed: one weight per class."
        )
    if isinstance(values, Tensor):
        return values.to(logits.device, _computed_in(logits))
    if torch.compiler.is_compiling():
        return like_logits(values, logits)
    values = values.astype(np.float64)
    wrong = ~((values >= 0) & (values <= torch.finfo(_computed_in(logits)).max))
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(f"{name}[{first}] is {values[first]:g}; a finite number of at least 0 is needed.")
    return like_logits(values, logits)


def weigh_and_reduce(rows: Tensor, targets: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Rows (N,) times the weight (C,) of their class: the mean over N, the sum, or the rows.

    Weights come after everything else, so that twice the weight is exactly twice the loss of a row. The mean
    is as finite as its rows; the sum need not be.
    """
    if weight is not None:
        rows = rows * weight[targets]
    if reduction == "mean":
        # Divided first, as the sum of finite rows may be infinite. The mean of no rows is nan, as in torch.
        return (rows / len(rows)).sum() if len(rows) else rows.mean()
    if reduction == "sum":
        return rows.sum()
    if reduction == "none":
        return rows
    raise ValueError(f"reduction is {reduction!r}; allowed: 'mean', 'sum', 'none'.")


def log_odds_against(z: Tensor, targets: Tensor) -> Tensor:
    """(N,) t = logsumexp of the other classes' logits minus the target's.

    -log p = softplus(t) and log(1 - p) = logsigmoid(t): neither needs p itself, which saturates.
    """
    others = z.masked_fill(is_target(targets, z.shape[1]), -torch.inf)
    return others.logsumexp(1) - z.gather(1, targets[:, None]).squeeze(1)


def is_target(targets: Tensor, n_classes: int) -> Tensor:
    """(N, C) bool, true at each row's target. `F.one_hot` reads its values, which transforms refuse."""
    return targets[:, None] == torch.arange(n_classes, device=targets.device)


def bounded(t: Tensor) -> Tensor:
    """t, cut where logsigmoid(t) is 0 to the last digit.

    Beyond, its gradient is 0 and the factors that meet it may overflow: their product must not be NaN.
    """
    return t.clamp(max=-math.log(torch.finfo(t.dtype).tiny))


def power(log_base: Tensor, gamma: float) -> Tensor:
    """base^gamma for a base in [0, 1] given by its logarithm; gamma may exceed the type's range."""
    return torch.exp(min(gamma, torch.finfo(log_base.dtype).max / 1000) * log_base)


class LossModule(nn.Module):
    """A loss as a module: the constructor stores its arguments under their names and nothing else.

    They are constants: of a parameter or another tensor with a gradient the values are kept, as a plain
    tensor on the same memory, so that `parameters()` and `state_dict()` stay empty.
    """

    function: ClassVar[Callable[..., Tensor]]
    setting_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.setting_names = tuple(inspect.signature(cls).parameters)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value.detach() if isinstance(value, Tensor) else value)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments as they now stand."""
        return {name: getattr(self, name) for name in self.setting_names}

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (N, C) and integer targets (N,) to the reduced loss."""
        return type(self).function(logits, targets, **self.settings())

    def extra_repr(self) -> str:
        """The settings, for printing."""
        return ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
