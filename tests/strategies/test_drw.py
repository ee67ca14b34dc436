"""Deferred re-weighting: nothing before its start, class-balanced weights from there on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trainings import context_of, feed, same

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

COUNTS = (60, 15, 9)
CONTEXT = context_of(COUNTS)
# Cui et al. 2019, beta .9: one over the sum of .9^i, i < n, of mean 1 over the rows.
INVERSE = np.array([1 / sum(0.9**i for i in range(n)) for n in COUNTS])
WEIGHTS = INVERSE * sum(COUNTS) / (INVERSE * COUNTS).sum()

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_the_weights_begin_at_the_start(start: float, progress: float) -> None:
    found = create(f"drw:beta=0.9,start={start!r}").weights(CONTEXT, progress)
    if progress < start:
        assert found is None
    else:
        assert found is not None
        np.testing.assert_allclose(found, WEIGHTS, rtol=1e-9)


def test_by_default_they_begin_after_four_fifths() -> None:
    # Cao et al. 2019: from epoch 160 of 200 on, with beta .9999.
    drw, full = create("drw"), create("class-balanced:beta=0.9999").weights(CONTEXT, 0.0)
    assert full is not None
    assert [drw.weights(CONTEXT, at) is None for at in (0.0, 0.79, 0.8, 1.0)] == [True, True, False, False]
    late = drw.weights(CONTEXT, 0.8)
    assert late is not None
    np.testing.assert_array_equal(late, full)


def test_from_the_first_step_on_it_trains_as_class_balanced() -> None:
    from_the_start = feed(create("drw:beta=0.9,start=0"), COUNTS)
    assert same(from_the_start, feed(create("class-balanced:beta=0.9"), COUNTS))
    assert not same(from_the_start, feed(create("drw:beta=0.9"), COUNTS))


def test_with_start_1_it_never_begins() -> None:
    never = feed(create("drw:start=1"), COUNTS)
    plain = feed(create("cross-entropy"), COUNTS)
    assert same(never, plain)
    assert never.told.effective_prior.tolist() == pytest.approx(plain.told.effective_prior.tolist())


def test_the_first_steps_are_those_of_cross_entropy() -> None:
    late, plain = (feed(create(spec), COUNTS).told.history for spec in ("drw:beta=0.9", "cross-entropy"))
    # Ten steps: progress .8 and .9 are the weighted ones, and a loss is taken before its step.
    assert late[:8] == plain[:8]
    assert late[8] != plain[8]
    assert late[9] != plain[9]


def test_the_prior_is_averaged_over_training_and_not_exact() -> None:
    told = feed(create("drw:beta=0.9"), COUNTS).told
    mass = np.array(COUNTS) * (0.8 + 0.2 * WEIGHTS)
    np.testing.assert_allclose(told.effective_prior, mass / mass.sum(), rtol=1e-9)
    assert not create("drw").prior_is_exact
    assert not create("ldam+drw").prior_is_exact


@pytest.mark.parametrize("start", ["-0.1", "1.1", "nan"])
def test_a_start_out_of_range_is_refused(start: str) -> None:
    with pytest.raises(RequestError, match=f"drw: start is .*{start}.*at least 0 and at most 1"):
        create(f"drw:start={start}")
