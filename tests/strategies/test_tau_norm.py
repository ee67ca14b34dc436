"""Tau-normalisation against Kang et al.'s formula on known features and heads, and on stored ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trainings import context_of
from safetensors.numpy import load_file
from scipy.stats import gmean
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from imbalance_bench.api import compare
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.result import Result
from imbalance_bench.strategies import FittingData, create
from imbalance_bench.strategies.base import Floats

GRID = [i / 10 for i in range(21)]
CONTEXT = context_of([80, 15, 5])
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "imbalance_ratio": 20,
    "steps": 12,
    "batch_size": 32,
    "seeds": 1,
    "workers": 0,
    "device": "cpu",
}

pytestmark = pytest.mark.usefixtures("one_thread")


def by_kang(x: Floats, weight: Floats, tau: float) -> Floats:
    """Kang et al. 2020, section 4.2: w / |w|^tau, no bias; times one factor that keeps the scale."""
    lengths = np.linalg.norm(weight, axis=1)
    return x @ (weight / lengths[:, None] ** tau * gmean(lengths) ** tau).T


def fitting(x: Floats, weight: Floats, bias: Floats, labels: Any, metric: str = "macro_f1") -> FittingData:
    return FittingData(
        x @ weight.T + bias,
        np.asarray(labels),
        np.ones(len(x)),
        lambda: weight.astype(np.float32),
        metric,
        lambda: bias.astype(np.float32),
    )


def case(seed: int, n: int = 300, lengths: tuple[float, ...] = (3.0, 1.0, 0.5)) -> tuple[Any, ...]:
    """Features, a head that prefers the large classes, its biases, and labels that follow a fairer one."""
    rng = np.random.default_rng(seed)
    c = len(lengths)
    direction = rng.normal(size=(c, 8))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # What float32 holds exactly, as stored heads are float32.
    weight = (direction * np.array(lengths)[:, None]).astype(np.float32).astype(float)
    bias = rng.normal(size=c).astype(np.float32).astype(float)
    x = rng.normal(size=(n, 8))
    labels = (x @ direction.T + rng.gumbel(scale=0.5, size=(n, c)) + np.linspace(0.8, 0, c)).argmax(1)
    return x, weight, bias, labels


@given(
    st.integers(0, 99), st.floats(0, 10), st.sampled_from([(3.0, 1.0), (0.01, 50.0), (2.0, 1.0, 0.3, 9.0)])
)
def test_the_papers_formula(seed: int, tau: float, lengths: tuple[float, ...]) -> None:
    x, weight, bias, labels = case(seed, 20, lengths)
    adjust = create(f"tau-norm:tau={tau!r}").fit_adjust(
        fitting(x, weight, bias, labels), context_of([9] * len(lengths))
    )
    new = np.random.default_rng(seed + 1).normal(size=(15, 8))
    found, expected = adjust(new @ weight.T + bias), by_kang(new, weight, tau)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


def test_tau_0_drops_the_biases_only() -> None:
    x, weight, bias, labels = case(1)
    adjust = create("tau-norm:tau=0").fit_adjust(fitting(x, weight, bias, labels), CONTEXT)
    np.testing.assert_allclose(adjust(x @ weight.T + bias), x @ weight.T, atol=1e-12)


def test_tau_1_makes_all_lengths_equal() -> None:
    # By hand: lengths 4 and 1, geometric mean 2; scores halved and doubled.
    weight, bias = np.array([[0.0, 4.0], [1.0, 0.0]]), np.array([0.5, -0.25])
    adjust = create("tau-norm:tau=1").fit_adjust(
        fitting(np.ones((2, 2)), weight, bias, [0, 1]), context_of([9, 1])
    )
    np.testing.assert_allclose(adjust(np.array([[8.5, 2.75]])), [[4.0, 6.0]])


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "mcc", "worst_class_recall"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fit_takes_the_best_of_the_grid_for_the_metric(metric: str, seed: int) -> None:
    measures = {
        "macro_f1": lambda y, d: f1_score(y, d, average="macro"),
        "balanced_accuracy": balanced_accuracy_score,
        "mcc": matthews_corrcoef,
        "worst_class_recall": lambda y, d: min((d[y == c] == c).mean() for c in range(3)),
    }
    x, weight, bias, labels = case(seed)
    values = [measures[metric](labels, by_kang(x, weight, tau).argmax(1)) for tau in GRID]
    # Of equally good ones the least.
    best = next(tau for tau, value in zip(GRID, values, strict=True) if value > max(values) - 1e-9)
    found = create("tau-norm").fit_adjust(fitting(x, weight, bias, labels, metric), CONTEXT)
    np.testing.assert_allclose(found(x @ weight.T + bias), by_kang(x, weight, best), rtol=1e-6, atol=1e-9)
    assert 0 < best < 2


def test_the_fit_weighs_validation_rows() -> None:
    x, weight, bias, labels = case(0)
    plain = fitting(x, weight, bias, labels, "accuracy")
    # Rows counted thrice are rows that stand there thrice.
    times = np.where(labels == 2, 5, 1)
    again = np.repeat(np.arange(300), times)
    repeated = fitting(x[again], weight, bias, labels[again], "accuracy")
    weighted = FittingData(
        plain.logits, labels, times.astype(float), plain.head_weight, "accuracy", plain.head_bias
    )
    logits = x @ weight.T + bias
    found = [create("tau-norm").fit_adjust(run, CONTEXT)(logits) for run in (plain, repeated, weighted)]
    np.testing.assert_allclose(found[1], found[2])
    assert not np.allclose(found[0], found[2])


@pytest.mark.parametrize("tau", ["fit", "0", "1", "10"])
def test_a_weight_vector_of_length_0_gives_numbers(tau: str) -> None:
    x, weight, bias, labels = case(0)
    weight[1] = 0
    adjust = create(f"tau-norm:tau={tau}").fit_adjust(fitting(x, weight, bias, labels), CONTEXT)
    found = adjust(x @ weight.T + bias)
    assert np.isfinite(found).all()
    # It says nothing of any image, so its scores stay 0.
    np.testing.assert_array_equal(found[:, 1], np.zeros(len(x)))


def test_what_it_says_of_itself() -> None:
    assert create("tau-norm").requires == "cross-entropy"
    assert not create("tau-norm").prior_is_exact
    assert create("tau-norm:tau=fit").spec == "tau-norm"


@pytest.mark.parametrize("tau", ["-0.1", "10.5", "best", "nan"])
def test_tau_out_of_range_is_refused(tau: str) -> None:
    with pytest.raises(RequestError, match=f"tau is .*{tau}.*at least 0 and at most 10 or 'fit'"):
        create(f"tau-norm:tau={tau}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tau")


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return compare("tau-norm,tau-norm:tau=1,oversample+tau-norm:tau=0.5", results=folder, **SETTINGS)


def scores(run: StoredRun, part: str, tau: float) -> Floats:
    head = load_file(run.folder / "weights.safetensors")
    weight, bias = head["head.weight"].astype(float), head["head.bias"].astype(float)
    lengths = np.linalg.norm(weight, axis=1)
    unbiased = run.predictions[f"{part}_logits"].astype(float) - bias
    return np.asarray(unbiased * (gmean(lengths) / lengths) ** tau)


def test_it_reads_the_stored_head_and_trains_nothing(result: Result, folder: Path) -> None:
    assert result["failures"] == []
    stored = {run.config.strategy: run for run in find_runs(folder)[0]}
    assert set(stored) == {"cross-entropy", "oversample"}
    table = {row["strategy"]: row for row in result["rows"]}
    plain = stored["cross-entropy"]
    labels = plain.predictions["val_labels"]
    values = [f1_score(labels, scores(plain, "val", tau).argmax(1), average="macro") for tau in GRID]
    fitted = GRID[int(np.argmax(values))]
    for spec, trained, tau in (
        ("tau-norm", "cross-entropy", fitted),
        ("tau-norm:tau=1", "cross-entropy", 1.0),
        ("oversample+tau-norm:tau=0.5", "oversample", 0.5),
    ):
        labels = stored[trained].predictions["test_labels"]
        decided = scores(stored[trained], "test", tau).argmax(1)
        assert table[spec]["macro_f1"] == pytest.approx(f1_score(labels, decided, average="macro")), spec
        assert table[spec]["optimizer_steps"] == SETTINGS["steps"]
    assert table["tau-norm"]["macro_f1"] != table["cross-entropy"]["macro_f1"]
