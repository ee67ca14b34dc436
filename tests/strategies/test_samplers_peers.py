"""Over- and undersampling and SMOTE beside imbalanced-learn's: the same counts, rows, laws and chances.

Each law is asked of both, each chance compared between both; and a wrong sampler must fail the comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from imbalance_bench.strategies import TrainingView, create, smote_plan
from imbalance_bench.strategies.oversample import grown_size
from imbalance_bench.strategies.power import permutations_of

ALIKE = 1e-3
"""The p-value (times the number of tests) that right samplers stay above and wrong ones below."""

TWO = [[100, 10], [7, 200], [37, 12], [64, 63], [25, 25], [91, 2]]
SEVERAL = [[50, 20, 10], [30, 30, 9, 9], [5, 80, 41, 12, 33]]
RATIOS = [0.1, 0.15, 0.3, 0.35, 0.5, 0.7, 0.9, 1.0]
grown = pytest.mark.parametrize("ratio", RATIOS)
two = pytest.mark.parametrize("counts", TWO, ids=str)
several = pytest.mark.parametrize("counts", SEVERAL, ids=str)

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Table:
    """Random points (N, 4) in classes of shuffled order."""

    points: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, counts: list[int]) -> Table:
        rng = np.random.default_rng(11)
        labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
        return cls(rng.normal(size=(len(labels), 4)), labels)

    def members(self, label: int) -> np.ndarray:
        return np.flatnonzero(self.labels == label)

    def drawn(self, rows: np.ndarray) -> list[int]:
        return np.bincount(self.labels[rows], minlength=self.labels.max() + 1).tolist()


def ours(spec: str, table: Table, seed: int = 0) -> np.ndarray:
    """The rows that a strategy draws."""
    view = TrainingView(table.labels, int(table.labels.max()) + 1, lambda rows: table.points[rows])
    return create(spec).plan(view, np.random.default_rng(seed)).base


def theirs(sampler: type, table: Table, strategy: Any = "auto", seed: int = 0) -> np.ndarray:
    """The rows that a sampler of imbalanced-learn draws."""
    made = sampler(sampling_strategy=strategy, random_state=seed)
    made.fit_resample(table.points, table.labels)
    return np.asarray(made.sample_indices_)


def ours_made(table: Table, **how: Any) -> tuple[np.ndarray, np.ndarray]:
    """The points and labels that SMOTE adds."""
    plan = smote_plan(table.points, table.labels, random_state=0, **how)
    made = plan.apply(table.points, table.labels)
    return made[0][len(table.points) :], made[1][len(table.points) :]


def theirs_made(table: Table, strategy: Any = "auto", k: int = 5) -> tuple[np.ndarray, np.ndarray]:
    sampler = SMOTE(sampling_strategy=strategy, k_neighbors=k, random_state=0)
    made = sampler.fit_resample(table.points, table.labels)
    np.testing.assert_array_equal(made[0][: len(table.points)], table.points)
    return made[0][len(table.points) :], made[1][len(table.points) :]


def kept_of(counts: list[int], ratio: float) -> dict[int, int]:
    """The classes that undersampling to `ratio` makes smaller, and to what size."""
    return {c: size for c, n in enumerate(counts) if n > (size := int(min(counts) / ratio + 1e-9))}


def grown_of(counts: list[int], ratio: float) -> dict[int, int]:
    """The classes that grow to `ratio` of the largest, and to what size."""
    return {c: size for c, n in enumerate(counts) if n < (size := grown_size(max(counts), ratio))}


# --- counts ---


@two
@grown
def test_two_classes_by_ratio(counts: list[int], ratio: float) -> None:
    table = Table.of(counts)
    if min(counts) < ratio * max(counts) - 1e-9:
        # Theirs is the ratio of smaller to larger, too, and refused where nothing need change.
        expected = table.drawn(theirs(RandomUnderSampler, table, ratio))
        assert table.drawn(ours(f"undersample:ratio={ratio}", table)) == expected
        if grown_of(counts, ratio):
            expected = table.drawn(theirs(RandomOverSampler, table, ratio))
            assert table.drawn(ours(f"oversample:ratio={ratio}", table)) == expected
            k = min(5, min(counts) - 1)
            added = np.bincount(theirs_made(table, ratio, k)[1], minlength=2).tolist()
            assert np.bincount(ours_made(table, k=k, ratio=ratio)[1], minlength=2).tolist() == added
    else:
        assert ours(f"undersample:ratio={ratio}", table).tolist() == list(range(sum(counts)))
        assert ours(f"oversample:ratio={ratio}", table).tolist() == list(range(sum(counts)))


def test_a_ratio_that_floats_miss_by_a_hair_is_not_one_row_less() -> None:
    assert 0.7 * 90 < 63
    table = Table.of([90, 2])
    assert table.drawn(theirs(RandomOverSampler, table, 0.7)) == [90, 62]
    assert table.drawn(ours("oversample:ratio=0.7", table)) == [90, 63]


@pytest.mark.parametrize("counts", TWO + SEVERAL, ids=str)
def test_all_classes_alike(counts: list[int]) -> None:
    table = Table.of(counts)
    assert table.drawn(ours("undersample", table)) == table.drawn(theirs(RandomUnderSampler, table))
    assert table.drawn(ours("oversample", table)) == table.drawn(theirs(RandomOverSampler, table))
    k = min(5, min(counts) - 1)
    expected = np.bincount(theirs_made(table, k=k)[1], minlength=len(counts)).tolist()
    assert np.bincount(ours_made(table, k=k)[1], minlength=len(counts)).tolist() == expected


@several
@grown
def test_several_classes_by_size(counts: list[int], ratio: float) -> None:
    table = Table.of(counts)
    expected = theirs(RandomUnderSampler, table, kept_of(counts, ratio))
    assert table.drawn(ours(f"undersample:ratio={ratio}", table)) == table.drawn(expected)
    expected = theirs(RandomOverSampler, table, grown_of(counts, ratio))
    assert table.drawn(ours(f"oversample:ratio={ratio}", table)) == table.drawn(expected)
    added = np.bincount(theirs_made(table, grown_of(counts, ratio), 4)[1], minlength=len(counts)).tolist()
    assert np.bincount(ours_made(table, k=4, ratio=ratio)[1], minlength=len(counts)).tolist() == added


# --- rows ---


@several
@pytest.mark.parametrize("ratio", [0.3, 0.5, 1.0])
def test_what_is_left_out_and_what_stays(counts: list[int], ratio: float) -> None:
    table, smaller = Table.of(counts), kept_of(counts, ratio)
    for rows in (ours(f"undersample:ratio={ratio}", table), theirs(RandomUnderSampler, table, smaller)):
        assert len(set(rows.tolist())) == len(rows)
        for label in set(range(len(counts))) - set(smaller):
            assert set(table.members(label)) <= set(rows)


@several
@pytest.mark.parametrize("ratio", [0.3, 0.5, 1.0])
def test_what_is_repeated_and_what_is_not(counts: list[int], ratio: float) -> None:
    table, larger = Table.of(counts), grown_of(counts, ratio)
    n = len(table.labels)
    for rows in (ours(f"oversample:ratio={ratio}", table), theirs(RandomOverSampler, table, larger)):
        assert rows[:n].tolist() == list(range(n))
        assert set(table.labels[rows[n:]]) == set(larger)


@dataclass(frozen=True)
class Placed:
    """New points: which pair of near points each lies between, and how far from the first of them."""

    pairs: np.ndarray
    places: np.ndarray


def placed(new: np.ndarray, members: np.ndarray, k: int) -> Placed:
    """Each new point between two of the `members` (n, d), one of them among the k nearest of the other."""
    near = NearestNeighbors(n_neighbors=k).fit(members).kneighbors(return_distance=False)
    pairs = np.array(sorted({(min(i, j), max(i, j)) for i, row in enumerate(near.tolist()) for j in row}))
    start, along = members[pairs[:, 0]], members[pairs[:, 1]] - members[pairs[:, 0]]
    places = ((new[:, None] - start) * along).sum(axis=2) / (along**2).sum(axis=1)
    gaps = (((new[:, None] - start) - places[:, :, None] * along) ** 2).sum(axis=2)
    # A point beyond the ends of a line is not between.
    gaps[(places < -1e-6) | (places > 1 + 1e-6)] = np.inf
    found = gaps.argmin(axis=1)
    assert gaps.min(axis=1).max() < 1e-12
    return Placed(found, places[np.arange(len(new)), found])


@several
@pytest.mark.parametrize("k", [1, 3])
def test_new_points_lie_between_near_points_of_their_class(counts: list[int], k: int) -> None:
    table = Table.of(counts)
    for made, labels in (ours_made(table, k=k), theirs_made(table, k=k)):
        for label in np.unique(labels):
            placed(made[labels == label], table.points[table.members(label)], k)


# --- chances ---

COUNTS = [40, 10]
DRAWS = 250


def times_kept(draw: Callable[[Table, int], np.ndarray]) -> np.ndarray:
    """How often each row of the larger class is kept in DRAWS draws."""
    table = Table.of(COUNTS)
    times = sum(np.bincount(draw(table, seed), minlength=sum(COUNTS)) for seed in range(DRAWS))
    return np.asarray(times)[table.members(0)]


def kept_alike(one: np.ndarray, other: np.ndarray) -> float:
    """The p-value of as many draws each, without replacement, from n rows that are all alike."""
    n, share = COUNTS[0], COUNTS[1] / COUNTS[0]
    # The counts of one draw sum to a constant, so n of them have n - 1 degrees of freedom.
    spread = 2 * DRAWS * share * (1 - share) * n / (n - 1)
    return float(stats.chi2.sf(((one - other) ** 2).sum() / spread, n - 1))


def favouring_the_first(table: Table, seed: int) -> np.ndarray:
    """The first rows of the larger class are up to three times as likely as the last."""
    members = table.members(0)
    chance = np.linspace(3, 1, len(members))
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [table.members(1), rng.choice(members, COUNTS[1], replace=False, p=chance / chance.sum())]
    )


def test_rows_are_left_out_alike_often() -> None:
    reference = times_kept(lambda table, seed: theirs(RandomUnderSampler, table, seed=seed))
    assert kept_alike(times_kept(lambda table, seed: ours("undersample", table, seed)), reference) > ALIKE
    assert kept_alike(times_kept(favouring_the_first), reference) < ALIKE


def repeated(draw: Callable[[Table, int], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How often DRAWS draws add each row of the smaller class; how many different ones each draw adds."""
    table = Table.of([30, 15])
    added = [draw(table, seed)[45:] for seed in range(DRAWS)]
    times = np.bincount(np.concatenate(added), minlength=45)[table.members(1)]
    return times, np.array([len(np.unique(rows)) for rows in added])


def repeated_alike(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> list[float]:
    """The p-values of rows drawn alike often, and of draws with few and with many different rows."""
    most = max(one[1].max(), other[1].max()) + 1
    different = np.array([np.bincount(found[1], minlength=most) for found in (one, other)])
    middle = int(np.median(different.sum(axis=0).nonzero()))
    folded = np.column_stack([different[:, :middle].sum(axis=1), different[:, middle:].sum(axis=1)])
    return [
        float(stats.chi2_contingency([one[0], other[0]]).pvalue),
        float(stats.fisher_exact(folded).pvalue),
    ]


def test_rows_are_repeated_alike_often() -> None:
    def in_turns(table: Table, seed: int) -> np.ndarray:
        """Without replacement: no row twice before all the others."""
        rng = np.random.default_rng(seed)
        return np.concatenate([np.arange(45), permutations_of(table.members(1), 15, rng)])

    def biased(table: Table, seed: int) -> np.ndarray:
        chance = np.linspace(3, 1, 15)
        rng = np.random.default_rng(seed)
        drawn = rng.choice(table.members(1), 15, p=chance / chance.sum())
        return np.concatenate([np.arange(45), drawn])

    reference = repeated(lambda table, seed: theirs(RandomOverSampler, table, seed=seed))
    right = repeated_alike(repeated(lambda table, seed: ours("oversample", table, seed)), reference)
    assert min(right) * 2 > ALIKE
    assert repeated_alike(repeated(biased), reference)[0] * 2 < ALIKE
    assert repeated_alike(repeated(in_turns), reference)[1] * 2 < ALIKE


K = 3


def made_alike(one: list[Placed], other: list[Placed]) -> float:
    """The smallest p-value, times their number, of pairs and of places on them, class by class."""
    found = []
    for a, b in zip(one, other, strict=True):
        used = np.union1d(a.pairs, b.pairs)
        found.append(stats.chi2_contingency([[(p.pairs == u).sum() for u in used] for p in (a, b)]).pvalue)
        found.append(stats.ks_2samp(a.places, b.places).pvalue)
    return float(min(found) * len(found))


def test_new_points_are_made_alike() -> None:
    table = Table.of([4000, 12, 8])
    members = [table.points[table.members(label)] for label in (1, 2)]

    def by_class(points: np.ndarray, labels: np.ndarray) -> list[Placed]:
        return [placed(points[labels == label], members[label - 1], K) for label in (1, 2)]

    reference = by_class(*theirs_made(table, k=K))
    made, labels = ours_made(table, k=K)
    assert made_alike(by_class(made, labels), reference) > ALIKE
    # One neighbour too few.
    assert made_alike(by_class(*ours_made(table, k=K - 1)), reference) < ALIKE
    # Weights that crowd at the base.
    plan = smote_plan(table.points, table.labels, k=K, random_state=0)
    assert plan.weight is not None
    plan.weight[:] = plan.weight**1.5
    crowded = plan.apply(table.points, table.labels)[0][len(table.points) :]
    assert made_alike(by_class(crowded, labels), reference) < ALIKE
    # Half of the bases are drawn more often.
    favoured = (plan.base[len(table.points) :] % 2 == 0) | (np.random.default_rng(0).random(len(made)) < 0.7)
    assert made_alike(by_class(made[favoured], labels[favoured]), reference) < ALIKE
