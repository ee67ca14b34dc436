"""Several remedies as one: at most one sampler and one loss; weights multiply; afterwards-places chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from imbalance_bench.errors import RequestError
from imbalance_bench.strategies.base import (
    Adjust,
    Context,
    Decide,
    FittingData,
    Floats,
    RowLoss,
    Stage,
    Strategy,
    defines,
    is_afterwards_only,
)
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView

_SINGLE = {
    "plan": "which rows are drawn",
    "loss": "the loss",
    "stages": "the stages of training",
    "head": "the head",
    "fit_decision": "the decision",
}


@dataclass(frozen=True)
class Composite(Strategy):
    """A combination such as `oversample+focal`; behaves as one strategy everywhere."""

    parts: tuple[Strategy, ...] = ()

    @property
    def spec(self) -> str:
        """The parts' canonical specs, joined by `+` in the order given."""
        return "+".join(part.spec for part in self.parts)

    def filling(self, place: str) -> Strategy:
        """The part that fills a place; the do-nothing strategy where none does."""
        return next((part for part in self.parts if defines(part, place)), Strategy())

    @property
    def head(self) -> Literal["linear", "cosine"]:
        """The head of the part that names one."""
        return self.filling("head").head

    @property
    def head_scale(self) -> float:
        """The factor of the part that names the head."""
        return self.filling("head").head_scale

    @property
    def requires(self) -> str | None:
        """The run that the trained parts start from; what stands after training adjusts this very run."""
        trained = [part for part in self.parts if not is_afterwards_only(part)]
        return next((part.requires for part in trained or self.parts if part.requires), None)

    @property
    def draws_on(self) -> tuple[str, ...]:
        """Those of all parts, each once."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.draws_on))

    @property
    def redraws(self) -> bool:
        """Whether the sampling part draws anew before every pass."""
        return self.filling("plan").redraws

    @property
    def prior_is_exact(self) -> bool:
        """Whether it is for every part."""
        return all(part.prior_is_exact for part in self.parts)

    def check(self, context: Context) -> None:
        """Every part's own check."""
        for part in self.parts:
            part.check(context)

    def notes(self, context: Context) -> tuple[str, ...]:
        """Every part's own notes."""
        return tuple(note for part in self.parts for note in part.notes(context))

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """The plan of the sampling part."""
        return self.filling("plan").plan(view, rng)

    def loss(self, context: Context) -> RowLoss:
        """The loss of the part that has one."""
        return self.filling("loss").loss(context)

    def loss_factors(self, context: Context) -> Floats | None:
        """The factors inside the loss of the part that has one."""
        return self.filling("loss").loss_factors(context)

    def loss_shift(self, context: Context) -> Floats | None:
        """The shift inside the loss of the part that has one."""
        return self.filling("loss").loss_shift(context)

    def weights(self, context: Context, progress: float) -> Floats | None:
        """The product of the parts' weights."""
        found = [w for part in self.parts if (w := part.weights(context, progress)) is not None]
        return np.prod(found, axis=0) if found else None

    def stages(self) -> Sequence[Stage]:
        """The stages of the part that has them."""
        return self.filling("stages").stages()

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        """Each part's adjustment, fitted on what the parts before it give."""
        return _chain(self.parts, run, context)[0]

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        """The decision of the part that has one; `run` holds adjusted logits already."""
        return self.filling("fit_decision").fit_decision(run, context)


def _chain(parts: Sequence[Strategy], run: FittingData, context: Context) -> tuple[Adjust, FittingData]:
    steps: list[Adjust] = []
    for part in parts:
        step = part.fit_adjust(run, context)
        steps.append(step)
        run = replace(run, logits=step(run.logits))

    def adjust(logits: Floats) -> Floats:
        for step in steps:
            logits = step(logits)
        return logits

    return adjust, run


def fills(strategy: Strategy, place: str) -> bool:
    """Whether the strategy, or a part of it, fills `place` itself."""
    return any(defines(part, place) for part in parts_of(strategy))


def parts_of(strategy: Strategy) -> tuple[Strategy, ...]:
    """The parts of a composition; of any other strategy, itself."""
    return strategy.parts if isinstance(strategy, Composite) else (strategy,)


def combine(parts: Sequence[Strategy]) -> Strategy:
    """One strategy from several; RequestError where two of them fill a place that only one can fill."""
    if len(parts) == 1:
        return parts[0]
    written = "+".join(part.spec for part in parts)
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(f"{written!r} holds {twice!r} twice; keep one.")
    for place, meaning in _SINGLE.items():
        rivals = [part.name for part in parts if defines(part, place)]
        if len(rivals) > 1:
            raise RequestError(
                f"{written!r} combines {' and '.join(rivals)}, which both set {meaning}; keep one of them."
            )
    starts = {part.requires for part in parts if part.requires and not is_afterwards_only(part)}
    if len(starts) > 1:
        raise RequestError(f"{written!r} would start from two stored runs: {', '.join(sorted(starts))}.")
    whole = Composite(tuple(parts))
    for part in parts:
        if part.reads_linear_head and whole.head != "linear":
            raise RequestError(
                f"{written!r}: {part.name} reads the weights of a linear head, and "
                f"{whole.filling('head').name} has a head of cosines; keep one of them."
            )
    return whole
