"""What every loss refuses, in which words, and the forms of number that it takes."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from loss_cases import CASES, Case, random_rows

pytestmark = pytest.mark.usefixtures("one_thread")

every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"logits": torch.zeros(3)}, "logits have shape"),
        ({"logits": torch.zeros(3, 1)}, "logits have shape"),
        ({"logits": torch.zeros(3, 5, 2)}, "logits have shape"),
        ({"logits": torch.zeros(3, 5, dtype=torch.int64)}, "floats"),
        ({"logits": np.zeros((3, 5))}, "logits are a ndarray"),
        ({"targets": [0, 1, 0]}, "targets are a list"),
        ({"targets": torch.tensor([0, 1])}, "targets have shape"),
        ({"targets": torch.tensor([[0], [1], [0]])}, "targets have shape"),
        ({"targets": torch.tensor([0.0, 1.0, 0.0])}, "integers"),
        ({"targets": torch.tensor([True, False, True])}, "integers"),
        ({"targets": torch.tensor([0j, 1j, 0j])}, "integers"),
        ({"targets": torch.tensor([0, 1, 5])}, "allowed are 0 to 4"),
        ({"targets": torch.tensor([0, 1, -100])}, "range from -100"),
        ({"reduction": "batchmean"}, "'mean', 'sum', 'none'"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str) -> None:
    for case in CASES.values():
        values = {"logits": torch.zeros(3, 5), "targets": torch.tensor([0, 1, 0])} | case.first() | change
        with pytest.raises(ValueError, match=reason):
            case.function(values.pop("logits"), values.pop("targets"), **values)


def numbers_of(case: Case) -> list[str]:
    """The names of a loss's settings that are one number."""
    defaults = inspect.signature(case.module).parameters
    return [name for name, p in defaults.items() if isinstance(p.default, float)]


@every_loss
@pytest.mark.parametrize("value", ["2", None, [0.5], np.array([0.5]), np.array("0.5"), 1j, torch.ones(1)])
def test_settings_that_are_no_numbers(case: Case, value: Any) -> None:
    logits, targets = random_rows(0)
    for name in numbers_of(case):
        with pytest.raises(ValueError, match=f"^{name} is .*; a number is needed"):
            case.function(logits, targets, **case.first() | {name: value})


@every_loss
@pytest.mark.parametrize("form", [np.array, np.float32, torch.tensor])
def test_settings_in_any_form_of_number(case: Case, form: Any) -> None:
    logits, targets = random_rows(0)
    for name in numbers_of(case):
        expected = case.function(logits, targets, **case.first() | {name: 0.5})
        assert torch.equal(case.function(logits, targets, **case.first() | {name: form(0.5)}), expected)


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        ([1.0, 2.0], r"has shape \(2,\); \(5,\) is needed"),
        ([[1.0] * 5], r"has shape \(1, 5\)"),
        ([1, 1, -0.5, 1, 1], r"\[2\] is -0.5; a finite number of at least 0"),
        ([1, 1, 1, float("nan"), 1], r"\[3\] is nan"),
        ([1, 1, 1, 1, float("inf")], r"\[4\] is inf"),
        ([1e39, 1, 1, 1, 1], r"\[0\] is 1e\+39"),
        ("high", "is 'high'; real numbers"),
        ([1, None, 1, 1, 1], "real numbers"),
        ([[1], [1, 2]], "real numbers"),
        (torch.ones(5) * 1j, "real numbers"),
    ],
)
def test_refused_weights(weight: Any, reason: str) -> None:
    logits, targets = random_rows(0)
    for case in CASES.values():
        if case.weight:
            with pytest.raises(ValueError, match=f"^{case.weight}.*{reason}"):
                case.function(logits.float(), targets, **case.first() | {case.weight: weight})


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([5, 4, 3], r"have shape \(3,\); \(5,\) is needed"),
        ([[5, 4, 3, 2, 1]], r"have shape \(1, 5\)"),
        (5, r"have shape \(\)"),
        ([], r"have shape \(0,\)"),
        ([5, 4, 0, 2, 1], r"\[2\] is 0.*Leave out"),
        ([5, 4, 3, -2, 1], r"\[3\] is -2"),
        ([5, 4.5, 3, 2, 1], r"\[1\] is 4.5"),
        ([5, 4, 3, 2, float("nan")], r"\[4\] is nan"),
        ([float("inf"), 4, 3, 2, 1], r"\[0\] is inf"),
        ([True, True, True, True, True], "booleans"),
        (["5", "4", "3", "2", "1"], "real numbers"),
        ({0: 5, 1: 4}, "real numbers"),
    ],
)
def test_refused_counts(counts: Any, reason: str) -> None:
    logits, targets = random_rows(0)
    for case in CASES.values():
        if case.counted:
            with pytest.raises(ValueError, match=f"^class_counts.*{reason}"):
                case.function(logits, targets, class_counts=counts)
