"""`folder:PATH`: layouts, class names, what is no image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_folders import loaded, refusal, source
from made_images import grey, noise, save, tree

from imbalance_bench.errors import RequestError

pytestmark = pytest.mark.usefixtures("cache")


def test_one_folder_for_each_class(tmp_path: Path) -> None:
    found = loaded(tree(tmp_path / "d", {"b": 2, "a": 3}))
    assert found.class_names == ("a", "b")
    assert found.labels.tolist() == [0, 0, 0, 1, 1]
    assert found.images.shape == (5, 1, 4, 6)
    assert list(found.row_names) == ["a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png"]
    assert (found.parts, found.groups, found.notes) == (None, None, ())
    assert found.name == f"folder:{tmp_path / 'd'}"
    np.testing.assert_array_equal(found.images[3, 0], noise(0, (4, 6)))


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("train", "val", "test"), {"train": 6, "val": 2, "test": 4}),
        (("Training", "VALID", "Testing"), {"train": 6, "val": 2, "test": 4}),
        (("TRAIN", "validation", None), {"train": 6, "val": 2}),
        (("train", None, "test"), {"train": 6, "test": 4}),
        (("train", None, None), {"train": 6}),
    ],
)
def test_given_parts(tmp_path: Path, names: tuple[str | None, ...], parts: dict[str, int]) -> None:
    for name, n in zip(names, (3, 1, 2), strict=True):
        if name is not None:
            tree(tmp_path / "d", {f"{name}/cat": n, f"{name}/dog": n})
    found = loaded(tmp_path / "d")
    assert found.class_names == ("cat", "dog")
    assert {part: len(rows) for part, rows in found.parts.items()} == parts
    assert found.row_names[found.parts["train"][0]] == f"{names[0]}/cat/0.png"
    assert found.counts(found.parts["train"]).tolist() == [3, 3]


@pytest.mark.parametrize("other", ["valid2", "holdout", "Testing2"])
def test_a_part_by_another_name_is_no_class(tmp_path: Path, other: str) -> None:
    names = {f"{part}/{name}": 2 for part in ("train", "test", other) for name in ("ill", "well")}
    with pytest.raises(
        RequestError, match=rf"test, train with folders for classes inside, and beside them {other}\. Move"
    ):
        loaded(tree(tmp_path / "d", names))


def test_train_beside_another_name_is_no_class(tmp_path: Path) -> None:
    names = {f"{part}/{name}": 2 for part in ("train", "holdout") for name in ("ill", "well")}
    with pytest.raises(RequestError, match="train with folders for classes inside, and beside them holdout"):
        loaded(tree(tmp_path / "d", names))


def test_folders_are_classes_unless_all_are_parts(tmp_path: Path) -> None:
    some = loaded(tree(tmp_path / "a", {"train": 1, "test": 1, "bus": 1}))
    assert some.class_names == ("bus", "test", "train")
    assert some.notes == ("test, train read as classes, since not all folders are parts.",)
    assert loaded(tree(tmp_path / "b", {"val": 1, "test": 1})).class_names == ("test", "val")
    twice = tree(tmp_path / "c", {"train/x": 1, "Training/x": 1})
    assert "Training, train, which all mean train. Keep one." in refusal(twice)


def test_class_names_stay_text_in_the_order_of_code_points(tmp_path: Path) -> None:
    names = ["10", "9", "007", "NA", "None", "a b", "x,y", "[red]", "Ünïcode", "日本", "1e3", "true", " lead"]
    root = tree(tmp_path / "d", dict.fromkeys(names, 1))
    found = loaded(root)
    assert found.class_names == tuple(sorted(names))
    assert source(root).class_names() == tuple(sorted(names))
    odd = tree(tmp_path / "e", {"a\nb": 1, "c": 1})
    assert loaded(odd).class_names == ("a\\nb", "c")
    composed, apart = "caf\u00e9", "cafe\u0301"
    both = tree(tmp_path / "f", {f"train/{composed}": 1, "train/x": 1, f"test/{apart}": 1})
    assert loaded(both).class_names == (composed, "x")


def test_files_in_folders_below_a_class_belong_to_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"cat/2024/may": 2, "cat/2023": 1, "dog": 1})
    found = loaded(root)
    assert found.counts().tolist() == [3, 1]
    assert found.row_names[0] == "cat/2023/0.png"


def test_what_is_no_image_is_ignored_and_counted(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "d", {"cat": 2, "dog": 1, "cat/.ipynb_checkpoints": 1, "__MACOSX/cat": 3, ".git": 1}
    )
    for name in ("cat/._0.png", ".DS_Store", "cat/Thumbs.db", "dog/desktop.ini", "dog/~$a.png", "dog/a.png~"):
        (root / name).write_bytes(b"x")
    for name in ("README.md", "cat/notes.txt", "dog/noending", "dog/a.eps", "dog/film.mp4"):
        (root / name).write_bytes(b"x")
    plain = source(root)
    found = plain.load(None)
    assert found.counts().tolist() == [2, 1]
    assert found.notes == (
        "9 hidden or system files or folders ignored (.DS_Store, .git, __MACOSX, ...).",
        "5 files that are no images by their ending ignored (README.md, cat/notes.txt, dog/a.eps, ...).",
    )
    assert plain.listing.ignored is not None
    assert len(plain.listing.ignored["hidden"]) == 9


def test_endings_in_any_case_and_unusual_ones(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"dog": 1})
    names = ["a.JPG", "b.jpe", "c.Tif", "d.webp", "e.bmp", "f.PGM", "g.tga", "h.jp2", "i.sgi", "j.pcx"]
    for name in names:
        save(root / "cat" / name, grey(200))
    found = loaded(root)
    assert found.counts().tolist() == [len(names), 1]
    assert np.abs(found.images[:-1].astype(int) - 200).max() <= 2


def test_a_class_without_training_images_is_refused_by_name(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"cat": 2, "dog": 1})
    (root / "emu").mkdir()
    (root / "emu" / "notes.txt").write_text("")
    assert refusal(root) == (
        "1 class folder holds no images: emu (only emu/notes.txt). A class needs training images: add some, "
        "or remove the folder."
    )
    parts = tree(tmp_path / "e", {"train/cat": 1, "train/dog": 1, "test/cat": 1, "test/emu": 1, "val/cat": 1})
    assert "class 'emu' is found in test only; there is no training image of it." in refusal(parts)
    (parts / "train" / "emu").mkdir()
    assert "holds no images: train/emu." in refusal(parts)


def test_a_class_without_test_images_stays(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"train/cat": 1, "train/dog": 1, "test/cat": 1})
    (root / "test" / "dog").mkdir()
    found = loaded(root)
    assert found.counts(found.parts["test"]).tolist() == [1, 0]
    assert found.notes == ("test/dog holds no images: the class has no rows in that part.",)


def test_layouts_that_are_none(tmp_path: Path) -> None:
    layout = "PATH/CLASS/image.png"
    assert "does not exist; wanted: " + layout in refusal(tmp_path / "none")
    save(tmp_path / "a.png", grey())
    assert "is no folder" in refusal(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    assert "holds no class folders; wanted: " + layout in refusal(tmp_path / "empty")
    direct = tree(tmp_path / "direct", {"": 7})
    assert "holds 7 images outside any class folder (0.png, 1.png, 2.png and 4 more)" in refusal(direct)
    assert layout in refusal(direct)
    tree(direct, {"cat": 1, "dog": 1})
    assert "outside any class folder" in refusal(direct)
    assert "train holds 2 images outside any class folder" in refusal(
        tree(tmp_path / "parts", {"train": 2, "test": 2})
    )
    assert "one class only, 'cat'; at least two" in refusal(tree(tmp_path / "one", {"cat": 3}))
    for name in ("a", "b"):
        (tmp_path / "hollow" / name).mkdir(parents=True)
    assert "holds no images in its folders a, b" in refusal(tmp_path / "hollow")
    part = tree(tmp_path / "part", {"train/a": 1, "train/b": 1})
    (part / "val").mkdir()
    assert "val holds no class folders with images. Fill it, or remove it (the part" in refusal(part)
