"""Label-aware smoothing: its three shapes, values by hand, and torch's smoothing as a special case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from loss_cases import COUNTS, random_rows
from torch.nn import functional as F

from imbalance_bench.losses import (
    LabelAwareSmoothingLoss,
    label_aware_smoothing,
    label_aware_smoothing_loss,
)
from imbalance_bench.losses.common import like_logits
from imbalance_bench.losses.smoothing import Shape, label_aware_smoothing_rows

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("shape", "middle"),
    # By hand for the count half way: .3 sin(pi/4), .15, .3 (1 - cos(pi/4)).
    [("concave", 0.2121320), ("linear", 0.15), ("convex", 0.0878680)],
)
def test_shapes(shape: Shape, middle: float) -> None:
    found = label_aware_smoothing([9, 5, 1], smooth_head=0.3, smooth_tail=0.0, shape=shape)
    assert found.dtype == np.float64
    assert found.tolist() == pytest.approx([0.3, middle, 0.0], abs=1e-7)


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=9),
    st.floats(0, 0.99),
    st.floats(0, 0.99),
    st.sampled_from(["concave", "linear", "convex"]),
)
def test_lies_between_its_ends_and_follows_the_counts(
    counts: list[int], head: float, tail: float, shape: Shape
) -> None:
    found = label_aware_smoothing(counts, head, tail, shape)
    low, high = sorted([head, tail])
    assert ((found >= low - 1e-12) & (found <= high + 1e-12)).all()
    steps = np.diff(found[np.argsort(counts)])
    assert ((steps if head >= tail else -steps) >= -1e-12).all()
    assert found[int(np.argmax(counts))] == pytest.approx(head, abs=1e-12)


def test_equal_counts_are_all_head() -> None:
    assert label_aware_smoothing([4, 4, 4], 0.2, 0.1).tolist() == pytest.approx([0.2] * 3)


def test_values() -> None:
    # By hand: p = (.7, .2, .1), the target's smoothing .3: .7 * -log p_y + .15 * the sum of the others.
    z = torch.tensor([[0.7, 0.2, 0.1]]).log().expand(2, 3)
    found = label_aware_smoothing_loss(
        z, torch.tensor([2, 0]), class_counts=[8, 1, 8], smooth_head=0.3, reduction="none"
    )
    assert found.tolist() == pytest.approx([1.906726, 0.836476], rel=1e-6)


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.5])
def test_equal_smoothing_is_that_of_torch(eps: float) -> None:
    logits, targets = random_rows(0)
    found = label_aware_smoothing_loss(
        logits, targets, class_counts=COUNTS, smooth_head=eps, smooth_tail=eps, reduction="none"
    )
    # torch spreads its smoothing over all five classes, the target among them.
    expected = F.cross_entropy(logits, targets, label_smoothing=eps * 5 / 4, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_rows() -> None:
    logits, targets = random_rows(0)
    smoothing = like_logits(label_aware_smoothing(COUNTS), logits)
    expected = label_aware_smoothing_loss(logits, targets, class_counts=COUNTS, reduction="none")
    assert torch.equal(label_aware_smoothing_rows(logits, targets, smoothing), expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"smooth_head": 1.0}, r"smooth_head is 1.0; a number in \[0, 1\)"),
        ({"smooth_tail": -0.1}, "smooth_tail is -0.1"),
        ({"smooth_tail": float("nan")}, "smooth_tail is nan"),
        ({"shape": "cubic"}, "shape is 'cubic'; allowed: 'concave', 'linear', 'convex'"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        label_aware_smoothing([3, 1], **change)
    with pytest.raises(ValueError, match=reason):
        label_aware_smoothing_loss(torch.zeros(1, 2), torch.tensor([0]), class_counts=[3, 1], **change)


def test_printed() -> None:
    assert repr(LabelAwareSmoothingLoss([3, 1])) == (
        "LabelAwareSmoothingLoss(class_counts=[3, 1], smooth_head=0.3, smooth_tail=0.0, "
        "shape='concave', weight=None, reduction='mean')"
    )
