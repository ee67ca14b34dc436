"""What the command line and the library share: a comparison and a single run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from imbalance_bench.config import Settings, merge
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.execution import Outcome
from imbalance_bench.experiments.planning import (
    Arm,
    Plan,
    check_data,
    dataset_list,
    naming,
    plan,
    plan_each,
    together,
)
from imbalance_bench.experiments.runner import Progress, execute
from imbalance_bench.experiments.store import Store, StoredRun
from imbalance_bench.report.arms import Failure, tuned_metric
from imbalance_bench.report.comparison import BASELINE, comparison, test_prior
from imbalance_bench.report.notices import notices
from imbalance_bench.report.ranks import several, shared_metric
from imbalance_bench.report.reading import AIMS, Reading
from imbalance_bench.report.result import Result
from imbalance_bench.report.rows import per_class, summary
from imbalance_bench.strategies.registry import create, create_list

DEFAULT_STRATEGIES = "cross-entropy,undersample,oversample,smote,focal,logit-adjustment"
DEFAULT_SEEDS = 3


class _Silent:
    def start(self, missing: int, stored: int, workers: int) -> None:
        """Nothing is said."""

    def ended(self, outcome: Outcome) -> None:
        """Nothing is said."""


def compare(strategies: str | Sequence[str] | None = None, **settings: object) -> Result:
    """Train every strategy on the same data, splits and initial weights, and compare them.

    With several data sets, as `dataset=["digits", "synthetic"]`, there is a comparison for each under
    "comparisons", and the strategies' ranks over the data sets under "ranks": `frame("ranks")`.

    Args:
        strategies: comma-separated specs or a list of them; default: cross-entropy, undersample,
            oversample, smote, focal and logit-adjustment.
        settings: the command line's flags with underscores, as `dataset="digits"`, `seeds=3`,
            `results="results"`.

    Returns:
        The object of `imbench compare --format json`, a dict whose tables are also DataFrames:
        `frame("rows")`, `frame("per_class")`, `frame("per_rank")`. Runs that failed stand under "failures".

    Raises:
        RequestError: where the request or the data are refused.
    """
    return compare_settings(merge(None, _plain({"strategies": strategies, **settings})))


def run(strategy: str = BASELINE, **settings: object) -> Result:
    """Train one strategy; its per-class table and metrics.

    Args:
        strategy: a spec, as "focal" or "oversample+focal:gamma=1".
        settings: the command line's flags with underscores; any other keyword is a parameter of the
            strategy, as `alpha=0.25`.

    Returns:
        The object of `imbench run --format json`.

    Raises:
        RequestError: where the request or the data are refused.
        RuntimeError: where every seed failed.
    """
    shared = [name for name in Settings.model_fields if name not in AIMS]
    flags = {name: value for name, value in settings.items() if name in shared}
    params = {name: value for name, value in settings.items() if name not in flags}
    return run_settings(merge(None, _plain({"strategy": strategy, **flags})), params)


def compare_settings(settings: Settings, progress: Progress | None = None) -> Result:
    """`compare` from validated settings."""
    reading = Reading.of(settings)
    if settings.strategy is not None:
        raise RequestError("compare takes `strategies`, a list; `strategy` belongs to `run`.")
    strategies = create_list(settings.strategies or DEFAULT_STRATEGIES)
    if BASELINE not in [strategy.spec for strategy in strategies]:
        strategies.insert(0, create(BASELINE))
    if len(dataset_list(settings)) == 1:
        planned = plan(settings, strategies, default_seeds=DEFAULT_SEEDS)
        reading.check(planned.class_names)
        return _compared(planned, execute(planned, progress or _Silent()), reading)
    plans = plan_each(settings, strategies, default_seeds=DEFAULT_SEEDS)
    for planned in plans:
        with naming(planned.dataset):
            reading.check(planned.class_names)
    check_data(plans)
    outcomes = execute(together(plans), progress or _Silent())
    if settings.primary_metric is None:
        reading = replace(reading, primary_metric=shared_metric(reading))
    results = []
    for planned in plans:
        with naming(planned.dataset):
            results.append(_compared(planned, outcomes, reading))
    return several(results, named=settings.primary_metric is not None)


def _compared(planned: Plan, outcomes: Sequence[Outcome], reading: Reading) -> Result:
    """The comparison on one data set, from its stored runs."""
    runs, failures = _came_through(planned, outcomes)
    arms = reading.arms([(arm.strategy, _finished(arm, runs)) for arm in planned.arms])
    content = comparison(
        arms,
        failures,
        dataset=planned.dataset,
        seeds=planned.seeds,
        class_names=planned.class_names,
        reading=reading,
    )
    return Result(content, notices(arms))


def run_settings(
    settings: Settings, params: Mapping[str, object], progress: Progress | None = None
) -> Result:
    """`run` from validated settings and the strategy's own parameters."""
    reading = Reading.of(settings)
    if settings.strategies is not None:
        raise RequestError("run takes one `strategy`; `strategies` belongs to `compare`.")
    if settings.prevalence is not None:
        raise RequestError(
            "prevalence belongs to compare, report and evaluate: run shows no predictive values."
        )
    aims = {name: value for name in AIMS if (value := getattr(settings, name)) is not None}
    strategy = create(settings.strategy or BASELINE, **aims, **params)
    planned = plan(settings, [strategy], default_seeds=1)
    runs, failures = _came_through(planned, execute(planned, progress or _Silent()))
    finished = _finished(planned.arms[0], runs)
    if not finished:
        raise RunFailedError(failures[0].error)
    arm = reading.one(strategy, finished)
    failures += arm.failures
    if not arm.runs:
        raise RunFailedError(failures[0].error)
    content = {
        "dataset": planned.dataset,
        "strategy": strategy.spec,
        "threshold_metric": tuned_metric(settings.primary_metric),
        "seeds": [run.config.seed for run in arm.runs],
        "test_prior": test_prior([arm], planned.class_names),
        "per_class": [
            {key: value for key, value in row.items() if key != "strategy"}
            for row in per_class(arm, planned.class_names)
        ],
        "summary": summary(arm),
        "runs": [str(run.folder) for run in arm.runs],
        "failures": [vars(failure) for failure in failures],
    }
    return Result(content, notices([arm]))


class RunFailedError(RuntimeError):
    """No seed of a `run` came through."""


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values with numpy's numbers and arrays as Python's."""
    return {name: v.tolist() if hasattr(v, "tolist") else v for name, v in values.items()}


def _came_through(planned: Plan, ended: Sequence[Outcome]) -> tuple[dict[str, StoredRun], list[Failure]]:
    """The plan's finished runs by key, and what failed, once for each strategy that needed it."""
    outcomes = {o.config.key(): o for o in ended}
    own = {config.key() for wave in planned.waves for config in wave}
    refused = [o for key, o in outcomes.items() if key in own and o.status == "refused"]
    if refused and len(refused) == len(own):
        raise RequestError(refused[0].error)
    store = Store(planned.settings.results)
    runs = {
        config.key(): found
        for arm in planned.arms
        for config in arm.configs
        if (found := store.find(config)) is not None
    }
    failures = [
        Failure(arm.strategy.spec, config.seed, outcomes[config.key()].error)
        for arm in planned.arms
        for config in arm.configs
        if config.key() in outcomes and config.key() not in runs
    ]
    return runs, failures


def _finished(arm: Arm, runs: Mapping[str, StoredRun]) -> list[StoredRun]:
    return [runs[config.key()] for config in arm.configs if config.key() in runs]
