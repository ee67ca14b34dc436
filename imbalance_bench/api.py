"""What the command line and the library share: a comparison, a single run, and reading stored runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imbalance_bench.config import RunConfig, Settings, merge
from imbalance_bench.errors import RequestError, nearest
from imbalance_bench.evaluation.names import METRICS
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
from imbalance_bench.experiments.store import Store, StoredRun, find_runs
from imbalance_bench.report.comparison import (
    Failure,
    comparison,
    per_class,
    score_arm,
    summary,
    test_prior,
    tuned_metric,
    with_companions,
)
from imbalance_bench.report.notices import notices
from imbalance_bench.report.ranks import SHARED_METRIC, several, treated_alike
from imbalance_bench.report.result import Result as Result
from imbalance_bench.strategies.base import Context, Strategy
from imbalance_bench.strategies.registry import create, create_list, trained_part

if TYPE_CHECKING:
    import pandas as pd

BASELINE = "cross-entropy"
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
    flags = {name: value for name, value in settings.items() if name in Settings.model_fields}
    params = {name: value for name, value in settings.items() if name not in flags}
    return run_settings(merge(None, _plain({"strategy": strategy, **flags})), params)


def compare_settings(settings: Settings, progress: Progress | None = None) -> Result:
    """`compare` from validated settings."""
    check_metric(settings.primary_metric)
    if settings.strategy is not None:
        raise RequestError("compare takes `strategies`, a list; `strategy` belongs to `run`.")
    strategies = create_list(settings.strategies or DEFAULT_STRATEGIES)
    if BASELINE not in [strategy.spec for strategy in strategies]:
        strategies.insert(0, create(BASELINE))
    if len(dataset_list(settings)) == 1:
        planned = plan(settings, strategies, default_seeds=DEFAULT_SEEDS)
        return _compared(planned, execute(planned, progress or _Silent()), settings.primary_metric)
    plans = plan_each(settings, strategies, default_seeds=DEFAULT_SEEDS)
    for planned in plans:
        with naming(planned.dataset):
            classes = planned.class_names
            _threshold(settings).check(Context(np.ones(len(classes), dtype=np.int64), classes))
    check_data(plans)
    outcomes = execute(together(plans), progress or _Silent())
    metric = settings.primary_metric or SHARED_METRIC
    results = []
    for planned in plans:
        with naming(planned.dataset):
            results.append(_compared(planned, outcomes, metric))
    return several(results, named=settings.primary_metric is not None)


def _compared(planned: Plan, outcomes: Sequence[Outcome], metric: str | None) -> Result:
    """The comparison on one data set, from its stored runs."""
    runs, failures = _came_through(planned, outcomes)
    prior, tuned_for = planned.settings.test_prior, tuned_metric(metric)
    arms = [
        score_arm(
            arm.strategy,
            _finished(arm, runs),
            prior,
            tuned_for,
            prevalence=planned.settings.prevalence,
        )
        for arm in planned.arms
    ]
    arms = with_companions(arms, prior, tuned_for, _threshold(planned.settings))
    content = comparison(
        arms,
        failures,
        dataset=planned.dataset,
        seeds=planned.seeds,
        class_names=planned.class_names,
        primary_metric=metric,
    )
    return Result(content, notices(arms))


def _threshold(settings: Settings) -> Strategy:
    """The strategy that tunes each X+threshold, as the request wants it."""
    aims = {name: getattr(settings, name) for name in ("target_recall", "cost_fn", "cost_fp")}
    return create("threshold", **{name: value for name, value in aims.items() if value is not None})


def run_settings(
    settings: Settings, params: Mapping[str, object], progress: Progress | None = None
) -> Result:
    """`run` from validated settings and the strategy's own parameters."""
    check_metric(settings.primary_metric)
    if settings.strategies is not None:
        raise RequestError("run takes one `strategy`; `strategies` belongs to `compare`.")
    strategy = create(settings.strategy or BASELINE, **params)
    planned = plan(settings, [strategy], default_seeds=1)
    runs, failures = _came_through(planned, execute(planned, progress or _Silent()))
    finished = _finished(planned.arms[0], runs)
    if not finished:
        raise RunFailedError(failures[0].error)
    arm = score_arm(strategy, finished, settings.test_prior, tuned_metric(settings.primary_metric))
    content = {
        "dataset": planned.dataset,
        "strategy": strategy.spec,
        "threshold_metric": tuned_metric(settings.primary_metric),
        "seeds": [run.config.seed for run in finished],
        "test_prior": test_prior([arm], planned.class_names),
        "per_class": [
            {key: value for key, value in row.items() if key != "strategy"}
            for row in per_class(arm, planned.class_names)
        ],
        "summary": summary(arm),
        "runs": [str(run.folder) for run in finished],
        "failures": [vars(failure) for failure in failures],
    }
    return Result(content, notices([arm]))


class RunFailedError(RuntimeError):
    """No seed of a `run` came through."""


def stored_comparisons(
    place: Path, strategies: str | None = None, test_prior: str = "dataset", primary_metric: str | None = None
) -> list[Result]:
    """The comparisons that the runs stored in `place` make, one for each set of runs made alike.

    `strategies` chooses and orders the rows; it may name strategies that act on stored runs only.

    Raises:
        RequestError: where there is no finished run, or none of the strategies asked for.
    """
    return _stored(place, strategies, test_prior, primary_metric)[0]


def stored_results(
    place: Path, strategies: str | None = None, test_prior: str = "dataset", primary_metric: str | None = None
) -> list[Result]:
    """As `stored_comparisons`; of several data sets, treated alike, one result with their ranks."""
    results, ranked = _stored(place, strategies, test_prior, primary_metric, rank=True)
    return [several(results, named=primary_metric is not None)] if ranked else results


def _stored(
    place: Path, strategies: str | None, test_prior: str, primary_metric: str | None, rank: bool = False
) -> tuple[list[Result], bool]:
    """The stored comparisons, and whether they can be ranked: then with a primary metric that all share."""
    check_metric(primary_metric)
    runs, left_out = _runs_in(place)
    groups: dict[str, list[StoredRun]] = {}
    for found in runs:
        groups.setdefault(found.record["group"], []).append(found)
    if not groups:
        message = f"{place} holds no finished run; `imbench compare --results {place}` makes some."
        raise RequestError("\n".join([message, *left_out]))
    wanted = create_list(strategies) if strategies else None
    shown = [(runs, arms) for runs in groups.values() if (arms := _shown(runs, wanted))]
    if not shown:
        raise RequestError(f"{place} holds no finished run of {strategies}.")
    ranked = rank and treated_alike([([r.config for r in runs], arms) for runs, arms in shown])
    metric = primary_metric or (SHARED_METRIC if ranked else None)
    results = [_from_store(runs, arms, test_prior, metric) for runs, arms in shown]
    for result, made_with in zip(results, _differing([runs[0].config for runs, _ in shown]), strict=True):
        if made_with:
            result["made_with"] = made_with
    results[0].notices = [*left_out, *results[0].notices]
    return results, ranked


def _differing(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """Of each group of runs, the settings in which groups on the same data set differ."""
    shown = [field for field in RunConfig.model_fields if field not in ("strategy", "seed", "requires_key")]
    found = []
    for config in configs:
        rivals = [other for other in configs if other.dataset == config.dataset]
        found.append(
            {
                field: getattr(config, field)
                for field in shown
                if any(getattr(other, field) != getattr(config, field) for other in rivals)
            }
        )
    return found


def load_results(place: str | Path) -> pd.DataFrame:
    """One row per stored run: what it was asked for, what it cost, its metrics, and its folder as "path".

    Raises:
        RequestError: where there is no such folder.
    """
    import pandas as pd

    runs, _ = _runs_in(Path(place))
    costs = (
        "optimizer_steps",
        "samples_seen",
        "passes",
        "train_seconds",
        "split_hash",
        "initial_weights_hash",
    )
    columns = [*RunConfig.model_fields, *costs, *METRICS, "path"]
    rows = [
        found.record["config"]
        | {name: value for name, value in found.record.items() if name in costs}
        | found.record["metrics"]
        | {"path": str(found.folder)}
        for found in runs
    ]
    return pd.DataFrame(rows, columns=columns)


def _runs_in(place: Path) -> tuple[list[StoredRun], list[str]]:
    """What `find_runs` gives; RequestError where `place` is no folder."""
    try:
        is_folder = place.is_dir()
    except OSError as error:
        raise RequestError(f"{place} can't be looked into: {error.strerror}.") from None
    if not is_folder:
        what = f"{place} is not a folder" if place.exists() else f"there is no folder {place}"
        raise RequestError(f"{what}; name a results folder, or run `imbench compare` first.")
    return find_runs(place)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values with numpy's numbers and arrays as Python's."""
    return {name: v.tolist() if hasattr(v, "tolist") else v for name, v in values.items()}


def check_metric(name: str | None) -> None:
    """RequestError for a metric that is not known."""
    if name is not None and name not in METRICS:
        raise RequestError(
            f"there is no metric {name!r}; known are: {', '.join(METRICS)}.{nearest(name, METRICS)}"
        )


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


def _shown(runs: Sequence[StoredRun], wanted: Sequence[Strategy] | None) -> list[Strategy]:
    """The strategies whose runs are there: those wanted, or all, the baseline first."""
    there = {found.config.strategy for found in runs}
    if wanted is None:
        return [create(spec) for spec in sorted(there, key=lambda spec: (spec != BASELINE, spec))]
    return [strategy for strategy in wanted if trained_part(strategy).spec in there]


def _from_store(
    runs: Sequence[StoredRun], strategies: Sequence[Strategy], prior: str, primary: str | None
) -> Result:
    by_spec: dict[str, list[StoredRun]] = {}
    for found in sorted(runs, key=lambda run: run.config.seed):
        by_spec.setdefault(found.config.strategy, []).append(found)
    tuned_for = tuned_metric(primary)
    arms = [
        score_arm(strategy, by_spec[trained_part(strategy).spec], prior, tuned_for) for strategy in strategies
    ]
    arms = with_companions(arms, prior, tuned_for)
    content = comparison(
        arms,
        [],
        dataset=runs[0].config.dataset,
        seeds=sorted({run.config.seed for arm in arms for run in arm.runs}),
        class_names=runs[0].record["class_names"],
        primary_metric=primary,
    )
    return Result(content, notices(arms))
