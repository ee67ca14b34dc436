"""Two-phase training: balanced rows first, then all of them, with all weights or the head alone."""

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


def fed(spec: str, steps: int = 8, batch_size: int = 21) -> Fed:
    return feed(create(spec), COUNTS, steps, batch_size)


def seen(found: Fed, first: int, last: int) -> torch.Tensor:
    """(N,) how often each row was fed by the batches on images first to last - 1."""
    return torch.stack([found.parts(batch).sum(0) for batch in found.batches[first:last]]).sum(0)


def test_undersampled_rows_first_then_all() -> None:
    # Batches of 27: one is a pass over 9 rows of each class; 28 of 27 rows are 9 passes over 84.
    found = fed("two-phase:switch=0.125,tune=all", steps=32, batch_size=27)
    assert found.shares(0, 4) == pytest.approx([1 / 3] * 3)
    first = seen(found, 0, 4)
    kept = first > 0
    # Buda et al. 2018 keep one draw for the whole phase.
    assert (first[kept] == 4).all()
    assert [int((kept & torch.from_numpy(found.labels == c)).sum()) for c in range(3)] == [9, 9, 9]
    assert seen(found, 4, 32).tolist() == [9] * 84
    assert found.told.plan_counts.tolist() == list(COUNTS)
    assert found.told.distinct_rows == 84


def test_or_oversampled_rows_first() -> None:
    # A pass over 60 rows of each class is 180 rows: 6 batches of 30.
    found = fed("two-phase:first=oversample,tune=all", steps=12, batch_size=30)
    assert found.shares(0, 6) == pytest.approx([1 / 3] * 3)
    first = seen(found, 0, 6)
    assert first[found.labels == 0].tolist() == [1] * 60
    assert (first[found.labels == 2].sum(), first[found.labels == 2].min() >= 1) == (60, True)
    late = seen(found, 6, 12)
    # Two passes and 12 rows of a third.
    assert set(late.tolist()) == {2, 3}


def test_half_of_the_steps_by_default() -> None:
    found = fed("two-phase:tune=all", steps=8, batch_size=27)
    assert found.shares(0, 4) == pytest.approx([1 / 3] * 3)
    assert (seen(found, 0, 4) > 0).sum() == 27
    assert (seen(found, 4, 8) > 0).sum() == 84
    # The prior only anchors a fit: half at thirds, half at the shares.
    np.testing.assert_allclose(found.told.effective_prior, (np.array(NATURAL) + 1 / 3) / 2)
    assert not create("two-phase").prior_is_exact


def test_its_limits_are_plain_training_and_the_sampler() -> None:
    assert same(fed("two-phase:switch=0,tune=all"), fed("cross-entropy"))
    assert same(fed("two-phase:switch=1"), fed("undersample"))
    assert same(fed("two-phase:first=oversample,switch=1"), fed("oversample"))


def test_the_second_phase_on_the_head_leaves_the_backbone_as_the_first_left_it() -> None:
    whole = fed("two-phase", steps=8)
    first = fed("two-phase:switch=1", steps=4)
    ends = [found.model.state_dict() for found in (whole, first)]
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]) is not name.startswith("head."), name
    # All rows as the features that this backbone gives, 84 in four batches.
    late = torch.cat([batch.inputs for batch in whole.batches[4:]])
    rows = torch.cdist(late, whole.features).argmin(1)
    torch.testing.assert_close(late, whole.features[rows])
    assert rows.sort().values.tolist() == list(range(84))
    assert whole.labels[rows].tolist() == torch.cat([b.targets for b in whole.batches[4:]]).tolist()


def test_the_second_phase_on_all_weights_moves_the_backbone() -> None:
    one, other = fed("two-phase:tune=all", steps=8), fed("two-phase", steps=8)
    names = [n for n, v in one.model.backbone.named_parameters() if v.ndim > 1]
    a, b = one.model.backbone.state_dict(), other.model.backbone.state_dict()
    assert names
    assert all(not torch.equal(a[name], b[name]) for name in names)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("two-phase:first=smote", "first is 'smote'; allowed: 'undersample' or 'oversample'"),
        ("two-phase:tune=backbone", "tune is 'backbone'; allowed: 'head' or 'all'"),
        ("two-phase:switch=1.1", "switch is .*1.1.*at least 0 and at most 1"),
        ("two-phase+undersample", "two-phase and undersample, which both set which rows are drawn"),
    ],
)
def test_what_is_refused(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)
