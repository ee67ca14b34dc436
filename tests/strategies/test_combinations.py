"""One combination of each kind trains through the public `compare`, and what can't be combined is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_trainings import context_of, feed, same

from imbalance_bench.api import compare
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.result import Result
from imbalance_bench.strategies import create

STEPS = 5
KINDS = {
    "plan and loss": "oversample+balanced-softmax",
    "plan that mixes labels and weights": "mixup+class-balanced",
    "plan and weights": "square-root-sampling+class-weights",
    "loss and weights": "poly-1+class-balanced",
    "weights and weights": "class-weights+class-balanced:beta=0.9",
    "stages and loss": "drs+focal",
    "stages and loss of its own scores": "two-phase+asymmetric",
    "stages and weights": "drs+class-balanced",
    "stages on features and loss": "smote:space=features+logit-adjusted-loss",
    "head and deferred weights": "ldam+drw",
    "a stored start and loss": "crt+label-aware-smoothing",
    "a stored start and weights": "crt+drw",
    "a stored start and a head of cosines": "crt+ldam",
    "loss and scores": "class-balanced-focal+logit-adjustment",
    "stages and scores": "drs+tau-norm",
    "a stored start and scores": "crt+tau-norm:tau=0.5",
    "weights and decision": "drw+threshold",
    "scores and scores": "tau-norm:tau=1+logit-adjustment",
    "scores and scores the other way": "logit-adjustment+tau-norm:tau=1",
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("combinations")


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    settings: dict[str, Any] = {"dataset": "digits", "imbalance_ratio": 10, "seeds": 1, "workers": 0}
    settings |= {"steps": STEPS, "batch_size": 32, "device": "cpu", "results": folder}
    return compare(",".join(KINDS.values()), **settings)


@pytest.fixture(scope="module")
def rows(result: Result) -> dict[str, dict[str, Any]]:
    assert result["failures"] == []
    return {row["strategy"]: dict(row) for row in result["rows"]}


@pytest.fixture(scope="module")
def stored(result: Result, folder: Path) -> dict[str, StoredRun]:
    return {run.config.strategy: run for run in find_runs(folder)[0]}


@pytest.mark.parametrize("spec", KINDS.values(), ids=KINDS)
def test_each_kind_gives_finite_numbers(rows: dict[str, dict[str, Any]], spec: str) -> None:
    row = rows[create(spec).spec]
    for name in ("macro_f1", "balanced_accuracy", "macro_ap", "macro_auc", "log_loss", "brier", "ece"):
        assert np.isfinite(row[name]), name
    assert row["n"] == 1
    assert row["optimizer_steps"] == (2 * STEPS if "crt" in spec else STEPS)


def test_only_what_trains_is_stored(stored: dict[str, StoredRun]) -> None:
    afterwards = ("tau-norm", "logit-adjustment", "threshold")
    trained = {
        "+".join(part for part in create(spec).spec.split("+") if not part.startswith(afterwards))
        for spec in KINDS.values()
    }
    assert set(stored) == (trained - {""}) | {"cross-entropy"}


def test_two_adjustments_go_in_the_order_written(
    rows: dict[str, dict[str, Any]], stored: dict[str, StoredRun]
) -> None:
    run = stored["cross-entropy"]
    counts = np.array(run.record["class_counts"])
    lengths = np.linalg.norm(run.head_weight().astype(float), axis=1)
    factor = np.exp(np.log(lengths).mean()) / lengths
    z, shift = run.predictions["test_logits"] - run.head_bias().astype(float), np.log(counts / counts.sum())
    labels = run.predictions["test_labels"]
    expected = {
        "tau-norm:tau=1+logit-adjustment": z * factor - shift,
        "logit-adjustment+tau-norm:tau=1": (z - shift) * factor,
    }
    for spec, scores in expected.items():
        log_sum = np.log(np.exp(scores).sum(axis=1))
        loss = (log_sum - scores[np.arange(len(labels)), labels]).mean()
        assert rows[spec]["log_loss"] == pytest.approx(loss, rel=1e-6), spec
    assert len({rows[spec]["log_loss"] for spec in expected}) == 2


def test_a_decision_leaves_the_scores(rows: dict[str, dict[str, Any]], stored: dict[str, StoredRun]) -> None:
    plain = stored["drw"].record["metrics"]
    tuned = rows["drw+threshold"]
    assert {name: tuned[name] for name in ("macro_ap", "log_loss")} == pytest.approx(
        {name: plain[name] for name in ("macro_ap", "log_loss")}
    )


def test_weights_multiply_and_the_prior_shows_it(stored: dict[str, StoredRun]) -> None:
    record = stored[KINDS["weights and weights"]].record
    counts = np.array(record["class_counts"], dtype=float)
    effective = np.array([sum(0.9**i for i in range(int(n))) for n in counts])
    expected = counts / counts / effective
    np.testing.assert_allclose(record["effective_prior"], expected / expected.sum(), rtol=1e-9)


@pytest.mark.parametrize(
    ("spec", "power"),
    [
        # Rows drawn as n^a, weights n^-b, shift taken out as n^c: a - b - c.
        ("oversample+balanced-softmax", -1.0),
        ("square-root-sampling+class-weights", -0.5),
        ("square-root-sampling+balanced-softmax", -0.5),
        ("class-balanced-sampling+class-weights+balanced-softmax", -2.0),
    ],
)
def test_what_is_corrected_twice_shows_in_the_prior(spec: str, power: float) -> None:
    counts = np.array([64.0, 16.0, 4.0])
    # Rows of a pass are whole numbers: 12 of 84 may be 12.3.
    found = feed(create(spec), (64, 16, 4), 2).told.effective_prior
    np.testing.assert_allclose(found, counts**power / (counts**power).sum(), rtol=0.1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("drs+focal", "focal+drs"),
        ("oversample+poly-1", "poly-1+oversample"),
        ("ldam+drw", "drw+ldam"),
        ("class-balanced+class-weights", "class-weights+class-balanced"),
    ],
)
def test_the_order_of_what_trains_does_not_matter(one: str, other: str) -> None:
    assert same(feed(create(one), steps=4), feed(create(other), steps=4))


@pytest.mark.parametrize("part", ["drs", "focal"])
def test_both_parts_of_a_combination_act(part: str) -> None:
    assert not same(feed(create("drs+focal"), steps=10), feed(create(part), steps=10))


def test_a_stage_of_resampling_and_late_weights_begin_together() -> None:
    both = create("drs+drw")
    assert [stage.fraction for stage in both.stages()] == pytest.approx([0.8, 0.2])
    found = [both.weights(context_of([60, 15, 9]), at) is None for at in (0.79, 0.8)]
    assert found == [True, False]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "balanced-softmax+logit-adjusted-loss",
            "balanced-softmax and logit-adjusted-loss, which both set the",
        ),
        ("ldam+poly-1", "ldam and poly-1, which both set the loss"),
        ("class-balanced-focal+asymmetric", "class-balanced-focal and asymmetric, which both set the loss"),
        ("crt+mixup", "crt and mixup, which both set which rows are drawn"),
        ("smote+drs", "smote and drs, which both set which rows are drawn"),
        ("two-phase+crt", "two-phase and crt, which both set which rows are drawn"),
        (
            "square-root-sampling+undersample",
            "square-root-sampling and undersample, which both set which rows",
        ),
        ("drw+drw:start=0.5", "holds 'drw' twice; keep one"),
        ("drw+ldam+tau-norm", "tau-norm reads the weights of a linear head, and ldam has a head of cosines"),
    ],
)
def test_what_can_not_be_combined_is_refused_by_both_names(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)


def test_all_numbers_are_json(result: Result) -> None:
    assert "NaN" not in json.dumps(result)
