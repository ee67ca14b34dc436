"""What stored arrays become: axes, types of values, alpha, channels and size; what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npz_files import images, load, parts, pool, save
from PIL import Image

from imbalance_bench.data import mapped
from imbalance_bench.data.pixels import parse_size
from imbalance_bench.errors import RequestError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))


# Shapes


@pytest.mark.parametrize(
    ("shape", "axes", "options"),
    [
        ((6, 5), None, {}),
        ((3, 3), None, {}),
        ((6, 5, 1), (0, 3, 1, 2), {}),
        ((6, 5, 3), (0, 3, 1, 2), {}),
        ((1, 6, 5), (0, 1, 2, 3), {}),
        ((3, 6, 5), (0, 1, 2, 3), {}),
        ((3, 3, 3), (0, 3, 1, 2), {"layout": "hwc"}),
        ((3, 3, 3), (0, 1, 2, 3), {"layout": "chw"}),
        ((1, 6, 3), (0, 3, 1, 2), {"layout": "hwc"}),
        ((1, 6, 3), (0, 1, 2, 3), {"layout": "chw"}),
        ((6, 5, 3), (0, 3, 1, 2), {"layout": "hwc"}),
        ((6, 5), None, {"layout": "chw"}),
    ],
)
@pytest.mark.parametrize("small", [True, False])
def test_axes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
    axes: Any,
    options: dict[str, str],
    small: bool,
) -> None:
    if not small:
        monkeypatch.setattr(mapped, "SMALL", 0)
    stored = images(7, *shape)
    found = pool(tmp_path / "a.npz", stored, **options)
    wanted = stored[:, None] if axes is None else stored.transpose(axes)
    assert found.shape == wanted.shape
    assert (found == wanted).all()


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((3, 3, 3), {}, r"\(4, 3, 3, 3\), in which the channels may come first or last.*--layout chw"),
        ((1, 28, 1), {}, "may come first or last"),
        ((4, 28, 3), {}, "may come first or last"),
        ((784,), {}, r"\(4, 784\): flat rows, whose height and width"),
        ((), {}, r"shape \(4,\)"),
        ((28, 28, 28), {}, r"\(4, 28, 28, 28\): volumes, which are not read"),
        ((8, 9, 7, 3), {}, "volumes"),
        ((5, 6, 7, 8, 1), {}, "volumes"),
        ((28, 28, 28), {"layout": "hwc"}, "volumes"),
        ((3, 6, 5), {"layout": "hwc"}, "5 channels by --layout hwc; 1 to 4"),
        ((6, 5, 3), {"layout": "chw"}, "6 channels by --layout chw"),
        ((0, 5), {}, "at least one image with at least one pixel"),
    ],
)
def test_shapes_that_are_refused(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, str], said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        pool(tmp_path / "a.npz", np.zeros((4, *shape), np.uint8), **options)


# Values


@pytest.mark.parametrize(
    ("stored", "wanted", "kind", "note"),
    [
        (np.uint8([0, 255]), [0, 255], "uint8", ""),
        (np.uint16([0, 65535]), [0, 65535], "uint16", ""),
        (np.array([1, 65535], ">u2"), [1, 65535], "uint16", ""),
        (np.array([False, True]), [0, 255], "uint8", ""),
        (np.float32([-1.5, 3e38]), [-1.5, 3e38], "float32", ""),
        (np.array([-1.5, 2], ">f4"), [-1.5, 2], "float32", ""),
        (np.float16([-1.5, 65504]), [-1.5, 65504], "float32", "float16 are read as float32"),
        (np.float64([0.1, -3e38]), [0.1, -3e38], "float32", "float64 are read as float32"),
        (np.int8([-128, 127]), [-128, 127], "float32", "int8 are read as float32"),
        (np.int16([-32768, 32767]), [-32768, 32767], "float32", "int16 are"),
        (np.int32([-(2**24), 2**24]), [-(2**24), 2**24], "float32", "int32 are"),
        (np.int64([0, 255]), [0, 255], "float32", "int64 are"),
        (np.uint64([0, 2**24]), [0, 2**24], "float32", "uint64 are"),
    ],
)
def test_types_of_values(
    tmp_path: Path, stored: np.ndarray, wanted: list[float], kind: str, note: str
) -> None:
    path = tmp_path / "a.npz"
    found = pool(path, np.broadcast_to(stored[:, None, None], (2, 4, 3)))
    assert found.dtype == kind
    assert found.dtype.isnative
    assert found[:, 0, 0, 0].tolist() == np.array(wanted, kind).tolist()
    notes = load(path).notes
    assert (len(notes), note in str(notes)) == (bool(note), True)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (np.float32([0, 1, np.nan]), "row 2 holds the value nan; finite numbers"),
        (np.float64([0, np.inf, 1]), "row 1 holds the value inf"),
        (np.float64([0, 1e39, 1]), r"row 1 holds the value 1e\+39; float32 reaches to 3\.4e38"),
        (np.int32([0, 1, 2**24 + 1]), r"row 2 holds the value 16777217; float32 holds whole numbers exactly"),
        (np.int64([-(2**63), 0, 0]), "row 0 holds the value -9223372036854775808"),
        (np.uint64([0, 2**64 - 1, 0]), "row 1 holds the value 18446744073709551615"),
        (np.complex64([0, 1, 2]), "type complex64; numbers of at most 64 bits"),
        (np.longdouble([0, 1, 2]), "numbers of at most 64 bits"),
        (np.array(["a", "b", "c"]), "type <U1; numbers"),
    ],
)
@pytest.mark.parametrize("small", [True, False])
def test_values_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: np.ndarray, said: str, small: bool
) -> None:
    monkeypatch.setattr(mapped, "BLOCK", 1)
    if not small:
        monkeypatch.setattr(mapped, "SMALL", 0)
    with pytest.raises(RequestError, match=said):
        pool(tmp_path / "a.npz", np.ascontiguousarray(np.broadcast_to(stored[:, None, None], (3, 4, 3))))
    assert not list((tmp_path / "cache").rglob("*.tmp*"))


def test_a_bad_row_of_a_part_is_named(tmp_path: Path) -> None:
    arrays = {name: a.astype(np.float32) if "images" in name else a for name, a in parts().items()}
    arrays["val_images"][5, 2, 2] = np.nan
    with pytest.raises(RequestError, match="val row 5 holds the value nan"):
        load(save(tmp_path / "a.npz", **arrays))


# Channels and size


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_alpha_is_laid_on_black(tmp_path: Path, kind: str) -> None:
    top = np.iinfo(kind).max
    rgba = np.array([[[[200, 100, 0, top]]], [[[200, 100, 0, 0]]], [[[200, 100, 51, top // 5]]]], kind)
    found = pool(tmp_path / "a.npz", np.tile(rgba, (1, 5, 6, 1)))
    assert found.shape == (3, 3, 5, 6)
    assert found.dtype == kind
    assert found[:, :, 0, 0].tolist() == [[200, 100, 0], [0, 0, 0], [40, 20, 10]]
    assert load(tmp_path / "a.npz").notes == ("Images with an alpha channel are laid on black.",)
    grey = pool(tmp_path / "b.npz", np.tile(rgba[..., [0, 3]], (1, 5, 6, 1)))
    assert grey.shape == (3, 1, 5, 6)
    assert grey[:, 0, 0, 0].tolist() == [200, 0, 40]
    first = pool(tmp_path / "c.npz", np.tile(rgba, (1, 5, 6, 1)).transpose(0, 3, 1, 2))
    assert (first == found).all()


def test_alpha_in_floats_is_a_share(tmp_path: Path) -> None:
    rgba = np.tile(np.float32([0.5, 1.0, 0.0, 0.25]), (2, 5, 6, 1))
    found = pool(tmp_path / "a.npz", rgba)
    assert found[0, :, 0, 0].tolist() == [0.125, 0.25, 0.0]
    rgba[1, 0, 0, 3] = 255
    with pytest.raises(RequestError, match=r"row 1 holds the value 255\.0; alpha in floats"):
        pool(tmp_path / "a.npz", rgba)


def test_channels_are_converted(tmp_path: Path) -> None:
    colour = images(3, 6, 5, 3)
    grey = pool(tmp_path / "a.npz", colour, channels="grey")
    wanted = [np.asarray(Image.fromarray(image).convert("L")) for image in colour]
    assert (grey[:, 0] == np.stack(wanted)).all()
    wide = pool(tmp_path / "b.npz", colour.astype(np.uint16) * 257, channels="grey")
    assert np.abs(wide[:, 0] / 257 - np.stack(wanted)).max() < 0.51
    real = pool(tmp_path / "c.npz", colour.astype(np.float32), channels="grey")
    assert np.abs(real[:, 0] - np.stack(wanted)).max() < 0.51
    three = pool(tmp_path / "d.npz", images(3), channels="rgb")
    assert three.shape == (3, 3, 6, 5)
    assert (three == images(3)[:, None]).all()
    assert (pool(tmp_path / "e.npz", images(3), channels="grey")[:, 0] == images(3)).all()


@pytest.mark.parametrize(("size", "shape"), [("3", (3, 3)), ("9x4", (9, 4)), ("12X10", (12, 10))])
def test_images_are_resized_as_pillow_does(tmp_path: Path, size: str, shape: tuple[int, int]) -> None:
    stored = images(4, 6, 5, 3)
    found = pool(tmp_path / "a.npz", stored, image_size=size)
    assert found.shape == (4, 3, *shape)
    for image, row in zip(stored, found, strict=True):
        wanted = Image.fromarray(image).resize(shape[::-1], Image.Resampling.BILINEAR)
        assert (row.transpose(1, 2, 0) == np.asarray(wanted)).all()


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_resizing_keeps_the_depth(tmp_path: Path, kind: str) -> None:
    stored = np.full((2, 6, 6), 40_000.0).astype(kind)
    stored[1, :, 3:] = 50_000
    found = pool(tmp_path / "a.npz", stored, image_size="2")
    assert found.dtype == kind
    assert (found[0] == 40_000).all()
    assert 40_000 < found[1].mean() < 50_000


@pytest.mark.parametrize("text", ["0", "-3", "3.5", "4x", "x4", "4x4x4", "", "wide", "4097", "³"])
def test_sizes_that_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"--image-size: found .*one number, or HEIGHTxWIDTH, from 1 to"):
        parse_size(text)
    assert parse_size(" 28 ") == (28, 28)


def test_large_sets_are_the_same_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for compressed in (False, True):
        path = save(tmp_path / f"{compressed}.npz", compressed, **parts((6, 5, 3)))
        for options in ({}, {"channels": "grey"}, {"image_size": "4"}, {"layout": "hwc"}):
            read = load(path, **options)
            with monkeypatch.context() as patch:
                patch.setattr(mapped, "SMALL", 0)
                patch.setattr(mapped, "BLOCK", 200)
                cached = load(path, **options)
            assert (cached.images == read.images).all()
            assert cached.images.dtype == read.images.dtype
    # One file for each way of reading and each content; `layout=hwc` is what is found anyhow.
    assert len(list((tmp_path / "cache" / "arrays").iterdir())) == 6
