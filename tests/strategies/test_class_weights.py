"""Inverse-frequency weights are scikit-learn's `balanced`, at every moment of training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from imbalance_bench.strategies import Context, create


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8), st.floats(0, 1))
def test_equal_to_scikit_learn(counts: list[int], progress: float) -> None:
    context = Context(np.array(counts), tuple(map(str, range(len(counts)))))
    labels = np.repeat(np.arange(len(counts)), counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    found = create("class-weights").weights(context, progress)
    assert found is not None
    assert found.tolist() == pytest.approx(expected.tolist())


def test_mean_over_training_rows_is_one() -> None:
    # By hand: 100 / (2 * 90) and 100 / (2 * 10).
    found = create("class-weights").weights(Context(np.array([90, 10]), ("a", "b")), 0.0)
    assert found is not None
    assert found.tolist() == pytest.approx([0.5555556, 5.0])
    assert (found * [90, 10]).sum() / 100 == pytest.approx(1)
