"""A strategy whose faults are told: what its places give is checked where it is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np

from imbalance_bench.errors import RequestError, shown
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
)
from imbalance_bench.strategies.composite import parts_of
from imbalance_bench.strategies.plan import Ints, SamplingPlan, TrainingView

HEADS, TRAINABLE, INPUTS = ("linear", "cosine"), ("all", "head"), ("images", "features")
MOMENTS = np.linspace(0, 1, 101)
"""Where in training weights are looked at, to tell whether they stay the same."""


class FaultyError(Exception):
    """A strategy did what no strategy may: says which, in which place, what was found and what is needed."""


@dataclass(frozen=True)
class Checked(Strategy):
    """`of`, with every place checked as it is used.

    Refusals pass. Whatever else a place raises, or gives that it may not give, is a `FaultyError`.
    """

    of: Strategy = field(default_factory=Strategy)

    @property
    def spec(self) -> str:
        """That of the strategy itself."""
        return self.of.spec

    @property
    def head(self) -> Literal["linear", "cosine"]:
        """One of `HEADS`."""
        found: Literal["linear", "cosine"] = self._read("head")
        if found not in HEADS:
            self._refuse("head", shown(found), "'linear' or 'cosine'")
        return found

    @property
    def head_scale(self) -> float:
        """A finite number above 0."""
        found = self._read("head_scale")
        if not isinstance(found, float | int) or not 0 < found < float("inf"):
            self._refuse("head_scale", shown(found), "a finite number above 0")
        return float(found)

    @property
    def requires(self) -> str | None:
        """As the strategy says."""
        return self.of.requires

    @property
    def redraws(self) -> bool:
        """As the strategy says."""
        return bool(self._read("redraws"))

    @property
    def prior_is_exact(self) -> bool:
        """True or false."""
        found = self._read("prior_is_exact")
        if not isinstance(found, bool | np.bool_):
            self._refuse("prior_is_exact", shown(found), "True or False")
        return bool(found)

    def prior_is_known(self, context: Context) -> bool:
        """Whether the scores are a posterior under the effective prior, as `prior_is_exact` says.

        Where a part leaves that to the default, its class weights must stay the same throughout training:
        what late or changing weights do to the scores is not known from their mean.
        """
        parts = [Checked(part) for part in parts_of(self.of)]
        unsaid = [part for part in parts if not defines(part.of, "prior_is_exact")]
        return self.prior_is_exact and all(part._weighs_steadily(context) for part in unsaid)

    def check(self, context: Context) -> None:
        """The strategy's own check."""
        self._call("check", context)

    def notes(self, context: Context) -> tuple[str, ...]:
        """Sentences."""
        found = self._call("notes", context)
        if isinstance(found, str) or not all(isinstance(note, str) for note in found):
            self._refuse("notes", shown(found), "a tuple of sentences")
        return tuple(found)

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """A plan that holds rows and labels of the view, and finite images."""
        found = self._call("plan", view, rng)
        if not isinstance(found, SamplingPlan):
            self._refuse("plan", shown(found), "a SamplingPlan")
        try:
            found.check(len(view), view.n_classes)
        except (AttributeError, TypeError, ValueError) as error:
            raise FaultyError(f"{self._blamed('plan')}: its plan can't be used: {error}") from error
        return found

    def loss(self, context: Context) -> RowLoss:
        """A function that gives one floating loss per row, from the logits."""
        rows_of = self._function("loss", context)

        def checked(logits: Any, targets: Any) -> Any:
            rows = self._called("loss", rows_of, logits, targets)
            shape, n = getattr(rows, "shape", None), len(targets)
            if shape is None or tuple(shape) != (n,):
                self._refuse("loss", shown(rows) if shape is None else f"shape {tuple(shape)}", f"({n},)")
            if not (hasattr(rows, "is_floating_point") and rows.is_floating_point()):
                self._refuse("loss", f"type {rows.dtype}", "a tensor of floating numbers")
            if logits.requires_grad and not rows.requires_grad:
                self._refuse("loss", "values without a gradient", "a loss that depends on the logits")
            return rows

        return checked

    def loss_factors(self, context: Context) -> Floats | None:
        """None, or (C,) finite, at least 0, not all 0."""
        return self._by_class("loss_factors", context, self._call("loss_factors", context), least=0.0)

    def loss_shift(self, context: Context) -> Floats | None:
        """None, or (C,) finite."""
        return self._by_class("loss_shift", context, self._call("loss_shift", context))

    def weights(self, context: Context, progress: float) -> Floats | None:
        """None, or (C,) finite, at least 0, not all 0."""
        return self._by_class("weights", context, self._call("weights", context, progress), least=0.0)

    def stages(self) -> Sequence[Stage]:
        """Stages of known words whose fractions are at least 0 and sum to 1."""
        found = self._call("stages")
        if not isinstance(found, list | tuple) or not all(isinstance(stage, Stage) for stage in found):
            self._refuse("stages", shown(found), "a list of Stage")
        for stage in found:
            for name, words in (("trainable", TRAINABLE), ("inputs", INPUTS)):
                if getattr(stage, name) not in words:
                    allowed = " or ".join(map(repr, words))
                    self._refuse("stages", f"{name}={getattr(stage, name)!r}", allowed)
        fractions = [stage.fraction for stage in found]
        with self._blaming("stages"):
            summed = bool(found) and min(fractions) >= 0 and abs(sum(fractions) - 1) <= 1e-6
        if not summed:
            self._refuse("stages", f"the fractions {fractions}", "a sum of 1, each at least 0,")
        return tuple(found)

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        """A function from logits (n, C) to finite (n, C)."""
        adjust = self._function("fit_adjust", run, context)

        def checked(logits: Floats) -> Floats:
            found = np.asarray(self._called("fit_adjust", adjust, logits.copy()))
            self._shaped("fit_adjust", found, logits.shape)
            if found.dtype.kind not in "fiu" or not np.isfinite(found).all():
                self._refuse("fit_adjust", "values that are no finite numbers", "a finite score for each")
            return found.astype(np.float64, copy=False)

        return checked

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        """A function from logits (n, C) to labels (n,)."""
        decide = self._function("fit_decision", run, context)

        def checked(logits: Floats) -> Ints:
            found = np.asarray(self._called("fit_decision", decide, logits.copy()))
            self._shaped("fit_decision", found, logits.shape[:1])
            if found.dtype.kind not in "iu":
                self._refuse("fit_decision", f"type {found.dtype}", "int64")
            outside = found[(found < 0) | (found >= context.n_classes)]
            if outside.size:
                self._refuse("fit_decision", f"label {outside[0]}", f"one of 0 to {context.n_classes - 1}")
            return found.astype(np.int64, copy=False)

        return checked

    def _weighs_steadily(self, context: Context) -> bool:
        if not defines(self.of, "weights"):
            return True
        found = [self.weights(context, float(moment)) for moment in MOMENTS]
        shares = np.array([np.ones(context.n_classes) if w is None else w for w in found])
        shares /= shares.sum(axis=1, keepdims=True)
        return bool(np.allclose(shares, shares[0]))

    def _by_class(self, place: str, context: Context, given: object, least: float = -np.inf) -> Floats | None:
        if given is None:
            return None
        with self._blaming(place):
            found = np.asarray(given, dtype=np.float64)
        self._shaped(place, found, (context.n_classes,))
        if not np.isfinite(found).all() or (found < least).any() or (least == 0 and not found.any()):
            bound = ", each at least 0 and not all 0," if least == 0 else ""
            self._refuse(place, shown(found.tolist()), f"a finite number for each class{bound}")
        return found

    def _shaped(self, place: str, found: Any, shape: tuple[int, ...]) -> None:
        if found.shape != shape:
            what = "nothing" if found.shape == () and found[()] is None else f"shape {found.shape}"
            self._refuse(place, what, str(shape))

    def _read(self, place: str) -> Any:
        with self._blaming(place):
            return getattr(self.of, place)

    def _call(self, place: str, *arguments: Any) -> Any:
        return self._called(place, getattr(self.of, place), *arguments)

    def _function(self, place: str, *arguments: Any) -> Any:
        """What a place gives that gives a function."""
        found = self._call(place, *arguments)
        if not callable(found):
            self._refuse(place, shown(found), "a function")
        return found

    def _called(self, place: str, function: Any, *arguments: Any) -> Any:
        with self._blaming(place):
            return function(*arguments)

    @contextmanager
    def _blaming(self, place: str) -> Iterator[None]:
        try:
            yield
        except (RequestError, FaultyError):
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(". ")
            raise FaultyError(f"{self._blamed(place)}: its {place} raised {said}.") from error

    def _refuse(self, place: str, found: str, needed: str) -> NoReturn:
        raise FaultyError(f"{self._blamed(place)}: its {place} gave {found}; {needed} is needed.")

    def _blamed(self, place: str) -> str:
        """The spec of the one part that fills the place, else of the whole."""
        filling = [part for part in parts_of(self.of) if defines(part, place)]
        return filling[0].spec if len(filling) == 1 else self.spec
