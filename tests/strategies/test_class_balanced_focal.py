"""Class-balanced focal: the weights of class-balanced on the focal term, each once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_trainings import context_of, feed, same, some_logits

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

CONTEXT = context_of([60, 30, 10])

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_weights_are_those_of_the_paper() -> None:
    # Cui et al. 2019: one over the sum of .99^i, i < n; mean 1 over rows.
    inverse = np.array([1 / sum(0.99**i for i in range(n)) for n in (60, 30, 10)])
    expected = inverse / (inverse * [0.6, 0.3, 0.1]).sum()
    for progress in (0.0, 1.0):
        found = create("class-balanced-focal:beta=0.99").weights(CONTEXT, progress)
        assert found is not None
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("spec", "gamma"), [("class-balanced-focal", 1.0), ("class-balanced-focal:gamma=3", 3.0)]
)
def test_the_loss_is_focal_without_any_weight(spec: str, gamma: float) -> None:
    logits, targets = some_logits(3)
    p = logits.double().softmax(1)[torch.arange(40), targets]
    found = create(spec).loss(CONTEXT)(logits, targets)
    torch.testing.assert_close(found.double(), -((1 - p) ** gamma) * p.log(), rtol=1e-5, atol=1e-6)


def test_golden_focal_value() -> None:
    # golden.md, Focal: zero logits, C = 10, gamma 2: 1.865094.
    ten = context_of([10] * 10)
    loss = create("class-balanced-focal:gamma=2").loss(ten)(torch.zeros(1, 10), torch.tensor([4]))
    assert loss.item() == pytest.approx(1.865094, abs=1e-6)


def test_it_trains_as_its_two_halves_together() -> None:
    whole = feed(create("class-balanced-focal:beta=0.9,gamma=2"), steps=5)
    assert same(whole, feed(create("class-balanced:beta=0.9+focal"), steps=5))
    assert not same(whole, feed(create("focal"), steps=5))
    assert not same(whole, feed(create("class-balanced:beta=0.9"), steps=5))


def test_at_gamma_0_it_is_class_balanced() -> None:
    flat = create("class-balanced-focal:gamma=0")
    logits, targets = some_logits(3)
    torch.testing.assert_close(
        flat.loss(CONTEXT)(logits, targets), create("class-balanced").loss(CONTEXT)(logits, targets)
    )
    assert flat.prior_is_exact
    assert not create("class-balanced-focal").prior_is_exact


@pytest.mark.parametrize("gamma", ["-1", "51", "inf"])
def test_gamma_out_of_range_is_refused(gamma: str) -> None:
    with pytest.raises(RequestError, match=f"gamma is .*{gamma}.*at least 0 and at most 50"):
        create(f"class-balanced-focal:gamma={gamma}")


def test_it_weighs_and_sets_the_loss_so_that_a_second_loss_is_refused() -> None:
    with pytest.raises(RequestError, match="class-balanced-focal and focal, which both set the loss"):
        create("class-balanced-focal+focal")
