"""Logit-adjusted loss: values by hand, its limits, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import COUNTS, random_rows
from torch.nn import functional as F

from imbalance_bench.losses import LogitAdjustedLoss, logit_adjusted_loss
from imbalance_bench.losses.logit_adjusted import logit_adjusted_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def test_tau_raises_the_shares_to_a_power() -> None:
    # By hand: shares 1/4 and 3/4, squared 1 : 9, so -log .1 and -log .9.
    loss = logit_adjusted_loss(
        torch.zeros(2, 2), torch.tensor([0, 1]), class_counts=[10, 30], tau=2, reduction="none"
    )
    assert loss.tolist() == pytest.approx([2.302585, 0.105361], rel=1e-5)


@given(st.integers(0, 2**31), st.floats(0, 5))
@settings(max_examples=30)
def test_is_cross_entropy_of_shifted_logits(seed: int, tau: float) -> None:
    logits, targets = random_rows(seed)
    shift = tau * (torch.tensor(COUNTS).double() / sum(COUNTS)).log()
    found = logit_adjusted_loss(logits, targets, class_counts=COUNTS, tau=tau, reduction="none")
    torch.testing.assert_close(found, F.cross_entropy(logits + shift, targets, reduction="none"))
    assert torch.equal(found, logit_adjusted_rows(logits, targets, shift))


def test_tau_zero_is_cross_entropy() -> None:
    logits, targets = random_rows(0)
    found = logit_adjusted_loss(logits, targets, class_counts=COUNTS, tau=0)
    torch.testing.assert_close(found, F.cross_entropy(logits, targets))


def test_training_with_it_is_adjusting_afterwards() -> None:
    # golden.md: post hoc z - tau log pi. Logits fitted to the shares alone are flat after the adjustment.
    prior = torch.tensor(COUNTS).double() / sum(COUNTS)
    plain, flat = prior.log().expand(5, 5), torch.zeros(5, 5, dtype=torch.float64)
    targets = torch.arange(5)
    found = logit_adjusted_loss(plain - prior.log(), targets, class_counts=COUNTS, reduction="none")
    torch.testing.assert_close(found, F.cross_entropy(plain, targets, reduction="none"))
    torch.testing.assert_close(
        found, logit_adjusted_loss(flat, targets, class_counts=COUNTS, reduction="none")
    )


@pytest.mark.parametrize("tau", [-0.5, float("nan"), float("inf"), 1e39])
def test_refused_tau(tau: Any) -> None:
    with pytest.raises(ValueError, match=r"tau is .*\[0, 1e\+30\] is needed"):
        logit_adjusted_loss(torch.zeros(1, 2), torch.tensor([0]), class_counts=[3, 1], tau=tau)


def test_printed() -> None:
    assert repr(LogitAdjustedLoss([3, 1], tau=1.5)) == (
        "LogitAdjustedLoss(class_counts=[3, 1], tau=1.5, weight=None, reduction='mean')"
    )
