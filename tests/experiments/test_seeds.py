"""Randomness: purposes do not touch each other, and numbers never move when a purpose is added."""

from __future__ import annotations

import pytest

from imbalance_bench.experiments import seeds
from imbalance_bench.experiments.seeds import OF_THE_DATA, PURPOSES, data_seed, generator, torch_seed

FIRST_DRAWS = {
    "data": 4348531928880111035,
    "split": 3123019277035049133,
    "thinning": 3865843332685112088,
    "tail": 1680652569319183313,
    "init": 3011304498157213960,
    "batches": 1209613594455350466,
    "sampler": 532063421285420989,
    "training": 1408306299668956361,
}


def first(purpose: str, seed: int = 0, vary: str = "all") -> int:
    return int(generator(purpose, seed, vary).integers(2**62))


def test_first_draws_are_what_they_were() -> None:
    assert {purpose: first(purpose) for purpose in FIRST_DRAWS} == FIRST_DRAWS
    assert first("split", 3) == 462718260523229283
    assert torch_seed("init", 0, "all") == 8366031049750315900
    assert torch_seed("training", 7, "all") == 3313693386757991173


def test_a_purpose_added_at_the_end_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [first(purpose, 5) for purpose in PURPOSES]
    monkeypatch.setattr(seeds, "PURPOSES", (*PURPOSES, "another"))
    assert [first(purpose, 5) for purpose in PURPOSES] == before
    assert first("another", 5) not in before


def test_purposes_and_seeds_are_independent() -> None:
    draws = [first(purpose, seed) for purpose in PURPOSES for seed in range(20)]
    assert len(set(draws)) == len(draws)


def test_draws_of_one_purpose_do_not_move_another() -> None:
    generator("data", 1, "all").normal(size=1000)
    assert first("batches", 1) == first("batches", 1)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_vary_holds_the_others_fixed(purpose: str) -> None:
    of_data = purpose in OF_THE_DATA
    assert (first(purpose, 4, "data") == first(purpose, 4, "all")) is of_data
    assert (first(purpose, 4, "data") == first(purpose, 0, "data")) is not of_data
    assert (first(purpose, 4, "init") == first(purpose, 4, "all")) is not of_data
    assert (first(purpose, 4, "init") == first(purpose, 0, "all")) is of_data


def test_seed_zero_is_the_same_whatever_varies() -> None:
    for purpose in PURPOSES:
        assert first(purpose, 0, "init") == first(purpose, 0, "data") == first(purpose, 0, "all")


def test_data_seed() -> None:
    assert [data_seed(6, vary) for vary in ("init", "data", "all")] == [0, 6, 6]


def test_torch_seeds_fit_torch() -> None:
    assert all(0 <= torch_seed(purpose, seed, "all") < 2**63 for purpose in PURPOSES for seed in range(50))


def test_an_unknown_purpose_is_an_error() -> None:
    with pytest.raises(ValueError, match="not in"):
        generator("lunch", 0, "all")
