"""Focal loss: reference values, laws, and the edges where p saturates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from imbalance_bench.losses import FocalLoss, focal_loss

Z = torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])
Y = torch.tensor([1, 0, 1, 0, 1])


pytestmark = pytest.mark.usefixtures("one_thread")


def two_class(z: Tensor) -> Tensor:
    """(n,) binary logits as the softmax over [0, z]."""
    return torch.stack([torch.zeros_like(z), z], dim=1)


def random_rows(seed: int, n: int = 40, c: int = 5) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, c, generator=g) * 4, torch.randint(0, c, (n,), generator=g)


def test_one_probability() -> None:
    # golden.md: p_y = .9, gamma 2, no alpha.
    loss = focal_loss(torch.tensor([[0.9, 0.1]]).log(), torch.tensor([0]))
    assert loss.item() == pytest.approx(0.00105361, rel=1e-5)


def test_zero_logits() -> None:
    # golden.md: C = 10, gamma 2.
    loss = focal_loss(torch.zeros(3, 10), torch.tensor([0, 4, 9]), reduction="none")
    assert loss.tolist() == pytest.approx([1.865094] * 3, rel=1e-6)


def test_two_classes_with_alpha() -> None:
    # golden.md, agreeing with torchvision's sigmoid_focal_loss: alpha .75, gamma 2.
    loss = focal_loss(two_class(Z), Y, alpha=0.75, reduction="none")
    assert loss.tolist() == pytest.approx([2.074710, 0.00566451, 0.129965, 0.175467, 0.0000819625], rel=1e-5)


@pytest.mark.parametrize(
    ("logits", "target", "value", "gradient"),
    [
        # golden.md: gamma .5 on saturated logits.
        ([0.0, 100.0], 1, 0.0, [0.0, 0.0]),
        ([0.0, 100.0], 0, 100.0, [-1.0, 1.0]),
        ([0.0, 0.0], 1, 0.490129, [0.476086, -0.476086]),
    ],
)
def test_saturated_logits(logits: list[float], target: int, value: float, gradient: list[float]) -> None:
    z = torch.tensor([logits], requires_grad=True)
    loss = focal_loss(z, torch.tensor([target]), gamma=0.5)
    loss.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert loss.item() == pytest.approx(value, rel=1e-5, abs=1e-12)
    assert z.grad[0].tolist() == pytest.approx(gradient, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("gamma", [1e20, 1e39, 1e300])
def test_gamma_beyond_float32(gamma: float) -> None:
    # (1 - p)^gamma is 1 where p is 0 to the last digit, and 0 elsewhere.
    z = torch.tensor([[0.0, 200.0], [0.0, 0.0], [20.0, 0.0]])
    loss = focal_loss(z, torch.tensor([0, 0, 0]), gamma=gamma, reduction="none")
    assert loss.tolist() == [pytest.approx(200.0, rel=0.01), 0.0, 0.0]


@pytest.mark.parametrize("alpha", [np.float64(0.75), np.array(0.75), torch.tensor(0.75)])
def test_a_number_of_any_form_is_the_weight_of_class_1(alpha: Any) -> None:
    found = focal_loss(two_class(Z), Y, alpha=alpha, reduction="none")
    assert torch.equal(found, focal_loss(two_class(Z), Y, alpha=[0.25, 0.75], reduction="none"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("edge", "value"), [(20.0, 40.0), (60.0, 120.0)])
def test_half_types_stay_finite(dtype: torch.dtype, edge: float, value: float) -> None:
    # golden.md: logits [20, -20] and [60, -60] with the wrong label.
    z = torch.tensor([[edge, -edge]], dtype=dtype, requires_grad=True)
    loss = focal_loss(z, torch.tensor([1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert loss.item() == pytest.approx(value)
    assert loss.dtype == torch.float32
    assert z.grad.dtype == dtype
    assert torch.isfinite(z.grad).all()


def test_the_articles_cross_entropies() -> None:
    # golden.md, the article's worked example.
    p = torch.tensor([0.8, 0.9, 0.7, 0.6, 0.9])
    logits = torch.stack([p, 1 - p], dim=1).log()
    loss = focal_loss(logits, torch.zeros(5, dtype=torch.int64), gamma=0, reduction="none")
    assert loss.tolist() == pytest.approx([0.223144, 0.105361, 0.356675, 0.510826, 0.105361], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gamma_zero_is_cross_entropy(seed: int, reduction: str) -> None:
    logits, targets = random_rows(seed)
    found = focal_loss(logits, targets, gamma=0, reduction=reduction)
    expected = F.cross_entropy(logits, targets, reduction=reduction)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@given(
    st.integers(0, 2**31),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0]),
)
def test_agrees_with_torchvision(seed: int, alpha: float, gamma: float) -> None:
    g = torch.Generator().manual_seed(seed)
    z = torch.randn(20, generator=g, dtype=torch.float64) * 5
    y = torch.randint(0, 2, (20,), generator=g)
    found = focal_loss(two_class(z), y, gamma=gamma, alpha=alpha, reduction="none")
    expected = sigmoid_focal_loss(z, y.double(), alpha=alpha, gamma=gamma)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("scale", [1.0, 15.0, 60.0])
def test_gradient(gamma: float, scale: float) -> None:
    logits, targets = random_rows(1, n=6, c=4)
    z = (logits.double() / 4 * scale).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, targets, gamma=gamma, reduction="none"), (z,))


@given(st.integers(0, 2**31), st.integers(0, 4), st.floats(0.1, 3))
def test_doubling_a_weight_doubles_the_loss_of_its_class(seed: int, which: int, start: float) -> None:
    logits, targets = random_rows(seed)
    weights = torch.full((5,), start)
    before = focal_loss(logits, targets, alpha=weights, reduction="none")
    weights[which] *= 2
    after = focal_loss(logits, targets, alpha=weights, reduction="none")
    factor = torch.where(targets == which, 2.0, 1.0)
    assert torch.equal(after, before * factor)


@given(st.integers(0, 2**31), st.permutations(range(5)))
def test_permuting_the_classes_changes_nothing(seed: int, order: list[int]) -> None:
    logits, targets = random_rows(seed)
    alpha = torch.arange(1.0, 6.0)
    place = torch.tensor(order).argsort()
    found = focal_loss(logits[:, order], place[targets], alpha=alpha[order], reduction="none")
    torch.testing.assert_close(found, focal_loss(logits, targets, alpha=alpha, reduction="none"))


@pytest.mark.parametrize(
    "alpha",
    [
        [0.2, 0.3, 0.5],
        (0.2, 0.3, 0.5),
        np.array([0.2, 0.3, 0.5]),
        np.array([0.2, 0.3, 0.5], dtype=np.float32),
        torch.tensor([0.2, 0.3, 0.5]),
        torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64),
    ],
    ids=["list", "tuple", "numpy64", "numpy32", "float", "double"],
)
def test_alpha_in_any_form(alpha: Any) -> None:
    logits, targets = random_rows(0, c=3)
    plain = focal_loss(logits, targets, reduction="none")
    expected = plain * torch.tensor([0.2, 0.3, 0.5])[targets]
    torch.testing.assert_close(focal_loss(logits, targets, alpha=alpha, reduction="none"), expected)
    mean = focal_loss(logits, targets, alpha=alpha)
    # Over the number of rows, not over the sum of the weights.
    torch.testing.assert_close(mean, expected.sum() / len(targets))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_targets_of_any_integer_type(dtype: torch.dtype) -> None:
    logits, targets = random_rows(0, c=3)
    alpha = [0.2, 0.3, 0.5]
    found = focal_loss(logits, targets.to(dtype), alpha=alpha)
    assert torch.equal(found, focal_loss(logits, targets, alpha=alpha))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"logits": torch.zeros(3)}, "logits have shape"),
        ({"logits": torch.zeros(3, 1)}, "logits have shape"),
        ({"logits": torch.zeros(3, 2, 2)}, "logits have shape"),
        ({"logits": torch.zeros(3, 2, dtype=torch.int64)}, "floats"),
        ({"targets": torch.tensor([0, 1])}, "targets have shape"),
        ({"targets": torch.tensor([0.0, 1.0, 0.0])}, "integers"),
        ({"targets": torch.tensor([True, False, True])}, "integers"),
        ({"targets": torch.tensor([0, 1, 2])}, "allowed are 0 to 1"),
        ({"targets": torch.tensor([0, 1, -100])}, "range from -100"),
        ({"gamma": -1.0}, "gamma is -1"),
        ({"gamma": float("nan")}, "gamma is nan"),
        ({"gamma": float("inf")}, "gamma is inf"),
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"alpha": -0.1}, "alpha is -0.1"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"alpha": [0.2, 0.3, 0.5]}, r"alpha has shape \(3,\)"),
        ({"alpha": [0.5, -0.5]}, "at least 0"),
        ({"alpha": [0.5, float("inf")]}, "finite"),
        ({"logits": torch.zeros(3, 3), "alpha": 0.25}, "only rescale"),
        ({"reduction": "batchmean"}, "'mean', 'sum', 'none'"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str) -> None:
    given_values = {"logits": torch.zeros(3, 2), "targets": torch.tensor([0, 1, 0]), **change}
    with pytest.raises(ValueError, match=reason):
        focal_loss(given_values.pop("logits"), given_values.pop("targets"), **given_values)


@pytest.mark.parametrize("alpha", [None, 0.25, [1.0, 3.0], torch.tensor([1.0, 3.0])])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_module_equals_the_function(alpha: Any, reduction: str) -> None:
    logits = two_class(Z)
    module = FocalLoss(gamma=1.5, alpha=alpha, reduction=reduction)
    expected = focal_loss(logits, Y, gamma=1.5, alpha=alpha, reduction=reduction)
    assert torch.equal(module(logits, Y), expected)


def test_the_module_has_no_state_and_prints_its_settings() -> None:
    module = FocalLoss(gamma=1.5, alpha=[0.2, 0.8], reduction="sum")
    assert module.state_dict() == {}
    assert list(module.parameters()) == []
    assert repr(module) == "FocalLoss(gamma=1.5, alpha=[0.2, 0.8], reduction='sum')"


def test_defaults() -> None:
    assert repr(FocalLoss()) == "FocalLoss(gamma=2.0, alpha=None, reduction='mean')"
    assert torch.equal(FocalLoss()(two_class(Z), Y), focal_loss(two_class(Z), Y))
