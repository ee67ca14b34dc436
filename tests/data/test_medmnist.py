"""medmnist:NAME: found where it may lie, named as published, refused where it is no one class per image."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from npz_files import parts, save

from imbalance_bench.api import compare
from imbalance_bench.data.medmnist_info import INFO, VOLUMES
from imbalance_bench.data.registry import create
from imbalance_bench.errors import RequestError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of this machine is found; the folder that the package `medmnist` would use."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IMBENCH_DATA", str(tmp_path / "given"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("IMBENCH_CACHE", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home" / ".medmnist"


def derma(path: Path, **changes: Any) -> Path:
    """A small file as dermamnist.npz is: seven classes, colour."""
    return save(path, True, **{**parts((28, 28, 3), (35, 14, 14), 7), **changes})


def test_the_published_layout(home: Path) -> None:
    derma(home / "dermamnist.npz")
    source = create("medmnist:DermaMNIST")
    found = source.load(None)
    assert found.images.shape == (63, 3, 28, 28)
    assert found.images.dtype == np.uint8
    assert found.class_names == source.class_names() == INFO["dermamnist"].classes
    assert found.class_names[5] == "melanocytic nevi"
    assert found.parts is not None
    assert [len(rows) for rows in found.parts.values()] == [35, 14, 14]
    assert found.labels[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert found.name_of(36) == "val row 1"
    assert found.name == "medmnist:dermamnist"
    assert found.notes == ("dermamnist was published with 7007 + 1003 + 2005 rows; here are 35 + 14 + 14.",)


def test_whole_files_say_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = parts((2, 2), (546, 78, 156))
    save(home / "breastmnist.npz", **arrays)
    found = create("medmnist:breastmnist").load(None)
    assert found.notes == ()
    assert found.class_names == ("malignant", "normal, benign")


def test_folders_in_their_order(home: Path, tmp_path: Path) -> None:
    places = [home, tmp_path / "cache" / "imbench", tmp_path / "here" / "data", tmp_path / "given"]
    prints = []
    for n, place in enumerate(places, start=1):  # each later one goes first
        arrays = parts((28, 28), (10 + 2 * n, 4, 4))
        save(place / "pneumoniamnist.npz", **arrays)
        found = create("medmnist:pneumoniamnist").load(None)
        assert len(found.labels) == 18 + 2 * n
        prints.append(create("medmnist:pneumoniamnist").fingerprint())
    assert len(set(prints)) == 4


def test_larger_images_are_a_name_of_their_own(home: Path) -> None:
    derma(home / "dermamnist.npz")
    derma(home / "dermamnist_64.npz", **parts((64, 64, 3), (35, 14, 14), 7))
    source = create("medmnist:dermamnist_64")
    assert source.spec() == "medmnist:dermamnist_64"
    assert source.load(None).images.shape == (63, 3, 64, 64)
    assert create("medmnist:dermamnist_28").spec() == "medmnist:dermamnist"
    with pytest.raises(RequestError, match=r"dermamnist_128\.npz was not found"):
        create("medmnist:dermamnist_128").load(None)
    options = {"channels": "grey", "image_size": "14"}
    small = create("medmnist:dermamnist", **options)
    assert small.options() == options
    assert small.load(None).images.shape == (63, 1, 14, 14)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dermanist", r"MedMNIST has no set 'dermanist'; allowed: pathmnist, .*Did you mean 'dermamnist'"),
        ("pneumonia", "no set 'pneumonia'"),
        ("a b", "no set 'a b'"),
        ("chestmnist", "chestmnist is multi-label: an image has any of its 14 findings"),
        ("chestmnist_64", "multi-label"),
        *((name, f"{name} holds volumes") for name in VOLUMES),
        ("dermamnist_32", "dermamnist is published in 28, 64, 128, 224 pixels; found 32"),
    ],
)
def test_names_that_are_refused(name: str, said: str) -> None:
    source = create(f"medmnist:{name}")
    for attempt in (source.fingerprint, source.class_names, source.ensure, source.spec):
        with pytest.raises(RequestError, match=said):
            attempt()


def test_absence_says_where_and_what_to_do(home: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as refused:
        create("medmnist:octmnist_64").ensure()
    said = str(refused.value)
    for text in (
        "octmnist_64.npz was not found",
        str(home),
        str(tmp_path / "given"),
        "https://zenodo.org/records/10519652/files/octmnist_64.npz",
        "--download",
        "pip install 'imbalance-bench[medmnist]'",
    ):
        assert text in said


def test_damage_is_named(home: Path) -> None:
    path = derma(home / "dermamnist.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RequestError, match=r"dermamnist\.npz is damaged"):
        create("medmnist:dermamnist").ensure()
    derma(path, train_labels=np.full((35, 1), 7, np.uint8))
    with pytest.raises(RequestError, match="row 0 has the label '7'; with 7 class names"):
        create("medmnist:dermamnist").ensure()


def package(monkeypatch: pytest.MonkeyPatch, download: Any) -> None:
    module = ModuleType("medmnist")
    module.DermaMNIST = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "medmnist", module)


def test_download_by_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fetch(split: str, download: bool, root: str, size: int) -> None:
        asked.append((split, download, size))
        print("Downloading")
        derma(Path(root) / f"dermamnist_{size}.npz")

    package(monkeypatch, fetch)
    source = create("medmnist:dermamnist_64")
    source.ensure(download=True)
    source.ensure(download=True)
    assert asked == [("train", True, 64)]
    assert (tmp_path / "given" / "dermamnist_64.npz").is_file()
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Downloading\n")


def test_a_failed_download_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**arguments: object) -> None:
        raise RuntimeError("Something went wrong when downloading!")

    package(monkeypatch, fail)
    with pytest.raises(RequestError, match=r"could not be downloaded to .*went wrong.*zenodo"):
        create("medmnist:dermamnist").ensure(download=True)
    monkeypatch.setitem(sys.modules, "medmnist", None)  # as if it were not installed
    with pytest.raises(RequestError, match=r"needs the package medmnist: pip install.*zenodo"):
        create("medmnist:dermamnist").ensure(download=True)


def test_names_tasks_and_sizes_are_the_published_ones() -> None:
    info = pytest.importorskip("medmnist.info")
    flat = {name: one for name, one in info.INFO.items() if not name.endswith("3d")}
    assert sorted(flat) == sorted(INFO)
    assert sorted(VOLUMES) == sorted(set(info.INFO) - set(flat))
    for name, one in flat.items():
        ours = INFO[name]
        assert ours.python_class == one["python_class"]
        assert ours.task == one["task"]
        assert list(ours.classes) == [one["label"][str(i)] for i in range(len(one["label"]))]
        assert ours.rows == tuple(one["n_samples"][part] for part in ("train", "val", "test"))


def test_a_comparison(home: Path, tmp_path: Path, one_thread: None) -> None:
    derma(home / "dermamnist.npz")
    result = compare(
        "cross-entropy,focal",
        dataset="medmnist:dermamnist",
        steps=3,
        seeds=1,
        workers=0,
        device="cpu",
        results=tmp_path / "results",
        channels="grey",
    )
    assert result["failures"] == []
    assert {row["class"] for row in result["per_class"]} == set(INFO["dermamnist"].classes)
