"""What users of samplers hand over: labels, images and random states, checked and as numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def whole_labels(labels: Any) -> Ints:
    """(N,) int64 from a list, an array or a tensor of whole numbers, bools and whole floats among them.

    Raises:
        ValueError: for another shape, no label, or anything but whole numbers of 64 bits.
    """
    found = _array(labels, "labels")
    if found.ndim != 1:
        raise ValueError(f"labels has shape {found.shape}; one label for each row, (N,), is needed.")
    if not len(found):
        raise ValueError("labels is empty; at least one row is needed.")
    if found.dtype.kind not in "biuf":
        first = found[0].item() if isinstance(found[0], np.generic) else found[0]
        raise ValueError(f"labels has type {found.dtype} (first: {first!r}); whole numbers are needed.")
    with np.errstate(invalid="ignore"):
        whole = found.astype(np.int64)
    # Compared in the type given: a fraction, a NaN or a number beyond 64 bits doesn't come back.
    wrong = np.flatnonzero((whole.astype(found.dtype) != found) | ((whole < 0) & (found > 0)))
    if len(wrong):
        raise ValueError(f"labels holds {found[wrong[0]]} at row {wrong[0]}; whole numbers are needed.")
    return whole


def real_images(images: Any, n: int) -> NDArray[Any]:
    """Images (N, ...) as numpy, in their own type; a tensor's memory is shared where it can be.

    Raises:
        ValueError: where there are not `n`, they hold no values, or some that are not finite real numbers.
    """
    found = _array(images, "images")
    if found.ndim < 2 or not found.size:
        raise ValueError(f"images has shape {found.shape}; (N, ...) with values for each row is needed.")
    if len(found) != n:
        raise ValueError(f"images has {len(found)} rows and labels has {n}; one label for each is needed.")
    if found.dtype.kind not in "biuf":
        raise ValueError(f"images has type {found.dtype}; real numbers are needed.")
    if found.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            found = found.astype(np.float64)
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        row = next(i for i, image in enumerate(found) if not np.isfinite(image).all())
        raise ValueError(f"images holds NaN or infinity, first in row {row}; finite numbers are needed.")
    return found


def generator(random_state: Any) -> np.random.Generator:
    """The generator that scikit-learn's `random_state` stands for.

    None draws anew each time, a whole number always the same; a Generator is used and moved on, and so is
    a RandomState, from which a Generator is seeded.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, size=4, dtype=np.uint32))
    known = random_state is None or isinstance(random_state, np.random.Generator)
    whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not known and not (whole and random_state >= 0):
        raise ValueError(
            f"random_state is {random_state!r}; None, a whole number from 0 on, or a numpy Generator "
            "or RandomState is needed."
        )
    return np.random.default_rng(random_state)


def _array(values: Any, what: str) -> NDArray[Any]:
    # A tensor may be on a device or in a graph, where numpy can't read it.
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # Numpy has none of the types with fewer digits than float16.
        if str(values.dtype).startswith(("torch.bfloat", "torch.float8")):
            values = values.float()
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} can't be read as an array: {error}") from error
