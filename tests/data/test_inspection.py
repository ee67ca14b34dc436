"""What `imbench data` tells: counts, pixels, copies, groups, each against small data made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.inspection import grid, inspect
from imbalance_bench.data.source import FileFacts
from imbalance_bench.data.split import Split


def made(**changes: object) -> tuple[ImageDataset, Split]:
    """60 images of two classes, 4x4, all different; every third row validates, every fifth tests."""
    images = np.arange(60, dtype=np.uint8)[:, None, None, None] + np.arange(16, dtype=np.uint8).reshape(4, 4)
    labels = (np.arange(60) % 4 == 0).astype(np.int64)
    rows = np.arange(60)
    split = Split(rows[rows % 5 < 3], rows[rows % 5 == 3], rows[rows % 5 == 4])
    given = {"images": images, "labels": labels, **changes}
    return ImageDataset("made", class_names=("well", "ill"), **given), split  # type: ignore[arg-type]


def test_counts_ratio_and_pixels() -> None:
    dataset, split = made()
    found = inspect(dataset, split, FileFacts())
    assert found.shape == (1, 4, 4)
    assert found.kind == "uint8"
    assert [one.rows for one in found.classes] == [(27, 9, 9), (9, 3, 3)]
    assert found.ratio == 3
    ill = dataset.images[dataset.labels == 1]
    assert (found.classes[1].low, found.classes[1].high) == (ill.min(), ill.max())
    assert found.classes[1].mean == pytest.approx(ill.mean())
    assert found.copies.sets == 0
    assert found.groups is None


def test_the_interval_of_recall_is_clopper_and_pearsons() -> None:
    dataset, split = made()
    interval = inspect(dataset, split, FileFacts()).classes[0].recall
    hits, n = 0.9 * 9, 9
    assert interval == pytest.approx(
        (beta.ppf(0.025, hits, n - hits + 1), beta.ppf(0.975, hits + 1, n - hits))
    )


def test_copies_within_across_and_with_other_labels() -> None:
    dataset, split = made()
    images = dataset.images.copy()
    images[5] = images[10]  # both train, both well
    images[3] = images[8] = images[1]  # two in validation, one in training; 8 is ill
    images[9] = images[4]  # both test, 4 is ill
    names = [f"{i}.png" for i in range(60)]
    dataset, split = made(images=images, row_names=names)
    found = inspect(dataset, split, FileFacts())
    assert (found.copies.images, found.copies.sets) == (7, 3)
    assert found.copies.within == {"train": 1, "val": 1, "test": 1}
    assert found.copies.across == 1
    assert found.copies.conflicting == 2
    assert found.copies.examples[0] == ("1.png (train, well)", "3.png (val, well)", "8.png (val, ill)")
    assert any("1 image stands in more than one part" in line for line in found.warnings)
    assert any("2 images have copies with another label" in line for line in found.warnings)


def test_images_that_differ_in_one_pixel_are_no_copies() -> None:
    dataset, _ = made()
    images = np.zeros_like(dataset.images)
    images[np.arange(60), 0, 0, 0] = np.arange(60)
    dataset, split = made(images=images)
    assert inspect(dataset, split, FileFacts()).copies.sets == 0


def test_groups_that_cross_parts() -> None:
    dataset, split = made(groups=np.arange(60, dtype=np.int64) // 5)
    found = inspect(dataset, split, FileFacts())
    assert found.groups == (12, 12, 5, 5)
    assert found.drawn == ("train", "val", "test")
    assert any("12 of 12 groups stand in more than one part" in line for line in found.warnings)
    dataset, split = made(groups=np.arange(60, dtype=np.int64) % 5)
    assert inspect(dataset, split, FileFacts()).groups == (5, 0, 12, 12)


def test_few_rows_and_constant_pixels_are_warned_of() -> None:
    dataset, split = made(images=np.zeros((60, 1, 4, 4), dtype=np.float32))
    said = inspect(dataset, split, FileFacts()).warnings
    assert any(line.startswith("fewer than 20 validation images: well 9, ill 3") for line in said)
    assert any("every pixel of every image of well, ill has the same value" in line for line in said)


def test_classes_that_differ_in_case_are_warned_of() -> None:
    dataset, split = made()
    dataset = replace(dataset, class_names=("ill", "Ill "))
    said = inspect(dataset, split, FileFacts()).warnings
    assert any(line.startswith("classes that differ in case or spaces only: ill, Ill") for line in said)


def test_a_class_without_test_rows() -> None:
    dataset, split = made()
    split = Split(split.train, split.val, split.test[dataset.labels[split.test] == 0])
    found = inspect(dataset, split, FileFacts())
    assert found.classes[1].recall is None
    assert found.as_dict()["classes"][1]["prevalence"] == 0


def test_the_grid_shows_a_line_for_each_class() -> None:
    images = np.zeros((60, 3, 4, 4), dtype=np.uint8)
    images[::4, 0] = 255  # the ill ones are red
    dataset, split = made(images=images)
    sheet = grid(dataset, split.train, per_class=3, side=8)
    assert sheet.shape == (2 * 12 + 4, 3 * 12 + 4, 3)
    assert sheet[4, 4].tolist() == [0, 0, 0]
    assert sheet[16, 4].tolist() == [255, 0, 0]
    assert sheet[0, 0].tolist() == [128, 128, 128]


def test_the_grid_scales_other_ranges_and_leaves_missing_images_grey() -> None:
    images = np.zeros((60, 1, 4, 4), dtype=np.float32)
    images[1::4] = 2.0
    dataset, split = made(images=images)
    sheet = grid(dataset, split.train[:5], per_class=4, side=8)
    assert set(np.unique(sheet)) == {0, 128, 255}
    assert (sheet[16:24, 28:36] == 128).all()  # the ill class has two images among these rows
