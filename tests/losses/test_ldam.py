"""LDAM: its margins, values by hand, and its limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_cases import COUNTS, random_rows
from torch.nn import functional as F

from imbalance_bench.losses import LDAMLoss, ldam_loss, ldam_margins
from imbalance_bench.losses.common import like_logits
from imbalance_bench.losses.ldam import ldam_rows

pytestmark = pytest.mark.usefixtures("one_thread")

EXP100 = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_margins() -> None:
    # golden.md: exp profile, C = 10, n_max = 5000, R = 100.
    expected = [0.1581, 0.1797, 0.2042, 0.2321, 0.2638, 0.2998, 0.3407, 0.3872, 0.4405, 0.5]
    assert ldam_margins(EXP100).dtype == np.float64
    assert ldam_margins(EXP100).tolist() == pytest.approx(expected, abs=5e-5)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=9), st.floats(0, 2))
def test_the_rarer_the_wider(counts: list[int], max_m: float) -> None:
    margins = ldam_margins(counts, max_m)
    assert margins.max() == max_m
    assert (margins > 0).all() or max_m < 1e-300
    assert (np.diff(margins[np.argsort(counts)]) <= 0).all()


def test_values() -> None:
    # By hand: counts 1 and 16 have margins .5 and .25; softplus(2 * .5) and softplus(2 * .25).
    loss = ldam_loss(torch.zeros(2, 2), torch.tensor([0, 1]), class_counts=[1, 16], s=2, reduction="none")
    assert loss.tolist() == pytest.approx([1.313262, 0.974077], rel=1e-6)


@pytest.mark.parametrize("max_m", [0.0, 1e-14])
def test_without_margin_it_is_cross_entropy_of_scaled_cosines(max_m: float) -> None:
    logits, targets = random_rows(0, scale=0.3)
    found = ldam_loss(logits, targets, class_counts=COUNTS, max_m=max_m, s=30, reduction="none")
    expected = F.cross_entropy(30 * logits, targets, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_a_margin_only_raises_the_loss() -> None:
    logits, targets = random_rows(0, scale=0.3)
    losses = [
        ldam_loss(logits, targets, class_counts=COUNTS, max_m=m, reduction="none") for m in (0.0, 0.2, 0.5)
    ]
    assert (losses[0] < losses[1]).all()
    assert (losses[1] < losses[2]).all()


def test_rows() -> None:
    logits, targets = random_rows(0, scale=0.3)
    margins = like_logits(ldam_margins(COUNTS), logits.float())
    found = ldam_rows(logits.float(), targets, margins, 30.0)
    expected = ldam_loss(logits.float(), targets, class_counts=COUNTS, reduction="none")
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_m": -0.1}, "max_m is -0.1"),
        ({"max_m": float("nan")}, "max_m is nan"),
        ({"s": 0}, "s is 0; a number above 0"),
        ({"s": float("inf")}, "s is inf"),
        ({"s": float("nan")}, "s is nan"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ldam_loss(torch.zeros(1, 2), torch.tensor([0]), class_counts=[3, 1], **change)


def test_refused_counts_of_margins() -> None:
    with pytest.raises(ValueError, match=r"class_counts\[1\] is 0"):
        ldam_margins([3, 0])


def test_printed() -> None:
    assert repr(LDAMLoss([3, 1])) == (
        "LDAMLoss(class_counts=[3, 1], max_m=0.5, s=30.0, weight=None, reduction='mean')"
    )
