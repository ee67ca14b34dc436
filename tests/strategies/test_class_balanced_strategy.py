"""Class-balanced weights against Cui et al.'s formula, and what is said where beta does nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import Context, create
from imbalance_bench.strategies.base import Floats

# golden.md, Imbalance profiles and Class-balanced weights (normalised to sum C).
COUNTS = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
GOLDEN = {
    0.999: [0.1812, 0.1894, 0.2157, 0.2729, 0.3785, 0.5606, 0.8688, 1.3862, 2.2584, 3.6883],
    0.9999: [0.0506, 0.0769, 0.1211, 0.1950, 0.3188, 0.5246, 0.8683, 1.4426, 2.4092, 3.9927],
}
LONG_TAIL = context_of(COUNTS)

pytestmark = pytest.mark.usefixtures("one_thread")


def weights(spec: str, context: Context, progress: float = 0.0) -> Floats:
    found = create(spec).weights(context, progress)
    assert found is not None
    return found


@pytest.mark.parametrize("beta", GOLDEN)
def test_golden_values(beta: float) -> None:
    found = weights(f"class-balanced:beta={beta}", LONG_TAIL)
    np.testing.assert_allclose(found * 10 / found.sum(), GOLDEN[beta], atol=5e-5)


def test_beta_is_the_papers_by_default() -> None:
    found = weights("class-balanced", LONG_TAIL)
    np.testing.assert_allclose(found / found[0], np.array(GOLDEN[0.9999]) / 0.0506, rtol=2e-3)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 3000), min_size=2, max_size=8),
    st.floats(0.0, 0.9999),
    st.floats(0.0, 1.0),
)
def test_the_formula_at_every_moment_with_mean_one_over_rows(
    counts: list[int], beta: float, progress: float
) -> None:
    # Cui et al. 2019, equation 2: the effective number of n rows is the sum of beta^i for i < n.
    effective = np.array([sum(beta**i for i in range(n)) for n in counts])
    found = weights(f"class-balanced:beta={beta!r}", context_of(counts), progress)
    np.testing.assert_allclose(found * effective, found[0] * effective[0], rtol=1e-8)
    assert (found * counts).sum() / sum(counts) == pytest.approx(1)


def test_its_limits_are_no_weights_and_class_weights() -> None:
    assert weights("class-balanced:beta=0", LONG_TAIL).tolist() == pytest.approx([1.0] * 10)
    # 1 - beta^n = n (1 - beta) up to n (1 - beta) / 2 of itself: 5000 x 1e-7 / 2.
    near_one = weights("class-balanced:beta=0.9999999", LONG_TAIL)
    np.testing.assert_allclose(near_one, weights("class-weights", LONG_TAIL), rtol=3e-4)
    far = weights("class-balanced:beta=0.999", LONG_TAIL)
    assert not np.allclose(far, weights("class-weights", LONG_TAIL), rtol=0.1)


@pytest.mark.parametrize("name", ["class-balanced", "class-balanced-focal", "drw"])
def test_a_beta_that_does_nothing_is_told(name: str) -> None:
    # golden.md: beta .9 gives almost equal weights there: that deserves a warning.
    (told,) = create(f"{name}:beta=0.9").notes(LONG_TAIL)
    for words in (f"{name}: beta=0.9", "almost equal weights", "with more than 10 rows", "rarest has 50"):
        assert words in told
    for beta in GOLDEN:
        assert create(f"{name}:beta={beta}").notes(LONG_TAIL) == ()


@pytest.mark.parametrize(
    "counts", [[5000, 50], [400_000, 100_000], [123_456, 99_000, 40_000], [3_000_000, 500_000]]
)
def test_the_beta_that_is_recommended_is_taken_and_helps(counts: list[int]) -> None:
    context = context_of(counts)
    (told,) = create("class-balanced:beta=0.9").notes(context)
    found = re.search(r"A beta of ([0-9.]+) would", told)
    assert found is not None
    better = create(f"class-balanced:beta={found[1]}")
    assert better.notes(context) == ()
    assert np.ptp(weights(better.spec, context)) > 0.2


def test_classes_of_like_size_need_no_telling() -> None:
    assert create("class-balanced:beta=0.9").notes(context_of([99, 50])) == ()
    assert create("class-balanced:beta=0.9").notes(context_of([100, 50])) != ()


@pytest.mark.parametrize("beta", ["1", "1.5", "-0.1", "nan", "0.9/0.99"])
@pytest.mark.parametrize("name", ["class-balanced", "class-balanced-focal", "drw"])
def test_beta_out_of_range_is_refused_with_the_range(name: str, beta: str) -> None:
    with pytest.raises(RequestError, match=f"{name}: beta is .*{beta}.*at least 0 and below 1"):
        create(f"{name}:beta={beta}")


def test_the_effective_prior_is_shares_times_weights() -> None:
    # By hand, beta .5: 1 - .5^1 = .5, 1 - .5^2 = .75, 1 - .5^3 = .875 (x 2): shares 1 2 3 over those.
    mass = np.array([3 / 0.875, 2 / 0.75, 1 / 0.5])
    told = feed(create("class-balanced:beta=0.5"), (3, 2, 1), steps=2, batch_size=6).told
    np.testing.assert_allclose(told.effective_prior, mass / mass.sum(), rtol=1e-12)
    assert create("class-balanced").prior_is_exact
