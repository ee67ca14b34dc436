"""LDAM as a strategy: its margins, its head of cosines and the factor on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_trainings import context_of, feed, same
from torch.nn import functional as F

from imbalance_bench.api import compare
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import find_runs
from imbalance_bench.models.classifier import CosineHead
from imbalance_bench.strategies import create

# golden.md, Imbalance profiles and LDAM margins.
COUNTS = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
MARGINS = [0.1581, 0.1797, 0.2042, 0.2321, 0.2638, 0.2998, 0.3407, 0.3872, 0.4405, 0.5]

pytestmark = pytest.mark.usefixtures("one_thread")


def cosines(n_classes: int, n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    return 2 * torch.rand(n, n_classes, generator=g) - 1, torch.arange(n) % n_classes


@pytest.mark.parametrize(("spec", "s", "half"), [("ldam", 30, 1), ("ldam:max_m=0.25,s=7", 7, 2)])
def test_the_loss_takes_the_golden_margins_off_the_targets_cosine(spec: str, s: float, half: float) -> None:
    # Cao et al. 2019, equation 13, on s times the cosines, which is what the head gives.
    cos, targets = cosines(10)
    margins = torch.tensor(MARGINS, dtype=torch.float64)[targets] / half
    own = torch.exp(s * (cos.double()[torch.arange(40), targets] - margins))
    others = torch.exp(s * cos.double()).masked_fill(F.one_hot(targets, 10).bool(), 0).sum(1)
    found = create(spec).loss(context_of(COUNTS))(s * cos, targets)
    torch.testing.assert_close(found.double(), -(own / (own + others)).log(), rtol=1e-4, atol=2e-3)


def test_without_margin_it_is_cross_entropy_of_the_scaled_cosines() -> None:
    cos, targets = cosines(3)
    found = create("ldam:max_m=0").loss(context_of([9, 3, 1]))(30 * cos, targets)
    torch.testing.assert_close(found, F.cross_entropy(30 * cos, targets, reduction="none"))


def test_a_rarer_class_must_win_by_more() -> None:
    loss = create("ldam").loss(context_of([160, 10]))
    # Two classes, equal cosines: log(1 + e^(s m)), m = .5 (10 / 160)^(1/4) = .25 and .5.
    found = loss(torch.zeros(2, 2), torch.tensor([0, 1]))
    expected = np.log1p(np.exp([30 * 0.25, 30 * 0.5]))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("spec", "s"), [("ldam", 30.0), ("ldam:s=7", 7.0), ("ldam+drw", 30.0)])
def test_the_head_gives_s_times_cosines(spec: str, s: float) -> None:
    assert (create(spec).head, create(spec).head_scale) == ("cosine", s)
    found = feed(create(spec), steps=5)
    assert isinstance(found.model.head, CosineHead)
    with torch.inference_mode():
        logits = found.model.head(found.features)
        expected = s * F.cosine_similarity(found.features[:, None], found.model.head.weight[None], dim=2)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert found.model.state_dict()["head.scale"].item() == s
    assert found.moved == {"backbone", "head"}
    assert not create(spec).prior_is_exact


def test_margin_and_scale_reach_the_training() -> None:
    one = feed(create("ldam"), steps=3)
    assert not same(one, feed(create("ldam:max_m=0.1"), steps=3))
    loss = torch.tensor([value for _, value, _ in one.told.history])
    # Near equal cosines at the start: log(1 + 2 e^(30 m)) is above 30 x the smallest margin.
    assert loss[0] > 30 * 0.5 * (9 / 60) ** 0.25 * 0.5


def test_stored_scores_are_bounded_by_s(tmp_path: Path) -> None:
    settings = {"dataset": "digits", "imbalance_ratio": 10, "steps": 4, "batch_size": 32, "workers": 0}
    result = compare("ldam:s=5", seeds=1, results=tmp_path, device="cpu", **settings)  # type: ignore[arg-type]
    assert result["failures"] == []
    (run,) = [run for run in find_runs(tmp_path)[0] if run.config.strategy == "ldam:s=5"]
    logits = run.predictions["test_logits"]
    assert np.abs(logits).max() <= 5 * (1 + 1e-6)
    # More than cosines themselves could be: s is in the stored scores.
    assert np.abs(logits).max() > 1


@pytest.mark.parametrize("spec", ["ldam+tau-norm", "tau-norm+ldam", "ldam+drw+tau-norm", "crt+ldam+tau-norm"])
def test_tau_norm_has_no_linear_head_to_read(spec: str) -> None:
    with pytest.raises(RequestError, match="tau-norm reads the weights of a linear head, and ldam"):
        create(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ldam:max_m=-0.1", "max_m is .*-0.1.*at least 0 and at most 2"),
        ("ldam:max_m=2.1", "max_m is .*2.1.*at most 2"),
        ("ldam:s=0", "s is .*0.*above 0 and at most 1000"),
        ("ldam:s=1001", "s is .*1001"),
        ("ldam+focal", "ldam and focal, which both set the loss"),
    ],
)
def test_what_is_refused(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)
