"""Parts of whole groups: never split, shares and classes as near as can be, refused where they can't be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.groups import crossing_groups
from imbalance_bench.data.split import Split, make_split
from imbalance_bench.errors import RequestError


def dataset(labels: list[int], groups: list[int], parts: dict[str, list[int]] | None = None) -> ImageDataset:
    given = None if parts is None else {part: np.array(rows, np.int64) for part, rows in parts.items()}
    return ImageDataset(
        "test",
        np.zeros((len(labels), 1, 1, 1), np.uint8),
        np.array(labels, np.int64),
        tuple(f"c{i}" for i in range(max(labels) + 1)),
        given,
        np.array(groups, np.int64),
    )


def split_of(d: ImageDataset, seed: int = 0) -> Split:
    return make_split(d, np.random.default_rng(seed))


def groups_of(d: ImageDataset, split: Split) -> list[set[int]]:
    assert d.groups is not None
    return [set(d.groups[rows].tolist()) for rows in (split.train, split.val, split.test)]


@given(st.data())
def test_groups_stay_whole_and_train_has_every_class(data: st.DataObject) -> None:
    n_groups = data.draw(st.integers(3, 12))
    n_classes = data.draw(st.integers(2, 4))
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, n_groups - 1), st.integers(0, n_classes - 1)), min_size=6, max_size=60
        )
    )
    rows += [(g, g % n_classes) for g in range(n_groups)] + [(0, c) for c in range(n_classes)]
    d = dataset([c for _, c in rows], [g for g, _ in rows])
    held = [set(d.labels[d.groups == g].tolist()) for g in range(n_groups)]
    if not any(
        set.union(*(held[g] for g in train)) == set(range(n_classes))
        for train in combinations(range(n_groups), n_groups - 2)
    ):  # what must train leaves nothing for a part
        with pytest.raises(RequestError, match="part has no rows"):
            split_of(d)
        return
    split = split_of(d, data.draw(st.integers(0, 3)))
    parts = groups_of(d, split)
    assert sum(map(len, parts)) == len(set.union(*parts)) == n_groups
    everything = np.concatenate([split.train, split.val, split.test])
    assert sorted(everything.tolist()) == list(range(len(rows)))
    assert (d.counts(split.train) > 0).all()


def test_many_small_groups_come_near_the_shares() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(400), rng.integers(1, 8, 400))
    own = rng.choice(3, 400, p=[0.9, 0.07, 0.03])  # a patient mostly has one diagnosis
    labels = np.where(rng.random(len(groups)) < 0.9, own[groups], 0)
    d = dataset(labels.tolist(), groups.tolist())
    split = split_of(d)
    shares = np.stack([d.counts(rows) / d.counts() for rows in (split.train, split.val, split.test)])
    np.testing.assert_allclose(shares, np.array([[0.6], [0.2], [0.2]]) * np.ones(3), atol=0.05)


def test_the_shares_are_no_worse_than_those_of_scikit_learn() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), rng.integers(1, 12, 60))
    labels = (rng.random(len(groups)) < 0.1).astype(np.int64)
    d = dataset(labels.tolist(), groups.tolist())
    ours, theirs = [], []
    for seed in range(20):
        split = split_of(d, seed)
        ours.append(np.abs(d.counts(split.test) / d.counts() - 0.2).max())
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups)
        theirs.append(np.abs(d.counts(next(folds)[1]) / d.counts() - 0.2).max())
    assert np.mean(ours) <= np.mean(theirs) + 0.005


def test_the_generator_decides() -> None:
    d = dataset([0, 1] * 30, [i // 2 for i in range(60)])
    assert split_of(d, 1).hash() == split_of(d, 1).hash()
    assert split_of(d, 1).hash() != split_of(d, 2).hash()


def test_a_rare_class_has_its_groups_in_every_part_where_there_are_enough() -> None:
    labels = [0] * 60 + [1] * 3
    for seed in range(10):
        split = split_of(dataset(labels, list(range(63))), seed)
        d = dataset(labels, list(range(63)))
        assert [d.counts(rows)[1] for rows in (split.train, split.val, split.test)] == [1, 1, 1]
    # One group holds all of class 1: it trains, however large it is.
    d = dataset([0] * 10 + [1] * 30, [*range(10), *[10] * 30])
    assert split_of(d).train.tolist()[-30:] == list(range(10, 40))


def test_given_parts_stay_and_only_the_missing_one_is_drawn() -> None:
    labels = [0, 1] * 10
    groups = [i // 4 for i in range(20)]
    d = dataset(labels, groups, {"train": list(range(16)), "test": [16, 17, 18, 19]})
    split = split_of(d)
    assert split.test.tolist() == [16, 17, 18, 19]
    assert [len(part) for part in groups_of(d, split)] == [3, 1, 1]
    assert len(split.train) == 12


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(
        RequestError, match="test: 3 parts are to be drawn from 2 groups, none of which may be"
    ):
        split_of(dataset([0, 1, 0, 1], [0, 0, 1, 1]))
    with pytest.raises(
        RequestError, match="the val part has no rows; training classes have c0 1, c1 1, c2 1"
    ):
        split_of(dataset([0, 1, 2], [0, 1, 2]))
    with pytest.raises(RequestError, match="class 'c1' has no training row"):
        split_of(dataset([0, 0, 0, 1], [0, 1, 2, 3], {"train": [0, 1, 2], "test": [3]}))


def test_groups_in_several_given_parts_are_told() -> None:
    groups = np.array([0, 0, 1, 1, 2, 3])
    parts = {"train": np.array([0, 2, 4]), "test": np.array([1, 3, 5])}
    assert crossing_groups(groups, parts, ["a", "b", "c", "d"]).startswith(
        "2 of 4 groups stand in more than one of the given parts (a, b):"
    )
    assert crossing_groups(groups, {"train": np.arange(6)}, ["a", "b", "c", "d"]) == ""
