"""One source of randomness per purpose, as children of one `SeedSequence`."""

from __future__ import annotations

import numpy as np

# Only ever append: a purpose's place in this list is its key, and moving one would change every number.
PURPOSES = ("data", "split", "thinning", "tail", "init", "batches", "sampler", "training", "augment")
OF_THE_DATA = frozenset({"data", "split", "thinning", "tail"})


def sequence(purpose: str, seed: int, vary: str) -> np.random.SeedSequence:
    """The child for `purpose`; what `vary` ("init", "data" or "all") holds fixed comes from seed 0."""
    varies = vary == "all" or (vary == "data") == (purpose in OF_THE_DATA)
    return np.random.SeedSequence(seed if varies else 0, spawn_key=(PURPOSES.index(purpose),))


def generator(purpose: str, seed: int, vary: str) -> np.random.Generator:
    """A numpy generator on that child."""
    return np.random.default_rng(sequence(purpose, seed, vary))


def torch_seed(purpose: str, seed: int, vary: str) -> int:
    """A seed for `torch.manual_seed` from that child."""
    return int(sequence(purpose, seed, vary).generate_state(1, np.uint64)[0] >> 1)


def data_seed(seed: int, vary: str) -> int:
    """Runs with equal data seeds see the same data, split and tail."""
    return 0 if vary == "init" else seed
