"""What the user should know beside the numbers, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm
from imbalance_bench.strategies.base import is_afterwards_only

LISTED = 4


def notices(arms: Sequence[ScoredArm]) -> list[str]:
    """What the user should know beside the numbers: factors per class, samplers' notes, repeated rows."""
    said: list[str] = []
    asked = [arm for arm in arms if arm.kind == "requested" and arm.runs]
    said += dict.fromkeys(note for arm in asked for run in arm.runs for note in run.record["data_notes"])
    for arm in asked:
        if arm.strategy is None or not is_afterwards_only(arm.strategy):
            said += [f"{arm.name}: {note}" for note in _notes(arm.runs)]
            said += _factors(arm)
    said += unequal_seeds(arms)
    base = next((arm for arm in asked if arm.name == "cross-entropy"), None)
    if base is not None:
        reference = max(max(run.record["class_passes"]) for run in base.runs)
        for arm in asked:
            said += _repeats(arm, float(reference))
    return said


def unequal_seeds(arms: Sequence[ScoredArm]) -> list[str]:
    """A sentence where the rows stand for different seeds."""
    if len({tuple(run.config.seed for run in arm.runs) for arm in arms if arm.runs}) > 1:
        return ["the rows stand for different seeds (column n); compare those of equal seeds only."]
    return []


def _repeats(arm: ScoredArm, reference: float) -> list[str]:
    """A sentence where a strategy repeats the rows of some class over ten times as often as the baseline."""
    record = max((run.record for run in arm.runs), key=lambda record: max(record["class_passes"]))
    passes = np.asarray(record["class_passes"])
    if passes.max() <= 10 * reference:
        return []
    name = record["class_names"][int(passes.argmax())]
    return [
        f"{arm.name} sees each training row of class {name} {passes.max():,.0f} times, "
        f"cross-entropy each of its rows {reference:,.1f} times: at equal steps it may overfit."
    ]


def _notes(runs: Sequence[StoredRun]) -> list[str]:
    return list(dict.fromkeys(note for run in runs for note in run.record["notes"]))


def _factors(arm: ScoredArm) -> list[str]:
    """The weight of each class in the loss, and what sampling, weights and shifts make of its share."""
    record: Mapping[str, Any] = arm.runs[0].record
    names, said = record["class_names"], []
    if record["loss_factors"] is not None:
        said.append(f"{arm.name}: weight in the loss: {_by_name(names, record['loss_factors'])}")
    shares = np.asarray(record["class_counts"]) / np.sum(record["class_counts"])
    factors = np.asarray(record["effective_prior"]) / shares
    if not np.allclose(factors, 1, rtol=1e-6):
        taken, seed = "sampling and loss", record["config"]["seed"]
        shift = arm.scores[0].shift
        if shift.size and not np.allclose(shift, shift[0]):
            taken = "sampling, loss and the shift of the scores"
            factors = factors * np.exp(shift - shift.max())
            factors = factors / (factors * shares).sum()
        said.append(
            f"{arm.name}: a training row's weight, {taken} taken together (mean 1, seed {seed}): "
            f"{_by_name(names, factors)}"
        )
    return said


def _by_name(names: Sequence[str], values: Sequence[float]) -> str:
    """A few values by class name; of more, the least and the greatest."""
    pairs = list(zip(names, values, strict=True))
    if len(pairs) <= LISTED:
        return ", ".join(f"{name} {value:.3g}" for name, value in pairs)
    low, high = min(pairs, key=lambda pair: pair[1]), max(pairs, key=lambda pair: pair[1])
    return f"from {low[1]:.3g} (class {low[0]}) to {high[1]:.3g} (class {high[0]})"
