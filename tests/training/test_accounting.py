"""What training says of itself: passes, prior and notes, where stages are short or without effect."""

from __future__ import annotations

import numpy as np
import pytest
from made_trainings import feed

from imbalance_bench.strategies import Context, create
from imbalance_bench.training.loop import Trained

COUNTS = (60, 15, 9)
NATURAL = np.array(COUNTS) / 84

pytestmark = pytest.mark.usefixtures("one_thread")


def told(spec: str, steps: int, batch_size: int = 21) -> Trained:
    return feed(create(spec), COUNTS, steps, batch_size).told


def test_a_stage_without_steps_is_not_counted() -> None:
    found = told("two-phase:switch=0.9,tune=all", steps=3, batch_size=27)
    # Three batches of the 27 undersampled rows; the 84 of the second stage were never fed.
    assert found.distinct_rows == 27
    assert found.class_passes.tolist() == [3, 3, 3]
    assert found.effective_prior.tolist() == pytest.approx([1 / 3] * 3)
    assert found.notes == ("only 1 of its 2 stages got any of the 3 steps.",)


def test_passes_of_a_class_add_up_over_stages() -> None:
    # 27 balanced rows once, then all 84 once, in batches of 27 and 84 / 27.
    found = told("two-phase:switch=0.2,tune=all", steps=10, batch_size=27)
    balanced, natural = 2 * 27 / 3, 8 * 27 * NATURAL
    assert found.class_passes == pytest.approx((balanced + natural) / np.array(COUNTS))


@pytest.mark.parametrize("spec", ["drw", "drw:start=1", "focal+drw"])
def test_weights_that_never_begin_have_no_part_in_the_prior(spec: str) -> None:
    found = told(spec, steps=4)
    assert found.effective_prior.tolist() == pytest.approx(NATURAL.tolist())
    assert found.notes == ("its class weights, which begin late, began in none of the 4 steps.",)


def test_weights_that_begin_in_the_last_step_count_for_that_step() -> None:
    found = told("drw:beta=0.9999,start=0.85", steps=10)
    weights = create("class-balanced").weights(feed_context(), 0.0)
    assert weights is not None
    mass = NATURAL * (9 + weights) / 10
    assert found.effective_prior.tolist() == pytest.approx((mass / mass.sum()).tolist())
    assert found.notes == ()


def test_stages_with_weights_add_up_in_the_loss() -> None:
    # Four steps at the shares of the rows, one balanced and weighed: what each class is in the sum of losses.
    found = told("drs+drw", steps=5)
    weights = create("class-balanced").weights(feed_context(), 0.0)
    assert weights is not None
    mass = 4 * NATURAL + np.full(3, 1 / 3) * weights
    assert found.effective_prior.tolist() == pytest.approx((mass / mass.sum()).tolist())


def test_a_head_on_an_untrained_backbone_is_told() -> None:
    assert "its head was trained on a backbone that was not." in told("smote:space=features,start=0", 4).notes
    assert "its head was trained on a backbone that was not." in told("two-phase", 1).notes
    assert told("crt", 4).notes == ()
    assert told("drs", 10).notes == ()
    assert told("drs", 2).notes == ("only 1 of its 2 stages got any of the 2 steps.",)


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        ("cross-entropy", 4),  # 84 rows in batches of 21
        ("undersample", 2),  # 27
        ("drs", 4),  # 84 in both stages
        ("two-phase:tune=all", 3),  # 27 and 84, half of the steps each: 56 (rounded to even) rows a pass
        ("two-phase", 3),
        ("smote:space=features", 4),
        ("crt", 4),
    ],
)
def test_an_epoch_is_a_pass_on_average_over_the_stages(spec: str, steps: int) -> None:
    assert feed(create(spec), COUNTS, None, 21, epochs=1).told.steps == steps


def feed_context() -> Context:
    return Context(np.array(COUNTS), ("a", "b", "c"))
