"""Single files: the right pixels, whatever the file's kind, depth, orientation and transparency."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from made_images import grey, noise, raw_png, save
from PIL import Image

from imbalance_bench.data.decode import MAX_PIXELS, decode
from imbalance_bench.data.decode_chunks import own_settings
from imbalance_bench.data.plain_png import plain_png


def read(path: Path, channels: str = "auto", size: tuple[int, int] | None = None) -> np.ndarray:
    return decode(path.read_bytes(), channels, size)[0]


@pytest.mark.parametrize(("ending", "mode"), [("png", "RGB"), ("bmp", "RGB"), ("tif", "RGB"), ("ppm", "RGB")])
def test_colour_keeps_its_values(tmp_path: Path, ending: str, mode: str) -> None:
    pixels = noise(0)
    found, seen = decode(save(tmp_path / f"a.{ending}", pixels).read_bytes(), "auto", None)
    np.testing.assert_array_equal(found, pixels.transpose(2, 0, 1))
    assert (seen.mode, seen.size, seen.channels, seen.frames) == (mode, (4, 6), 3, False)


@pytest.mark.parametrize("ending", ["png", "pgm", "gif", "tif", "webp"])
def test_grey_keeps_its_values(tmp_path: Path, ending: str) -> None:
    pixels = noise(1, (4, 6))
    options = {"lossless": True} if ending == "webp" else {}
    found = read(save(tmp_path / f"a.{ending}", pixels, **options), "grey")
    np.testing.assert_array_equal(found, pixels[None])


def test_alpha_is_composited_on_black(tmp_path: Path) -> None:
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[0] = [(200, 100, 50, 255), (200, 100, 50, 0), (200, 100, 50, 128), (255, 255, 255, 51)]
    found = read(save(tmp_path / "a.png", pixels))
    assert found[:, 0].T.tolist() == [[200, 100, 50], [0, 0, 0], [100, 50, 25], [51, 51, 51]]
    with_alpha = Image.new("LA", (3, 1))
    for x, alpha in enumerate((255, 0, 128)):
        with_alpha.putpixel((x, 0), (90, alpha))
    assert read(save(tmp_path / "b.png", with_alpha)).tolist() == [[[90, 0, 45]]]


def test_transparent_colours_and_palettes_are_black(tmp_path: Path) -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    for x in range(3):
        palette.putpixel((x, 0), x)
    assert read(save(tmp_path / "p.png", palette))[:, 0].T.tolist() == [
        [10, 20, 30],
        [40, 50, 60],
        [70, 80, 90],
    ]
    see_through = read(save(tmp_path / "q.png", palette, transparency=1))
    assert see_through[:, 0].T.tolist() == [[10, 20, 30], [0, 0, 0], [70, 80, 90]]
    half = read(save(tmp_path / "r.png", palette, transparency=bytes([255, 255, 128])))
    assert half[:, 0, 2].tolist() == [35, 40, 45]
    colour = read(save(tmp_path / "s.png", np.uint8([[[1, 2, 3], [4, 5, 6]]]), transparency=(4, 5, 6)))
    assert colour[:, 0].T.tolist() == [[1, 2, 3], [0, 0, 0]]
    assert read(save(tmp_path / "t.png", np.uint8([[8, 9]]), transparency=9)).tolist() == [[[8, 0]]]
    sixteen = raw_png(2, 1, 16, 0, struct.pack(">HH", 300, 301), (b"tRNS", struct.pack(">H", 301)))
    assert decode(sixteen, "auto", None)[0].tolist() == [[[300, 0]]]


def test_one_bit_becomes_0_and_255(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    for name in ("a.png", "b.tif", "c.pbm"):
        assert read(save(tmp_path / name, image)).tolist() == [[[255, 0, 255]]]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_orientation_is_applied(tmp_path: Path, turn: int, ending: str) -> None:
    upright = noise(3, (4, 6, 3))
    # What a camera stores, so that viewing by `turn` gives `upright`.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if ending == "webp" else {}
    path = save(tmp_path / f"a.{ending}", np.ascontiguousarray(stored), exif=exif, **options)
    found, seen = decode(path.read_bytes(), "auto", None)
    np.testing.assert_array_equal(found, upright.transpose(2, 0, 1))
    assert seen.size == (4, 6)
    assert read(path, size=(8, 12)).shape == (3, 8, 12)


def test_orientation_that_is_nonsense_is_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", grey(9), exif=b"Exif\0\0nonsense")
    assert (read(path) == 9).all()


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    values = np.array([[0, 1, 257, 40_000, 65_535]], np.uint16)
    for name in ("a.png", "b.tif"):
        found = read(save(tmp_path / name, values))
        assert found.dtype == np.uint16
        assert found.tolist() == [values.tolist()]
    big = Image.frombytes("I;16B", (5, 1), values.astype(">u2").tobytes())
    assert read(save(tmp_path / "c.tif", big)).tolist() == [values.tolist()]
    (tmp_path / "d.pgm").write_bytes(b"P5\n5 1\n65535\n" + values.astype(">u2").tobytes())
    assert read(tmp_path / "d.pgm").dtype == np.uint16
    assert read(tmp_path / "d.pgm").tolist() == [values.tolist()]


def test_floats_and_32_bits_become_float32(tmp_path: Path) -> None:
    floats = read(save(tmp_path / "a.tif", np.float32([[-1.5, 0, 3e6]])))
    assert (floats.dtype, floats.tolist()) == (np.float32, [[[-1.5, 0, 3e6]]])
    whole = read(save(tmp_path / "b.tif", np.int32([[-5, 0, 100_000]])))
    assert (whole.dtype, whole.tolist()) == (np.float32, [[[-5, 0, 100_000]]])
    with pytest.raises(ValueError, match="not finite"):
        read(save(tmp_path / "c.tif", np.float32([[np.nan, 1]])))


def test_colour_of_16_bits_is_read_as_the_upper_8() -> None:
    raw = raw_png(1, 1, 16, 2, struct.pack(">HHH", 0x12FF, 0x3400, 0xFFFF))
    found, seen = decode(raw, "auto", None)
    assert found.ravel().tolist() == [0x12, 0x34, 0xFF]
    assert seen.reduced
    grey_alpha = raw_png(1, 1, 16, 4, struct.pack(">HH", 0x8000, 0xFFFF))
    found, seen = decode(grey_alpha, "auto", None)
    assert (found.tolist(), seen.channels, seen.reduced) == ([[[0x80]]], 1, True)


def test_other_colour_spaces_become_rgb(tmp_path: Path) -> None:
    red = np.full((2, 2, 3), (255, 0, 0), np.uint8)
    cmyk = read(save(tmp_path / "a.tif", red, "CMYK"))
    assert cmyk[:, 0, 0].tolist() == [255, 0, 0]
    hsv = Image.fromarray(red).convert("HSV")
    from imbalance_bench.data.decode import _eight_bits

    assert _eight_bits(hsv, 3, "RGB").getpixel((0, 0)) == (255, 0, 0)
    ycc = read(save(tmp_path / "b.jpg", red, quality=100))
    assert np.abs(ycc[:, 0, 0].astype(int) - [255, 0, 0]).max() <= 2
    lab = Image.new("LAB", (2, 2), (255, 128, 128))
    white = read(save(tmp_path / "c.tif", lab))
    assert white.min() >= 253


def test_grey_of_colour_is_its_luma(tmp_path: Path) -> None:
    found = read(save(tmp_path / "a.png", np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])), "grey")
    assert found.tolist() == [[[76, 150, 29]]]
    assert read(save(tmp_path / "b.png", grey(5)), "rgb").shape == (3, 4, 6)


def test_resizing_is_antialiased_at_the_depth_of_the_source(tmp_path: Path) -> None:
    stripes = np.zeros((8, 64), np.uint16)
    stripes[:, ::2] = 60_001
    found = read(save(tmp_path / "a.png", stripes), size=(4, 8))
    assert found.dtype == np.uint16
    assert found.shape == (1, 4, 8)
    assert np.abs(found.astype(int) - 30_000).max() < 1_500
    assert len(np.unique(found)) > 1 or found[0, 0, 0] % 257  # more than 8 bits
    eight = read(save(tmp_path / "b.png", (stripes // 257).astype(np.uint8)), size=(4, 8))
    assert np.abs(eight.astype(int) - 116).max() < 8
    floats = read(save(tmp_path / "c.tif", stripes.astype(np.float32)), size=(4, 8))
    np.testing.assert_allclose(floats, found, atol=1)


def test_a_large_jpeg_is_much_the_same_by_the_short_way(tmp_path: Path) -> None:
    coarse = Image.fromarray(noise(5, (6, 6, 3))).resize((600, 400), Image.Resampling.BICUBIC)
    path = save(tmp_path / "a.jpg", coarse, quality=95)
    with Image.open(path) as image:
        plain = np.asarray(image.resize((24, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    found, seen = decode(path.read_bytes(), "auto", (16, 24))
    assert seen.size == (400, 600)
    assert np.abs(found.astype(int) - plain).mean() < 1


def test_only_the_first_image_of_several(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(seed, (4, 6))) for seed in (1, 2)]
    for name in ("a.gif", "b.tif"):
        path = save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:])
        found, seen = decode(path.read_bytes(), "grey", None)
        np.testing.assert_array_equal(found[0], noise(1, (4, 6)))
        assert seen.frames


def test_what_is_no_whole_image_is_refused(tmp_path: Path) -> None:
    jpeg = save(tmp_path / "a.jpg", noise(0, (64, 64, 3))).read_bytes()
    png = save(tmp_path / "a.png", noise(0, (64, 64, 3))).read_bytes()
    for raw, why in (
        (b"", "empty"),
        (b"just a text\n", "no image format"),
        (jpeg[: len(jpeg) // 2], "truncated"),
        (png[: len(png) // 2], "truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image format"),
        (raw_png(2**15, 2**14, 8, 0, b""), f"at most {MAX_PIXELS}"),
    ):
        with own_settings(), pytest.raises((ValueError, OSError), match=why):
            decode(raw, "auto", None)


def test_the_quick_way_for_png_gives_the_same() -> None:
    taken = 0
    for kind, shape in ((0, (4, 6)), (2, (4, 6, 3))):
        pixels = noise(kind, shape)
        for extra in ((), ((b"gAMA", struct.pack(">I", 45455)),), ((b"tEXt", b"Software\0x"),)):
            raw = raw_png(6, 4, 8, kind, pixels.tobytes(), *extra)
            found = plain_png(raw, MAX_PIXELS)
            assert found is not None
            np.testing.assert_array_equal(np.asarray(found), pixels)
            with Image.open(io.BytesIO(raw)) as image:
                np.testing.assert_array_equal(np.asarray(image), pixels)
            taken += 1
    assert taken == 6
    plain = raw_png(6, 4, 8, 0, noise(0, (4, 6)).tobytes())
    assert plain_png(plain, 23) is None
    for place in (30, len(plain) - 3):
        damaged = bytearray(plain)
        damaged[place] ^= 1
        assert plain_png(bytes(damaged), MAX_PIXELS) is None
    for cut in range(len(plain)):
        assert plain_png(plain[:cut], MAX_PIXELS) is None
    slow = raw_png(6, 4, 8, 0, noise(0, (4, 6)).tobytes(), (b"tRNS", b"\0\x05"))
    assert plain_png(slow, MAX_PIXELS) is None
