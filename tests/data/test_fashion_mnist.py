"""Fashion-MNIST's files: read in the exact layout, found where they may lie, refused when damaged."""

from __future__ import annotations

import gzip
import os
import re
import struct
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imbalance_bench.data.downloads import data_roots
from imbalance_bench.data.idx import FILES, read_idx
from imbalance_bench.data.registry import create
from imbalance_bench.data.sources.fashion_mnist import FashionMnist
from imbalance_bench.errors import RequestError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
IMAGES, LABELS = FILES[:2]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine is found; $IMBENCH_DATA is the folder returned."""
    monkeypatch.setenv("IMBENCH_DATA", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(FashionMnist, "system_folders", (str(tmp_path / "system"),))
    return tmp_path / "given"


def idx(array: np.ndarray) -> bytes:
    """The format as its authors describe it: magic 00 00 08 ndim, big-endian sizes, bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_all(folder: Path, *, zipped: bool = False, n: tuple[int, int] = (7, 4)) -> tuple[np.ndarray, ...]:
    """Small files under the four names; the arrays are returned in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(sum(n))
    arrays = []
    for count in n:
        arrays += [rng.integers(256, size=(count, 5, 6)).astype(np.uint8)]
        arrays += [rng.integers(10, size=count).astype(np.uint8)]
    for name, array in zip(FILES, arrays, strict=True):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return tuple(arrays)


@pytest.mark.parametrize("zipped", [True, False])
def test_rows_are_train_then_test(nowhere: Path, zipped: bool) -> None:
    x, y, x2, y2 = write_all(nowhere / "FashionMNIST" / "raw", zipped=zipped)
    d = create("fashion-mnist").load(None)
    assert d.images.shape == (11, 1, 5, 6)
    assert d.images.dtype == np.uint8
    assert d.images.flags.writeable
    assert (d.images[:7, 0] == x).all()
    assert (d.images[7:, 0] == x2).all()
    assert d.labels.tolist() == [*y.tolist(), *y2.tolist()]
    assert d.parts is not None
    assert {k: v.tolist() for k, v in d.parts.items()} == {"train": [*range(7)], "test": [*range(7, 11)]}


def test_class_names() -> None:
    assert create("fmnist").class_names() == (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )


def test_folders_in_their_order(nowhere: Path, tmp_path: Path) -> None:
    assert data_roots() == (nowhere, Path("data"), tmp_path / "cache" / "imbench")
    places = [
        tmp_path / "system",
        tmp_path / "cache" / "imbench" / "FashionMNIST" / "raw",
        tmp_path / "here" / "data" / "FashionMNIST" / "raw",
        nowhere / "FashionMNIST" / "raw",
    ]
    for n, place in enumerate(places, start=5):  # each later one goes first
        write_all(place, n=(n, 2), zipped=n % 2 == 0)
        assert len(create("fashion-mnist").load(None).images) == n + 2


def test_absence_says_where_and_what_to_do(nowhere: Path, tmp_path: Path) -> None:
    write_all(tmp_path / "system")
    (tmp_path / "system" / LABELS).unlink()
    for attempt in (create("fashion-mnist").fingerprint, lambda: create("fashion-mnist").load(None)):
        with pytest.raises(RequestError) as refused:
            attempt()
        said = str(refused.value)
        assert str(nowhere / "FashionMNIST" / "raw") in said
        assert f"{tmp_path / 'system'} (lacks {LABELS})" in said
        assert "--download" in said
        assert "apt install dataset-fashion-mnist" in said


def test_fingerprint_is_of_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prints = []
    for folder, zipped, n in (("a", False, (7, 4)), ("b", True, (7, 4)), ("c", False, (7, 5))):
        write_all(tmp_path / folder / "FashionMNIST" / "raw", zipped=zipped, n=n)
        monkeypatch.setenv("IMBENCH_DATA", str(tmp_path / folder))
        prints.append(create("fashion-mnist").fingerprint())
    assert prints[0] == prints[1] != prints[2]
    # a file that changes in place is noticed
    labels = tmp_path / "c" / "FashionMNIST" / "raw" / LABELS
    raw = labels.read_bytes()
    labels.write_bytes(raw[:-1] + bytes([(raw[-1] + 1) % 10]))
    os.utime(labels, ns=(1, 1))
    assert create("fashion-mnist").fingerprint() != prints[2]


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        (IMAGES, lambda raw: raw[:-1], "promises 7 x 5 x 6 = 210 values and 209 follow"),
        (IMAGES, lambda raw: raw + b"x", "promises 7 x 5 x 6 = 210 values and 211 follow"),
        (IMAGES, lambda raw: raw[:10], "it has 10 bytes and starts with 00000803; wanted 00000803"),
        (IMAGES, lambda raw: b"", "starts with nothing"),
        (IMAGES, lambda raw: b"<html>" + raw, "starts with 3c68746d; wanted 00000803"),
        (LABELS, lambda raw: idx(np.zeros((7, 5, 6), np.uint8)), "starts with 00000803; wanted 00000801"),
        (LABELS, lambda raw: idx(np.zeros(6, np.uint8)), "7 images and"),
        (LABELS, lambda raw: raw[:-1] + b"\x0a", "holds the label 10; allowed: 0..9"),
        (IMAGES, lambda raw: idx(np.zeros((7, 5, 5), np.uint8)), "they must agree"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_files_are_named(
    nowhere: Path, name: str, spoil: Callable[[bytes], bytes], said: str, zipped: bool
) -> None:
    folder = nowhere / "FashionMNIST" / "raw"
    write_all(folder, zipped=zipped)
    path = folder / (f"{name}.gz" if zipped else name)
    raw = gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()
    path.write_bytes(gzip.compress(spoil(raw)) if zipped else spoil(raw))
    with pytest.raises(RequestError, match=re.escape(said)) as refused:
        create("fashion-mnist").load(None)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "raw",
    [b"not gzip", gzip.compress(b"some bytes" * 100, mtime=0)[:-20], b"\x1f\x8b\x08\x00"],
    ids=["other", "cut", "header"],
)
def test_a_damaged_gzip_is_named(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(raw)
    with pytest.raises(RequestError, match=re.escape(f"{path} can't be read")):
        read_idx(path, 1)


def test_download_goes_to_the_first_writable_root(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(root: str, download: bool) -> None:
        assert download
        print("Downloading")
        write_all(Path(root) / "FashionMNIST" / "raw")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fetch)
    source = create("fashion-mnist")
    source.ensure(download=True)
    assert (nowhere / "FashionMNIST" / "raw" / IMAGES).is_file()
    assert len(source.load(None).images) == 11
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Downloading\n")


def test_what_lies_there_is_not_downloaded_again(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(nowhere / "FashionMNIST" / "raw")
    monkeypatch.setattr("torchvision.datasets.FashionMNIST", None)
    assert len(create("fashion-mnist").load(None, download=True).images) == 11


def test_a_failed_download_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: str, download: bool) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fetch)
    with pytest.raises(RequestError, match=r"could not be downloaded to .*no route.*apt install"):
        create("fashion-mnist").load(None, download=True)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_real_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FashionMnist, "system_folders", (str(DEBIAN),))
    d = create("fashion-mnist").load(None)
    assert d.images.shape == (70_000, 1, 28, 28)
    assert d.parts is not None
    assert d.counts(d.parts["train"]).tolist() == [6000] * 10
    assert d.counts(d.parts["test"]).tolist() == [1000] * 10
    assert d.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert d.labels[60_000:60_005].tolist() == [9, 2, 1, 1, 6]
    assert (
        abs(d.images[:60_000].mean() / 255 - 0.2860) < 1e-4
    )  # the mean that torchvision's users normalise by
