"""Augmentation: each kind by itself is what it says, and training alone sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from imbalance_bench import compare
from imbalance_bench.errors import RequestError
from imbalance_bench.training.augment import augmentation

pytestmark = pytest.mark.usefixtures("one_thread")
N = 400


def images(height: int = 20, width: int = 20) -> Tensor:
    """(N, 2, height, width) uint8, every image the same."""
    one = torch.randint(0, 256, (1, 2, height, width), generator=torch.Generator().manual_seed(0))
    return one.to(torch.uint8).expand(N, -1, -1, -1)


def changed(names: str, batch: Tensor | None = None, seed: int = 1) -> Tensor:
    return augmentation(names, seed)(images() if batch is None else batch)


def same(a: Tensor, b: Tensor) -> Tensor:
    """(n,) whether images agree."""
    return ((a - b).abs() < 0.02).flatten(1).all(1)


@pytest.mark.parametrize(("name", "axis"), [("flip", 3), ("flip-vertical", 2)])
def test_a_flip_mirrors_every_second_image(name: str, axis: int) -> None:
    before = images().float()
    after = changed(name)
    plain, mirrored = same(after, before), same(after, before.flip(axis))
    assert (plain ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_a_shift_moves_whole_pixels_and_repeats_the_edge() -> None:
    before = images(20, 30).float()
    after = changed("shift", images(20, 30))
    ways = {}
    for down in range(-2, 3):
        for right in range(-3, 4):
            rows = (torch.arange(20) + down).clamp(0, 19)
            columns = (torch.arange(30) + right).clamp(0, 29)
            ways[down, right] = same(after, before[:, :, rows][:, :, :, columns])
    hits = torch.stack(list(ways.values()))
    assert hits.any(0).all()
    assert (hits.sum(1) > 0).all()  # every way comes up


def test_a_crop_enlarges_a_part() -> None:
    # On a ramp the enlarged part is a flatter ramp inside the old one's range.
    ramp = torch.arange(20.0).expand(N, 1, 20, 20)
    after = changed("crop", ramp)[:, 0, 10]
    slope = (after[:, 15] - after[:, 5]) / 10
    assert slope.min() > 0.79
    assert slope.max() < 1.01
    assert slope.std() > 0.03
    assert after.min() >= 0
    assert after.max() <= 19


def test_several_act_together_and_the_stream_is_their_own() -> None:
    state = torch.random.get_rng_state()
    one, other = changed("flip,shift,crop"), changed("flip,shift,crop")
    assert torch.equal(one, other)
    assert not torch.equal(one, changed("flip,shift,crop", seed=2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.dtype == torch.float32
    assert one.shape == images().shape


def test_none_changes_nothing() -> None:
    batch = images()
    assert augmentation(None, 0)(batch) is batch


def test_it_is_part_of_the_run_and_repeats(tmp_path: Path) -> None:
    small = {"dataset": "digits", "imbalance_ratio": 10, "steps": 4, "seeds": 1, "workers": 0}

    def loss(folder: str, augment: str | None) -> float:
        found = compare("ce", results=str(tmp_path / folder), augment=augment, **small)
        return float(found["rows"][0]["log_loss"])

    plain, varied = loss("a", None), loss("a", "shift,flip")
    assert plain != varied
    assert loss("b", "flip,shift") == varied


@pytest.mark.parametrize("value", ["mirror", "flip,,shift", "", 3, True])
def test_refusals(value: object) -> None:
    with pytest.raises(RequestError, match=r"augment.*allowed: one or several of flip, flip-vertical"):
        compare("ce", augment=value)
