"""Poly-1 loss: values by hand, its limit, and why epsilon ends at -1."""

from __future__ import annotations

import pytest
import torch
from loss_cases import random_rows
from torch.nn import functional as F

from imbalance_bench.losses import Poly1Loss, poly1_loss
from imbalance_bench.losses.poly1 import poly1_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def test_values() -> None:
    # By hand: -log .9 + 2 * .1, and log 10 + 2 * .9.
    sure = poly1_loss(torch.tensor([[0.9, 0.1]]).log(), torch.tensor([0]))
    assert sure.item() == pytest.approx(0.305361, rel=1e-5)
    flat = poly1_loss(torch.zeros(1, 10), torch.tensor([4]))
    assert flat.item() == pytest.approx(4.102585, rel=1e-6)


def test_epsilon_zero_is_cross_entropy() -> None:
    logits, targets = random_rows(0)
    found = poly1_loss(logits, targets, epsilon=0, reduction="none")
    torch.testing.assert_close(found, F.cross_entropy(logits, targets, reduction="none"))


def test_small_errors_do_not_cancel() -> None:
    # 1 - p = e^-50 / (1 + e^-50), which 1 - p in float32 would make 0; -log p is as large.
    found = poly1_loss(torch.tensor([[50.0, 0.0]]), torch.tensor([0]), epsilon=2)
    assert found.item() == pytest.approx(3 * 1.9287498e-22, rel=1e-5)


@pytest.mark.parametrize("epsilon", [-1.0, -0.5, 0.0, 2.0])
def test_grows_with_the_error(epsilon: float) -> None:
    z = torch.zeros(200, 2, dtype=torch.float64)
    z[:, 0] = torch.linspace(5, -20, 200)
    found = poly1_loss(z, torch.zeros(200, dtype=torch.int64), epsilon=epsilon, reduction="none")
    assert (found.diff() > 0).all()


@pytest.mark.parametrize("epsilon", [-1.01, float("nan"), float("inf"), 1e39])
def test_refused_epsilon(epsilon: float) -> None:
    with pytest.raises(ValueError, match=r"epsilon is .*\[-1, 1e\+30\] is needed"):
        poly1_loss(torch.zeros(1, 2), torch.tensor([0]), epsilon=epsilon)


def test_rows() -> None:
    logits, targets = random_rows(0)
    expected = poly1_loss(logits, targets, epsilon=1.5, reduction="none")
    assert torch.equal(poly1_rows(logits, targets, 1.5), expected)


def test_printed() -> None:
    assert repr(Poly1Loss()) == "Poly1Loss(epsilon=2.0, weight=None, reduction='mean')"
