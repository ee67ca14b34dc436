"""Class-balanced loss: the papers' weights, their limits, and its two parents."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import COUNTS, random_rows
from torch.nn import functional as F

from imbalance_bench.losses import (
    ClassBalancedLoss,
    class_balanced_loss,
    effective_number_weights,
    focal_loss,
)
from imbalance_bench.losses.class_balanced import class_balanced_rows

pytestmark = pytest.mark.usefixtures("one_thread")

EXP100 = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        # golden.md: exp profile, C = 10, n_max = 5000, R = 100.
        (0.999, [0.1812, 0.1894, 0.2157, 0.2729, 0.3785, 0.5606, 0.8688, 1.3862, 2.2584, 3.6883]),
        (0.9999, [0.0506, 0.0769, 0.1211, 0.1950, 0.3188, 0.5246, 0.8683, 1.4426, 2.4092, 3.9927]),
    ],
)
def test_weights(beta: float, expected: list[float]) -> None:
    assert effective_number_weights(EXP100, beta).tolist() == pytest.approx(expected, abs=5e-5)


def exact_weights(counts: list[int], beta: float) -> list[float]:
    """The formula in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        raw = [(1 - Decimal(beta)) / (1 - Decimal(beta) ** n) for n in counts]
        return [float(w * len(counts) / sum(raw)) for w in raw]


@given(
    st.lists(st.integers(1, 10**7), min_size=2, max_size=9),
    st.one_of(
        st.floats(0, 1, exclude_max=True),
        st.floats(1e-15, 0.1).map(lambda rest: 1 - rest),
        st.just(float(np.nextafter(1, 0))),
    ),
)
@settings(max_examples=200)
def test_weights_are_exact_for_any_beta(counts: list[int], beta: float) -> None:
    found = effective_number_weights(counts, beta)
    assert found.sum() == pytest.approx(len(counts), rel=1e-12)
    np.testing.assert_allclose(found, exact_weights(counts, beta), rtol=1e-12)


def test_limits_of_beta() -> None:
    assert effective_number_weights(EXP100, 0).tolist() == [1.0] * 10
    inverse = 1 / np.array(EXP100)
    found = effective_number_weights(EXP100, float(np.nextafter(1, 0)))
    np.testing.assert_allclose(found, inverse / inverse.sum() * 10, rtol=1e-12)


@pytest.mark.parametrize("beta", [1.0, -0.1, 1.5, float("nan")])
def test_refused_beta(beta: float) -> None:
    with pytest.raises(ValueError, match=r"beta is .*\[0, 1\) is needed"):
        effective_number_weights(EXP100, beta)
    with pytest.raises(ValueError, match="beta is"):
        class_balanced_loss(torch.zeros(1, 2), torch.tensor([0]), class_counts=[3, 1], beta=beta)


def test_refused_gamma_and_counts() -> None:
    with pytest.raises(ValueError, match="gamma is -1"):
        class_balanced_loss(torch.zeros(1, 2), torch.tensor([0]), class_counts=[3, 1], gamma=-1)
    with pytest.raises(ValueError, match=r"class_counts\[1\] is 0"):
        effective_number_weights([3, 0])


def test_beta_zero_is_cross_entropy() -> None:
    logits, targets = random_rows(0)
    found = class_balanced_loss(logits, targets, class_counts=COUNTS, beta=0, reduction="none")
    torch.testing.assert_close(found, F.cross_entropy(logits, targets, reduction="none"))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_is_focal_with_these_weights(gamma: float) -> None:
    logits, targets = random_rows(0)
    weights = effective_number_weights(COUNTS)
    found = class_balanced_loss(logits, targets, class_counts=COUNTS, gamma=gamma, reduction="none")
    assert torch.equal(found, focal_loss(logits, targets, gamma=gamma, alpha=weights, reduction="none"))
    assert torch.equal(found, class_balanced_rows(logits, targets, torch.tensor(weights), gamma))


def test_printed() -> None:
    assert repr(ClassBalancedLoss([3, 1], gamma=2)) == (
        "ClassBalancedLoss(class_counts=[3, 1], beta=0.9999, gamma=2, reduction='mean')"
    )
