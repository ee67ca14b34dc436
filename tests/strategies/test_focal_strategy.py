"""The focal strategy: what alpha means for two and for more classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from imbalance_bench.errors import RefusedError
from imbalance_bench.losses import focal_loss
from imbalance_bench.strategies import Context, create

TWO = Context(np.array([90, 10]), ("healthy", "ill"))
THREE = Context(np.array([60, 30, 10]), ("a", "b", "c"))


def factors(spec: str, context: Context) -> list[float] | None:
    found = create(spec).loss_factors(context)
    return None if found is None else found.tolist()


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (TWO, [0.75, 0.25]),
        (Context(np.array([10, 90]), ("ill", "healthy")), [0.25, 0.75]),
        (Context(np.array([90, 10]), ("healthy", "ill"), positive=0), [0.25, 0.75]),
        (Context(np.array([10, 90]), ("ill", "healthy"), positive=1), [0.75, 0.25]),
    ],
    ids=["minority-last", "minority-first", "majority-named", "majority-named-last"],
)
def test_alpha_weighs_the_positive_class(context: Context, expected: list[float]) -> None:
    assert factors("focal:alpha=0.25", context) == expected


@pytest.mark.parametrize("context", [TWO, THREE])
def test_without_alpha_the_classes_are_left_alone(context: Context) -> None:
    assert factors("focal", context) is None


def test_a_list_goes_by_class() -> None:
    assert factors("focal:alpha=0.2/0.3/0.5", THREE) == [0.2, 0.3, 0.5]
    assert factors("focal:alpha=1/4", TWO) == [1, 4]


@pytest.mark.parametrize("context", [TWO, THREE])
def test_balanced_is_scikit_learns(context: Context) -> None:
    labels = np.repeat(np.arange(context.n_classes), context.class_counts)
    expected = compute_class_weight("balanced", classes=np.arange(context.n_classes), y=labels)
    assert factors("focal:alpha=balanced", context) == pytest.approx(expected.tolist())


@pytest.mark.parametrize(
    ("spec", "context", "reason"),
    [
        ("focal:alpha=0.25", THREE, "alpha=0.25 is one number, but the data have 3 classes"),
        ("focal:alpha=0.2/0.8", THREE, r"2 weights, but the data have 3 classes \(a, b, c\)"),
        ("focal:alpha=0.2/0.3/0.5", TWO, "3 weights, but the data have 2 classes"),
        ("focal:alpha=1.5", TWO, "alpha=1.5 is above 1"),
        ("focal:alpha=0/0", TWO, "the largest weight in alpha is 0"),
    ],
)
def test_refusals(spec: str, context: Context, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        create(spec).check(context)


@pytest.mark.parametrize("spec", ["focal", "focal:alpha=0", "focal:alpha=1", "focal:alpha=balanced"])
def test_sound_alphas_pass(spec: str) -> None:
    create(spec).check(TWO)


def test_the_loss_is_the_librarys() -> None:
    g = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(30, 2, generator=g), torch.randint(0, 2, (30,), generator=g)
    found = create("focal:alpha=0.25,gamma=3").loss(TWO)(logits, targets)
    expected = focal_loss(logits, targets, gamma=3, alpha=0.25, reduction="none")
    torch.testing.assert_close(found, expected)


def test_gamma_zero_without_alpha_is_cross_entropy() -> None:
    g = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(30, 3, generator=g), torch.randint(0, 3, (30,), generator=g)
    found = create("focal:gamma=0").loss(THREE)(logits, targets)
    expected = F.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
