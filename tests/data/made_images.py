"""Small image files with known pixels, for the tests of reading."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imbalance_bench.data.image_files import Images, read_images


def save(path: Path, pixels: object, mode: str | None = None, **options: object) -> Path:
    """Write an array (or an image) to `path`, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    image = image if mode is None else image.convert(mode)
    image.save(path, **options)
    return path


def grey(value: int = 7, size: tuple[int, int] = (4, 6)) -> np.ndarray:
    """(height, width) uint8 of one value."""
    return np.full(size, value, np.uint8)


def noise(seed: int, shape: tuple[int, ...] = (4, 6, 3)) -> np.ndarray:
    """uint8 of any value."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def tree(root: Path, counts: dict[str, int], size: tuple[int, int] = (4, 6)) -> Path:
    """PNG files `root/CLASS/N.png`, each unlike the others; a name may hold a part: "train/cat"."""
    for c, (name, n) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(n):
            save(root / name / f"{i}.png", noise(1000 * c + i, size))
    return root


def raw_png(width: int, height: int, bits: int, kind: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG file with its chunks as given; `rows` are the pixels without filter bytes."""
    step = len(rows) // height if height else 0
    filtered = b"".join(b"\0" + rows[i * step : (i + 1) * step] for i in range(height))
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def files(folder: Path, *images: object, ending: str = "png") -> list[str]:
    """Image files named 0, 1, ... in order."""
    return [str(save(folder / f"{i:04}.{ending}", image)) for i, image in enumerate(images)]


def read(paths: Sequence[str], **options: Any) -> Images:
    """What `read_images` makes of them, each called by its own name."""
    return read_images(paths, [Path(path).name for path in paths], **options)
