"""Corrected logits: the shift known by hand, the exact posterior of `synthetic`, and fits that never harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cases import MILD, Rows, rows
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.linear_model import LogisticRegression

from imbalance_bench.data.registry import create
from imbalance_bench.evaluation.correction import (
    Correction,
    corrected,
    correction_for,
    exact_correction,
    fit_correction,
)

SMALL = {
    2: "synthetic:train=10,val=1500,test=1500,prevalence=0.05,size=14",
    4: "synthetic:classes=4,train=10,val=1500,test=1500,prevalence=0.2,size=14",
}


def drawn(n_classes: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Validation and test: log likelihoods (n, C) and labels (n,)."""
    source = create(SMALL[n_classes])
    data = source.load(np.random.default_rng(0))
    assert data.parts is not None
    found = {}
    for part in ("val", "test"):
        rows = data.parts[part]
        likelihood = source.log_likelihood(data.images[rows])
        assert likelihood is not None
        found[part] = likelihood, data.labels[rows]
    return found


SYNTHETIC = {n_classes: drawn(n_classes) for n_classes in SMALL}


def loss(logits: np.ndarray, labels: np.ndarray, weight: np.ndarray | None = None) -> float:
    rows = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return float(np.average(rows, weights=weight))


def kl(exact: np.ndarray, logits: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence from the posterior with these exact logits."""
    log_p = log_softmax(exact, axis=1)
    return float((np.exp(log_p) * (log_p - log_softmax(logits, axis=1))).sum(axis=1).mean())


def probability(logits: np.ndarray) -> np.ndarray:
    return softmax(logits, axis=1)[:, 1]


def test_keeping_a_tenth_of_the_majority_and_back() -> None:
    # golden.md: keeping 10 % of the majority turns a true probability of .091 into .5
    true, kept = np.array([10 / 11, 1 / 11]), np.array([0.5, 0.5])
    assert probability(corrected([[0.0, 0.0]], kept, true))[0] == pytest.approx(0.091, abs=1e-3)
    assert probability(corrected([[0.0, logit(1 / 11)]], true, kept))[0] == pytest.approx(0.5)
    # Any data: thinning the majority to a tenth multiplies its odds by ten.
    before, after = [0.8, 0.2], [0.08, 0.2]
    z = np.array([[0.3, -1.2], [2.0, 0.1]])
    there = corrected(z, before, after)
    assert logit(probability(there)) - logit(probability(z)) == pytest.approx(np.log([10, 10]))
    assert corrected(there, after, before) == pytest.approx(z)


@settings(max_examples=60, deadline=None)
@given(rows(most=10), st.integers(0, 10**6), st.booleans())
def test_the_exact_correction_is_bayes_rule(case: Rows, seed: int, gone: bool) -> None:
    rng = np.random.default_rng(seed)
    effective, target = rng.dirichlet(np.ones(case.n_classes), 2) + 1e-4
    shift = rng.normal(size=case.n_classes)
    if gone:
        target[0] = 0
    found = softmax(corrected(case.logits, 7 * effective, 3 * target, shift), axis=1)
    for z, p in zip(case.logits, found, strict=True):
        # Likelihoods are posterior over prior, once what was added is off again.
        scale = max(z - shift + np.log(np.where(target > 0, target, 1) / effective))
        weighed = [
            t / e * np.exp(v - s - scale) for v, s, e, t in zip(z, shift, effective, target, strict=True)
        ]
        if sum(weighed) > 1e-200:
            assert p == pytest.approx(np.array(weighed) / sum(weighed), rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(rows(most=25, classes=(2, 3), weights=MILD, scores=("ties", "smooth", "constant", "perfect", "wrong")))
def test_no_temperature_and_bias_have_less_penalised_loss(case: Rows) -> None:
    """The objective as the docstring states it, by a search that knows no gradient."""
    z = case.logits / (100 if np.abs(case.logits).max() > 100 else 1)
    found = fit_correction(z, case.truth, case.weight)
    if len(case.present) < 2:
        assert found.kind == "none"
        return
    held, kept = case.present, case.kept
    rows_kept, w = z[case.weight > 0], kept.weight
    effective = w.sum() ** 2 / (w * w).sum()

    def objective(at: np.ndarray) -> float:
        bias = np.zeros(case.n_classes)
        bias[held] = at[1:]
        away = (at[0] - 1) ** 2 + (bias**2).sum()
        return loss(at[0] * rows_kept + bias, kept.truth, w) + away / (2 * effective)

    best = minimize(
        objective,
        np.append(1.0, np.zeros(len(held))),
        method="Powell",
        bounds=[(0.05, 20.0), *[(-60.0, 60.0)] * len(held)],
        options={"xtol": 1e-10, "ftol": 1e-14, "maxiter": 10_000},
    )
    # A class without rows keeps a bias of 0; where all have some, those that are best sum to 0.
    absent = [c for c in range(case.n_classes) if c not in held]
    bias = found.bias[held] - (found.bias[absent[0]] if absent else found.bias.mean())
    assert objective(np.append(1 / found.temperature, bias)) <= best.fun + 1e-7


@pytest.mark.parametrize("n_classes", SYNTHETIC)
def test_a_posterior_under_a_wrong_prior_is_mended(n_classes: int) -> None:
    likelihood, labels = SYNTHETIC[n_classes]["test"]
    prior = np.bincount(labels) / len(labels)
    exact, wrong = likelihood + np.log(prior), np.full(n_classes, 1 / n_classes)
    under_wrong = likelihood + np.log(wrong)
    assert kl(exact, under_wrong) > 0.02
    assert kl(exact, corrected(under_wrong, wrong, prior)) < 1e-12
    assert softmax(corrected(under_wrong, wrong, prior), axis=1) == pytest.approx(softmax(exact, axis=1))
    # What logit adjustment added is taken off again.
    shift = -0.7 * np.log(prior)
    assert kl(exact, corrected(under_wrong + shift, wrong, prior, shift)) < 1e-12


@pytest.mark.parametrize("n_classes", SYNTHETIC)
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_a_fit_mends_prior_and_confidence(n_classes: int, sharpness: float) -> None:
    wrong = np.full(n_classes, 1 / n_classes)
    val, test = (
        (sharpness * (SYNTHETIC[n_classes][part][0] + np.log(wrong)), SYNTHETIC[n_classes][part][1])
        for part in ("val", "test")
    )
    prior = np.bincount(test[1]) / len(test[1])
    exact = SYNTHETIC[n_classes]["test"][0] + np.log(prior)
    for anchor in (None, np.log(prior / wrong)):
        fitted = fit_correction(*val, anchor=anchor)
        assert fitted.kind == "fitted"
        assert kl(exact, fitted(test[0])) < 0.05 * kl(exact, test[0])
        assert fitted.temperature == pytest.approx(sharpness, rel=0.25)
        assert fitted.rows.tolist() == np.bincount(val[1]).tolist()


def test_with_many_rows_it_is_the_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(8_000) < 0.3).astype(np.int64)
    z = np.stack([np.zeros(8_000), 2 * rng.normal(size=8_000) + 3 * labels + 1], axis=1)
    weight = rng.uniform(0.5, 2, 8_000)
    fitted = fit_correction(z, labels, weight)
    fit = LogisticRegression(C=1e9, tol=1e-10).fit(z[:, [1]], labels, sample_weight=weight)
    assert 1 / fitted.temperature == pytest.approx(fit.coef_[0, 0], rel=5e-3)
    assert fitted.bias[1] - fitted.bias[0] == pytest.approx(fit.intercept_[0], rel=5e-3)
    assert fitted.bias.sum() == pytest.approx(0, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 60), st.booleans())
def test_it_never_does_harm_on_validation(seed: int, n_classes: int, n: int, anchored: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    z = rng.normal(size=(n, n_classes)) * rng.uniform(0.1, 30)
    weight = rng.uniform(0, 3, n) + 1e-3
    anchor = 5 * rng.normal(size=n_classes) if anchored else None
    fitted = fit_correction(z, labels, weight, anchor=anchor)
    assert loss(fitted(z), labels, weight) <= loss(z, labels, weight) + 1e-12
    assert fitted.temperature > 0
    assert np.isfinite(fitted.bias).all()
    again = fit_correction(z, labels, weight, anchor=anchor)
    assert (again.temperature, again.bias.tolist()) == (fitted.temperature, fitted.bias.tolist())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_laws(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, p=[0.7, 0.2, 0.1], size=80)
    z = 2 * np.eye(3)[labels] + rng.normal(size=(80, 3))
    weight, anchor = rng.uniform(0.5, 2, 80), rng.normal(size=3)
    fitted = fit_correction(z, labels, weight, anchor=anchor)
    rows, classes = rng.permutation(80), rng.permutation(3)
    moved = fit_correction(
        z[rows][:, classes] + rng.normal(size=(80, 1)),
        np.argsort(classes)[labels[rows]],
        unit * weight[rows],
        anchor=anchor[classes] + 4,
    )
    assert moved.temperature == pytest.approx(fitted.temperature, rel=1e-4)
    assert moved.bias == pytest.approx(fitted.bias[classes], abs=1e-4)


def test_few_rows_lean_on_the_anchor() -> None:
    rng = np.random.default_rng(1)
    z = np.stack([np.zeros(400), rng.normal(-1, 1, 400), np.full(400, -3.0)], axis=1)
    labels = np.repeat([0, 1], [300, 100])
    # A class without rows keeps its anchor, relative to the others' mean, however many rows deny it.
    anchor = np.array([0.0, 0.5, 2.0])
    fitted = fit_correction(z, labels, anchor=anchor)
    none = fit_correction(z, labels)
    assert fitted.rows.tolist() == [300, 100, 0]
    assert loss(fitted(z), labels) <= loss(z, labels)
    assert loss(none(z), labels) <= loss(z, labels)
    # One row of a class that nothing foretold moves its bias, but not by all that it asks for.
    labels[0] = 2
    one = fit_correction(z, labels)
    expected = softmax(one(z), axis=1)[:, 2].sum()
    assert 1 < expected < softmax(z, axis=1)[:, 2].sum()


def test_a_bad_anchor_is_left_for_none() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(2, size=6)
    z = 2 * np.eye(2)[labels] + rng.normal(size=(6, 2))
    plain = fit_correction(z, labels)
    assert fit_correction(z, labels, anchor=[-40, 40]).bias == pytest.approx(plain.bias)


def test_nothing_to_fit() -> None:
    z = np.array([[1.0, 2.0], [0.0, 3.0]])
    for weight in (None, [1.0, 0.0]):
        labels = [1, 1] if weight is None else [1, 0]
        found = fit_correction(z, labels, weight)
        assert (found.kind, found.temperature, found.bias.tolist()) == ("none", 1.0, [0.0, 0.0])
        assert found(z) == pytest.approx(z)


def test_shares_of_zero() -> None:
    z = np.array([[1.0, 2.0, 5.0]])
    p = softmax(corrected(z, [0.5, 0.3, 0.2], [0.6, 0.4, 0.0]), axis=1)[0]
    assert p[2] == 0
    assert logit(p[1]) == pytest.approx(1 + np.log(0.4 / 0.6) - np.log(0.3 / 0.5))
    # A class that is in neither is out of the question; one that training never saw has no exact place.
    assert softmax(corrected(z, [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]), axis=1)[0, 1] == pytest.approx(expit(1))
    with pytest.raises(ValueError, match=r"class 2 has a share of 0\.2 .* fit one on validation"):
        exact_correction([0.5, 0.5, 0], [0.5, 0.3, 0.2])


def test_exact_where_known_and_fitted_where_not() -> None:
    likelihood, labels = SYNTHETIC[2]["val"]
    prior, even = np.bincount(labels) / len(labels), np.array([0.5, 0.5])
    shift = np.array([0.4, -0.3])
    z, ones = likelihood + np.log(even) + shift, np.ones(len(labels))

    def found(exact: bool, effective: np.ndarray, weight: np.ndarray = ones) -> Correction:
        return correction_for(exact, effective, prior, shift, z, labels, weight)

    exact = found(True, even)
    assert (exact.kind, exact.temperature) == ("exact", 1.0)
    assert exact(z) == pytest.approx(likelihood + np.log(prior))
    fitted = found(False, even)
    assert fitted.kind == "fitted"
    assert kl(likelihood + np.log(prior), fitted(z)) < 0.01
    # Training gave the class no weight at all: only a fit is left.
    assert found(True, np.array([1.0, 0.0])).kind == "fitted"


@pytest.mark.parametrize(
    ("effective", "target", "said"),
    [
        ([0.5, 0.5], [1.0], "target prior has shape"),
        ([1.0], [1.0], "effective prior has shape"),
        ([0.5, -0.5], [0.5, 0.5], "at least 0"),
        ([0.5, 0.5], [0.0, 0.0], "not all 0"),
        ([0.5, np.nan], [0.5, 0.5], "at least 0"),
    ],
)
def test_bad_priors(effective: list[float], target: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        exact_correction(effective, target)


def test_bad_fits() -> None:
    z = np.zeros((2, 2))
    with pytest.raises(ValueError, match="anchor"):
        fit_correction(z, [0, 1], anchor=[0.0, np.inf])
    with pytest.raises(ValueError, match="labels"):
        fit_correction(z, [0, 2])
    with pytest.raises(ValueError, match="finite"):
        fit_correction(np.full((2, 2), np.inf), [0, 1])
