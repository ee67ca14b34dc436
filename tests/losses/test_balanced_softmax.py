"""Balanced softmax: values by hand, and its two other forms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import random_rows
from torch.nn import functional as F

from imbalance_bench.losses import BalancedSoftmaxLoss, balanced_softmax_loss, logit_adjusted_loss

pytestmark = pytest.mark.usefixtures("one_thread")

counts = st.lists(st.integers(1, 10**6), min_size=5, max_size=5)


def test_without_evidence_it_predicts_the_shares() -> None:
    # By hand: -log(1/4) and -log(3/4).
    loss = balanced_softmax_loss(
        torch.zeros(2, 2), torch.tensor([0, 1]), class_counts=[10, 30], reduction="none"
    )
    assert loss.tolist() == pytest.approx([1.386294, 0.287682], rel=1e-6)


@given(st.integers(0, 2**31), counts)
@settings(max_examples=30)
def test_is_cross_entropy_of_shifted_logits_and_logit_adjusted_at_one(seed: int, n: list[int]) -> None:
    logits, targets = random_rows(seed)
    found = balanced_softmax_loss(logits, targets, class_counts=n, reduction="none")
    shifted = F.cross_entropy(logits + torch.tensor(n).double().log(), targets, reduction="none")
    torch.testing.assert_close(found, shifted)
    adjusted = logit_adjusted_loss(logits, targets, class_counts=n, tau=1.0, reduction="none")
    torch.testing.assert_close(found, adjusted)


@given(st.integers(0, 2**31), counts, st.integers(2, 1000))
@settings(max_examples=30)
def test_only_the_ratios_of_the_counts_matter(seed: int, n: list[int], factor: int) -> None:
    logits, targets = random_rows(seed)
    found = balanced_softmax_loss(logits, targets, class_counts=[factor * c for c in n], reduction="none")
    expected = balanced_softmax_loss(logits, targets, class_counts=n, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_equal_counts_are_cross_entropy() -> None:
    logits, targets = random_rows(0)
    found = balanced_softmax_loss(logits, targets, class_counts=[7] * 5)
    torch.testing.assert_close(found, F.cross_entropy(logits, targets))


def test_printed() -> None:
    assert repr(BalancedSoftmaxLoss([3, 1])) == (
        "BalancedSoftmaxLoss(class_counts=[3, 1], weight=None, reduction='mean')"
    )
