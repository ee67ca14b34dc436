"""The synthetic generator against a slow direct construction and its published difficulty."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from imbalance_bench.data.dataset import ImageDataset
from imbalance_bench.data.registry import create
from imbalance_bench.data.sources.synthetic import axis_templates
from imbalance_bench.errors import RequestError

LOUD = 1e4  # a norm before which the noise vanishes


def load(spec: str, seed: int = 0) -> ImageDataset:
    return create(spec).load(np.random.default_rng(seed))


def direct_template(size: int, sigma: float, row: int, column: int) -> np.ndarray:
    """The definition, pixel by pixel: a Gaussian on the image's own grid, divided by its norm there."""
    blob = np.array(
        [
            [math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2)) for x in range(size)]
            for y in range(size)
        ]
    )
    return blob / math.sqrt((blob**2).sum())


def all_direct_templates() -> np.ndarray:
    """(1200, 784): every sigma at every centre in 4..23."""
    places = itertools.product((1.5, 2.5, 3.5), range(4, 24), range(4, 24))
    return np.array([direct_template(28, *place).ravel() for place in places])


@pytest.fixture(scope="module")
def direct() -> np.ndarray:
    return all_direct_templates()


def test_templates_equal_the_direct_construction(direct: np.ndarray) -> None:
    vertical, horizontal = axis_templates(28)
    assert vertical.shape == horizontal.shape == (3, 20, 28)
    built = np.einsum("kiy,kjx->kijyx", vertical, horizontal).reshape(1200, 784)
    np.testing.assert_allclose(built, direct, rtol=0, atol=1e-12)


def test_defaults() -> None:
    d = load("synthetic")
    assert d.name == "synthetic"
    assert d.images.shape == (25_000, 1, 28, 28)
    assert d.images.dtype == np.float32
    assert d.class_names == ("healthy", "diseased")
    assert d.parts is not None
    assert {part: d.counts(rows).tolist() for part, rows in d.parts.items()} == {
        "train": [9800, 200],
        "val": [4900, 100],
        "test": [9800, 200],
    }
    assert np.concatenate([d.parts[part] for part in ("train", "val", "test")]).tolist() == list(
        range(25_000)
    )


def test_every_blob_is_one_of_the_templates_with_the_norm(direct: np.ndarray) -> None:
    d = load(f"synthetic:norm={LOUD},prevalence=0.5,train=5000,val=10,test=10")
    blobs = d.images[d.labels == 1].reshape(-1, 784).astype(np.float64) / LOUD
    likeness = blobs @ direct.T
    which = likeness.argmax(axis=1)
    # the blob less its template is noise of standard deviation 1e-4, nothing more: norm and cut are right
    left = (blobs - direct[which]) * LOUD
    assert abs(left.mean()) < 5 / math.sqrt(left.size)
    assert abs(left.std() - 1) < 0.01
    np.testing.assert_allclose(likeness[np.arange(len(which)), which], 1, atol=6e-4)
    # every sigma equally likely, and every centre on either axis: 4 to 23, corners too
    n = len(which)
    sigma, row, column = which // 400, which % 400 // 20, which % 20
    for values, levels in ((sigma, 3), (row, 20), (column, 20)):
        seen = np.bincount(values, minlength=levels)
        chi2 = ((seen - n / levels) ** 2 / (n / levels)).sum()
        assert chi2 < levels - 1 + 5 * math.sqrt(2 * (levels - 1))
    assert len(np.unique(which)) > 1000
    for a, b in ((sigma, row), (sigma, column), (row, column)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(n)


def test_noise_is_white_with_unit_variance() -> None:
    d = load("synthetic:train=4000,val=10,test=10")
    noise = d.images[d.labels == 0, 0].astype(np.float64)
    assert abs(noise.mean()) < 5 / math.sqrt(noise.size)
    assert abs(noise.var() - 1) < 5 * math.sqrt(2 / noise.size)
    assert abs((noise**4).mean() - 3) < 0.03  # normal, neither clipped nor quantised
    assert len(np.unique(noise[:100])) > 0.99 * noise[:100].size
    for a, b in (
        (noise[:, 1:], noise[:, :-1]),
        (noise[:, :, 1:], noise[:, :, :-1]),
        (noise[1:], noise[:-1]),
    ):
        assert abs((a * b).mean()) < 5 / math.sqrt(a.size)


def test_noise_under_a_lesion_is_the_same_noise() -> None:
    with_lesion, without = load("synthetic:train=400"), load("synthetic:train=400,norm=0")
    assert (with_lesion.labels == without.labels).all()
    healthy = with_lesion.labels == 0
    assert (with_lesion.images[healthy] == without.images[healthy]).all()
    added = (with_lesion.images - without.images)[~healthy].astype(np.float64)
    np.testing.assert_allclose(np.sqrt((added**2).sum(axis=(1, 2, 3))), 5.0, rtol=1e-5)


def test_difficulty_is_the_published_one(direct: np.ndarray) -> None:
    # golden.md: exact posterior AP .926, ROC AUC .995, balanced accuracy .900, and .964 at the prevalence
    found = []
    for seed in range(3):
        d = load("synthetic:train=10,val=10,test=20000", seed)
        x, y = d.images[20:].reshape(-1, 784), d.labels[20:]
        exponent = 5 * (x @ direct.T.astype(np.float32)) - 12.5
        ratio = np.log(np.exp(exponent.astype(np.float64)).mean(axis=1))
        odds = ratio + math.log(0.02 / 0.98)
        found.append(
            (
                average_precision_score(y, ratio),
                roc_auc_score(y, ratio),
                balanced_accuracy_score(y, odds > 0),
                balanced_accuracy_score(y, ratio > 0),
            )
        )
    for value, golden, tolerance in zip(
        np.mean(found, axis=0), (0.926, 0.995, 0.900, 0.964), (0.015, 0.002, 0.02, 0.01), strict=True
    ):
        assert abs(value - golden) < tolerance


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 80), st.floats(0.001, 0.999), st.sampled_from([12, 13, 28]))
def test_prevalence_is_exact_in_every_part(n: int, prevalence: float, size: int) -> None:
    d = load(f"synthetic:train={n},val=20,test=33,prevalence={prevalence!r},size={size}")
    assert d.parts is not None
    for part, rows in (("train", n), ("val", 20), ("test", 33)):
        diseased = min(max(round(rows * prevalence), 1), rows - 1)
        assert d.counts(d.parts[part]).tolist() == [rows - diseased, diseased]
    assert d.images.shape == (n + 53, 1, size, size)


def test_order_within_a_part_is_random() -> None:
    labels = load("synthetic:train=1000,prevalence=0.5").labels[:1000]
    switches = (np.diff(labels) != 0).sum()
    assert abs(switches - 500) < 80


def test_the_generator_decides_and_parts_do_not_disturb_each_other() -> None:
    small = "synthetic:train=100,val=50,test=60"
    first, again, other = load(small), load(small), load(small, seed=1)
    assert (first.images == again.images).all()
    assert (first.labels == again.labels).all()
    assert (first.images != other.images).mean() > 0.99
    longer = load("synthetic:train=300,val=50,test=60")
    assert (longer.images[-110:] == first.images[-110:]).all()
    assert (longer.labels[-110:] == first.labels[-110:]).all()
    rng = np.random.default_rng(0)
    source = create(small)
    assert (source.load(rng).images != source.load(rng).images).mean() > 0.99


def test_fingerprint_names_version_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = create("synthetic").fingerprint()
    assert plain == create("synthetic:norm=5,size=28").fingerprint()
    others = ("classes=3", "norm=4", "size=29", "train=999", "val=999", "test=999", "prevalence=0.03")
    changed = [create(f"synthetic:{text}").fingerprint() for text in others]
    monkeypatch.setattr("imbalance_bench.data.sources.synthetic.GENERATOR_VERSION", 0)
    changed.append(create("synthetic").fingerprint())
    assert len({plain, *changed}) == len(changed) + 1


@pytest.mark.parametrize(
    "bad",
    [
        "classes=1", "classes=11", "prevalence=0", "prevalence=1", "prevalence=-1", "size=11", "train=1",
        "norm=-1", "norm=nan", "n=3",
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: str) -> None:
    with pytest.raises(RequestError, match="synthetic"):
        create(f"synthetic:{bad}")


def test_a_generator_is_needed() -> None:
    with pytest.raises(ValueError, match="needs a numpy Generator"):
        create("synthetic").load(None)


def test_the_default_is_drawn_quickly() -> None:
    start = time.perf_counter()
    load("synthetic")
    assert time.perf_counter() - start < 5  # 0.4 s on two idle cores
