"""Asymmetric loss: each of its three parameters reaches the sum over sigmoids."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed, same, some_logits

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

CONTEXT = context_of([60, 15, 9])

pytestmark = pytest.mark.usefixtures("one_thread")


def by_ridnik(z: list[float], target: int, gamma_pos: float, gamma_neg: float, margin: float) -> float:
    """Ridnik et al. 2021, equations 1, 2 and 5 to 7, for one row."""
    total = 0.0
    for c, value in enumerate(z):
        p = 1 / (1 + math.exp(-value))
        if c == target:
            total += (1 - p) ** gamma_pos * -math.log(p)
        elif (p_m := max(p - margin, 0.0)) > 0:
            total += p_m**gamma_neg * -math.log(1 - p_m)
    return total


def assert_as_in_the_paper(spec: str, gamma_pos: float, gamma_neg: float, margin: float) -> None:
    logits, targets = some_logits(3)
    rows = zip(logits.tolist(), targets.tolist(), strict=True)
    expected = [by_ridnik(z, y, gamma_pos, gamma_neg, margin) for z, y in rows]
    found = create(spec).loss(CONTEXT)(logits, targets)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-5)


def test_the_papers_values_by_default() -> None:
    assert_as_in_the_paper("asymmetric", 0, 4, 0.05)


@settings(deadline=None)
@given(st.floats(0, 4), st.floats(0, 6), st.floats(0, 0.4))
def test_each_parameter_reaches_the_loss(gamma_pos: float, gamma_neg: float, margin: float) -> None:
    spec = f"asymmetric:gamma_pos={gamma_pos!r},gamma_neg={gamma_neg!r},margin={margin!r}"
    assert_as_in_the_paper(spec, gamma_pos, gamma_neg, margin)


def test_without_them_it_is_a_sum_of_binary_cross_entropies() -> None:
    logits, targets = some_logits(3)
    hot = torch.nn.functional.one_hot(targets, 3).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, hot, reduction="none").sum(1)
    found = create("asymmetric:gamma_neg=0,margin=0").loss(CONTEXT)(logits, targets)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("other", ["gamma_pos=2", "gamma_neg=1", "margin=0.3"])
def test_each_parameter_reaches_the_training(other: str) -> None:
    assert not same(feed(create("asymmetric"), steps=2), feed(create(f"asymmetric:{other}"), steps=2))


def test_its_scores_are_no_posterior() -> None:
    assert not create("asymmetric").prior_is_exact


@pytest.mark.parametrize(
    ("given_", "allowed"),
    [
        ("gamma_pos=-1", "at least 0 and at most 50"),
        ("gamma_neg=51", "at least 0 and at most 50"),
        ("margin=1", "at least 0 and below 1"),
        ("margin=-0.05", "at least 0 and below 1"),
    ],
)
def test_what_is_refused(given_: str, allowed: str) -> None:
    name, value = given_.split("=")
    with pytest.raises(RequestError, match=f"asymmetric: {name} is .*{value}.*{allowed}"):
        create(f"asymmetric:{given_}")
