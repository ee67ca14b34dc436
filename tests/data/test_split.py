"""Splitting and thinning: disjoint parts, exact counts, untouched tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.split import Split, Thinned, make_split, thin
from imbalance_bench.errors import RequestError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def dataset(counts: Sequence[int], parts: dict[str, np.ndarray] | None = None, seed: int = 0) -> ImageDataset:
    """Tiny images with the given rows per class, in shuffled order."""
    labels = rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    return ImageDataset("test", images, labels, tuple(f"c{i}" for i in range(len(counts))), parts)


def rows_of(d: ImageDataset, c: int) -> np.ndarray:
    return np.flatnonzero(d.labels == c)


def parts_of(split: Split) -> list[np.ndarray]:
    return [split.train, split.val, split.test]


@pytest.mark.parametrize(
    ("n", "dealt"),
    [
        (1, (1, 0, 0)),
        (2, (1, 0, 1)),
        (3, (1, 1, 1)),
        (4, (2, 1, 1)),
        (5, (3, 1, 1)),
        (6, (4, 1, 1)),
        (7, (4, 1, 2)),
        (8, (5, 1, 2)),
        (10, (6, 2, 2)),
        (1000, (600, 200, 200)),
    ],
)
def test_sixty_twenty_twenty_by_class(n: int, dealt: tuple[int, int, int]) -> None:
    d = dataset([50, n])
    assert tuple(d.counts(part)[1] for part in parts_of(make_split(d, rng()))) == dealt


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.integers(0, 5))
def test_parts_are_disjoint_sorted_and_cover(counts: list[int], seed: int) -> None:
    counts[0] += 2  # enough for every part to have a row
    d = dataset(counts, seed=seed)
    split = make_split(d, rng(seed))
    assert sorted(np.concatenate(parts_of(split)).tolist()) == list(range(sum(counts)))
    for part in parts_of(split):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    train, val, test = (d.counts(part) for part in parts_of(split))
    for c, n in enumerate(counts):
        assert train[c] >= 1
        assert abs(train[c] - 0.6 * n) < 1 or n < 3
        assert n < 3 or (val[c] >= 1 and test[c] >= 1)


def test_the_generator_decides_the_split() -> None:
    d = dataset([40, 40, 40])
    assert make_split(d, rng(1)).hash() == make_split(d, rng(1)).hash()
    assert make_split(d, rng(1)).hash() != make_split(d, rng(2)).hash()


def test_hash_tells_the_parts_apart() -> None:
    a, b, c = (np.array(x, dtype=np.int64) for x in ([0, 1], [2], [3]))
    swapped = Split(a, c, b)
    assert re.fullmatch("[0-9a-f]{16}", Split(a, b, c).hash())
    assert Split(a, b, c).hash() != swapped.hash()
    assert Split(np.array([0]), np.array([1, 2]), c).hash() != Split(a, b, c).hash()


def test_given_parts_are_honoured() -> None:
    shuffled = rng(5).permutation(100).astype(np.int64)
    given_parts = {"train": shuffled[:50], "val": shuffled[50:60], "test": shuffled[60:90]}
    split = make_split(dataset([50, 50], given_parts), rng())
    for name, part in zip(("train", "val", "test"), parts_of(split), strict=True):
        assert part.tolist() == sorted(given_parts[name].tolist())


@pytest.mark.parametrize(("missing", "given_part"), [("val", "test"), ("test", "val")])
def test_a_missing_part_is_a_fifth_of_train(missing: str, given_part: str) -> None:
    d = dataset([100, 20, 4])
    first = np.concatenate([rows_of(d, 0)[:50], rows_of(d, 1)[:10], rows_of(d, 2)[:2]])
    rest = np.setdiff1d(np.arange(124), first)
    split = make_split(dataset([100, 20, 4], {"train": first, given_part: rest}), rng())
    assert d.counts(split.train).tolist() == [40, 8, 1]
    assert d.counts(getattr(split, missing)).tolist() == [10, 2, 1]
    assert getattr(split, given_part).tolist() == rest.tolist()
    assert set(split.train) | set(getattr(split, missing)) == set(first)


def test_train_alone_is_split_and_other_rows_are_left_out() -> None:
    split = make_split(dataset([60, 40], {"train": np.arange(50, dtype=np.int64)}), rng())
    assert sorted(np.concatenate(parts_of(split)).tolist()) == list(range(50))


def test_a_class_without_training_rows_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match=r"class 'c1' has no training row \(0 in the whole data set\)"):
        make_split(dataset([10, 0, 10]), rng())
    d = dataset([10, 10])
    given_parts = {"train": rows_of(d, 0), "val": rows_of(d, 1)}
    with pytest.raises(RequestError, match=r"class 'c1' has no training row \(10 .*c0 10, c1 0"):
        make_split(dataset([10, 10], given_parts), rng())


def test_parts_that_can_not_serve_are_refused() -> None:
    with pytest.raises(RequestError, match="gives the parts test and no train"):
        make_split(dataset([5, 5], {"test": np.arange(3)}), rng())
    with pytest.raises(RequestError, match="the val part has no rows"):
        make_split(dataset([1, 1]), rng())
    empty = {"train": np.arange(10), "val": np.arange(0), "test": np.arange(10, 20)}
    with pytest.raises(RequestError, match="the val part has no rows"):
        make_split(dataset([10, 10], empty), rng())


def thinned(d: ImageDataset, *, seed: int = 0, tail: int = 0, **how: object) -> Thinned:
    return thin(d, make_split(d, rng()), rng=rng(seed), tail_rng=rng(tail), **{"ratio": None, **how})  # type: ignore[arg-type]


def test_natural_data_are_not_thinned() -> None:
    d = dataset([20, 200, 20])
    split = make_split(d, rng())
    result = thin(d, split, ratio=None, rng=rng(), tail_rng=rng())
    assert result.split is split
    assert result.order == (1, 0, 2)  # by training count, of equals the first
    assert result.n_max is None


def test_fixed_order_takes_classes_as_they_come() -> None:
    d = dataset([100, 100, 1000])  # 60, 60, 600 to train with
    result = thinned(d, ratio=4, n_max=40, tail_order="fixed")
    assert result.order == (0, 1, 2)
    assert d.counts(result.split.train).tolist() == [40, 20, 10]
    # validation had 20, 20, 200: the nearest to 20*40/60, 20*20/60, 200*10/600
    assert d.counts(result.split.val).tolist() == [13, 7, 3]
    assert d.counts(result.split.test).tolist() == [20, 20, 200]


@pytest.mark.parametrize(("tail_order", "profile"), [("random", "exp"), ("fixed", "step")])
def test_two_classes_keep_their_own_minority(tail_order: str, profile: str) -> None:
    d = dataset([50, 1000])  # 30 and 600 to train with
    for tail in range(4):
        result = thinned(d, ratio=50, tail=tail, tail_order=tail_order, profile=profile)
        assert result.order == (1, 0)
        assert result.n_max == 600
        assert d.counts(result.split.train).tolist() == [12, 600]
    milder = thinned(d, ratio=10)  # 30 of the minority bind: 300 of the majority
    assert d.counts(milder.split.train).tolist() == [30, 300]


def test_random_order_is_a_draw_of_its_own() -> None:
    d = dataset([100] * 5)
    orders = {thinned(d, ratio=6, tail=tail).order for tail in range(30)}
    assert len(orders) > 20
    assert {order[0] for order in orders} == {0, 1, 2, 3, 4}
    assert thinned(d, ratio=6, seed=1, tail=3).order == thinned(d, ratio=6, seed=2, tail=3).order
    result = thinned(d, ratio=6, n_max=36, profile="step", minority_fraction=0.4)
    counts = d.counts(result.split.train)
    assert counts[list(result.order)].tolist() == [36, 36, 36, 6, 6]


def test_the_default_n_max_is_the_same_for_every_random_order() -> None:
    d = dataset([100, 120, 500])
    assert {thinned(d, ratio=3, tail=tail).n_max for tail in range(10)} == {60}


def test_the_default_n_max_of_a_fixed_order_keeps_the_ratio() -> None:
    d = dataset([1000, 1000, 50])  # 600, 600, 30 to train with
    result = thinned(d, ratio=10, tail_order="fixed")
    assert (result.n_max, d.counts(result.split.train).tolist()) == (300, [300, 94, 30])


@pytest.mark.parametrize("tail_order", ["random", "fixed"])
def test_the_largest_n_max_named_works_and_one_more_does_not(tail_order: str) -> None:
    d = dataset([1000, 800, 50])
    with pytest.raises(RequestError, match=r"class 'c.' .* it has") as refused:
        thinned(d, ratio=10, n_max=5000, tail_order=tail_order)
    named = re.search(r"The largest n_max that works is (\d+)", str(refused.value))
    assert named is not None
    largest = int(named[1])
    assert largest == {"random": 30, "fixed": 309}[tail_order]  # int(309 / 10) = 30 rows
    assert thinned(d, ratio=10, n_max=largest, tail_order=tail_order).n_max == largest
    with pytest.raises(RequestError, match="class 'c2'"):
        thinned(d, ratio=10, n_max=largest + 1, tail_order=tail_order)


def test_validation_keeps_at_least_one_row_of_each_class_it_has() -> None:
    d = dataset([1000, 1000, 1000])
    result = thinned(d, ratio=500, n_max=500, tail_order="fixed")
    assert d.counts(result.split.train).tolist() == [500, 22, 1]
    assert d.counts(result.split.val).tolist() == [167, 7, 1]
    given_parts = {
        "train": np.concatenate([rows_of(d, c)[:100] for c in range(3)]),
        "val": rows_of(d, 0)[100:120],
        "test": rows_of(d, 1)[100:],
    }
    given_split = dataset([1000, 1000, 1000], given_parts)
    result = thin(
        given_split, make_split(given_split, rng()), ratio=10, tail_order="fixed", rng=rng(), tail_rng=rng()
    )
    assert d.counts(result.split.val).tolist() == [20, 0, 0]


def test_full_validation_is_left_alone_and_changes_no_training_row() -> None:
    d = dataset([100, 100, 100])
    full, less = thinned(d, ratio=10, validation="full"), thinned(d, ratio=10)
    assert d.counts(full.split.val).tolist() == [20, 20, 20]
    assert full.split.train.tolist() == less.split.train.tolist()


@given(
    st.lists(st.integers(5, 80), min_size=2, max_size=6),
    st.floats(1, 8),
    st.sampled_from(["exp", "step", "linear"]),
    st.integers(0, 3),
)
def test_thinning_takes_random_subsets(counts: list[int], ratio: float, profile: str, seed: int) -> None:
    d = dataset(counts, seed=seed)
    split = make_split(d, rng(seed))
    how = {"ratio": ratio, "profile": profile, "tail_rng": rng(seed)}
    try:
        result = thin(d, split, rng=rng(seed), **how)  # type: ignore[arg-type]
    except RequestError as refused:
        assert "would have none" in str(refused)  # noqa: PT017
        assert d.counts(split.train).min() < ratio
        return
    for after, before in zip(parts_of(result.split), parts_of(split), strict=True):
        assert set(after) <= set(before)
        assert (np.diff(after) > 0).all()
    assert result.split.test.tolist() == split.test.tolist()
    kept = d.counts(result.split.train)[list(result.order)]
    assert kept[0] == result.n_max
    assert (np.diff(kept) <= 0).all()
    assert kept[-1] >= 1
    assert sorted(result.order) == list(range(len(counts)))


def test_which_rows_stay_is_drawn_and_a_larger_n_max_only_adds() -> None:
    d = dataset([200, 200])
    small, large = thinned(d, ratio=2, n_max=40), thinned(d, ratio=2, n_max=80)
    assert set(small.split.train) < set(large.split.train)
    assert thinned(d, ratio=2, n_max=40).split.hash() == small.split.hash()
    other = thinned(d, ratio=2, n_max=40, seed=1)
    assert other.split.train.tolist() != small.split.train.tolist()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"n_max": 20}, "--n-max needs --imbalance-ratio"),
        ({"ratio": 0.5}, "the imbalance ratio is 0.5"),
        ({"ratio": 200.0}, "would have none"),
        ({"ratio": 2, "profile": "log"}, "the profile is 'log'"),
        ({"ratio": 2, "tail_order": "drawn"}, "the tail order is 'drawn'; allowed: random, fixed"),
        ({"ratio": 2, "validation": "none"}, "the validation is 'none'; allowed: thinned, full"),
    ],
)
def test_refusals(how: dict[str, object], said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)):
        thinned(dataset([100, 100, 100]), **how)
