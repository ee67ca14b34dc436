"""`imbench data`: what it prints, its JSON, its picture, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import Call
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """60 well and 20 ill images, one of them a copy; a text file and a hidden one."""
    monkeypatch.setenv("IMBENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    root = tmp_path / "scans"
    for name, n in (("well", 60), ("ill", 20)):
        (root / name).mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 255, (12, 10), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"p{i % 15:02d}_{i}.png")
    copy = (root / "well" / "p00_0.png").read_bytes()
    (root / "ill" / "p00_copy.png").write_bytes(copy)
    (root / "well" / ".DS_Store").write_bytes(b"x")
    (root / "well" / "notes.txt").write_text("x")
    return root


def test_it_tells_counts_copies_and_files_left_aside(call: Call, folder: Path) -> None:
    told = call("data", f"folder:{folder}")
    assert told.status == 0
    assert "81 images of 12x10 pixels, grey, uint8" in " ".join(told.out.split())
    assert "ill" in told.out
    assert "well" in told.out
    said = " ".join(told.out.split())
    assert "exact copies: 2 images show only 1 different ones" in said
    assert "1 with different labels" in said
    assert "train, val, test drawn by image, anew for each seed" in said
    assert "name the group: --group-pattern" in said
    assert "hidden: 1 (well/.DS_Store)" in told.out
    assert "decoding images: 81" in told.err


def test_json(call: Call, folder: Path) -> None:
    found = call("data", f"folder:{folder}", "--format=json", "--quiet").json
    assert found["image_shape"] == [1, 12, 10]
    classes = {row["class"]: row for row in found["classes"]}
    assert sum(classes["ill"][part] for part in ("train", "val", "test")) == 21
    assert found["duplicates"]["conflicting"] == 1
    assert found["modes"] == {"L": 81}
    assert found["sizes"] == {"12x10": 81}


def test_groups_keep_together(call: Call, folder: Path) -> None:
    found = call("data", f"folder:{folder}", r"--group-pattern=(p\d+)_", "--format=json", "--quiet").json
    assert found["groups"] == {"all": 15, "crossing": 0, "smallest": 5, "largest": 7}
    assert found["drawn_parts"] == ["train", "val", "test"]


def test_broken_files_are_told_beside_the_rest(call: Call, folder: Path) -> None:
    (folder / "ill" / "p01_broken.png").write_bytes(b"")
    told = call("data", f"folder:{folder}")
    assert told.status == 0
    assert "unreadable: 1" in told.out
    assert "ill/p01_broken.png" in told.out
    assert "unless --skip-bad" in " ".join(told.out.split())
    assert call("run", f"--dataset=folder:{folder}", "--steps=2", "--workers=0").status == 2


def test_thinning_is_shown(call: Call) -> None:
    found = call("data", "digits", "--imbalance-ratio=10", "--format=json", "--quiet").json
    train = [row["train"] for row in found["classes"]]
    assert max(train) / min(train) == pytest.approx(found["imbalance_ratio"])
    assert found["imbalance_ratio"] >= 10


def test_the_picture(call: Call, folder: Path, tmp_path: Path) -> None:
    assert call("data", f"folder:{folder}", f"--save-grid={tmp_path / 'g.png'}").status == 0
    with Image.open(tmp_path / "g.png") as sheet:
        assert sheet.size == (8 * 68 + 4, 2 * 68 + 4)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("folder:nowhere",), "does not exist"),
        (("digits", "--save-grid=g.jpg"), "ends in .png"),
        (("digits", "--save-grid=no/such/g.png"), "can't be written"),
        (("digits", "--format=csv"), "terminal and json"),
        (("digits,synthetic",), "Name one"),
        ((".",), "'.' is a folder: write folder:."),
        (("dermamnist",), "Write medmnist:dermamnist"),
        (("digits", "--image-size=20"), "image_size"),
        (("digits", "--n-max=20"), "needs --imbalance-ratio"),
    ],
)
def test_refusals(call: Call, arguments: tuple[str, ...], reason: str) -> None:
    told = call("data", *arguments)
    assert told.status == 2
    assert reason in told.err
    assert "Traceback" not in told.err


def test_80_columns(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, call("data", f"folder:{folder}").out.splitlines())) <= 80


def test_the_picture_takes_the_place_of_no_image(call: Call, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (8, 8), i).save(tmp_path / "d" / name / f"{i}.png")
    own = tmp_path / "d" / "a" / "0.png"
    before = own.read_bytes()
    ended = call("data", f"folder:{tmp_path / 'd'}", f"--save-grid={own}")
    assert ended.status == 2
    assert "is an image of the data set; name another file." in ended.err
    assert own.read_bytes() == before
