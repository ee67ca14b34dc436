"""What holds for every loss that the package exports."""

from __future__ import annotations

import copy
import doctest
import inspect
import pickle
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import CASES, COUNTS, Case, random_rows
from torch import Tensor, nn

from imbalance_bench import losses
from imbalance_bench.losses.common import numbers

pytestmark = pytest.mark.usefixtures("one_thread")

every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_setting = pytest.mark.parametrize(
    ("case", "chosen"),
    [
        pytest.param(case, chosen, id=f"{name}-{n}")
        for name, case in CASES.items()
        for n, chosen in enumerate(case.settings)
    ],
)
weighted_loss = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items() if case.weight]
)
counted_loss = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items() if case.counted]
)


def value_and_gradient(case: Case, z: Tensor, targets: Tensor, **chosen: Any) -> tuple[Tensor, Tensor]:
    """The loss of each row, and the gradient of each row's loss."""
    z = z.clone().requires_grad_()
    rows = case.function(z, targets, **chosen, reduction="none")
    rows.backward(torch.ones_like(rows))  # type: ignore[no-untyped-call]
    assert z.grad is not None
    return rows.detach(), z.grad


def check_finite(case: Case, logits: Tensor, targets: Tensor, chosen: dict[str, Any]) -> None:
    for z in (logits, logits.double()):
        found, gradient = value_and_gradient(case, z, targets, **chosen)
        assert found.isfinite().all()
        assert gradient.isfinite().all()
        assert (found >= 0).all()


def test_every_exported_loss_is_here() -> None:
    exported = {name: getattr(losses, name) for name in losses.__all__}
    modules = {value for value in exported.values() if inspect.isclass(value)}
    assert modules == {case.module for case in CASES.values()}
    functions = {value for name, value in exported.items() if name.endswith("_loss")}
    assert functions == {case.function for case in CASES.values()}


def test_the_example_of_the_package() -> None:
    result = doctest.testmod(losses)
    assert result.attempted > 0
    assert result.failed == 0


@every_setting
def test_agrees_with_the_formula(case: Case, chosen: dict[str, Any]) -> None:
    logits, targets = random_rows(3, scale=1 if case.module is losses.LDAMLoss else 4)
    found = case.function(logits, targets, **chosen, reduction="none")
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, case.oracle(logits.numpy(), targets.numpy(), **chosen), rtol=1e-9)
    single = case.function(logits.float(), targets, **chosen, reduction="none")
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), found, rtol=1e-4, atol=1e-5)


@every_setting
def test_gradient(case: Case, chosen: dict[str, Any]) -> None:
    # Rows of one scale each, from moderate to saturated, and rows that mix them.
    scales = torch.tensor([1.0, 1.0, 15.0, 60.0, 300.0])
    factors = torch.cat([scales[:, None].expand(5, 5), scales.expand(2, 5)])
    logits, targets = random_rows(1, n=7, scale=1)
    z = (logits * factors).requires_grad_()
    rows = lambda z: case.function(z, targets, **chosen, reduction="none")  # noqa: E731
    assert torch.autograd.gradcheck(rows, (z,))


@every_setting
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(case: Case, chosen: dict[str, Any], dtype: torch.dtype) -> None:
    logits, targets = random_rows(2, scale=60)
    half = logits.to(dtype)
    found, gradient = value_and_gradient(case, half, targets, **chosen)
    assert found.dtype == torch.float32
    assert torch.equal(found, case.function(half.float(), targets, **chosen, reduction="none"))
    assert gradient.isfinite().all()
    assert found.isfinite().all()


@every_setting
@pytest.mark.parametrize("size", [30.0, 1e4, 1e30, "largest"])
def test_extreme_logits(case: Case, chosen: dict[str, Any], size: float | str) -> None:
    edge = case.largest if isinstance(size, str) else size
    logits = torch.tensor(list(product([-edge, 0.0, edge], repeat=3))).repeat(3, 1)
    targets = torch.arange(3).repeat_interleave(27)
    chosen = {name: value[:3] if isinstance(value, list) else value for name, value in chosen.items()}
    focusing = [name for name in case.module.setting_names if name.startswith("gamma")]
    for gamma in (0.01, 100.0, 1e30, 1e300) if focusing else ():
        check_finite(case, logits, targets, chosen | dict.fromkeys(focusing, gamma))
    check_finite(case, logits, targets, chosen)


@weighted_loss
@given(st.integers(0, 2**31), st.integers(0, 4), st.floats(0.1, 3))
@settings(max_examples=25)
def test_doubling_a_weight_doubles_the_rows_of_its_class(
    case: Case, seed: int, which: int, start: float
) -> None:
    logits, targets = random_rows(seed)
    assert case.weight is not None
    weights = torch.full((5,), start)
    before = case.function(logits, targets, **case.first() | {case.weight: weights}, reduction="none")
    weights[which] *= 2
    after = case.function(logits, targets, **case.first() | {case.weight: weights}, reduction="none")
    assert torch.equal(after, before * torch.where(targets == which, 2.0, 1.0))


@every_setting
@given(st.integers(0, 2**31), st.permutations(range(5)))
@settings(max_examples=10)
def test_permuting_the_classes_changes_nothing(
    case: Case, chosen: dict[str, Any], seed: int, order: list[int]
) -> None:
    logits, targets = random_rows(seed)
    if case.weight:
        chosen = {case.weight: [0.5, 1.0, 2.0, 3.0, 4.0], **chosen}
    moved = {
        name: [value[c] for c in order] if isinstance(value, list) else value
        for name, value in chosen.items()
    }
    place = torch.tensor(order).argsort()
    found = case.function(logits[:, order], place[targets], **moved, reduction="none")
    torch.testing.assert_close(found, case.function(logits, targets, **chosen, reduction="none"))


@weighted_loss
@pytest.mark.parametrize(
    "weight",
    [
        [1, 2, 0],
        (1.0, 2.0, 0.0),
        np.array([1, 2, 0]),
        np.array([1, 2, 0], dtype=np.float16),
        np.array([0, 2, 1])[::-1],
        np.broadcast_to(np.float32(1), 3),  # read-only
        [True, True, False],
        torch.tensor([True, True, False]),
        torch.tensor([1, 2, 0], dtype=torch.uint8),
        torch.tensor([1, 2, 0], dtype=torch.bfloat16),
        torch.tensor([1, 2, 0], dtype=torch.float16),
        torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64, requires_grad=True),
    ],
    ids=lambda w: f"{type(w).__name__}-{getattr(w, 'dtype', '')}",
)
def test_weights_in_any_form(case: Case, weight: Any) -> None:
    logits, targets = random_rows(0, c=3)
    logits = logits.float()
    assert case.weight is not None
    plain = case.function(logits, targets, **case.first(3), reduction="none")
    factors = torch.tensor(numbers(weight, "weight").tolist()).float()
    expected = plain * factors[targets]
    chosen = case.first(3) | {case.weight: weight}
    assert torch.equal(case.function(logits, targets, **chosen, reduction="none"), expected)
    # Over the number of rows, not over the sum of the weights.
    assert case.function(logits, targets, **chosen).item() == pytest.approx(expected.sum().item() / 40)


@counted_loss
@pytest.mark.parametrize(
    "counts",
    [
        (500.0, 120.0, 40.0, 9.0, 1.0),
        np.array(COUNTS),
        np.array(COUNTS, dtype=np.uint16),
        torch.tensor(COUNTS),
        torch.tensor(COUNTS, dtype=torch.float16),
    ],
    ids=["tuple", "int64", "uint16", "tensor", "half"],
)
def test_counts_in_any_form(case: Case, counts: Any) -> None:
    logits, targets = random_rows(0)
    expected = case.function(logits, targets, **case.first())
    assert torch.equal(case.function(logits, targets, class_counts=counts), expected)


@every_loss
def test_targets_of_any_integer_type(case: Case) -> None:
    logits, targets = random_rows(0)
    expected = case.function(logits, targets, **case.first())
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16):
        assert torch.equal(case.function(logits, targets.to(dtype), **case.first()), expected)


@every_loss
def test_no_rows(case: Case) -> None:
    # As torch has it: the mean of nothing is nan.
    logits, targets = torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)
    assert case.function(logits, targets, **case.first(), reduction="none").shape == (0,)
    assert case.function(logits, targets, **case.first(), reduction="sum").item() == 0
    assert case.function(logits, targets, **case.first()).isnan()


@every_setting
def test_module_and_reductions(case: Case, chosen: dict[str, Any]) -> None:
    logits, targets = random_rows(5)
    rows = case.function(logits, targets, **chosen, reduction="none")
    assert rows.shape == (40,)
    for reduction, expected in (("none", rows), ("sum", rows.sum())):
        module = case.module(**chosen, reduction=reduction)
        assert torch.equal(module(logits, targets), expected)
    mean = case.module(**chosen, reduction="mean")(logits, targets)
    torch.testing.assert_close(mean, rows.mean(), rtol=1e-12, atol=0)
    assert torch.equal(case.module(**chosen)(logits, targets), mean)


@every_loss
def test_the_mean_of_finite_rows_is_finite(case: Case) -> None:
    z = torch.tensor([[-case.largest, 0.0, 0.0]]).repeat(1000, 1).requires_grad_()
    targets = torch.zeros(1000, dtype=torch.int64)
    mean = case.function(z, targets, **case.first(3))
    mean.backward()  # type: ignore[no-untyped-call]
    assert z.grad is not None
    assert z.grad.isfinite().all()
    row = case.function(z[:1], targets[:1], **case.first(3))
    assert row.isfinite()
    torch.testing.assert_close(mean, row)
    assert case.function(z, targets, **case.first(3), reduction="sum").isinf()


@every_loss
def test_modules_hold_settings_and_no_state(case: Case) -> None:
    logits, targets = random_rows(5)
    module: nn.Module = case.module(**case.first())
    assert module.state_dict() == {}
    assert list(module.parameters()) == []
    expected = module(logits, targets)
    for other in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert repr(other) == repr(module)
        assert torch.equal(other(logits, targets), expected)
    parameters = inspect.signature(case.module).parameters
    defaults = ", ".join(f"{n}={case.first().get(n, p.default)!r}" for n, p in parameters.items())
    assert repr(module) == f"{case.module.__name__}({defaults})"
    arguments = list(inspect.signature(case.function).parameters.values())[2:]
    assert [(p.name, p.default) for p in arguments] == [(p.name, p.default) for p in parameters.values()]


@every_loss
def test_modules_take_parameters_as_constants(case: Case) -> None:
    names = [name for name in (case.weight, "class_counts" if case.counted else None) if name]
    module = case.module(**case.first() | {n: nn.Parameter(torch.tensor(COUNTS) / 1.0) for n in names})
    assert list(module.parameters()) == []
    assert module.state_dict() == {}
    logits, targets = random_rows(5)
    expected = case.function(logits, targets, **case.first() | dict.fromkeys(names, COUNTS))
    assert torch.equal(module(logits, targets), expected)
    assert torch.equal(copy.deepcopy(module)(logits, targets), expected)
    for name in names:
        setattr(module, name, nn.Parameter(torch.ones(5)))
        assert not getattr(module, name).requires_grad
    assert list(module.parameters()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a second device")
def test_targets_and_weights_on_another_device() -> None:
    logits, targets = random_rows(0)
    for case in CASES.values():
        chosen = case.first()
        if case.weight:
            chosen[case.weight] = torch.arange(1.0, 6.0)
        found = case.function(logits.cuda(), targets, **chosen)
        torch.testing.assert_close(found.cpu(), case.function(logits, targets, **chosen))
