"""Many files as one array: one mode and size, and what could not be read."""

from __future__ import annotations

import errno
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from made_images import files, grey, noise, read, save

from imbalance_bench.data import image_build
from imbalance_bench.data.image_files import parse_size
from imbalance_bench.errors import RequestError

pytestmark = pytest.mark.usefixtures("cache")


def test_images_in_order_and_what_was_seen(tmp_path: Path) -> None:
    pixels = [noise(i) for i in range(5)]
    found = read(files(tmp_path, *pixels))
    np.testing.assert_array_equal(found.array, np.stack(pixels).transpose(0, 3, 1, 2))
    assert found.array.dtype == np.uint8
    assert found.kept.tolist() == [0, 1, 2, 3, 4]
    assert (found.unreadable, found.modes, found.sizes) == ((), {"RGB": 5}, {(4, 6): 5})
    assert found.notes == ()


def test_the_array_pleases_torch_and_changes_no_file(tmp_path: Path) -> None:
    import torch

    paths = files(tmp_path, grey(1), grey(2))
    images = read(paths).array
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.from_numpy(images)[0] = 9
    assert read(paths).array[0].max() == 1


@pytest.mark.parametrize(
    ("channels", "shape"), [("auto", (2, 3, 4, 6)), ("rgb", (2, 3, 4, 6)), ("grey", (2, 1, 4, 6))]
)
def test_one_mode_for_all(tmp_path: Path, channels: str, shape: tuple[int, ...]) -> None:
    paths = files(tmp_path, grey(5), np.full((4, 6, 3), (255, 0, 0), np.uint8))
    found = read(paths, channels=channels).array
    assert found.shape == shape
    assert found[0].tolist() == np.full(shape[1:], 5).tolist()
    assert found[1, :, 0, 0].tolist() == ([76] if channels == "grey" else [255, 0, 0])
    assert read(paths[:1]).array.shape == (1, 1, 4, 6)


def test_depths_are_scaled_by_their_range_and_never_cut(tmp_path: Path) -> None:
    paths = files(tmp_path, np.uint8([[0, 1, 255]]), np.uint16([[0, 40_000, 65_535]]))
    found = read(paths)
    assert found.array.tolist() == [[[[0, 257, 65_535]]], [[[0, 40_000, 65_535]]]]
    assert found.notes == ("1 file has fewer bits than the rest; scaled by their range (as 0000.png).",)
    colour = files(tmp_path / "b", np.uint8([[[1, 2, 3]] * 3]))
    mixed = read([*paths, *colour]).array
    assert (mixed.dtype, mixed.shape) == (np.uint16, (3, 3, 1, 3))
    assert mixed[2, :, 0, 0].tolist() == [257, 514, 771]
    assert mixed[1, 2].tolist() == [[0, 40_000, 65_535]]


def test_floats_beside_bytes_are_refused(tmp_path: Path) -> None:
    paths = files(tmp_path, np.float32([[0, 1]]), np.uint8([[0, 1]]), ending="tif")
    with pytest.raises(RequestError, match=r"1 images hold floats .*0000\.tif.* 1 hold 8 or 16 bits"):
        read(paths)
    assert read(paths[:1]).array.dtype == np.float32


def test_what_no_probe_saw_widens_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "_PROBED", 2)
    images: list[np.ndarray] = [noise(i, (4, 6)) for i in range(9)]
    images[3] = noise(3)
    images[6] = noise(6, (4, 6)).astype(np.uint16) * 200
    found = read(files(tmp_path, *images)).array
    assert (found.dtype, found.shape) == (np.uint16, (9, 3, 4, 6))
    np.testing.assert_array_equal(found[3], images[3].transpose(2, 0, 1).astype(np.uint16) * 257)
    np.testing.assert_array_equal(found[6, 1], images[6])
    np.testing.assert_array_equal(found[8, 2], images[8].astype(np.uint16) * 257)


def test_sizes_that_differ_are_refused_with_the_two_commonest(tmp_path: Path) -> None:
    sizes = [(4, 6)] * 3 + [(8, 8)] * 2 + [(5, 5), (9, 1)]
    paths = files(tmp_path, *(grey(1, size) for size in sizes))
    with pytest.raises(RequestError) as refused:
        read(paths)
    assert str(refused.value) == (
        "the images have 4 sizes (height x width): 4 x 6 in 3 (as 0000.png); 8 x 8 in 2 (as 0003.png); and 2 "
        "more sizes. Add --image-size, as --image-size 64 or --image-size 48x64, to resize them all on "
        "reading."
    )
    found = read(paths, image_size=(3, 5))
    assert found.array.shape == (7, 1, 3, 5)
    assert (found.array == 1).all()
    assert found.sizes == {(4, 6): 3, (8, 8): 2, (5, 5): 1, (9, 1): 1}


def test_one_size_that_no_probe_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "_PROBED", 2)
    with pytest.raises(
        RequestError, match=r"2 sizes .*4 x 6 in 4 \(as 0000.png\); 2 x 2 in 1 \(as 0002.png\)\."
    ):
        read(files(tmp_path, *(grey(1, (2, 2) if i == 2 else (4, 6)) for i in range(5))))


@pytest.mark.parametrize(
    ("text", "size"), [(None, None), ("64", (64, 64)), ("48x64", (48, 64)), ("1X8192", (1, 8192))]
)
def test_sizes_are_read(text: str | None, size: tuple[int, int] | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["0", "-3", "8193", "4x", "x4", "1x2x3", "64px", "6 4", "٣", "1e2", "999999999"]
)
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=re.escape(repr(text)) + ".*HEIGHTxWIDTH"):
        parse_size(text)


def damaged(folder: Path) -> list[str]:
    """Whole images at 0 and 4; between them cut short, empty, a text; a folder of a name at 5."""
    paths = files(folder, *(noise(i, (32, 32, 3)) for i in range(6)))
    whole = Path(paths[1]).read_bytes()
    Path(paths[1]).write_bytes(whole[: len(whole) // 2])
    Path(paths[2]).write_bytes(b"")
    Path(paths[3]).write_text("no image\n")
    Path(paths[5]).unlink()
    return paths


def test_unreadable_files_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    paths = damaged(tmp_path)
    for _ in range(2):
        found = read(paths)
        assert found.kept.tolist() == [0, 4]
        np.testing.assert_array_equal(found.array[1], noise(4, (32, 32, 3)).transpose(2, 0, 1))
        assert [name for name, _ in found.unreadable] == ["0001.png", "0002.png", "0003.png", "0005.png"]
        reasons = [reason for _, reason in found.unreadable]
        assert "truncated" in reasons[0]
        assert reasons[1:] == ["it is empty", "no image format that can be read", "No such file or directory"]
    with pytest.raises(
        RequestError, match=r"none of 2 images can be read; the first is 0002\.png: it is empty"
    ):
        read(paths[2:4])
    with pytest.raises(RequestError, match="no images to read"):
        read([])


def test_a_file_without_permission_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = files(tmp_path, grey(1), grey(2))
    usual = open

    def closed(path: object, *options: object, **more: object) -> object:
        if path == paths[1]:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return usual(path, *options, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", closed)
    assert read(paths).unreadable == (("0001.png", "Permission denied"),)
    monkeypatch.undo()
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    assert read(paths).unreadable == ()


def test_other_code_may_have_told_pillow_to_take_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image, ImageFile

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert len(read(damaged(tmp_path)).unreadable) == 4
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 10)


def test_several_images_in_a_file_are_noted(tmp_path: Path) -> None:
    from PIL import Image

    frames = [Image.fromarray(grey(v)) for v in (3, 200)]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    found = read([str(path)])
    assert found.notes == ("1 file holds several images; the first is read (as a.gif).",)
    assert (found.array == 3).all()


@pytest.mark.parametrize(
    "broken", [noise(9, (32, 32, 3)), noise(9, (32, 32)).astype(np.uint16) * 257, noise(9, (64, 64))]
)
@pytest.mark.parametrize("n", [1, 9])
def test_the_head_of_an_unreadable_file_widens_nothing(tmp_path: Path, broken: np.ndarray, n: int) -> None:
    whole = [noise(i, (32, 32)) for i in range(4)]
    paths = files(tmp_path, *whole, *([broken] * n))
    for path in paths[4:]:
        Path(path).write_bytes(Path(path).read_bytes()[:-40])
    found = read(paths)
    assert found.kept.tolist() == [0, 1, 2, 3]
    assert found.array.dtype == np.uint8
    np.testing.assert_array_equal(found.array[:, 0], np.stack(whole))
