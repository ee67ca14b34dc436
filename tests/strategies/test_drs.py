"""Deferred re-sampling: what the training is really fed, before and after its start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_trainings import Fed, feed, same

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies import create

COUNTS = (60, 15, 9)
NATURAL = [60 / 84, 15 / 84, 9 / 84]

pytestmark = pytest.mark.usefixtures("one_thread")


def fed(spec: str, steps: int = 20) -> Fed:
    """Batches of 21 rows: four of them are a pass over all 84."""
    return feed(create(spec), COUNTS, steps)


def test_four_fifths_of_the_steps_see_all_rows_and_the_rest_balanced_ones() -> None:
    found = fed("drs")
    assert found.shares(0, 16) == pytest.approx(NATURAL)
    assert found.shares(16, 20) == pytest.approx([1 / 3] * 3)
    # Four passes with every row once.
    times = torch.stack([found.parts(batch).sum(0) for batch in found.batches])
    assert times[:16].sum(0).tolist() == [4] * 84
    late = times[16:].sum(0)
    # 28 rows of each class a pass: at most one of the largest, all of the rarest at least three times.
    assert late[found.labels == 0].max() == 1
    assert late[found.labels == 2].min() == 3


def test_every_row_comes_with_its_own_label() -> None:
    found = fed("drs")
    for batch in found.batches:
        rows = found.parts(batch).argmax(1)
        assert found.labels[rows].tolist() == batch.targets.tolist()
        assert batch.weight is None


def test_the_balanced_rows_are_drawn_anew_each_pass() -> None:
    found = fed("drs:start=0.5", steps=16)
    passes = [torch.stack([found.parts(b).sum(0) for b in found.batches[i : i + 4]]).sum(0) for i in (8, 12)]
    assert not torch.equal(*passes)


def test_the_start_moves_the_border() -> None:
    found = fed("drs:start=0.4", steps=20)
    assert found.shares(0, 8) == pytest.approx(NATURAL)
    assert found.shares(8, 20) == pytest.approx([1 / 3] * 3)


def test_its_limits_are_plain_training_and_class_balanced_sampling() -> None:
    assert same(fed("drs:start=1", 6), fed("cross-entropy", 6))
    assert same(fed("drs:start=0", 6), fed("class-balanced-sampling", 6))
    assert not same(fed("drs:start=0.5", 6), fed("cross-entropy", 6))
    assert fed("drs:start=1", 6).told.effective_prior.tolist() == pytest.approx(NATURAL)


def test_one_optimiser_and_one_course_of_the_rate_for_both_parts() -> None:
    late, plain = (fed(spec, 10).told.history for spec in ("drs", "cross-entropy"))
    assert [rate for _, _, rate in late] == [rate for _, _, rate in plain]
    assert [loss for _, loss, _ in late[:8]] == [loss for _, loss, _ in plain[:8]]
    assert late[8:] != plain[8:]


def test_what_it_tells_of_its_rows() -> None:
    told = fed("drs").told
    expected = 0.8 * np.array(NATURAL) + 0.2 / 3
    np.testing.assert_allclose(told.effective_prior, expected)
    assert told.plan_counts.tolist() == [28, 28, 28]
    assert told.distinct_rows == 84
    # Four passes, and 84 rows a third of which fall on each class.
    np.testing.assert_allclose(told.class_passes, [4 + 28 / 60, 4 + 28 / 15, 4 + 28 / 9])
    assert not create("drs").prior_is_exact


@pytest.mark.parametrize("start", ["-0.1", "1.1"])
def test_a_start_out_of_range_is_refused(start: str) -> None:
    with pytest.raises(RequestError, match=f"drs: start is .*{start}.*at least 0 and at most 1"):
        create(f"drs:start={start}")


@pytest.mark.parametrize("other", ["oversample", "mixup", "smote", "class-balanced-sampling", "two-phase"])
def test_a_second_sampler_is_refused(other: str) -> None:
    with pytest.raises(RequestError, match=f"drs and {other}, which both set which rows are drawn"):
        create(f"drs+{other}")
