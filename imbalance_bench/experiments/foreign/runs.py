"""Runs made elsewhere as the runs that a comparison scores: nothing is stored, kept or fitted on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.config import RunConfig
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.experiments.foreign.checks import Predictions
from imbalance_bench.experiments.foreign.labels import train_counts
from imbalance_bench.experiments.record import Record
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.registry import BAYES, MAJORITY

Design = Literal["crossed", "independent", "resplit"]
TEST_PARTS: dict[str, Literal["given", "drawn", "split"]] = {
    "crossed": "given",
    "independent": "drawn",
    "resplit": "split",
}
BASELINES = ("cross-entropy", "ce")
TUNED = "+threshold"
FEW_GROUPS = 10


@dataclass(frozen=True)
class Elsewhere(Strategy):
    """A strategy of which its name and its predictions are all that is known: it decides by argmax."""

    name = "elsewhere"

    label: str = ""

    @property
    def spec(self) -> str:
        """The name that the user gave it."""
        return self.label

    @property
    def prior_is_exact(self) -> bool:
        """False: what its training did to the class shares is not known, so a correction is fitted."""
        return False


@dataclass(frozen=True, eq=False)
class ForeignRun(StoredRun):
    """Predictions in the place of a finished run; `folder` is where they came from, and is never opened.

    The record and the config hold what scoring and reports read, and no costs.
    """

    keeps_scores: ClassVar[bool] = False

    given: Predictions
    counts_known: bool

    @property
    def train_rows(self) -> list[int] | None:
        """(C,) training rows per class, where the user gave them."""
        return self.record["class_counts"] if self.counts_known else None

    @cached_property
    def config(self) -> RunConfig:
        """Strategy, seed and that they vary in an unknown way: what reports read of a config."""
        return RunConfig.model_construct(
            strategy=self.given.strategy, seed=self.given.seed, vary="elsewhere", imbalance_ratio=None
        )

    @cached_property
    def predictions(self) -> dict[str, NDArray[Any]]:
        """`{test,val}_{labels,logits}`, those of val only where they are there, and `test_groups`."""
        return self.given.arrays

    def head_weight(self) -> NDArray[np.float32]:
        """RequestError: predictions carry no weights."""
        raise RequestError(f"{self.given.where} holds predictions, no weights of a network.")

    head_bias = head_weight


def foreign_runs(
    given: Sequence[Predictions],
    counts: Sequence[int] | None,
    design: Design | None,
    positive_class: str | None,
    test_prior: str,
    said: list[str],
) -> list[ForeignRun]:
    """The runs in their order; what was decided for the user is added to `said`.

    `counts` (C,) are those of training for all of them; None takes what the predictions bring, else the
    counts of validation or test. RequestError where the predictions don't fit together.
    """
    names = given[0].class_names
    for each in given:
        if each.strategy in (BAYES, MAJORITY) or each.strategy.endswith(TUNED):
            raise RequestError(
                f"{each.where}: found the strategy {each.strategy!r}, the name of a row that is added here; "
                "name it otherwise."
            )
    _fit_together(given)
    given = _validated(given, said)
    many = len({each.seed for each in given}) > 1
    chosen = _design(given, design, said if many else [])
    known = counts is not None or given[0].train_counts is not None
    if not known:
        source = _count_source(given)
        said.append(
            f"training counts are not known: those of the {source} labels tell which class is largest and "
            f"smallest{' and where thresholds start' * ('val_labels' in given[0].arrays)}; --train-counts "
            "says better."
        )
        if test_prior == "train":
            raise RequestError(
                "--test-prior train needs the training rows of each class: --train-counts, in the order "
                f"{', '.join(names[:12])}."
            )
        if chosen == "resplit" and many:
            said.append(
                "intervals of seeds that split one pool depend on the number of training rows: it is taken "
                f"to be that of the {source} rows, which is cautious; --train-counts says better."
            )
    whole = None if counts is None else train_counts(counts, names, "--train-counts")
    runs = []
    for each in given:
        if known:
            own = whole or each.train_counts
            assert own is not None
        else:
            own = _counts(each, "val" if source == "validation" else "test").tolist()
        runs.append(
            ForeignRun(Path(each.where), _record(each, own, positive_class, chosen), each, counts_known=known)
        )
    return runs


def baseline_of(strategies: Sequence[str], asked: str | None, said: list[str]) -> str:
    """The name of the arm that the others are compared with."""
    if asked is not None:
        if asked not in strategies:
            raise RequestError(
                f"--baseline {asked}: there is no such strategy; found: {', '.join(strategies)}."
                f"{nearest(asked, strategies)}"
            )
        return asked
    for name in BASELINES:
        if name in strategies:
            return name
    if len(strategies) > 1:
        said.append(f"the baseline is {strategies[0]}, the first; --baseline names another.")
    return strategies[0]


def _record(each: Predictions, counts: list[int], positive_class: str | None, design: Design) -> Record:
    """What scoring and reports read of run.json."""
    found = {
        "class_names": list(each.class_names),
        "class_counts": counts,
        "positive_class": positive_class,
        "effective_prior": [count / sum(counts) for count in counts],
        "test_part": TEST_PARTS[design],
    }
    return cast(Record, found)


def _fit_together(given: Sequence[Predictions]) -> None:
    """RequestError unless the strategies of a seed have the same test rows, as far as labels tell."""
    for what, has in (
        ("train_counts", [each.train_counts is not None for each in given]),
        ("groups", ["test_groups" in each.arrays for each in given]),
    ):
        if any(has) and not all(has):
            raise RequestError(
                f"{given[has.index(False)].where} has no {what}, but {given[has.index(True)].where} has "
                "some; give them to all, or to none."
            )
    first: dict[int, Predictions] = {}
    for each in given:
        like = first.setdefault(each.seed, each)
        if not _same_rows(each, like):
            raise RequestError(
                f"{each.where} ({each.strategy}) and {like.where} ({like.strategy}) have other test "
                f"labels, or other groups, at seed {each.seed}; all strategies of a seed need the same test "
                "images in the same order."
            )


def _same_rows(one: Predictions, other: Predictions) -> bool:
    nothing = np.empty(0)
    return all(
        np.array_equal(one.arrays.get(name, nothing), other.arrays.get(name, nothing))
        for name in ("test_labels", "test_groups")
    )


def _validated(given: Sequence[Predictions], said: list[str]) -> Sequence[Predictions]:
    """The same; without validation where not all have it, since then the rows would not compare."""
    has = ["val_labels" in each.arrays for each in given]
    if all(has):
        return given
    why = "there are no validation rows"
    if any(has):
        without = given[has.index(False)]
        arm = f"{without.where} ({without.strategy}, seed {without.seed})"
        why = f"{arm} has no validation rows, so none are used"
    said.append(
        f"{why}: nothing is fitted on test, so there are no rows X+threshold and no corrected calibration, "
        "and a gain in decisions may be no more than a moved threshold."
    )
    kept = ("test_labels", "test_logits", "test_groups")
    return [
        replace(each, arrays={name: each.arrays[name] for name in kept if name in each.arrays})
        for each in given
    ]


def _design(given: Sequence[Predictions], asked: Design | None, said: list[str]) -> Design:
    """How seeds and test rows meet."""
    same = all(_same_rows(each, given[0]) for each in given)
    if asked == "crossed" and not same:
        other = next(each for each in given if not _same_rows(each, given[0]))
        raise RequestError(
            f"--design crossed: {other.where} and {given[0].where} have other test labels or "
            "groups; all seeds need the same test images in the same order. Say --design independent where "
            "each seed has its own."
        )
    if asked is not None:
        said.append(f"design: {asked}, as --design says.")
        return asked
    if same:
        said.append(
            "design: crossed, since all files have the same test labels in the same order; --design "
            "independent where each seed has test images of its own."
        )
        return "crossed"
    said.append(
        "design: resplit, since test labels differ between seeds: each is taken to split one pool again, the "
        "cautious reading; --design independent where each seed has training and test images of its own."
    )
    return "resplit"


def _counts(each: Predictions, part: str) -> NDArray[np.int64]:
    return np.bincount(each.arrays[f"{part}_labels"], minlength=len(each.class_names))


def _count_source(given: Sequence[Predictions]) -> Literal["validation", "test"]:
    """The part whose labels can stand for the training counts: every class has rows there, in every seed."""
    if all("val_labels" in each.arrays and _counts(each, "val").all() for each in given):
        return "validation"
    for each in given:
        missing = np.flatnonzero(_counts(each, "test") == 0)
        if missing.size:
            names = ", ".join(each.class_names[c] for c in missing[:12].tolist())
            raise RequestError(
                f"{each.where}: no label tells how common {names} is; say how many training rows each class "
                f"had, --train-counts, in the order {', '.join(each.class_names[:12])}."
            )
    return "test"


def few_groups(runs: Sequence[ForeignRun]) -> str | None:
    """A warning where intervals rest on few groups."""
    numbers = [
        len(np.unique(run.predictions["test_groups"])) for run in runs if "test_groups" in run.predictions
    ]
    if not numbers or min(numbers) >= FEW_GROUPS:
        return None
    return f"the test rows form {min(numbers)} groups: intervals from so few are rough."
