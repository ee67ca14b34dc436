"""Reading stored runs: the comparisons that they make, and a table of all. Trains nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbalance_bench.config import OF_A_STRATEGY, RunConfig
from imbalance_bench.errors import RequestError, shown
from imbalance_bench.evaluation.names import METRICS
from imbalance_bench.experiments.store import StoredRun, find_runs
from imbalance_bench.report.comparison import BASELINE, comparison
from imbalance_bench.report.notices import notices
from imbalance_bench.report.ranks import several, shared_metric, treated_alike
from imbalance_bench.report.reading import Reading
from imbalance_bench.report.result import Result
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.registry import UnknownStrategyError, create, create_list, trained_part

if TYPE_CHECKING:
    import pandas as pd


def stored_comparisons(
    place: Path, strategies: str | None = None, reading: Reading | None = None
) -> list[Result]:
    """The comparisons that the runs stored in `place` make, one for each set of runs made alike.

    `strategies` chooses and orders the rows; it may name strategies that act on stored runs only.

    Raises:
        RequestError: where there is no finished run, or none of the strategies asked for.
    """
    return _stored(place, strategies, reading or Reading())[0]


def stored_results(
    place: Path, strategies: str | None = None, reading: Reading | None = None
) -> list[Result]:
    """As `stored_comparisons`; of several data sets, treated alike, one result with their ranks."""
    reading = reading or Reading()
    results, ranked = _stored(place, strategies, reading, rank=True)
    return [several(results, named=reading.primary_metric is not None)] if ranked else results


def _stored(
    place: Path, strategies: str | None, reading: Reading, rank: bool = False
) -> tuple[list[Result], bool]:
    """The stored comparisons, and whether they can be ranked: then with a primary metric that all share."""
    runs, left_out = _runs_in(place)
    if strategies is None:
        runs, unknown = _known(runs)
        left_out += unknown
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
    if ranked and reading.primary_metric is None:
        reading = replace(reading, primary_metric=shared_metric(reading))
    results = [_from_store(runs, arms, reading) for runs, arms in shown]
    for result, made_with in zip(results, _differing([runs[0].config for runs, _ in shown]), strict=True):
        if made_with:
            result["made_with"] = made_with
    results[0]["notices"][:0] = left_out
    return results, ranked


def _differing(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """Of each group of runs, the settings in which groups on the same data set differ."""
    shown = [field for field in RunConfig.model_fields if field not in OF_A_STRATEGY | {"seed"}]
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

    if not isinstance(place, str | Path):
        raise RequestError(f"load_results takes a path; found {shown(place)}.")
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


def _known(runs: Sequence[StoredRun]) -> tuple[list[StoredRun], list[str]]:
    """The runs whose strategy can be made here, and a sentence on those of each that can't."""
    refused: dict[str, str] = {}
    for spec in sorted({run.config.strategy for run in runs}):
        try:
            create(spec)
        except UnknownStrategyError as error:
            refused[spec] = f"there is no strategy {error.name!r}; is its plugin installed?"
        except RequestError as error:
            refused[spec] = str(error)
    count = Counter(run.config.strategy for run in runs)
    said = [
        f"{count[spec]} run{'s' * (count[spec] > 1)} of {spec} left out: {why}"
        for spec, why in refused.items()
    ]
    return [run for run in runs if run.config.strategy not in refused], said


def _shown(runs: Sequence[StoredRun], wanted: Sequence[Strategy] | None) -> list[Strategy]:
    """The strategies whose runs are there: those wanted, or all, the baseline first."""
    there = {found.config.strategy for found in runs}
    if wanted is None:
        return [create(spec) for spec in sorted(there, key=lambda spec: (spec != BASELINE, spec))]
    return [strategy for strategy in wanted if trained_part(strategy).spec in there]


def _from_store(runs: Sequence[StoredRun], strategies: Sequence[Strategy], reading: Reading) -> Result:
    by_spec: dict[str, list[StoredRun]] = {}
    for found in sorted(runs, key=lambda run: run.config.seed):
        by_spec.setdefault(found.config.strategy, []).append(found)
    class_names = runs[0].record["class_names"]
    reading.check(class_names)
    arms = reading.arms([(strategy, by_spec[trained_part(strategy).spec]) for strategy in strategies])
    content = comparison(
        arms,
        [],
        dataset=runs[0].config.dataset,
        seeds=sorted({run.config.seed for arm in arms for run in arm.runs}),
        class_names=class_names,
        reading=reading,
    )
    return Result(content, notices(arms))
