"""What F.cross_entropy does under torch.func, torch.compile and on the meta device, every loss does too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from loss_cases import CASES, Case, random_rows
from torch import Tensor
from torch.func import grad, jacrev, vmap

from imbalance_bench.losses import effective_number_weights, focal_loss

pytestmark = pytest.mark.usefixtures("one_thread")

every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def with_tensors(case: Case) -> dict[str, Any]:
    """Settings whose numbers per class are tensors of types and states that numpy can't read itself."""
    chosen = case.first()
    if case.counted:
        chosen["class_counts"] = torch.tensor(chosen["class_counts"], dtype=torch.float32, requires_grad=True)
    if case.weight:
        chosen[case.weight] = torch.tensor([0.5, 1, 2, 3, 4], dtype=torch.bfloat16, requires_grad=True)
    return chosen


@every_loss
def test_gradients_per_sample(case: Case) -> None:
    logits, targets = random_rows(6, n=7)

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return case.function(z[None], y[None], **with_tensors(case))

    expected = torch.stack([grad(loss)(z, y) for z, y in zip(logits, targets, strict=True)])
    torch.testing.assert_close(vmap(grad(loss))(logits, targets), expected)
    rows = case.function(logits, targets, **with_tensors(case), reduction="none")
    torch.testing.assert_close(vmap(loss)(logits, targets), rows)
    z = logits.clone().requires_grad_()
    case.function(z, targets, **with_tensors(case), reduction="sum").backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(z.grad, expected)


@every_loss
def test_jacobian_with_numbers_per_class_as_tensors(case: Case) -> None:
    logits, targets = random_rows(7, n=4)

    def rows(z: Tensor) -> Tensor:
        return case.function(z, targets, **with_tensors(case), reduction="none")

    found = jacrev(rows)(logits)
    torch.testing.assert_close(found, torch.autograd.functional.jacobian(rows, logits))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("form", ["lists", "tensors"])
@every_loss
def test_compiled_without_a_break(case: Case, form: str) -> None:
    logits, targets = random_rows(8, n=6)
    module = case.module(**(case.first() if form == "lists" else with_tensors(case)))
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(logits, targets), module(logits, targets))


def test_compiled_with_other_sizes_and_settings() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(focal_loss, fullgraph=True, backend="aot_eager")
    for n, gamma, alpha in ((6, 2.0, 0.25), (9, 1.0, 0.5), (11, 0.5, 0.75)):
        logits, targets = random_rows(n, n=n, c=2)
        chosen = {"gamma": gamma, "alpha": alpha}
        torch.testing.assert_close(
            compiled(logits, targets, **chosen), focal_loss(logits, targets, gamma=gamma, alpha=alpha)
        )


@every_loss
def test_shapes_on_the_meta_device(case: Case) -> None:
    logits, targets = torch.empty(6, 5, device="meta"), torch.empty(6, dtype=torch.int64, device="meta")
    weights = {case.weight: torch.empty(5, device="meta")} if case.weight else {}
    for chosen in (case.first(), with_tensors(case), case.first() | weights):
        rows = case.function(logits, targets, **chosen, reduction="none")
        assert (rows.shape, rows.device.type) == ((6,), "meta")
        assert case.function(logits, targets, **chosen).shape == ()


def test_weights_that_are_mapped_over() -> None:
    logits, targets = random_rows(9)
    alphas = torch.rand(3, 5)
    found = vmap(lambda alpha: focal_loss(logits, targets, alpha=alpha))(alphas)
    torch.testing.assert_close(found, torch.stack([focal_loss(logits, targets, alpha=a) for a in alphas]))


def test_counts_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match="class_counts has no values to read"):
        effective_number_weights(torch.ones(5, device="meta"))


def test_the_range_of_targets_is_checked_in_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    for name in ("item", "tolist", "__int__", "__bool__"):
        real = getattr(Tensor, name)
        monkeypatch.setattr(Tensor, name, lambda self, real=real: looks.append(1) or real(self))
    logits, targets = random_rows(0)
    for case in CASES.values():
        case.function(logits, targets, **case.first())
        assert looks == [1]
        looks.clear()
        # Inside a gradient of torch.func the values are still there to check.
        with pytest.raises(ValueError, match="range from 5"):
            grad(lambda z, case=case: case.function(z, targets * 0 + 5, **case.first()))(logits)
        looks.clear()
    assert np.isfinite(focal_loss(logits, targets).numpy())
