"""The bytes of one image file as an array: orientation, palette, transparency, depth and size settled.

Imports numpy and Pillow only, since worker processes start with it.
"""

from __future__ import annotations

import contextlib
import functools
import io
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imbalance_bench.data.plain_png import plain_png

Pixels = NDArray[Any]
Size = tuple[int, int]

MAX_PIXELS = 2**28
"""Width times height of the largest image that is read: a file of a few bytes can promise more."""

NOT_READ = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"})
"""Formats of Pillow's that are drawings, films or stubs; some start other programs to be read."""

DEPTHS = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""What images are kept as, by the number that `Seen.depth` holds."""

_WITH_FRAMES = ("GIF", "TIFF", "WEBP", "PNG", "AVIF")
_WITH_ORIENTATION = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
_SURE = ((b"\x89PNG\r\n\x1a\n", ("PNG",)), (b"\xff\xd8\xff", ("JPEG",)))
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Seen(NamedTuple):
    """What was found in a file.

    mode: Pillow's name for the kind of pixel.
    size: (height, width) after orientation, before any resizing.
    channels: 1 for grey, 3 for colour.
    depth: the place in `DEPTHS`.
    frames: True where the file holds more images than the first.
    reduced: True for more than 8 bits a channel of which Pillow reads the upper 8.
    """

    mode: str
    size: Size
    channels: int
    depth: int
    frames: bool
    reduced: bool


def decode(raw: bytes, channels: str, size: Size | None) -> tuple[Pixels, Seen]:
    """The first image of a file, (C, height, width) uint8, uint16 or float32, and what was found.

    `channels` "grey" gives C = 1 (of colour: the luma of ITU-R 601), "rgb" C = 3, "auto" what it is.
    `size` (height, width): resized by an antialiasing bilinear filter, at the depth of the source.

    The orientation (EXIF) is applied. Transparency is composited on black, be it an alpha channel, a
    transparent colour or a palette's. Palettes and other colour spaces become RGB, one bit 0 and 255. Grey
    of 16 bits stays uint16; 32-bit integers and floats become float32 of the same value. Colour of 16 bits
    is read by Pillow as its upper 8. ValueError, or what Pillow raises, where it is no whole image.
    """
    if (plain := plain_png(raw, MAX_PIXELS)) is not None:
        seen = Seen(plain.mode, (plain.height, plain.width), 1 if plain.mode == "L" else 3, 0, False, False)
        return _shaped(plain, seen, channels, size), seen
    image = _open(io.BytesIO(raw))
    seen = look(image)
    if size is not None:
        # JPEG can be decoded at a half to an eighth of its size in a fraction of the time; at three times
        # the wanted size the filter hides the difference.
        image.draft(None, (3 * max(size),) * 2)
    image.load()
    turn = orientation(image)  # PNG may hold it behind the pixels
    flat = image if turn == 1 else image.transpose(_UPRIGHT[turn])
    seen = seen._replace(size=flat.size[::-1]) if size is None else seen
    return _shaped(flat, seen, channels, size), seen


def _shaped(image: Image.Image, seen: Seen, channels: str, size: Size | None) -> Pixels:
    """(C, height, width) of an upright image."""
    if seen.depth:
        array = _deep(image, seen.depth, size)
    else:
        eight = _eight_bits(image, seen.channels, "L" if channels == "grey" else "RGB")
        array = np.asarray(eight if size is None or size == eight.size[::-1] else _resized(eight, size))
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.broadcast_to(array, (3, *array.shape[1:])) if channels == "rgb" else array


def survey(path: str) -> Seen:
    """What the head of a file says, without decoding; raises like `decode`."""
    with open(path, "rb") as file:  # half the time of Path.open
        return look(_open(file))


def look(image: Image.Image) -> Seen:
    """What an opened image is."""
    raw_mode = _raw_mode(image)
    mode = image.mode
    if mode == "I":
        # Pillow's mode for 32 bits, and in some versions for grey of 16 bits in these formats
        channels, depth = 1, 1 if image.format in ("PNG", "PPM") else 2
    elif mode == "F" or mode.startswith("I;16"):
        channels, depth = 1, 2 if mode == "F" else 1
    else:
        grey = mode in ("1", "L", "LA", "La") or raw_mode.startswith("LA")
        channels, depth = 1 if grey else 3, 0
    width, height = image.size
    size = (width, height) if orientation(image) > 4 else (height, width)
    frames = False
    if image.format in _WITH_FRAMES:
        with contextlib.suppress(Exception):  # damage behind the first image is no matter
            frames = bool(getattr(image, "is_animated", False))
    return Seen(mode, size, channels, depth, frames, depth == 0 and ";16" in raw_mode)


def orientation(image: Image.Image) -> int:
    """1 for upright, else EXIF's 2 to 8; what can't be read counts as upright."""
    if image.format == "TIFF" or not any(key in image.info for key in _WITH_ORIENTATION):
        return 1  # Pillow turns TIFF itself
    with contextlib.suppress(Exception):
        turn = image.getexif().get(_ORIENTATION_TAG, 1)
        return turn if turn in _UPRIGHT else 1
    return 1


def _open(file: IO[bytes]) -> Image.Image:
    """Opened, with its format and size checked; nothing decoded."""
    start = file.read(8)
    if not start:
        raise ValueError("it is empty")
    formats = next((formats for magic, formats in _SURE if start.startswith(magic)), None)
    try:
        image = Image.open(file, formats=formats or _formats())
    except UnidentifiedImageError:
        raise ValueError("no image format that can be read") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels; at most {MAX_PIXELS} are read")
    return image


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.ID if name not in NOT_READ)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; empty where it doesn't say."""
    with contextlib.suppress(AttributeError, IndexError, TypeError):
        # Of files alone: the type of any image has no tiles, which the suppression above allows for.
        arguments = image.tile[0][3]  # type: ignore[attr-defined]
        return str(arguments if isinstance(arguments, str) else arguments[0])
    return ""


def _eight_bits(image: Image.Image, channels: int, wanted: str) -> Image.Image:
    """Mode L where `channels` is 1 or `wanted` is "L", else RGB."""
    if image.mode == "LAB":
        image = _from_lab(image)
    plain = "L" if channels == 1 else "RGB"
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        with_alpha = "LA" if channels == 1 else "RGBA"
        image = image if image.mode == with_alpha else image.convert(with_alpha)
        black = Image.new(plain, image.size)
        black.paste(image.convert(plain), mask=image.getchannel("A"))
        image = black
    image = image if image.mode == plain else image.convert(plain)
    return image.convert("L") if wanted == "L" and plain == "RGB" else image


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    turned = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB"))
    assert turned is not None
    return turned


def _deep(image: Image.Image, depth: int, size: Size | None) -> Pixels:
    """(height, width) in its depth: more than 8 bits."""
    array = np.asarray(image).astype(DEPTHS[depth])
    if depth == 2 and not np.isfinite(array).all():
        raise ValueError("it holds values that are not finite")
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        array[array == transparent] = 0
    if size is None or size == array.shape:
        return array
    resized = np.asarray(_resized(Image.fromarray(array.astype(np.float32)), size))
    return np.rint(resized).astype(DEPTHS[depth]) if depth == 1 else resized


def _resized(image: Image.Image, size: Size) -> Image.Image:
    return image.resize(size[::-1], Image.Resampling.BILINEAR)
