"""What a strategy may know of the training set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imbalance_bench.strategies import Context, mean_one


def test_the_least_that_a_context_needs() -> None:
    context = Context(np.array([90, 10]), ("many", "few"))
    assert context.n_classes == 2
    assert context.positive == 1
    assert context.prior.tolist() == [0.9, 0.1]
    assert context.effective_prior.tolist() == [0.9, 0.1]


def test_lists_and_names_of_any_kind_are_taken() -> None:
    context = Context([3, 1, 6], [0, 1, 2])  # type: ignore[arg-type]
    assert context.class_names == ("0", "1", "2")
    assert context.class_counts.dtype == np.int64
    assert context.prior.sum() == pytest.approx(1)


@pytest.mark.parametrize(("counts", "positive"), [([10, 90], 0), ([90, 10], 1), ([5, 5], 0)])
def test_the_positive_class_is_the_rarer_one(counts: list[int], positive: int) -> None:
    assert Context(np.array(counts), ("a", "b")).positive == positive


def test_the_positive_class_can_be_named() -> None:
    assert Context(np.array([90, 10]), ("a", "b"), positive=0).positive == 0


def test_the_effective_prior_sums_to_one() -> None:
    context = Context(np.array([90, 10]), ("a", "b"), effective_prior=np.array([3.0, 1.0]))
    assert context.effective_prior.tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"class_counts": [1], "class_names": ("a",)}, "at least two classes"),
        ({"class_counts": [1, 2, 3]}, "one count for each"),
        ({"class_counts": [[1, 2]]}, "one count for each"),
        ({"class_counts": [1, 0]}, "at least one row"),
        ({"class_counts": [1, -1]}, "at least one row"),
        ({"positive": 2}, "positive is 2; the classes are 0 to 1"),
        ({"effective_prior": [0.2, 0.3, 0.5]}, "one share for each class"),
        ({"effective_prior": [1.5, -0.5]}, "one share for each class"),
    ],
)
def test_refusals(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Context(**{"class_counts": [1, 2], "class_names": ("a", "b"), **fields})


def test_mean_one_is_over_training_rows() -> None:
    context = Context(np.array([90, 10]), ("a", "b"))
    weights = mean_one([1.0, 9.0], context)
    assert (weights * context.class_counts).sum() / 100 == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(9)
