"""The rows that come by themselves: each strategy with a tuned threshold, and the references."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import StoredComparison
from helpers import kinds, run_folders

from imbalance_bench.api import compare
from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.experiments.scoring import score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.arms import ScoredArm, score_arm, tuned_metric, with_companions
from imbalance_bench.report.comparison import comparison
from imbalance_bench.report.notices import notices
from imbalance_bench.report.reading import Reading
from imbalance_bench.report.rows import summary
from imbalance_bench.stored import stored_comparisons
from imbalance_bench.strategies.base import Context, Decide, FittingData, Strategy
from imbalance_bench.strategies.registry import create, trained_part

SETTINGS: dict[str, Any] = {
    "dataset": "synthetic:train=300,val=200,test=300,prevalence=0.3",
    "steps": 20,
    "batch_size": 32,
    "seeds": 2,
    "workers": 0,
    "device": "cpu",
}
STRATEGIES = "focal,oversample+logit-adjustment,undersample+threshold"
COSTS = ("optimizer_steps", "samples_seen", "passes", "train_seconds")


def runs_of(stored: StoredComparison, spec: str) -> list[StoredRun]:
    trained = trained_part(create(spec)).spec
    runs = [run for run in find_runs(stored.folder)[0] if run.config.strategy == trained]
    return sorted(runs, key=lambda run: run.config.seed)


def arm_of(stored: StoredComparison, spec: str, seeds: tuple[int, ...] = (0, 1)) -> ScoredArm:
    runs = [run for run in runs_of(stored, spec) if run.config.seed in seeds]
    return score_arm(create(spec), runs, "dataset")


def knowing(run: StoredRun) -> StoredRun:
    """The same run with a likelihood, that of its own logits."""
    found = StoredRun(run.folder, run.record)
    found.__dict__["predictions"] = {
        **run.predictions,
        "test_log_likelihood": run.predictions["test_logits"],
    }
    return found


def named(arms: list[ScoredArm]) -> list[tuple[str, str, list[int]]]:
    return [(arm.name, arm.kind, [run.config.seed for run in arm.runs]) for arm in arms]


def test_each_that_decides_by_argmax_is_tuned_once(stored: StoredComparison) -> None:
    specs = (
        "focal",
        "cross-entropy+threshold",
        "cross-entropy",
        "focal+logit-adjustment",
        "threshold:metric=mcc",
    )
    found = with_companions([arm_of(stored, spec) for spec in specs], "dataset")
    both = [0, 1]
    assert named(found) == [
        ("focal", "requested", both),
        ("cross-entropy+threshold", "requested", both),  # at its place, and not again
        ("cross-entropy", "requested", both),
        ("focal+logit-adjustment", "requested", both),
        ("threshold:metric=mcc", "requested", both),  # has a decision place of its own
        ("focal+threshold", "tuned", both),
        ("focal+logit-adjustment+threshold", "tuned", both),
        ("majority-class", "reference", both),
    ]
    for arm in found[5:7]:
        wanted = arm_of(stored, arm.name)
        assert summary(arm) == summary(wanted)
        assert arm.strategy == wanted.strategy


def test_what_acts_on_a_stored_run_alone_is_tuned_too(stored: StoredComparison) -> None:
    found = with_companions([arm_of(stored, "logit-adjustment")], "dataset")
    assert [arm.name for arm in found] == [
        "logit-adjustment",
        "logit-adjustment+threshold",
        "majority-class",
    ]


@dataclass(frozen=True)
class Always(Strategy):
    """Decides for class 7."""

    name: ClassVar[str] = "always"

    def fit_decision(self, run: FittingData, context: Context) -> Decide:
        return lambda logits: np.full(len(logits), 7)


def test_a_decision_of_ones_own_is_left_alone(stored: StoredComparison) -> None:
    runs = runs_of(stored, "cross-entropy")
    found = with_companions([score_arm(Always(), runs, "dataset")], "dataset")
    assert [arm.name for arm in found] == ["always", "majority-class"]


def test_it_is_tuned_for_what_is_asked(stored: StoredComparison) -> None:
    arms = [arm_of(stored, "cross-entropy")]
    for metric in ("balanced_accuracy", "worst_class_recall"):
        found = with_companions(arms, "dataset", metric)[1]
        wanted = arm_of(stored, f"cross-entropy+threshold:metric={metric}")
        assert (found.name, found.kind) == ("cross-entropy+threshold", "tuned")
        assert summary(found) == summary(wanted)


def test_arms_without_runs_have_empty_companions(stored: StoredComparison) -> None:
    found = with_companions([arm_of(stored, "focal", ()), arm_of(stored, "undersample", (1,))], "dataset")
    assert named(found) == [
        ("focal", "requested", []),
        ("undersample", "requested", [1]),
        ("focal+threshold", "tuned", []),
        ("undersample+threshold", "tuned", [1]),
        ("majority-class", "reference", [1]),
    ]
    nothing = with_companions([arm_of(stored, "focal", ())], "dataset")
    assert named(nothing) == [
        ("focal", "requested", []),
        ("focal+threshold", "tuned", []),
        ("majority-class", "reference", []),
    ]
    result = made(nothing)
    json.dumps(result, allow_nan=False)
    assert [row["macro_f1"] for row in result["rows"]] == [None] * 3
    assert len(result["per_class"]) == 30


def made(arms: list[ScoredArm]) -> dict[str, Any]:
    return comparison(
        arms, [], dataset="digits", seeds=[0, 1], class_names=tuple("0123456789"), reading=Reading()
    )


def test_references_stand_for_every_seed_that_any_arm_has(stored: StoredComparison) -> None:
    arms = [arm_of(stored, "focal", (1,)), arm_of(stored, "cross-entropy", (0,))]
    known = [ScoredArm(arm.name, arm.strategy, tuple(map(knowing, arm.runs)), arm.scores) for arm in arms]
    assert named(with_companions(known, "dataset"))[-2:] == [
        ("bayes-optimal", "reference", [0, 1]),
        ("majority-class", "reference", [0, 1]),
    ]
    # Of a seed whose run does not know its likelihood there is no exact posterior.
    assert named(with_companions([known[0], arms[1]], "dataset"))[-2:] == [
        ("bayes-optimal", "reference", [1]),
        ("majority-class", "reference", [0, 1]),
    ]
    assert "bayes-optimal" not in [arm.name for arm in with_companions(arms, "dataset")]


@pytest.mark.parametrize("kind", ["dataset", "train", "uniform"])
def test_reference_rows_hold_their_scores_and_no_costs(stored: StoredComparison, kind: str) -> None:
    runs = [knowing(run) for run in runs_of(stored, "cross-entropy")]
    found = with_companions([score_arm(create("cross-entropy"), runs, kind)], kind)
    result = made(found)
    assert kinds(result) == [
        ("cross-entropy", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("bayes-optimal", "reference"),
        ("majority-class", "reference"),
    ]
    for row, scoring in zip(result["rows"][2:], (score_bayes, score_majority), strict=True):
        each = [scoring(run, kind) for run in runs]
        for name in METRICS:
            values = [one.summary[name] for one in each if one is not None]
            assert row[name] == pytest.approx(np.mean(values)), name
        assert row["n"] == 2
        assert [row[name] for name in COSTS] == [None] * 4
        assert len([r for r in result["per_class"] if r["strategy"] == row["strategy"]]) == 10
        ranks = [r for r in result["per_rank"] if r["strategy"] == row["strategy"]]
        assert [r["rank"] for r in ranks] == list(range(1, 11))
    plain, tuned = result["rows"][:2]
    assert [tuned[name] for name in COSTS] == [plain[name] for name in COSTS]
    assert plain["optimizer_steps"] == 12


def test_companions_are_silent(stored: StoredComparison) -> None:
    arms = [arm_of(stored, spec) for spec in ("cross-entropy", "oversample", "oversample+logit-adjustment")]
    said = notices(arms)
    assert len(said) == 2
    assert notices(with_companions(arms, "dataset")) == said


@pytest.mark.parametrize(
    ("primary", "tuned_for"),
    [
        (None, "macro_f1"),
        *((name, name) for name in DECISION_METRICS),
        *(
            (name, "macro_f1")
            for name in ("macro_ap", "minority_ap", "macro_auc", "log_loss", "brier", "ece")
        ),
    ],
)
def test_tuned_metric(primary: str | None, tuned_for: str) -> None:
    assert tuned_metric(primary) == tuned_for


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four trained strategies on a data set that knows its likelihood."""
    folder = tmp_path_factory.mktemp("drawn")
    compare(STRATEGIES, results=folder, **SETTINGS)
    return folder


def test_nothing_trained_beats_the_posterior(drawn: Path) -> None:
    """In log-loss, which the posterior makes least in expectation: by no more than three standard errors."""
    result = compare(STRATEGIES, results=drawn, **SETTINGS)
    best = next(row for row in result["rows"] if row["strategy"] == "bayes-optimal")
    trained = [row for row in result["rows"] if row["kind"] != "reference"]
    assert len(trained) == 7
    assert all(best["log_loss"] < row["log_loss"] for row in trained)
    for run in find_runs(drawn)[0]:
        labels = run.predictions["test_labels"]
        prior = np.bincount(labels) / len(labels)
        loss = []
        for scores in (
            run.predictions["test_logits"].astype(float),
            run.predictions["test_log_likelihood"] + np.log(prior),
        ):
            log_p = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
            loss.append(-log_p[np.arange(len(labels)), labels])
        gain = loss[0] - loss[1]
        assert gain.mean() > -3 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize(
    ("test_prior", "primary"),
    [
        ("dataset", None),
        ("uniform", "balanced_accuracy"),
        ("dataset", "worst_class_recall"),
        ("train", "log_loss"),
    ],
)
def test_a_report_from_the_store_gives_the_same_rows(
    drawn: Path, test_prior: str, primary: str | None
) -> None:
    before = run_folders(drawn)
    asked = {"test_prior": test_prior, "primary_metric": primary}
    whole = compare(STRATEGIES, results=drawn, **SETTINGS, **asked)
    assert kinds(whole) == [
        ("cross-entropy", "requested"),
        ("focal", "requested"),
        ("oversample+logit-adjustment", "requested"),
        ("undersample+threshold", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("focal+threshold", "tuned"),
        ("oversample+logit-adjustment+threshold", "tuned"),
        ("bayes-optimal", "reference"),
        ("majority-class", "reference"),
    ]
    (found,) = stored_comparisons(
        drawn, f"cross-entropy,{STRATEGIES}", Reading(test_prior=test_prior, primary_metric=primary)
    )
    assert dict(found) == dict(whole)
    assert found.notices == whole.notices
    if primary == "worst_class_recall":
        plain = compare(STRATEGIES, results=drawn, **SETTINGS)
        assert plain["rows"][3]["worst_class_recall"] != whole["rows"][3]["worst_class_recall"]
    assert run_folders(drawn) == before
