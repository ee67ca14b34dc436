"""The Strategy interface: the few places where a remedy can act, each with a do-nothing default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError
from imbalance_bench.params import build, non_defaults, rules
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
RowLoss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
Adjust = Callable[[Floats], Floats]
Decide = Callable[[Floats], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Context:
    """What a strategy may know of the training set.

    Attributes:
        class_counts: (C,) int64, training rows per class after thinning and before any sampling.
        class_names: C names, in the order of the labels.
        positive: for two classes, the index of the positive class; by default the rarer one.
        effective_prior: (C,) float64 summing to 1, proportional to rows drawn per class times class
            weight; by default the shares of `class_counts`.
    """

    class_counts: NDArray[np.int64]
    class_names: tuple[str, ...]
    positive: int = -1
    effective_prior: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        given = np.asarray(self.class_counts)
        if given.dtype.kind not in "iu":
            raise ValueError(f"class_counts is {given.tolist()}; whole numbers are needed.")
        counts = given.astype(np.int64)
        names = tuple(str(name) for name in self.class_names)
        if counts.ndim != 1 or len(counts) != len(names) or len(names) < 2:
            raise ValueError(
                f"class_counts has shape {counts.shape} for {len(names)} class names; "
                "one count for each of at least two classes is needed."
            )
        if len(set(names)) < len(names):
            raise ValueError(f"class_names is {names}; every name must differ.")
        if (counts < 1).any():
            raise ValueError(f"class_counts is {counts.tolist()}; every class needs at least one row.")
        prior = np.asarray(self.effective_prior, dtype=np.float64)
        prior = prior / prior.sum() if prior.size else counts / counts.sum()
        object.__setattr__(self, "class_counts", counts)
        object.__setattr__(self, "class_names", names)
        object.__setattr__(self, "effective_prior", prior)
        if prior.shape != counts.shape or not np.isfinite(prior).all() or (prior < 0).any():
            raise ValueError(f"effective_prior is {prior.tolist()}; one share for each class is needed.")
        if self.positive >= len(names):
            raise ValueError(f"positive is {self.positive}; the classes are 0 to {len(names) - 1}.")
        if self.positive < 0:
            object.__setattr__(self, "positive", int(np.argmin(counts)))

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)

    @property
    def prior(self) -> Floats:
        """(C,) shares of the classes in the training set, before any sampling."""
        return np.asarray(self.class_counts / self.class_counts.sum(), dtype=np.float64)


@dataclass(frozen=True)
class Stage:
    """One stretch of training.

    Attributes:
        fraction: share of the optimiser steps; the stages of a strategy sum to 1.
        trainable: "all" weights, or the "head" alone on a frozen backbone.
        inputs: what is sampled and fed: "images", or the "features" that the backbone gives for them.
        resample: whether the strategy's plan is drawn from, or every row once a pass.
        reset_head: start the stage from a freshly drawn head.
    """

    fraction: float = 1.0
    trainable: Literal["all", "head"] = "all"
    inputs: Literal["images", "features"] = "images"
    resample: bool = True
    reset_head: bool = False


@dataclass(frozen=True, eq=False)
class FittingData:
    """What the places after training may see of a stored run: validation data only.

    Attributes:
        logits: (n, C) float64, validation logits, adjusted by the parts that stand before this one.
        labels: (n,) int64.
        sample_weight: (n,) float64, the test prior's weights.
        head_weight: gives the (C, D) weights of the run's head.
        metric: the metric that decisions should serve, one of `evaluation.names.DECISION_METRICS`.
        head_bias: gives the (C,) biases of the run's linear head.
    """

    logits: Floats
    labels: NDArray[np.int64]
    sample_weight: Floats
    head_weight: Callable[[], NDArray[np.float32]]
    metric: str = "macro_f1"
    head_bias: Callable[[], NDArray[np.float32]] = lambda: np.zeros(1, dtype=np.float32)


@dataclass(frozen=True)
class Strategy:
    """A remedy for unequal classes. Subclasses are frozen dataclasses that override what they change.

    Parameters are declared with `imbalance_bench.params.param`; constructors only store. Modules of
    strategies import torch, scikit-learn and imbalanced-learn inside methods only.

    Attributes:
        name, aliases: what specs call it.
        summary: what it does, in a line.
        formula: the same exactly.
        caution: when it does not help, or does harm.
        paper: its source.
        example: a spec that makes one, where the name alone does not.
        reads_linear_head: whether `fit_adjust` needs the weights of a linear head.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    summary: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    caution: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    example: ClassVar[str] = ""
    reads_linear_head: ClassVar[bool] = False

    @classmethod
    def from_spec(cls, word: str | None, params: Mapping[str, object]) -> Self:
        """One from what stands in a spec: the word after the first colon, and the parameters.

        Raises:
            RequestError: for a word that means nothing here, an unknown parameter or a bad value.
        """
        if word is not None:
            raise RequestError(
                f"{cls.name!r} takes no word after the colon, found {word!r}; "
                f"parameters are written as {cls.name}:key=value."
            )
        return build(cls, params, what=cls.name)

    @classmethod
    def parameters(cls, word: str | None) -> tuple[str, ...]:
        """The names of the parameters, for the word after the first colon."""
        return tuple(rules(cls))

    @classmethod
    def more(cls) -> dict[str, list[str]]:
        """What `imbench list` adds in explaining this one: words by title, slow to find perhaps."""
        return {}

    @classmethod
    def why_not(cls, word: str | None, parameter: str) -> str | None:
        """Why `parameter`, which one could expect here, is not taken; None where there is no more to say."""
        return None

    @property
    def own_parameters(self) -> tuple[str, ...]:
        """The names of this one's parameters."""
        return type(self).parameters(None)

    @property
    def spec(self) -> str:
        """The canonical text that makes this strategy again: sorted keys, defaults left out."""
        params = ",".join(f"{key}={value}" for key, value in non_defaults(self).items())
        return f"{self.name}:{params}" if params else self.name

    @property
    def head(self) -> Literal["linear", "cosine"]:
        """The last layer: a linear one, or cosines of normalised features and weights (no bias)."""
        return "linear"

    @property
    def head_scale(self) -> float:
        """The factor on the cosines of a cosine head."""
        return 1.0

    @property
    def requires(self) -> str | None:
        """The spec of the stored run that training starts from, or that is adjusted afterwards."""
        return None

    @property
    def draws_on(self) -> tuple[str, ...]:
        """The installed packages, torch apart, whose version a run under this strategy depends on."""
        return ()

    @property
    def redraws(self) -> bool:
        """Whether `plan` is asked anew before every pass, or once."""
        return False

    @property
    def prior_is_exact(self) -> bool:
        """Whether the scores are, in the limit, a posterior under the effective prior.

        If so (and but for what `fit_adjust` adds to every row alike) they can be corrected exactly for other
        class shares; if not, a correction is fitted on validation. By default true of what only weighs
        classes or moves decisions: whoever draws rows, sets a loss or stages, or changes scores says so. The
        default counts only where the weights stay the same throughout training.
        """
        return not any(
            defines(self, place) for place in (*TRAINING_PLACES, "fit_adjust") if place != "weights"
        )

    def check(self, context: Context) -> None:
        """Raise RefusedError, before training, where these data can't be used."""

    def notes(self, context: Context) -> tuple[str, ...]:
        """What the user should know of this strategy on these data, a sentence each."""
        return ()

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """Which rows one pass holds. Default: every training row once."""
        return SamplingPlan.identity(len(view))

    def loss(self, context: Context) -> RowLoss:
        """A function of (n, C) float32 logits and (n,) targets giving one loss per row, (n,)."""
        from torch.nn import functional as F

        return lambda logits, targets: F.cross_entropy(logits, targets, reduction="none")

    def loss_factors(self, context: Context) -> Floats | None:
        """(C,) constant factors per class inside the loss (focal's alpha), for the effective prior."""
        return None

    def loss_shift(self, context: Context) -> Floats | None:
        """(C,) what the loss adds to the logits of every row, and so trains out of them, for the prior."""
        return None

    def weights(self, context: Context, progress: float) -> Floats | None:
        """(C,) class weights at `progress` in [0, 1] of training, or None."""
        return None

    def stages(self) -> Sequence[Stage]:
        """The stretches of training; all of them share the optimiser steps."""
        return (Stage(),)

    def fit_adjust(self, run: FittingData, context: Context) -> Adjust:
        """A function from (n, C) logits to adjusted (n, C) logits, fitted on validation data."""
        return lambda logits: logits

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        """A function from (n, C) logits to (n,) int64 decisions, fitted on validation data."""
        return lambda logits: np.asarray(logits.argmax(axis=1), dtype=np.int64)


TRAINING_PLACES = ("plan", "loss", "weights", "stages", "head")
AFTERWARDS_PLACES = ("fit_adjust", "fit_decision")


def defines(strategy: Strategy, place: str) -> bool:
    """Whether `strategy` fills `place` itself rather than leaving the do-nothing default."""
    return getattr(type(strategy), place) is not getattr(Strategy, place)


def is_afterwards_only(strategy: Strategy) -> bool:
    """Whether the strategy acts on a stored run and trains nothing itself."""
    return any(defines(strategy, place) for place in AFTERWARDS_PLACES) and not any(
        defines(strategy, place) for place in TRAINING_PLACES
    )


def mean_one(weights: Sequence[float] | NDArray[np.float64], context: Context) -> Floats:
    """(C,) weights scaled so that their mean over the training rows is 1."""
    array = np.asarray(weights, dtype=np.float64)
    return np.asarray(array / (array * context.prior).sum(), dtype=np.float64)
