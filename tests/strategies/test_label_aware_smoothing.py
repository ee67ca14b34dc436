"""Label-aware smoothing: which class gets how much, and that it reaches the loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from made_trainings import context_of, feed, same, some_logits
from torch.nn import functional as F

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

COUNTS = [110, 60, 35, 10]
# Zhong et al. 2021, equations 4 to 6, along t = (n - n_min) / (n_max - n_min): here 1, .5, .25, 0.
SHAPES: dict[str, Callable[[float], float]] = {
    "concave": lambda t: math.sin(math.pi / 2 * t),
    "linear": lambda t: t,
    "convex": lambda t: 1 + math.sin(3 * math.pi / 2 + math.pi / 2 * t),
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("head", "tail"), [(0.3, 0.0), (0.4, 0.1), (0.0, 0.2)])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_papers_formula(shape: str, head: float, tail: float) -> None:
    spec = f"label-aware-smoothing:smooth_head={head},smooth_tail={tail},shape={shape}"
    logits, targets = some_logits(4)
    smoothing = np.array([tail + (head - tail) * SHAPES[shape](t) for t in (1, 0.5, 0.25, 0)])
    minus_log = -logits.double().log_softmax(1).numpy()
    expected = []
    for row, y in zip(minus_log, targets.tolist(), strict=True):
        e = smoothing[y]
        expected.append((1 - e) * row[y] + e / 3 * (row.sum() - row[y]))
    found = create(spec).loss(context_of(COUNTS))(logits, targets)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_by_default_the_largest_class_gets_a_third_less_and_the_rarest_keeps_its_labels() -> None:
    # Logits 0 and log 3: -log p is log 4 and log 4/3, 1.3862944 and .2876821; .7 and .3 of them for class 0.
    loss = create("label-aware-smoothing").loss(context_of([50, 5]))
    logits = torch.tensor([[0.0, math.log(3)]]).repeat(2, 1)
    found = loss(logits, torch.tensor([0, 1])).tolist()
    assert found == pytest.approx([0.7 * 1.3862944 + 0.3 * 0.2876821, 0.2876821], abs=1e-6)


def test_without_smoothing_it_is_cross_entropy() -> None:
    logits, targets = some_logits(4)
    found = create("label-aware-smoothing:smooth_head=0").loss(context_of(COUNTS))(logits, targets)
    torch.testing.assert_close(found, F.cross_entropy(logits, targets, reduction="none"))


@pytest.mark.parametrize("other", ["smooth_head=0.1", "smooth_tail=0.2", "shape=convex"])
def test_each_parameter_reaches_the_training(other: str) -> None:
    one = feed(create("label-aware-smoothing"), steps=2)
    assert not same(one, feed(create(f"label-aware-smoothing:{other}"), steps=2))
    assert not create("label-aware-smoothing").prior_is_exact


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("smooth_head=1", "smooth_head is .*1.*at least 0 and below 1"),
        ("smooth_tail=-0.1", "smooth_tail is .*-0.1.*at least 0 and below 1"),
        ("shape=round", "shape is 'round'; allowed: 'concave' or 'linear' or 'convex'"),
    ],
)
def test_what_is_refused(given: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(f"label-aware-smoothing:{given}")


def test_the_papers_use_of_it_starts_from_cross_entropy() -> None:
    whole = create("crt+label-aware-smoothing")
    assert whole.requires == "cross-entropy"
    assert [stage.trainable for stage in whole.stages()] == ["head"]
