"""The logit-adjusted loss: Menon et al.'s formula for any tau, and the prior that it leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed, same, some_logits
from torch.nn import functional as F

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import Context, create

COUNTS = (54, 5, 1)

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=2, max_size=6), st.floats(0, 5))
def test_the_papers_formula(counts: list[int], tau: float) -> None:
    # Menon et al. 2021, equation 10: log(1 + sum over c != y of (pi_c / pi_y)^tau e^(z_c - z_y)).
    logits, targets = some_logits(len(counts))
    n, z = torch.tensor(counts, dtype=torch.float64), logits.double()
    ratio = (n / n[targets][:, None]) ** tau * (z - z.gather(1, targets[:, None])).exp()
    others = ratio.masked_fill(F.one_hot(targets, len(counts)).bool(), 0).sum(1)
    found = create(f"logit-adjusted-loss:tau={tau!r}").loss(context_of(counts))(logits, targets)
    torch.testing.assert_close(found.double(), torch.log1p(others), rtol=1e-5, atol=2e-5)


def test_tau_0_trains_as_cross_entropy() -> None:
    one, other = (feed(create(spec), COUNTS, 4) for spec in ("logit-adjusted-loss:tau=0", "cross-entropy"))
    torch.testing.assert_close(one.model.head.weight, other.model.head.weight)
    assert not same(feed(create("logit-adjusted-loss"), COUNTS, 4), other)


@pytest.mark.parametrize(
    ("spec", "power"),
    [
        ("logit-adjusted-loss", 0.0),
        ("logit-adjusted-loss:tau=0", 1.0),
        ("logit-adjusted-loss:tau=0.5", 0.5),
        ("logit-adjusted-loss:tau=2", -1.0),
        ("oversample+logit-adjusted-loss", -1.0),
        ("oversample+logit-adjusted-loss:tau=0.5", -0.5),
        ("class-weights+logit-adjusted-loss", -1.0),
    ],
)
def test_the_scores_stand_for_a_power_of_the_shares(spec: str, power: float) -> None:
    # Rows n times weights w over e^(tau log n): n^(1 - tau), and n^(-tau) where rows or weights are balanced.
    expected = np.array(COUNTS, dtype=float) ** power
    found = feed(create(spec), COUNTS, 2).told.effective_prior
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)
    assert create(spec).prior_is_exact


def test_it_goes_by_the_shares_before_any_sampling() -> None:
    sampled = Context(np.array(COUNTS), ("a", "b", "c"), effective_prior=np.ones(3))
    logits, targets = some_logits(3)
    strategy = create("logit-adjusted-loss")
    torch.testing.assert_close(
        strategy.loss(sampled)(logits, targets), strategy.loss(context_of(COUNTS))(logits, targets)
    )


@pytest.mark.parametrize("tau", ["-0.1", "100.5", "nan"])
def test_tau_out_of_range_is_refused(tau: str) -> None:
    with pytest.raises(RequestError, match=f"tau is .*{tau}.*at least 0 and at most 100"):
        create(f"logit-adjusted-loss:tau={tau}")
