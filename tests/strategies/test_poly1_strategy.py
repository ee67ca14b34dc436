"""Poly-1: epsilon reaches the loss, and what follows from it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed, same, some_logits
from torch.nn import functional as F

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

CONTEXT = context_of([60, 15, 9])

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(deadline=None)
@given(st.floats(-1, 10))
def test_the_papers_formula(epsilon: float) -> None:
    # Leng et al. 2022, equation 5.
    logits, targets = some_logits(3)
    p = logits.double().softmax(1)[torch.arange(40), targets]
    found = create(f"poly-1:epsilon={epsilon!r}").loss(CONTEXT)(logits, targets)
    torch.testing.assert_close(found.double(), -p.log() + epsilon * (1 - p), rtol=1e-5, atol=1e-6)


def test_epsilon_is_the_papers_for_image_classes_by_default() -> None:
    # Zero logits, four classes: log 4 + 2 x 3/4.
    four = context_of([4, 3, 2, 1])
    loss = create("poly-1").loss(four)(torch.zeros(1, 4), torch.tensor([2]))
    assert loss.item() == pytest.approx(1.3862944 + 1.5, abs=1e-6)


def test_epsilon_0_is_cross_entropy() -> None:
    logits, targets = some_logits(3)
    found = create("poly-1:epsilon=0").loss(CONTEXT)(logits, targets)
    torch.testing.assert_close(found, F.cross_entropy(logits, targets, reduction="none"))
    assert create("poly-1:epsilon=0").prior_is_exact
    assert not create("poly-1").prior_is_exact
    assert not create("poly-1:epsilon=-0.5").prior_is_exact


def test_epsilon_reaches_the_training() -> None:
    one = feed(create("poly-1"), steps=3)
    assert not same(one, feed(create("cross-entropy"), steps=3))
    assert not same(one, feed(create("poly-1:epsilon=1"), steps=3))


@pytest.mark.parametrize("epsilon", ["-1.01", "1001", "nan"])
def test_epsilon_out_of_range_is_refused(epsilon: str) -> None:
    with pytest.raises(RequestError, match=f"epsilon is .*{epsilon}.*at least -1 and at most 1000"):
        create(f"poly-1:epsilon={epsilon}")
