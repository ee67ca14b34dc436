"""npz:PATH: every layout and type of value that people store, what it becomes, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npz_files import images, load, parts, save

from imbalance_bench.api import compare
from imbalance_bench.data import hashes, mapped
from imbalance_bench.data.registry import create
from imbalance_bench.data.split import make_split
from imbalance_bench.errors import RequestError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))


# What the arrays are called


def test_the_layout_of_medmnist(tmp_path: Path) -> None:
    arrays = parts()
    found = load(save(tmp_path / "a.npz", **arrays))
    assert found.images.shape == (34, 1, 6, 5)
    assert found.images.dtype == np.uint8
    assert found.class_names == ("0", "1")
    assert found.parts is not None
    assert {part: (rows[0], rows[-1]) for part, rows in found.parts.items()} == {
        "train": (0, 19), "val": (20, 27), "test": (28, 33),
    }  # fmt: skip
    for part, rows in found.parts.items():
        assert (found.images[rows, 0] == arrays[f"{part}_images"]).all()
        assert (found.labels[rows] == arrays[f"{part}_labels"][:, 0]).all()
    assert found.groups is None
    assert found.notes == ()
    assert [found.name_of(row) for row in (0, 19, 20, 33)] == [
        "train row 0", "train row 19", "val row 0", "test row 5",
    ]  # fmt: skip
    assert found.row_names is not None
    assert list(found.row_names)[-1] == found.row_names[-1] == found.row_names[32:][1] == "test row 5"
    with pytest.raises(IndexError):
        found.row_names[34]


@pytest.mark.parametrize("given", [("train",), ("train", "val"), ("train", "test")])
def test_missing_parts_are_drawn(tmp_path: Path, given: tuple[str, ...]) -> None:
    arrays = {name: array for name, array in parts().items() if name.split("_")[0] in given}
    found = load(save(tmp_path / "a.npz", **arrays))
    assert tuple(found.parts or ()) == given
    split = make_split(found, np.random.default_rng(0))
    assert len(split.train) + len(split.val) + len(split.test) == len(found.labels)
    if "test" in given:
        assert split.test.tolist() == found.parts["test"].tolist()  # type: ignore[index]


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "y")])
def test_a_file_without_parts(tmp_path: Path, names: tuple[str, str]) -> None:
    found = load(save(tmp_path / "a.npz", **{names[0]: images(9), names[1]: np.arange(9) % 3}))
    assert found.parts is None
    assert found.row_names is None
    assert (found.images[:, 0] == images(9)).all()
    assert found.class_names == ("0", "1", "2")


def test_the_names_of_keras(tmp_path: Path) -> None:
    path = save(
        tmp_path / "mnist.npz",
        x_train=images(9),
        y_train=np.arange(9) % 3,
        x_test=images(3, seed=1),
        y_test=np.arange(3),
    )
    found = load(path)
    assert tuple(found.parts or ()) == ("train", "test")
    assert (found.images[9:, 0] == images(3, seed=1)).all()


def test_class_names_and_groups(tmp_path: Path) -> None:
    names = np.array(["well", "ill"])
    path = save(
        tmp_path / "a.npz", images=images(4), labels=[0, 1, 1, 0], groups=[7, 3, 7, 9], class_names=names
    )
    found = load(path)
    assert found.class_names == create(f"npz:{path}").class_names() == ("well", "ill")
    assert found.groups is not None
    assert found.groups.dtype == np.int64
    groups = found.groups.tolist()
    assert (groups[0] == groups[2], len(set(groups))) == (True, 3)
    arrays = parts(n=(4, 2, 2))
    grouped = {
        "train_groups": np.array(["a", "b", "a", "c"]),
        "val_groups": np.array(["c", "d"]),
        "test_groups": np.array(["e", "a"]),
    }
    found = load(save(tmp_path / "b.npz", **arrays, **grouped))
    assert found.groups is not None
    codes = found.groups.tolist()
    names = "abaccdea"
    assert all((codes[i] == codes[j]) == (names[i] == names[j]) for i in range(8) for j in range(8))


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    found = load(save(tmp_path / "a.npz", images=images(4), labels=[0, 1, 1, 0], masks=images(4), ids=[1]))
    assert found.notes == ("Arrays that are not read: masks, ids.",)


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda arrays: {name: array for name, array in arrays.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda a: {"train_image": a["train_images"], "train_label": a["train_labels"]},
            "holds train_image, train_label, and no array of images .* Did you mean 'train_images'?",
        ),
        (lambda a: {}, "holds nothing, and no array of images by a name that is known"),
        (
            lambda a: {"train_images": a["train_images"], "train_lables": a["train_labels"]},
            "holds train_images and no train_labels; found: train_images, train_lables. Did you mean "
            "'train_lables'?",
        ),
        (without("val_labels"), "holds val_images and no val_labels; found: train_images"),
        (without("train_images", "train_labels"), "holds no train_images; found: val_images, val_labels"),
        (lambda a: {**a, "images": a["val_images"]}, "images by two names, train_images and images"),
        (
            lambda a: {**a, "train_groups": np.zeros(20, int)},
            "holds train_groups and no val_groups; give groups for every part",
        ),
        (lambda a: {**a, "val_labels": a["val_labels"][1:]}, "val_images holds 8 rows and val_labels 7;"),
        (lambda a: {**a, "val_groups": np.zeros(3)}, "val_images holds 8 rows and val_groups 3"),
        (
            lambda a: {**a, "val_images": a["val_images"][:, 1:]},
            r"train_images is uint8 \(20, 6, 5\) and val_images is uint8 \(8, 5, 5\)",
        ),
        (
            lambda a: {**a, "test_images": a["test_images"].astype(float)},
            r"train_images is uint8 \(20, 6, 5\) and test_images is float64",
        ),
        (
            lambda a: {**a, "test_images": a["test_images"][:0], "test_labels": a["test_labels"][:0]},
            "test_labels is empty",
        ),
        (
            lambda a: {**a, "test_labels": a["test_labels"] + 1},
            "class '2' has no row in train_labels, 3 in test_labels",
        ),
        (lambda a: {**a, "train_labels": np.eye(20, 3, dtype=int)}, "train_labels is multi-label: row 3"),
        (
            lambda a: {**a, "train_images": a["train_images"].astype(object)},
            "train_images holds Python objects, which are never loaded",
        ),
        (
            lambda a: {**a, "train_labels": a["train_labels"].astype(object)},
            "train_labels holds Python objects, which are never loaded",
        ),
        (
            lambda a: {**a, "class_names": np.array(["a", None], dtype=object)},
            "class_names holds Python objects",
        ),
        (lambda a: {**a, "class_names": np.array(["a", "a"])}, "class_names names the class 'a' twice"),
        (
            lambda a: {**a, "train_labels": np.full(20, 2), "class_names": np.array(["a", "b"])},
            "train_labels: row 0 has the label '2'; with 2 class names",
        ),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    path = save(tmp_path / "a.npz", **change(parts()))
    with pytest.raises(RequestError, match=said) as refused:
        load(path)
    assert str(path) in str(refused.value)
    with pytest.raises(RequestError):
        create(f"npz:{path}").ensure()


@pytest.mark.parametrize(
    ("raw", "said"), [(None, "there is no file"), (b"junk", "is damaged, or no npz file"), (b"", "damaged")]
)
def test_what_is_no_npz_file(tmp_path: Path, raw: bytes | None, said: str) -> None:
    path = tmp_path / "a.npz"
    if raw is not None:
        path.write_bytes(raw)
    source = create(f"npz:{path}")
    for attempt in (source.class_names, source.ensure, lambda: source.load(None)):
        with pytest.raises(RequestError, match=said):
            attempt()
    with pytest.raises(RequestError, match="is a folder"):
        create(f"npz:{tmp_path}").fingerprint()


# The source


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    one = create(f"npz:{save(tmp_path / 'a.npz', **parts())}").fingerprint()
    assert create(f"npz:{save(tmp_path / 'b' / 'c.npz', **parts())}").fingerprint() == one
    assert create(f"npz:{save(tmp_path / 'd.npz', **parts(classes=3))}").fingerprint() != one
    assert create(f"npz:{tmp_path / 'a.npz'}", channels="rgb").fingerprint() == one  # an option, not content


def test_spec_and_options(tmp_path: Path) -> None:
    source = create("npz:a,b:c+d.npz", channels="grey", image_size="4x5", layout="auto")
    assert source.spec() == "npz:a,b:c+d.npz"
    assert source.options() == {"channels": "grey", "image_size": "4x5"}
    assert create(source.spec(), **source.options()) == source
    with pytest.raises(RequestError, match="layout is 'nhwc'; allowed: 'auto' or 'hwc' or 'chw'"):
        create("npz:a.npz", layout="nhwc")


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save(tmp_path / "a.npz", **parts())
    assert create("npz:~/a.npz").class_names() == ("0", "1")


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_a_comparison_and_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, one_thread: None
) -> None:
    monkeypatch.setattr(mapped, "SMALL", 0)
    hashes._hash.cache_clear()
    arrays = {name: a.astype(kind) if "images" in name else a for name, a in parts((8, 8, 3)).items()}
    path = save(tmp_path / "a.npz", class_names=np.array(["well", "ill"]), **arrays)
    settings: dict[str, Any] = {
        "dataset": f"npz:{path}", "steps": 3, "seeds": 1, "workers": 0, "device": "cpu",
        "batch_size": 8, "results": tmp_path / "results", "channels": "rgb",
    }  # fmt: skip
    strategies = "cross-entropy,undersample,smote"
    first = compare(strategies, **settings)
    assert first["failures"] == []
    assert first["dataset"] == f"npz:{path}"
    assert {row["class"] for row in first["per_class"]} == {"well", "ill"}

    def fail(*arguments: object, **more: object) -> None:
        pytest.fail("trained again")

    monkeypatch.setattr("imbalance_bench.experiments.runner._attempts", fail)
    again = compare(strategies, **settings)
    assert again["rows"] == first["rows"]


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=re.escape(f"there is no file {tmp_path / 'no.npz'}")):
        compare("ce", dataset=f"npz:{tmp_path / 'no.npz'}", steps=1, results=tmp_path)
