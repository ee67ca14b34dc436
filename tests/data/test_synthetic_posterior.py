"""The exact posterior of `synthetic`: against a loop, against transforms, and by calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from sklearn.metrics import average_precision_score, roc_auc_score

from imbalance_bench.data.registry import create
from imbalance_bench.data.sources.synthetic import BLOBS, SIGMAS

SIZE, NORM = 28, 5.0
CENTRES = range(4, 24)


def drawn(spec: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test images (n, 1, H, W), labels (n,), log likelihoods (n, C)."""
    source = create(spec)
    data = source.load(np.random.default_rng(seed))
    assert data.parts is not None
    rows = data.parts["test"]
    found = source.log_likelihood(data.images[rows])
    assert found is not None
    return data.images[rows], data.labels[rows], found


def kernel(sigma: float) -> np.ndarray:
    """(55, 55): the uncut Gaussian, its peak in the middle."""
    offsets = np.arange(-(SIZE - 1), SIZE)
    return np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * sigma**2))


def by_loop(image: np.ndarray, centres: range = CENTRES) -> float:
    """The definition, one template after the other."""
    terms = []
    for sigma in SIGMAS:
        whole = kernel(sigma)
        for row in centres:
            for column in centres:
                top, left = SIZE - 1 - row, SIZE - 1 - column
                template = whole[top : top + SIZE, left : left + SIZE]
                template = template / math.sqrt((template**2).sum())
                terms.append(NORM * float((template * image).sum()) - NORM**2 / 2)
    return float(logsumexp(terms) - math.log(len(terms)))


def by_transform(image: np.ndarray, *, wrapped: bool = False) -> float:
    """Correlation by FFT with the uncut kernel, each position divided by its norm; `wrapped` pads nothing."""
    inside = slice(CENTRES.start, CENTRES.stop)
    padded = SIZE if wrapped else 2 * SIZE
    axis = np.arange(padded)
    axis = np.minimum(axis, padded - axis)
    terms = []
    for sigma in SIGMAS:
        centred = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * sigma**2))
        spectrum = np.fft.rfft2(centred)

        def correlate(values: np.ndarray, spectrum: np.ndarray = spectrum) -> np.ndarray:
            shape = (padded, padded)
            return np.fft.irfft2(np.fft.rfft2(values, shape) * spectrum.conj(), shape)[inside, inside]

        squares = np.fft.irfft2(
            np.fft.rfft2(np.ones((SIZE, SIZE)), (padded, padded)) * np.fft.rfft2(centred**2).conj(),
            (padded, padded),
        )[inside, inside]
        terms.append(NORM * correlate(image) / np.sqrt(squares) - NORM**2 / 2)
    return float(logsumexp(terms) - math.log(np.size(terms)))


@pytest.fixture(scope="module")
def twenty() -> tuple[np.ndarray, np.ndarray]:
    """Ten healthy and ten diseased images (20, 28, 28) with the log odds that the source gives."""
    images, labels, found = drawn("synthetic:test=20,train=10,val=10,prevalence=0.5")
    assert labels.sum() == 10
    return images[:, 0].astype(np.float64), found[:, 1] - found[:, 0]


def test_it_equals_a_direct_loop_over_the_templates(twenty: tuple[np.ndarray, np.ndarray]) -> None:
    images, odds = twenty
    np.testing.assert_allclose(odds, [by_loop(image) for image in images], rtol=0, atol=1e-8)


def test_it_equals_a_zero_padded_correlation_with_norms(twenty: tuple[np.ndarray, np.ndarray]) -> None:
    images, odds = twenty
    np.testing.assert_allclose(odds, [by_transform(image) for image in images], rtol=0, atol=1e-4)


def test_the_comparison_finds_a_wrapped_correlation_and_all_positions(
    twenty: tuple[np.ndarray, np.ndarray],
) -> None:
    images, odds = twenty
    wrapped = np.array([by_transform(image, wrapped=True) for image in images])
    everywhere = np.array([by_loop(image, range(SIZE)) for image in images[:4]])
    assert np.abs(wrapped - odds).max() > 0.01
    assert np.abs(everywhere - odds[:4]).max() > 0.1


def recalibrated(log_odds: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of labels on log odds by maximum likelihood, and their standard errors."""
    design = np.stack([np.ones_like(log_odds), log_odds], axis=1)

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        z = design @ beta
        return float(np.logaddexp(0, z).sum() - labels @ z), design.T @ (expit(z) - labels)

    beta = minimize(loss, np.array([0.0, 0.5]), jac=True, method="BFGS").x
    p = expit(design @ beta)
    information = (design * (p * (1 - p))[:, None]).T @ design
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def test_recalibration_at_equal_shares_finds_nothing_to_mend() -> None:
    _, labels, found = drawn("synthetic:test=20000,train=10,val=10,prevalence=0.5", seed=1)
    odds = found[:, 1] - found[:, 0]
    beta, error = recalibrated(odds, labels)
    assert abs(beta[0]) < 3 * error[0]
    assert abs(beta[1] - 1) < 3 * error[1]
    doubled, doubled_error = recalibrated(2 * odds, labels)
    assert abs(doubled[1] - 1) > 3 * doubled_error[1]


@pytest.mark.slow
def test_difficulty_of_many_sets_is_the_published_one() -> None:
    # golden.md: minority AP .926 (a single set varies with a standard deviation of .01), ROC AUC .995
    found = []
    for seed in range(20):
        _, labels, likelihood = drawn("synthetic:test=20000,train=10,val=10", seed)
        odds = likelihood[:, 1]
        found.append((average_precision_score(labels, odds), roc_auc_score(labels, odds)))
    ap, auc = np.mean(found, axis=0)
    assert abs(ap - 0.926) < 0.01
    assert abs(auc - 0.995) < 0.002


@pytest.mark.parametrize("classes", [3, 10])
def test_more_classes_are_calibrated_each_against_the_rest(classes: int) -> None:
    spec = f"synthetic:classes={classes},test=6000,train=10,val=10,prevalence={1 - 1 / classes!r}"
    _, labels, found = drawn(spec, seed=2)
    counts = np.bincount(labels, minlength=classes)
    assert counts.max() - counts.min() <= 1
    assert create(spec).class_names() == ("healthy", *list(BLOBS)[: classes - 1])
    posterior = np.exp(found - logsumexp(found, axis=1, keepdims=True))
    for label in range(classes):
        p = posterior[:, label]
        # the sum of p (1 - p) is the variance of the number of members, whatever the images
        assert abs(p.sum() - counts[label]) < 4 * math.sqrt((p * (1 - p)).sum())
        beta, error = recalibrated(np.log(p) - np.log1p(-p.clip(max=1 - 1e-12)), labels == label)
        assert abs(beta[1] - 1) < 4 * error[1]
    assert (posterior.argmax(axis=1) == labels).mean() > 0.7


@pytest.mark.parametrize("blob", BLOBS)
def test_every_type_of_blob_is_found_by_its_own_templates(blob: str) -> None:
    label = 1 + list(BLOBS).index(blob)
    spec = f"synthetic:classes={len(BLOBS) + 1},test=200,train=10,val=10,prevalence=0.9,norm=12"
    images, labels, found = drawn(spec)
    own = images[labels == label, 0].astype(np.float64)
    assert (found[labels == label].argmax(axis=1) == label).mean() > 0.8
    quiet = create(spec.replace("norm=12", "norm=0")).load(np.random.default_rng(0))
    assert quiet.parts is not None
    added = own - quiet.images[quiet.parts["test"]][labels == label, 0]
    np.testing.assert_allclose(np.sqrt((added**2).sum(axis=(1, 2))), 12.0, rtol=1e-5)


def test_two_classes_have_no_other_blob_and_no_signal_no_evidence() -> None:
    images, _, found = drawn("synthetic:test=300,train=10,val=10,norm=0")
    assert (found == 0).all()
    assert images.shape == (300, 1, 28, 28)
    _, _, other_size = drawn("synthetic:test=40,train=10,val=10,size=41,prevalence=0.5")
    assert np.isfinite(other_size).all()


def test_sources_without_a_known_posterior_say_so() -> None:
    assert create("digits").log_likelihood(np.zeros((2, 1, 8, 8))) is None
