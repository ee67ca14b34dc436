"""Asymmetric loss: values by hand, binary cross-entropy as its limit, and the kink at the margin."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import random_rows
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from imbalance_bench.losses import AsymmetricLoss, asymmetric_loss
from imbalance_bench.losses.asymmetric import asymmetric_rows

pytestmark = pytest.mark.usefixtures("one_thread")


def test_values() -> None:
    # By hand: log 2 + 2 * .45^4 * -log .55.
    flat = asymmetric_loss(torch.zeros(1, 3), torch.tensor([1]))
    assert flat.item() == pytest.approx(0.7421773, rel=1e-6)
    # By the formula in python's math: p = sigmoid of each.
    z = torch.tensor([[2.0, -1.0, 0.5]])
    found = asymmetric_loss(z, torch.tensor([0]), gamma_pos=1, gamma_neg=2, margin=0.1)
    assert found.item() == pytest.approx(0.2221610, rel=1e-6)


@given(st.integers(0, 2**31))
@settings(max_examples=30)
def test_without_its_settings_it_is_binary_cross_entropy(seed: int) -> None:
    logits, targets = random_rows(seed)
    found = asymmetric_loss(logits, targets, gamma_pos=0, gamma_neg=0, margin=0, reduction="none")
    wanted = F.one_hot(targets, 5).double()
    expected = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_equal_gammas_are_sigmoid_focal(gamma: float) -> None:
    logits, targets = random_rows(0)
    found = asymmetric_loss(logits, targets, gamma_pos=gamma, gamma_neg=gamma, margin=0, reduction="none")
    wanted = F.one_hot(targets, 5).double()
    expected = sigmoid_focal_loss(logits, wanted, alpha=-1, gamma=gamma).sum(1)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("margin", [1e-60, 1e-30, 1e-6, 0.05, 0.5, 0.99, 1 - 1e-9])
def test_the_kink(dtype: torch.dtype, margin: float) -> None:
    """Steps of one last place around p = margin: nothing, then little, and never a steep gradient."""
    z = torch.full((201,), math.log(margin) - math.log1p(-margin), dtype=dtype)
    for step in range(1, 101):
        z[100 + step] = torch.nextafter(z[99 + step], torch.tensor(torch.inf, dtype=dtype))
        z[100 - step] = torch.nextafter(z[101 - step], torch.tensor(-torch.inf, dtype=dtype))
    z = torch.stack([torch.full_like(z, 200.0), z], dim=1)
    targets = torch.zeros(201, dtype=torch.int64)
    for gamma in (0.0, 0.01, 0.5, 1.0, 4.0):
        logits = z.clone().requires_grad_()
        loss = asymmetric_loss(logits, targets, gamma_neg=gamma, margin=margin, reduction="none")
        loss.backward(torch.ones_like(loss))  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        slopes = logits.grad[:, 1]
        assert ((loss >= 0) & (loss <= 1e-3)).all()
        assert ((slopes >= 0) & (slopes <= 1)).all()


def test_negatives_up_to_the_margin_cost_nothing() -> None:
    z = torch.tensor([[200.0, -5.0, -4.0]], requires_grad=True)
    loss = asymmetric_loss(z, torch.tensor([0]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert loss.item() == 0
    assert z.grad.tolist() == [[0, 0, 0]]


def test_saturated_negatives_end_at_the_margin() -> None:
    # p = 1: (1 - m)^gamma (-log m).
    z = torch.tensor([[100.0, 1e30]])
    found = asymmetric_loss(z, torch.tensor([0]), gamma_neg=4, margin=0.05)
    assert found.item() == pytest.approx(0.95**4 * -math.log(0.05), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma_pos", -1.0),
        ("gamma_neg", -0.1),
        ("gamma_neg", float("nan")),
        ("gamma_pos", float("inf")),
        ("margin", 1.0),
        ("margin", -0.05),
        ("margin", float("nan")),
    ],
)
def test_refusals(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; .* is needed"):
        asymmetric_loss(torch.zeros(1, 2), torch.tensor([0]), **{name: value})  # type: ignore[arg-type]


def test_rows() -> None:
    logits, targets = random_rows(0)
    expected = asymmetric_loss(logits, targets, gamma_pos=1, reduction="none")
    assert torch.equal(asymmetric_rows(logits, targets, 1.0, 4.0, 0.05), expected)


def test_printed() -> None:
    assert repr(AsymmetricLoss()) == (
        "AsymmetricLoss(gamma_pos=0.0, gamma_neg=4.0, margin=0.05, weight=None, reduction='mean')"
    )
