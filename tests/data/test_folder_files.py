"""`folder:PATH`: links, unreadable files, groups, and what makes it another data set."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Call
from made_folders import loaded, refusal, source
from made_images import grey, save, tree

from imbalance_bench.api import compare
from imbalance_bench.data import image_build, registry
from imbalance_bench.data.split import make_split
from imbalance_bench.errors import RequestError

pytestmark = pytest.mark.usefixtures("cache")


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    away = tree(tmp_path / "away", {"x": 2})
    root = tree(tmp_path / "d", {"cat": 1})
    (root / "dog").symlink_to(away / "x")
    (root / "cat" / "one.png").symlink_to(away / "x" / "0.png")
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "self").symlink_to(root / "cat")
    (root / "cat" / "gone").symlink_to(tmp_path / "nothing")
    found = loaded(root)
    assert found.counts().tolist() == [2, 2]
    assert found.notes == (
        "2 links back to folders above ignored (cat/self, cat/up).",
        "1 link to nothing ignored (cat/gone).",
    )
    (root / "dog2").symlink_to(away / "x")
    assert loaded(root).class_names == ("cat", "dog", "dog2")


def test_a_broken_link_is_an_image_that_cannot_be_read(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"cat": 2, "dog": 1})
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nothing.png")
    assert "cat/gone.png: No such file or directory" in refusal(root)
    assert loaded(root, skip_bad=True).counts().tolist() == [2, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"cat": 1, "dog": 1})
    os.mkfifo(root / "cat" / "pipe.png")
    assert loaded(root).notes == ("1 file that is no image by its ending ignored (cat/pipe.png).",)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path / "d", {"cat": 1, "dog": 1})
    usual = os.scandir

    def closed(path: str) -> Any:
        if path.endswith("dog"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return usual(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert f"the folder {root / 'dog'} can't be read: Permission denied." in refusal(root)


def harmed(root: Path) -> Path:
    tree(root, {"cat": 6, "dog": 3}, (32, 32))
    for i in range(4):
        (root / "cat" / f"{i}.png").write_bytes(b"")
    whole = (root / "dog" / "1.png").read_bytes()
    (root / "dog" / "1.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "2.png").write_text("text")
    return root


def test_unreadable_images_are_listed_by_class(tmp_path: Path) -> None:
    root = harmed(tmp_path / "d")
    said = refusal(root)
    assert said.startswith("6 of 9 images can't be read (cat 4, dog 2): cat/0.png: it is empty; cat/1.png: ")
    assert "dog/1.png: " in said
    assert said.endswith(" and 1 more. Put them right, or add --skip-bad to go on without them.")
    found = loaded(root, skip_bad=True)
    assert found.counts().tolist() == [2, 1]
    assert list(found.row_names) == ["cat/4.png", "cat/5.png", "dog/0.png"]
    assert found.notes[0].startswith("6 unreadable images are left out (cat 4, dog 2): cat/0.png: it is")
    (root / "dog" / "0.png").write_bytes(b"")
    assert "Without them class 'dog' has no training image left." in refusal(root, skip_bad=True)


def test_parts_and_groups_follow_what_is_left_out(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"train/cat": 3, "train/dog": 2, "test/cat": 2, "test/dog": 1})
    (root / "train" / "cat" / "0.png").write_bytes(b"")
    found = loaded(root, skip_bad=True, group_pattern=r"(\d)\.png")
    names = {part: [found.row_names[row] for row in rows] for part, rows in found.parts.items()}
    assert names["train"] == ["train/cat/1.png", "train/cat/2.png", "train/dog/0.png", "train/dog/1.png"]
    assert names["test"] == ["test/cat/0.png", "test/cat/1.png", "test/dog/0.png"]
    assert found.groups.tolist() == [1, 2, 0, 1, 0, 1, 0]
    assert found.notes[-1] == (
        "2 of 3 groups stand in more than one of the given parts (0, 1): the test is easier than new groups "
        "would be."
    )


def test_groups_by_pattern(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for name in ("cat/p1_a", "cat/p1_b", "cat/p2_a", "dog/p2_b", "dog/p3_a"):
        save(root / f"{name}.png", grey())
    found = loaded(root, group_pattern=r"/(p\d+)_")
    assert found.groups.tolist() == [0, 0, 1, 1, 2]
    assert loaded(root, group_pattern=r"p\d+").groups.tolist() == [0, 0, 1, 1, 2]
    split = make_split(found, np.random.default_rng(0))
    groups = [set(found.groups[rows]) for rows in (split.train, split.val, split.test)]
    assert sum(map(len, groups)) == 3
    assert "is no regular expression" in refusal(root, group_pattern="(")
    assert "is not found in 3 of 5 paths: cat/p1_a.png, cat/p1_b.png, dog/p3_a.png." in refusal(
        root, group_pattern="p(2)"
    )


def test_what_changes_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path / "d", {"cat": 3, "dog": 2})
    source(root).ensure()
    monkeypatch.setattr(image_build, "build", None)  # nothing below decodes
    first = source(root).fingerprint()
    assert source(root).fingerprint() == first
    os.utime(root / "cat" / "0.png", (1, 1))
    moved = Path(shutil.move(root, tmp_path / "e"))
    assert source(moved).fingerprint() == first
    assert source(moved).load(None).images.shape == (5, 1, 4, 6)
    others = {source(moved, **o).fingerprint() for o in ({"image_size": "3"}, {"channels": "rgb"})}
    (moved / "cat" / "0.png").rename(moved / "cat" / "00.png")
    others.add(source(moved).fingerprint())
    save(moved / "cat" / "1.png", grey())
    others.add(source(moved).fingerprint())
    (moved / "cat").rename(moved / "cow")
    others.add(source(moved).fingerprint())
    assert len(others | {first}) == 6


def test_parameters_are_read_and_told(tmp_path: Path) -> None:
    root = tree(tmp_path / "a,b=c: d", {"cat": 1, "dog": 1})
    made = source(root, image_size="08x8", channels="RGB", skip_bad="true")
    assert made.options() == {"channels": "rgb", "image_size": "8", "skip_bad": "true"}
    assert made.spec() == f"folder:{root}"
    assert registry.create(made.spec(), **made.options()) == made
    assert made.load(None).images.shape == (2, 3, 8, 8)
    with pytest.raises(RequestError, match="channels is 'blue'; allowed: 'auto' or 'grey' or 'rgb'"):
        source(root, channels="blue")


def test_a_comparison_and_then_nothing_to_train(tmp_path: Path, call: Call) -> None:
    root = tree(tmp_path / "d", {"cat": 24, "dog": 8}, (8, 8))
    asked: dict[str, Any] = {
        "dataset": f"folder:{root}", "steps": 3, "seeds": 1, "workers": 0, "device": "cpu",
        "batch_size": 4, "results": tmp_path / "results",
    }  # fmt: skip
    first = compare("cross-entropy", **asked)
    assert first["failures"] == []

    def stored() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("run.json")}

    trained = stored()
    assert len(trained) == 1
    assert compare("cross-entropy", **asked)["rows"] == first["rows"]
    assert stored() == trained
    flags = ["--steps=3", "--seeds=1", "--workers=0", "--device=cpu", "--batch-size=4", "--format=json"]
    save(root / "cat" / "large.png", grey(3, (20, 16)))
    ended = call("compare", f"--dataset=folder:{root}", "--strategies=ce", *flags)
    assert ended.status == 2
    assert "2 sizes" in ended.err
    assert "--image-size" in ended.err
    ended = call("compare", f"--dataset=folder:{root}", "--strategies=ce", "--image-size=8x10", *flags)
    assert ended.status == 0, ended.err
    assert re.search(r'"strategy": ?"cross-entropy"', ended.out)


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(" * 5000])
def test_patterns_too_large_to_compile_are_refused(tmp_path: Path, pattern: str) -> None:
    assert "is no regular expression" in refusal(
        tree(tmp_path / "d", {"a": 1, "b": 1}), group_pattern=pattern
    )


@pytest.mark.filterwarnings("error")
def test_what_a_pattern_may_mean_in_later_pythons_is_not_told(tmp_path: Path) -> None:
    found = loaded(tree(tmp_path / "d", {"a": 1, "b": 1}), group_pattern=r"[[ab]")
    assert found.groups.tolist() == [0, 1]


def test_folders_of_servers_and_windows_are_no_classes(tmp_path: Path) -> None:
    made = {"a": 1, "b": 1, "#recycle": 1, "$RECYCLE.BIN": 1, "System Volume Information": 1}
    assert loaded(tree(tmp_path / "d", made)).class_names == ("a", "b")


def test_one_folder_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path / "d", {"a": 1, "b": 1})
    monkeypatch.chdir(tmp_path)
    for text in ("d", "d/", "./d", "./d//"):
        assert registry.create(f"folder:{text}").spec() == "folder:d"
    for text in ("n.npz", "./n.npz"):
        assert registry.create(f"npz:{text}").spec() == "npz:n.npz"


def test_a_home_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in ("folder", "csv"):
        found = registry.create(f"{spec}:~no-such-user/x")
        with pytest.raises(RequestError, match="~no-such-user/x does not exist"):
            found.ensure()
    with pytest.raises(RequestError, match="there is no file ~no-such-user/x"):
        registry.create("npz:~no-such-user/x").ensure()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMBENCH_CACHE", "~no-such-user")
    assert len(loaded(tree(tmp_path / "d", {"a": 1, "b": 1})).labels) == 2


def test_parts_that_are_mistaken_for_classes(tmp_path: Path) -> None:
    root = tree(tmp_path / "d", {"train/a": 1, "train/b": 1, "test/a": 1, "unlabelled": 2})
    assert refusal(root).startswith(
        f"{root} holds test, train with folders for classes inside, and beside them unlabelled. Move that "
        "away; "
    )
    root = tree(tmp_path / "e", {"val/a": 1, "val/b": 1, "test/a": 1})
    assert "holds test, val with folders for classes inside, and no train. Add it; " in refusal(root)
    found = loaded(tree(tmp_path / "f", {"a/train": 1, "a/test": 1, "b/train": 1}))
    assert found.notes == (
        "test, train inside class folders are not read as parts, which stand above the classes: "
        "PATH/train/CLASS.",
    )
