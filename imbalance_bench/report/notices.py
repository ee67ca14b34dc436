"""What the user should know beside the numbers, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.arms import ScoredArm
from imbalance_bench.strategies.base import Floats, is_afterwards_only

LISTED = 4
OVERDONE = 1.5
"""From so many times the balance of equal classes on, a combination has corrected the shares twice."""


def notices(arms: Sequence[ScoredArm]) -> list[str]:
    """What the user should know beside the numbers: factors per class, samplers' notes, repeated rows."""
    said: list[str] = []
    asked = [arm for arm in arms if arm.kind == "requested" and arm.runs]
    said += dict.fromkeys(note for arm in asked for run in arm.runs for note in run.record["data_notes"])
    said += _untested(asked[0].runs) if asked else []
    trained = [arm for arm in asked if arm.strategy is None or not is_afterwards_only(arm.strategy)]
    for arm in trained:
        said += [f"{arm.name}: {note}" for note in _notes(arm.runs)]
        said += _factors(arm)
    said += _balances(trained)
    said += unequal_seeds(arms)
    base = next((arm for arm in asked if arm.name == "cross-entropy"), None)
    if base is not None:
        reference = max(max(run.record["class_passes"]) for run in base.runs)
        for arm in asked:
            said += _repeats(arm, float(reference))
    return said


def _untested(runs: Sequence[StoredRun]) -> list[str]:
    """A sentence for each class that has no test row in some seed."""
    names = runs[0].record["class_names"]
    held = [np.bincount(run.predictions["test_labels"], minlength=len(names)) for run in runs]
    return [
        f"class {name} has no test image in {int(lacking)} of {len(runs)} seeds: there its recall and "
        "average precision are empty, and means over classes leave it out."
        for name, lacking in zip(names, (np.array(held) == 0).sum(axis=0), strict=True)
        if lacking
    ]


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
    """The weight of each class in the loss, and of two classes what a row weighs in all."""
    record: Mapping[str, Any] = arm.runs[0].record
    names, said = record["class_names"], []
    if record["loss_factors"] is not None:
        said.append(f"{arm.name}: weight in the loss: {_by_name(names, record['loss_factors'])}")
    factors = _row_weights(arm)
    if len(names) == 2 and factors is not None:
        said.append(
            f"{arm.name}: a training row's weight, {_taken(arm)} taken together (mean 1, seed "
            f"{record['config']['seed']}): {_by_name(names, factors.tolist())}"
        )
    return said


def _balances(arms: Sequence[ScoredArm]) -> list[str]:
    """Of more classes: how far each strategy lifts the rarest against the largest, in one sentence."""
    found = {arm.name: factors for arm in arms if (factors := _row_weights(arm)) is not None}
    if not found:
        return []
    record = next(arm for arm in arms if arm.name in found).runs[0].record
    counts, names = np.asarray(record["class_counts"]), record["class_names"]
    rare, large = int(counts.argmin()), int(counts.argmax())
    if len(names) == 2 or counts[rare] == counts[large]:
        return []
    equal = counts[large] / counts[rare]
    lifts = {name: factors[rare] / factors[large] for name, factors in found.items() if factors[large] > 0}
    said = ", ".join(f"{name} {lift:,.3g}" for name, lift in lifts.items())
    sentence = (
        f"sampling, loss and shifts taken together, a row of class {names[rare]} weighs so many times one of "
        f"class {names[large]} (seed {record['config']['seed']}; {equal:,.3g} would make them equal): {said}"
    )
    twice = [name for name, lift in lifts.items() if lift > OVERDONE * equal]
    return [sentence] + [f"{name} corrects the class shares more than once." for name in twice]


def _row_weights(arm: ScoredArm) -> Floats | None:
    """(C,) what a training row of each class weighs in the scores, of mean 1; None where all weigh alike."""
    record = arm.runs[0].record
    shares = np.asarray(record["class_counts"]) / np.sum(record["class_counts"])
    factors: Floats = np.asarray(record["effective_prior"]) / shares
    shift = arm.scores[0].shift
    if shift.size and not np.allclose(shift, shift[0]):
        factors = factors * np.exp(shift - shift.max())
        factors = factors / (factors * shares).sum()
    return None if np.allclose(factors, 1, rtol=1e-6) else factors


def _taken(arm: ScoredArm) -> str:
    shift = arm.scores[0].shift
    moved = shift.size and not np.allclose(shift, shift[0])
    return "sampling, loss and the shift of the scores" if moved else "sampling and loss"


def _by_name(names: Sequence[str], values: Sequence[float]) -> str:
    """A few values by class name; of more, the least and the greatest."""
    pairs = list(zip(names, values, strict=True))
    if len(pairs) <= LISTED:
        return ", ".join(f"{name} {value:.3g}" for name, value in pairs)
    low, high = min(pairs, key=lambda pair: pair[1]), max(pairs, key=lambda pair: pair[1])
    return f"from {low[1]:.3g} (class {low[0]}) to {high[1]:.3g} (class {high[0]})"
