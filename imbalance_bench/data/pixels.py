"""From arrays of images as people store them to (n, C, H, W): axes, value types, alpha, channels, size."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError, shown

Axes = Literal["hw", "hwc", "chw"]
Named = Callable[[int], str]
MAX_SIDE = 4096
_WHOLE_FLOAT32 = 2**24
_SIZE = re.compile(r"([0-9]{1,5})(?:[xX]([0-9]{1,5}))?")
VERSION = "1"
"""Changes with what this module computes, so that no cache and no stored run of an earlier one is taken."""


@dataclass(frozen=True)
class Reading:
    """How the arrays of one file become images; `plan` makes it.

    Attributes:
        axes: of one image as stored.
        stored: channels as stored: 1 grey, 2 grey and alpha, 3 colours, 4 colours and alpha.
        stored_dtype: of the arrays.
        shape: (C, H, W) of the result.
        dtype: uint8, uint16 or float32: of the result.
        resized: whether the images are brought to another size.
    """

    axes: Axes
    stored: int
    stored_dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    resized: bool

    @property
    def is_view(self) -> bool:
        """Whether the result holds the stored values as they are."""
        return self.stored == self.shape[0] and not self.resized and self.stored_dtype == self.dtype

    def view(self, block: NDArray[Any]) -> NDArray[Any]:
        """(n, C, H, W) of the stored channels, sharing memory with `block`."""
        if self.axes == "hw":
            return block[:, None]
        return block if self.axes == "chw" else block.transpose(0, 3, 1, 2)

    def convert(self, block: NDArray[Any], name_of: Named) -> NDArray[Any]:
        """(n, C, H, W) in the result's type; RequestError naming a row with values that can't be taken."""
        images = self._values(self.view(block), name_of)
        if self.stored in (2, 4):
            images = self._on_black(images, name_of)
        if images.shape[1] == 3 and self.shape[0] == 1:
            images = _grey(images)
        elif images.shape[1] == 1 and self.shape[0] == 3:
            images = np.repeat(images, 3, axis=1)
        return _resized(images, self.shape[1:]) if self.resized else images

    def key(self) -> str:
        """A text that tells this way of reading from others."""
        return f"{VERSION} {self.axes} {self.stored} {self.stored_dtype.str} {self.shape} {self.dtype.str}"

    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        said = []
        if self.stored_dtype.kind in "iuf" and self.stored_dtype.newbyteorder("=") != self.dtype:
            said.append(f"Values of type {self.stored_dtype.name} are read as {self.dtype.name}.")
        if self.stored in (2, 4):
            said.append("Images with an alpha channel are laid on black.")
        return tuple(said)

    def _values(self, images: NDArray[Any], name_of: Named) -> NDArray[Any]:
        """In the result's type, whatever is not finite or would not fit refused."""
        kind = images.dtype.kind
        if kind == "b":
            return images.astype(np.uint8) * np.uint8(255)
        if kind == "f":
            _refuse(~np.isfinite(images), images, name_of, "finite numbers are needed")
            if images.dtype.itemsize > 4:
                limit = float(np.finfo(np.float32).max)
                _refuse(np.abs(images) > limit, images, name_of, "float32 reaches to 3.4e38")
        elif self.dtype.kind == "f":
            low, high = -_WHOLE_FLOAT32, _WHOLE_FLOAT32
            if images.size and (images.min() < low or images.max() > high):
                outside = (images < low) | (images > high)
                _refuse(outside, images, name_of, "float32 holds whole numbers exactly up to 2^24 only")
        return images.astype(self.dtype, copy=False)

    def _on_black(self, images: NDArray[Any], name_of: Named) -> NDArray[Any]:
        alpha = images[:, -1:]
        if self.dtype.kind == "f":
            said = "alpha in floats is a share from 0 to 1; or store uint8"
            _refuse((alpha < 0) | (alpha > 1), alpha, name_of, said)
            return np.asarray(images[:, :-1] * alpha)
        top = int(np.iinfo(self.dtype).max)
        laid = images[:, :-1].astype(np.float64) * alpha / top
        return np.asarray(np.rint(laid), dtype=self.dtype)


def plan(
    where: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    channels: str = "auto",
    image_size: str | None = None,
    layout: str = "auto",
) -> Reading:
    """How arrays of `shape` (N, ...) and `dtype` are read; RequestError where they are not images.

    (N, H, W) is grey; a last or a second axis of 1 to 4 holds the channels; where both could, `layout` "hwc"
    or "chw" says which. `channels` "grey" or "rgb" converts; `image_size` is "N" or "HEIGHTxWIDTH".
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise RequestError(f"{where} has type {dtype}; numbers of at most 64 bits are needed.")
    if 0 in shape or not shape:
        raise RequestError(
            f"{where} has shape {shape}; at least one image with at least one pixel is needed."
        )
    axes = _axes(where, shape, layout)
    if axes == "hw":
        stored, height, width = 1, *shape[1:]
    elif axes == "hwc":
        height, width, stored = shape[1:]
    else:
        stored, height, width = shape[1:]
    size = (height, width) if image_size is None else parse_size(image_size)
    own = 1 if stored < 3 else 3
    native = dtype.newbyteorder("=")
    result = np.dtype(np.uint8) if native == np.bool_ else native
    if result not in (np.uint8, np.uint16):
        result = np.dtype(np.float32)
    wanted = {"auto": own, "grey": 1, "rgb": 3}[channels]
    return Reading(axes, stored, dtype, (wanted, *size), result, size != (height, width))


def parse_size(text: str) -> tuple[int, int]:
    """(H, W) from "N" or "HEIGHTxWIDTH"; RequestError for anything else."""
    match = _SIZE.fullmatch(text.strip())
    sides = [int(side) for side in match.groups() if side] if match else []
    if not sides or not all(1 <= side <= MAX_SIDE for side in sides):
        raise RequestError(
            f"--image-size: found {shown(text)}; allowed: one number, or HEIGHTxWIDTH, from 1 to {MAX_SIDE}."
        )
    return sides[0], sides[-1]


def _axes(where: str, shape: tuple[int, ...], layout: str) -> Axes:
    if len(shape) == 2:
        raise RequestError(
            f"{where} has shape {shape}: flat rows, whose height and width are not known. Reshape it to "
            "(N, H, W)."
        )
    if len(shape) == 3:
        return "hw"
    if len(shape) == 4:
        last, second = 1 <= shape[3] <= 4, 1 <= shape[1] <= 4
        if layout == "hwc" and last:
            return "hwc"
        if layout == "chw" and second:
            return "chw"
        if layout == "auto" and last != second:
            return "hwc" if last else "chw"
        if layout == "auto" and last:
            raise RequestError(
                f"{where} has shape {shape}, in which the channels may come first or last; say which: "
                "--layout chw "
                "or --layout hwc."
            )
        if last or second:
            raise RequestError(
                f"{where} has shape {shape}: {shape[3 if layout == 'hwc' else 1]} channels by --layout "
                f"{layout}; "
                "1 to 4 are needed."
            )
    raise RequestError(
        f"{where} has shape {shape}: volumes, which are not read. Take slices or projections, as (N, H, "
        "W) or "
        "(N, H, W, C) with 1 to 4 channels."
    )


def _refuse(wrong: NDArray[np.bool_], images: NDArray[Any], name_of: Named, needed: str) -> None:
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise RequestError(f"{name_of(int(at[0]))} holds the value {images[at]}; {needed}.")


def _grey(images: NDArray[Any]) -> NDArray[Any]:
    """(n, 1, H, W) luma by ITU-R 601, for uint8 exactly as Pillow computes it."""
    red, green, blue = (images[:, c : c + 1] for c in range(3))
    if images.dtype.kind == "f":
        luma = 0.299 * red.astype(np.float64) + 0.587 * green + 0.114 * blue
        return luma.astype(np.float32)
    wide = 19595 * red.astype(np.int64) + 38470 * green.astype(np.int64) + 7471 * blue.astype(np.int64)
    return ((wide + 0x8000) >> 16).astype(images.dtype)


def _resized(images: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """(n, C, *size) by Pillow's bilinear filter, which averages when it shrinks; the type stays."""
    from PIL import Image

    height, width = size
    result = np.empty((*images.shape[:2], height, width), images.dtype)
    for i, image in enumerate(images):
        for c, channel in enumerate(image):
            kept = channel if images.dtype == np.uint8 else channel.astype(np.float32)
            made = np.asarray(Image.fromarray(kept).resize((width, height), Image.Resampling.BILINEAR))
            if images.dtype == np.uint16:
                made = np.clip(np.rint(made), 0, np.iinfo(np.uint16).max)
            result[i, c] = made
    return result
