"""The rows of a comparison before they are numbers: strategies and references, scored seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from imbalance_bench.errors import RefusedError
from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.experiments.parts import Scores
from imbalance_bench.experiments.scoring import TUNED_FOR, score, score_bayes, score_majority
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.report.estimates import protocol_of
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.checked import FaultyError
from imbalance_bench.strategies.composite import combine, fills, parts_of
from imbalance_bench.strategies.registry import BAYES, MAJORITY, create

Kind = Literal["requested", "tuned", "reference"]


@dataclass(frozen=True)
class ScoredArm:
    """A row of the comparison: finished runs and what each gives, seed by seed.

    Attributes:
        name: a strategy's canonical spec, or the name of a reference.
        strategy: None for a reference, which trains nothing.
        kind: asked for by the user, the same with a tuned threshold, or a reference.
        tunes: the name of the arm that this one is with a tuned threshold.
        failures: the finished runs that could not be scored; they are not among `runs`.
    """

    name: str
    strategy: Strategy | None
    runs: tuple[StoredRun, ...]
    scores: tuple[Scores, ...]
    kind: Kind = "requested"
    tunes: str | None = None
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A run that is not there, and why."""

    strategy: str
    seed: int
    error: str


def score_arm(
    strategy: Strategy,
    runs: Sequence[StoredRun],
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    like: ScoredArm | None = None,
    prevalence: float | None = None,
) -> ScoredArm:
    """All numbers of one strategy; RequestError where the test prior can't be had.

    `like` is the arm that this one is with a tuned threshold. A run on which the strategy's own code fails
    is a failure, and the others are scored without it.
    """
    resample = resampling(runs)
    known: Sequence[Scores | None] = like.scores if like is not None else (None,) * len(runs)
    scored: list[tuple[StoredRun, Scores]] = []
    failures = []
    for run, same in zip(runs, known, strict=True):
        try:
            scored.append((run, score(run, strategy, test_prior, tuned_for, resample, same, prevalence)))
        except (FaultyError, RefusedError) as error:
            failures.append(Failure(strategy.spec, run.config.seed, str(error)))
    kept = tuple(run for run, _ in scored)
    if failures and resampling(kept) != resample:
        like = None if like is None else _of_runs(like, kept)
        again = score_arm(strategy, kept, test_prior, tuned_for, like, prevalence)
        return replace(again, failures=(*failures, *again.failures))
    return ScoredArm(
        strategy.spec,
        strategy,
        kept,
        tuple(scores for _, scores in scored),
        "requested" if like is None else "tuned",
        None if like is None else like.name,
        tuple(failures),
    )


def _of_runs(arm: ScoredArm, runs: Sequence[StoredRun]) -> ScoredArm:
    """The arm with some of its runs only."""
    left = [(run, scores) for run, scores in zip(arm.runs, arm.scores, strict=True) if run in runs]
    return replace(arm, runs=tuple(run for run, _ in left), scores=tuple(scores for _, scores in left))


def resampling(runs: Sequence[StoredRun]) -> bool:
    """Whether intervals need resampled test rows: for one seed, or where all seeds share the test rows."""
    return len(runs) == 1 or protocol_of(runs).resamples


def with_companions(
    arms: Sequence[ScoredArm],
    test_prior: str,
    tuned_for: str = TUNED_FOR,
    threshold: Strategy | None = None,
    prevalence: float | None = None,
) -> list[ScoredArm]:
    """The arms; each that decides by argmax again with a tuned threshold; the references. Trains nothing.

    `threshold` is the strategy that tunes; by default for `tuned_for`. `prevalence` is that of the arms: a
    tuned arm takes their predictive values, and is kept under it.
    """
    threshold = threshold or create("threshold")
    found = {arm.name: arm for arm in arms}
    for arm in arms:
        if arm.strategy is None or fills(arm.strategy, "fit_decision"):
            continue
        if not all("val_labels" in run.predictions for run in arm.runs):
            continue  # nothing to fit a threshold on
        tuned = combine([*parts_of(arm.strategy), threshold])
        if tuned.spec in found:
            found[tuned.spec] = replace(found[tuned.spec], tunes=arm.name)
        else:
            found[tuned.spec] = score_arm(
                tuned, arm.runs, test_prior, tuned_for, like=arm, prevalence=prevalence
            )
    by_seed = {run.config.seed: run for arm in reversed(arms) for run in arm.runs}
    runs = tuple(by_seed[seed] for seed in sorted(by_seed))
    resample = resampling(runs)
    bayes = [(run, scores) for run in runs if (scores := score_bayes(run, test_prior, resample)) is not None]
    if bayes:
        known, values = zip(*bayes, strict=True)
        found[BAYES] = ScoredArm(BAYES, None, known, values, "reference")
    majority = tuple(score_majority(run, test_prior, resample) for run in runs)
    found[MAJORITY] = ScoredArm(MAJORITY, None, runs, majority, "reference")
    return list(found.values())


def tuned_metric(primary_metric: str | None) -> str:
    """What decisions are tuned for: the primary metric where it is one of decisions, else macro F1."""
    return primary_metric if primary_metric in DECISION_METRICS else TUNED_FOR
