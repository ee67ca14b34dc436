"""Balanced softmax: the paper's formula, and a correction that is exact on a known population."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed, same, some_logits
from torch import Tensor

from imbalance_bench.evaluation.correction import corrected
from imbalance_bench.strategies import create
from imbalance_bench.strategies.base import Floats

COUNTS = (54, 5, 1)
SHARES = np.array(COUNTS) / sum(COUNTS)
CENTRES = np.array([0.0, 1.5, 3.0])
GRID = np.linspace(-6, 9, 301)

pytestmark = pytest.mark.usefixtures("one_thread")


def by_ren(logits: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """Ren et al. 2020, equation 3: -log(n_y e^z_y / sum over c of n_c e^z_c)."""
    scaled = counts * logits.double().exp()
    return -(scaled[torch.arange(len(targets)), targets] / scaled.sum(1)).log()


@settings(deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=2, max_size=6))
def test_the_papers_formula(counts: list[int]) -> None:
    logits, targets = some_logits(len(counts))
    found = create("balanced-softmax").loss(context_of(counts))(logits, targets)
    expected = by_ren(logits, targets, torch.tensor(counts, dtype=torch.float64))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_it_is_the_logit_adjusted_loss_at_tau_1() -> None:
    # golden.md, Logit adjustment.
    logits, targets = some_logits(3)
    losses = [create(spec).loss(context_of(COUNTS)) for spec in ("balanced-softmax", "logit-adjusted-loss")]
    torch.testing.assert_close(losses[0](logits, targets), losses[1](logits, targets), rtol=0, atol=0)
    one, other = (feed(create(spec), COUNTS, 3) for spec in ("balanced-softmax", "logit-adjusted-loss"))
    assert same(one, other)


@pytest.mark.parametrize(
    ("spec", "prior"),
    [
        ("balanced-softmax", [1 / 3] * 3),
        # Balanced rows or weights and the shift: the balance is corrected twice, 1 / n_c remains.
        ("oversample+balanced-softmax", 1 / np.array(COUNTS)),
        ("undersample+balanced-softmax", 1 / np.array(COUNTS)),
        ("balanced-softmax+class-weights", 1 / np.array(COUNTS)),
    ],
)
def test_the_prior_that_its_scores_stand_for(spec: str, prior: Floats) -> None:
    found = feed(create(spec), COUNTS, 2).told.effective_prior
    np.testing.assert_allclose(found, prior / np.sum(prior), rtol=1e-9)
    assert create(spec).prior_is_exact


def density(shares: Floats) -> Floats:
    """(301, C) mass of unit Gaussians around the centres, on the grid."""
    found = np.exp(-0.5 * (GRID[:, None] - CENTRES) ** 2)
    return np.asarray(found / found.sum(axis=0) * shares)


def posterior(shares: Floats) -> Floats:
    """(301, C) the exact one."""
    return density(shares) / density(shares).sum(axis=1, keepdims=True)


def fitted(spec: str, fed: Floats) -> Floats:
    """(301, C) scores a_c + b_c x of least expected loss over the whole population, fed with those shares."""
    rows = create(spec).loss(context_of(COUNTS))
    mass, x = torch.from_numpy(density(fed)), torch.from_numpy(GRID)
    weights = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = weights[0] + x[:, None] * weights[1]
        by_class = [rows(logits, torch.full((len(x),), c)) for c in range(3)]
        value = (torch.stack(by_class, dim=1) * mass).sum()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        return (weights[0] + x[:, None] * weights[1]).numpy()


def away(logits: Floats, shares: Floats) -> float:
    """The largest error of the probabilities where there are rows at all."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = np.abs(p / p.sum(axis=1, keepdims=True) - posterior(shares)).max(axis=1)
    return float(error[density(shares).sum(axis=1) > 1e-6].max())


@pytest.mark.parametrize(
    ("spec", "fed"),
    [
        ("cross-entropy", SHARES),
        ("balanced-softmax", SHARES),
        ("logit-adjusted-loss:tau=0.5", SHARES),
        ("logit-adjusted-loss:tau=2", SHARES),
        ("oversample+balanced-softmax", np.full(3, 1 / 3)),
    ],
)
@pytest.mark.parametrize("target", [SHARES, np.array([0.2, 0.3, 0.5])], ids=["own", "other"])
def test_corrected_scores_are_the_exact_posterior(spec: str, fed: Floats, target: Floats) -> None:
    logits = fitted(spec, fed)
    effective = feed(create(spec), COUNTS, 2).told.effective_prior
    assert away(corrected(logits, effective, target), target) < 1e-3
    if spec != "cross-entropy":
        # Not where what the loss adds to the logits is left out of the account.
        assert away(corrected(logits, fed, target), target) > 0.1


def test_its_plain_scores_decide_as_if_classes_were_equally_common() -> None:
    decided = fitted("balanced-softmax", SHARES).argmax(axis=1)
    # Equal variances: the middles between the centres, 0.75 and 2.25, which no grid point hits twice.
    assert (decided == (GRID > 0.75).astype(int) + (GRID > 2.25)).mean() > 0.99
    assert (fitted("cross-entropy", SHARES).argmax(axis=1) != decided).mean() > 0.05
