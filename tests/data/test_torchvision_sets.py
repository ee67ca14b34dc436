"""mnist, kmnist, cifar10, cifar100 and svhn from small files in the exact layouts that torchvision reads."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from test_fashion_mnist import write_all
from torchvision import datasets

from imbalance_bench.api import compare
from imbalance_bench.data.registry import available, create
from imbalance_bench.errors import RequestError

NAMES = ("cifar10", "cifar100", "svhn")
ROWS = {"cifar10": (20, 8), "cifar100": (100, 100), "svhn": (30, 12)}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine is found; $IMBENCH_DATA is the folder returned."""
    monkeypatch.setenv("IMBENCH_DATA", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "given"


def pixels(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)


def write(root: Path, name: str) -> list[tuple[np.ndarray, list[int]]]:
    """The files of a set under `root`; images and labels of train and test."""
    train, test = ROWS[name]
    n_classes = len(available()[name].classes)  # type: ignore[attr-defined]
    made = [(pixels(n, n), [i % n_classes for i in range(n)]) for n in (train, test)]
    folder = root / available()[name].folder  # type: ignore[attr-defined]
    folder.mkdir(parents=True, exist_ok=True)
    if name == "svhn":
        for file, (images, labels) in zip(("train", "test"), made, strict=True):
            y = np.array([[label or 10] for label in labels], np.uint8)  # its digit 0 is the label 10
            savemat(folder / f"{file}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": y})
        return made
    if name == "cifar10":
        (images, labels), (test_images, test_labels) = made
        batches = {
            f"data_batch_{i + 1}": (images[4 * i : 4 * i + 4], labels[4 * i : 4 * i + 4]) for i in range(5)
        }
        batches["test_batch"] = (test_images, test_labels)
        key, meta = "labels", ("batches.meta", "label_names")
    else:
        batches = dict(zip(("train", "test"), made, strict=True))
        key, meta = "fine_labels", ("meta", "fine_label_names")
    for file, (images, labels) in batches.items():
        content = {"data": images.reshape(len(images), -1), key: labels}
        (folder / file).write_bytes(pickle.dumps(content, protocol=2))
    classes = list(available()[name].classes)  # type: ignore[attr-defined]
    (folder / meta[0]).write_bytes(pickle.dumps({meta[1]: classes}, protocol=2))
    return made


def know(monkeypatch: pytest.MonkeyPatch, root: Path, name: str) -> None:
    """Let torchvision take the files as they are now for the published ones."""
    source: Any = available()[name]
    folder = root / source.folder
    cls: Any = getattr(datasets, source.torchvision)

    def md5(file: str) -> str:
        return hashlib.md5((folder / file).read_bytes()).hexdigest()

    if name == "svhn":
        split_list = {k: [v[0], v[1], md5(v[1]) if k != "extra" else v[2]] for k, v in cls.split_list.items()}
        monkeypatch.setattr(cls, "split_list", split_list)
        return
    for files in ("train_list", "test_list"):
        monkeypatch.setattr(cls, files, [[file, md5(file)] for file, _ in getattr(cls, files)])
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": md5(cls.meta["filename"])})


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_train_then_test(nowhere: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    made = write(nowhere, name)
    know(monkeypatch, nowhere, name)
    source = create(name)
    source.ensure()
    found = source.load(None)
    assert found.images.shape == (sum(ROWS[name]), 3, 32, 32)
    assert found.images.dtype == np.uint8
    assert found.images.flags.c_contiguous
    assert (found.images == np.concatenate([images for images, _ in made])).all()
    assert found.labels.tolist() == made[0][1] + made[1][1]
    assert found.class_names == source.class_names()
    assert found.parts is not None
    assert {part: len(rows) for part, rows in found.parts.items()} == dict(
        zip(("train", "test"), ROWS[name], strict=True)
    )
    assert found.parts["test"][0] == ROWS[name][0]


def test_class_names() -> None:
    assert create("cifar10").class_names()[:3] == ("airplane", "automobile", "bird")
    assert create("cifar-100").class_names()[::33] == ("apple", "forest", "raccoon", "worm")
    assert len(create("cifar100").class_names()) == 100
    assert create("svhn").class_names() == create("mnist").class_names() == tuple("0123456789")
    assert create("kmnist").class_names() == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("kmnist", "KMNIST")])
@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files(nowhere: Path, name: str, folder: str, zipped: bool) -> None:
    x, y, x2, y2 = write_all(nowhere / folder / "raw", zipped=zipped)
    found = create(name).load(None)
    assert (found.images[:, 0] == np.concatenate([x, x2])).all()
    assert found.labels.tolist() == [*y.tolist(), *y2.tolist()]
    assert create(name).fingerprint()
    with pytest.raises(RequestError, match=r"mnist was not found; .*MNIST/raw"):
        create("kmnist" if name == "mnist" else "mnist").load(None)


@pytest.mark.parametrize("name", NAMES)
def test_absence_says_where_and_what_to_do(nowhere: Path, tmp_path: Path, name: str) -> None:
    write(tmp_path / "cache" / "imbench", name)
    source: Any = create(name)
    (tmp_path / "cache" / "imbench" / source.folder / source.files[0]).unlink()
    for attempt in (source.fingerprint, source.ensure, lambda: source.load(None)):
        with pytest.raises(RequestError, match=f"{name} was not found.*--download.*IMBENCH_DATA") as refused:
            attempt()
        assert str(nowhere / source.folder) in str(refused.value)
        assert f"imbench/{source.folder} (lacks {source.files[0]})" in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_named(nowhere: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write(nowhere, name)
    know(monkeypatch, nowhere, name)
    source: Any = create(name)
    for file in source.files:
        path = nowhere / source.folder / file
        raw = path.read_bytes()
        path.write_bytes(raw[:-5] + b"12345")
        with pytest.raises(RequestError, match=f"{name}: the files in .* are damaged, or others") as refused:
            source.load(None)
        assert str(path.parent) in str(refused.value)
        path.write_bytes(raw)
    assert len(source.load(None).labels) == sum(ROWS[name])


def test_a_pickle_that_torchvision_does_not_know_is_not_opened(nowhere: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return pytest.fail, ("a pickle was opened",)

    write(nowhere, "cifar10")
    (nowhere / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(RequestError, match="are damaged, or others than torchvision knows"):
        create("cifar10").load(None)


def test_other_classes_are_refused(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(nowhere, "cifar10")
    meta = nowhere / "cifar-10-batches-py" / "batches.meta"
    meta.write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    know(monkeypatch, nowhere, "cifar10")
    with pytest.raises(RequestError, match="holds other classes than cifar10"):
        create("cifar10").load(None)


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprint_is_of_the_content(nowhere: Path, name: str) -> None:
    write(nowhere, name)
    source: Any = create(name)
    first = source.fingerprint()
    assert source.fingerprint() == first
    path = nowhere / source.folder / source.files[-1]
    path.write_bytes(path.read_bytes() + b"x")
    assert source.fingerprint() != first


def test_a_fingerprint_needs_no_torch(nowhere: Path) -> None:
    for name in NAMES:
        write(nowhere, name)
    code = (
        "import sys; from imbalance_bench.data.registry import create\n"
        f"for name in {NAMES}: create(name).fingerprint(), create(name).class_names(), "
        "create(name).ensure()\n"
        "print({'torch', 'torchvision', 'scipy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", NAMES)
def test_download_by_torchvision(
    nowhere: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = write(tmp_path / "elsewhere", name)
    know(monkeypatch, tmp_path / "elsewhere", name)
    cls = getattr(datasets, available()[name].torchvision)  # type: ignore[attr-defined]

    def fetch(self: Any) -> None:
        print("Downloading")
        write(nowhere, name)

    monkeypatch.setattr(cls, "download", fetch)
    source = create(name)
    source.ensure(download=True)
    assert len(source.load(None, download=True).labels) == len(made[0][1]) + len(made[1][1])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Downloading\nDownloading\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_download_is_explained(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fail(self: Any) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(getattr(datasets, available()[name].torchvision), "download", fail)  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match=f"{name} could not be downloaded to .*no route"):
        create(name).load(None, download=True)


def test_a_comparison(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    write(nowhere, "svhn")
    know(monkeypatch, nowhere, "svhn")
    result = compare(
        "ce",
        dataset="svhn",
        steps=2,
        seeds=1,
        workers=0,
        device="cpu",
        batch_size=8,
        results=tmp_path / "results",
    )
    assert result["failures"] == []
