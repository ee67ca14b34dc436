"""The data of one seed as a run uses them: loaded, split and thinned; the same for every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.config import RunConfig
from imbalance_bench.data import registry
from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.source import Source
from imbalance_bench.data.split import Split, Thinned, make_split, thin
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.experiments.seeds import data_seed, generator
from imbalance_bench.strategies.base import Context, Floats


@dataclass(frozen=True, eq=False)
class Materials:
    """Data set, split and classes of one data seed.

    Attributes:
        order: class indexes from head to tail.
        mean, std: (channels,) float64 over the training rows, before any sampling.
        log_likelihood: for "val" and "test", (n, C) float32 log p(x | class) of the part's rows, up to a
            constant per row; empty where it is not known.
        test_part: where the test rows come from: drawn afresh for each data seed, given by the data set and
            the same for all, or split off a pool by the data seed.
    """

    dataset: ImageDataset
    split: Split
    order: tuple[int, ...]
    mean: Floats
    std: Floats
    log_likelihood: Mapping[str, NDArray[np.float32]]
    test_part: Literal["drawn", "given", "split"]

    def context(self, positive_class: str | None) -> Context:
        """The context of the training rows; RequestError for a positive class that is not one of two."""
        names = self.dataset.class_names
        counts = self.dataset.counts(self.split.train)
        return Context(counts, names, positive=positive_index(names, positive_class))


def positive_index(names: tuple[str, ...], positive_class: str | None) -> int:
    """The index of the class that was named positive; -1 where none was."""
    if positive_class is None:
        return -1
    if len(names) != 2:
        raise RequestError(
            f"--positive-class {positive_class}: the data have {len(names)} classes; only two classes have "
            "a positive one. Leave it out."
        )
    if positive_class not in names:
        raise RequestError(
            f"--positive-class {positive_class}: the classes are {', '.join(names)}."
            f"{nearest(positive_class, names)}"
        )
    return names.index(positive_class)


def gather(config: RunConfig) -> Materials:
    """The materials of a run; the last ones are kept, since runs of one seed share them."""
    return _gather(
        config.dataset,
        tuple(sorted(config.options.items())),
        config.imbalance_ratio,
        config.profile,
        config.n_max,
        config.minority_fraction,
        config.tail_order,
        config.validation,
        data_seed(config.seed, config.vary),
    )


@lru_cache(maxsize=1)
def _gather(
    dataset_spec: str,
    options: tuple[tuple[str, str], ...],
    ratio: float | None,
    profile: str | None,
    n_max: int | None,
    minority_fraction: float | None,
    tail_order: str | None,
    validation: str | None,
    seed: int,
) -> Materials:
    source = registry.create(dataset_spec, **dict(options))
    dataset, thinned = load_and_split(
        source, ratio, profile, n_max, minority_fraction, tail_order, validation, seed
    )
    mean, std = channel_statistics(dataset, thinned.split.train)
    known: dict[str, NDArray[np.float32]] = {}
    knows = type(source).log_likelihood is not Source.log_likelihood  # else no image need be copied
    for part, rows in (("val", thinned.split.val), ("test", thinned.split.test)) if knows else ():
        found = source.log_likelihood(dataset.images[rows])
        if found is not None:
            known[part] = found.astype(np.float32)
    test_part: Literal["drawn", "given", "split"] = (
        "drawn"
        if source.draws
        else "given"
        if dataset.parts is not None and "test" in dataset.parts
        else "split"
    )
    return Materials(dataset, thinned.split, thinned.order, mean, std, known, test_part)


def load_and_split(
    source: Source,
    ratio: float | None,
    profile: str | None,
    n_max: int | None,
    minority_fraction: float | None,
    tail_order: str | None,
    validation: str | None,
    seed: int,
) -> tuple[ImageDataset, Thinned]:
    """The data set as it is for a data seed, split and thinned; arguments as in a `RunConfig`."""
    dataset = source.load(generator("data", seed, "all"))
    split = make_split(dataset, generator("split", seed, "all"))
    return dataset, thin(
        dataset,
        split,
        ratio=ratio,
        profile=profile or "exp",
        n_max=n_max,
        minority_fraction=0.5 if minority_fraction is None else minority_fraction,
        tail_order=tail_order or "random",
        validation=validation or "thinned",
        rng=generator("thinning", seed, "all"),
        tail_rng=generator("tail", seed, "all"),
    )


def channel_statistics(dataset: ImageDataset, rows: np.ndarray) -> tuple[Floats, Floats]:
    """(channels,) mean and standard deviation over `rows`, in blocks; a constant channel has deviation 1."""
    total = np.zeros(dataset.images.shape[1])
    squares = np.zeros_like(total)
    for start in range(0, len(rows), 1024):
        block = dataset.images[rows[start : start + 1024]].astype(np.float64)
        total += block.sum(axis=(0, 2, 3))
        squares += (block**2).sum(axis=(0, 2, 3))
    pixels = len(rows) * dataset.images.shape[2] * dataset.images.shape[3]
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    return mean, np.where(std > 0, std, 1.0)
