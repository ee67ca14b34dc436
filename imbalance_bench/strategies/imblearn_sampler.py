"""Any sampler of imbalanced-learn, on the training images as rows of pixels."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RefusedError
from imbalance_bench.strategies import imblearn_settings
from imbalance_bench.strategies.base import Context, Strategy
from imbalance_bench.strategies.imblearn_settings import Settings
from imbalance_bench.strategies.matching import matching_rows
from imbalance_bench.strategies.plan import Ints, SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import register

FAILURES = (ArithmeticError, LookupError, RuntimeError, ValueError)
"""What a sampler raises where the data do not suit it."""
SHOWN = 12
"""Classes that a refusal counts by name; of more, the smallest."""


@register
@dataclass(frozen=True)
class Imblearn(Strategy):
    """What `sampler(**settings).fit_resample` makes of the training rows.

    Rows that exist are drawn by number; only rows that the sampler makes itself are stored, as float32.

    Attributes:
        sampler: the name of the class in imbalanced-learn.
        settings: its parameters by sorted name, without defaults.
    """

    name = "imblearn"
    example = "imblearn:RandomUnderSampler"
    summary = "any sampler of imbalanced-learn, as imblearn:SMOTEENN or imblearn:NearMiss:n_neighbors=3"
    formula = "(X, y) -> ClassName(key=value, ...).fit_resample(X, y), a row of X being an image's pixels"
    caution = (
        "Distances are those of raw pixels, between copies of all rows: slow where there are many, and near "
        "in pixels is often not alike. Cleaning rules take out rows that are hard to tell apart, which the "
        "test set keeps."
    )
    paper = "Lemaître, Nogueira & Aridas (2017), Imbalanced-learn, JMLR 18(17)"

    sampler: str
    settings: Settings = ()

    @classmethod
    def from_spec(cls, word: str | None, params: Mapping[str, object]) -> Self:
        """One from the name of a sampler and its parameters, which imbalanced-learn itself checks."""
        found = imblearn_settings.find(word)
        return cls(found.__name__, imblearn_settings.read(found, params))

    @classmethod
    def parameters(cls, word: str | None) -> tuple[str, ...]:
        """The names of the sampler's parameters that text can set."""
        return imblearn_settings.parameters(imblearn_settings.find(word))

    @classmethod
    def more(cls) -> dict[str, list[str]]:
        """The samplers that the installed version has."""
        return {"samplers": imblearn_settings.usable()}

    @classmethod
    def why_not(cls, word: str | None, parameter: str) -> str | None:
        """For what every run sets by itself."""
        return imblearn_settings.why_not(imblearn_settings.find(word), parameter)

    @property
    def own_parameters(self) -> tuple[str, ...]:
        """The names of this sampler's parameters."""
        return type(self).parameters(self.sampler)

    @property
    def spec(self) -> str:
        """The class as imbalanced-learn spells it, and its settings."""
        params = ",".join(f"{key}={imblearn_settings.written(value)}" for key, value in self.settings)
        return ":".join(filter(None, (self._called, params)))

    @property
    def draws_on(self) -> tuple[str, ...]:
        """Both decide which rows come out."""
        return ("imbalanced-learn", "scikit-learn")

    @property
    def prior_is_exact(self) -> bool:
        """Where rows are only drawn at random; rules and made rows change more than the classes' shares."""
        if self.sampler == "RandomOverSampler":
            return not dict(self.settings).get("shrinkage")
        return self.sampler == "RandomUnderSampler"

    @property
    def _called(self) -> str:
        return f"{self.name}:{self.sampler}"

    def check(self, context: Context) -> None:
        """RefusedError where `sampling_strategy` or the number of neighbours does not fit the counts."""
        self._check(context.class_counts, context.class_names)

    def plan(self, view: TrainingView, rng: np.random.Generator) -> SamplingPlan:
        """The rows that the sampler gives, in its order.

        Raises:
            RefusedError: where the sampler fails on these rows, or leaves a class without any.
        """
        counts = np.bincount(view.labels, minlength=view.n_classes)
        self._check(counts, view.class_names)
        images = view.images
        pixels = images.reshape(len(view), -1).astype(np.result_type(images.dtype, np.float32))
        sampler = self._made()
        seed = int(rng.integers(2**31 - 1))
        sampler.set_params(**{name: seed for name in sampler.get_params() if _is_seed(name)})
        with self._refusing(counts, view.class_names, self._remedy()) as told:
            rows, labels = sampler.fit_resample(pixels, view.labels)
        left = np.bincount(labels, minlength=view.n_classes)
        for label in np.flatnonzero((counts > 0) & (left == 0)):
            raise RefusedError(
                f"{self._called} leaves none of the {counts[label]} training rows of class "
                f"{view.class_names[label]!r}. Keep the class out of its reach by sampling_strategy, "
                "or use another sampler."
            )
        base = _row_numbers(sampler, rows, labels, pixels, view.labels)
        if np.array_equal(np.sort(base), np.arange(len(view))):
            told.append("every row is drawn once, as without it.")
        notes = tuple(f"{self._called}: {line}" for line in dict.fromkeys(told))
        made = base < 0
        if not made.any():
            return SamplingPlan(base, notes=notes)
        base[made] = len(view) + np.arange(made.sum())
        extras = rows[made].reshape(-1, *images.shape[1:]).astype(np.float32)
        return SamplingPlan(base, extra_images=extras, extra_labels=labels[made], notes=notes)

    def _made(self) -> Any:
        return imblearn_settings.make(imblearn_settings.find(self.sampler), self.settings)

    def _check(self, counts: Ints, names: tuple[str, ...]) -> None:
        from imblearn.utils import check_sampling_strategy

        sampler, targets = self._made(), {}
        labels = np.repeat(np.arange(len(counts)), counts)
        for name, asked in sampler.get_params().items():
            part, _, last = name.rpartition("__")
            if last != "sampling_strategy":
                continue
            if isinstance(asked, int | float) and len(counts) != 2:
                raise RefusedError(
                    f"{self._called}: {name}={asked:g} is a number, which needs two classes, but the "
                    f"data have {len(counts)}; use a word ('all', 'not majority', ...) or leave it out."
                )
            kind = (getattr(sampler, part) if part else sampler)._sampling_type
            with self._refusing(counts, names, f"Change {name}, or leave it out."):
                targets[name] = check_sampling_strategy(asked, labels, kind)
        parameter, k = _neighbours_of_a_class(sampler)
        for label, missing in targets["sampling_strategy"].items() if k else ():
            if missing and counts[label] <= k:
                one = counts[label] == 1
                rows = "1 training row" if one else f"{counts[label]} training rows"
                # Below two rows no number of neighbours is low enough.
                remedy = "Use oversample or imblearn:RandomOverSampler, or give the class more rows."
                raise RefusedError(
                    f"{self._called}: class {names[label]!r} has {rows}, but {parameter}={k} of its own as "
                    f"neighbours need {k + 1}. {remedy if one else self._remedy()}"
                )

    @contextmanager
    def _refusing(self, counts: Ints, names: tuple[str, ...], remedy: str) -> Iterator[list[str]]:
        """Runs foreign code on one thread; its failures are refusals, its warnings go to the list given.

        One thread, because k-means ends in other centres on two, and workers have fewer than a lone process.
        """
        from threadpoolctl import threadpool_limits

        told: list[str] = []
        try:
            with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                yield told
        except FAILURES as error:
            said = _with_names(_first_line(error).rstrip("."), names)
            raise RefusedError(
                f"{self._called} fails on these data: {said}. "
                f"The training rows are {_counted(counts, names)}. {remedy}"
            ) from error
        # What will change in a later version is no business of the user's.
        told += [
            _first_line(warning.message)
            for warning in caught
            if not issubclass(warning.category, DeprecationWarning | FutureWarning)
        ]

    def _remedy(self) -> str:
        lower = [name for name in self.own_parameters if "neighbors" in name]
        what = f"Lower {' or '.join(lower)}, or use" if lower else "Use"
        return f"{what} another sampler: oversample and undersample work with any counts."


def _row_numbers(
    sampler: Any, rows: NDArray[Any], labels: Ints, pixels: NDArray[Any], own: Ints
) -> NDArray[np.int64]:
    """(n,) the training row that each row is; -1 for one that the sampler made."""
    chosen = getattr(sampler, "sample_indices_", None)
    if chosen is not None and len(chosen) == len(rows):
        chosen = np.asarray(chosen, dtype=np.int64)
        if np.array_equal(own[chosen], labels) and np.array_equal(pixels[chosen], rows):
            return chosen
    return matching_rows(rows.astype(pixels.dtype, copy=False), labels, pixels, own)


def _neighbours_of_a_class(sampler: Any) -> tuple[str, int]:
    """The parameter that says how many neighbours a growing class must offer each row, and how many."""
    if sampler._sampling_type == "over-sampling":
        for name, value in sampler.get_params().items():
            # ADASYN's only number of neighbours is for the class as well.
            if name.endswith("k_neighbors") or name == "n_neighbors":
                return name, value
    return "", 0


def _is_seed(name: str) -> bool:
    return name.rpartition("__")[2] == "random_state"


def _first_line(said: object) -> str:
    return str(said).strip().partition("\n")[0]


def _with_names(said: str, names: tuple[str, ...]) -> str:
    """A message that speaks of classes by number, with their names."""
    named = {str(label): f"class {label} ({name!r})" for label, name in enumerate(names)}
    return re.sub(r"\bclass (\d+)\b", lambda found: named.get(found[1], found[0]), said)


def _counted(counts: Ints, names: tuple[str, ...]) -> str:
    rarest = np.sort(np.argsort(counts, kind="stable")[:SHOWN])
    said = ", ".join(f"{names[label]} {counts[label]}" for label in rarest)
    return said if len(names) <= SHOWN else f"{said} and more in {len(names) - SHOWN} other classes"
