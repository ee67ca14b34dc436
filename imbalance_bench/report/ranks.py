"""Strategies over several data sets: mean ranks, tests of ranks, and what they allow to say (Demsar 2006)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbalance_bench.config import OF_A_STRATEGY, RunConfig
from imbalance_bench.evaluation.names import DECISION_METRICS, SMALLER_IS_BETTER
from imbalance_bench.evaluation.ranks import (
    against_control,
    critical_difference,
    friedman,
    not_told_apart,
    ranks,
)
from imbalance_bench.experiments.scoring import TUNED_FOR
from imbalance_bench.report.comparison import BASELINE
from imbalance_bench.report.ranks_page import p_text
from imbalance_bench.report.reading import Reading
from imbalance_bench.report.result import Result
from imbalance_bench.report.tables import TITLES
from imbalance_bench.report.verdict import LEVEL
from imbalance_bench.strategies.base import Strategy

SHARED_METRIC = TUNED_FOR
"""What decides where none is named: the default of each data set alone may be another, and ranks mix none."""
SHARED_SCORES = "minority_ap"
"""The same where decisions are tuned for something else than a metric."""
TESTED, LITTLE_POWER = 3, 5
"""Fewer data sets than the first: no test; fewer than the second: it is said how little a test tells."""
DIGITS = 12
"""Means are ranked by so many decimals: the last bits of a sum must not break a tie."""

_TUNED = "+threshold"

Row = Mapping[str, Any]


def shared_metric(reading: Reading) -> str:
    """The primary metric of all data sets where none is named."""
    return SHARED_METRIC if reading.served == SHARED_METRIC else SHARED_SCORES


def several(comparisons: Sequence[Result], *, named: bool) -> Result:
    """One object of comparisons with equal strategies and metric; `named`: the user named the metric."""
    said = [f"{each['dataset']}: {line}" for each in comparisons for line in each.notices]
    return Result({"comparisons": list(comparisons), "ranks": ranking(comparisons, named=named)}, said)


def treated_alike(groups: Sequence[tuple[Sequence[RunConfig], Sequence[Strategy]]]) -> bool:
    """Whether groups of comparable runs, each with the strategies shown, can be ranked together.

    They are of two data sets or more, each once, with the same strategies; nothing else differs.
    """
    first = [runs[0] for runs, _ in groups]
    own = OF_A_STRATEGY | {"dataset", "options", "data_fingerprint", "seed"}
    rest = first[0].model_dump(exclude=own)
    return (
        len({config.dataset for config in first}) == len(groups) > 1
        and all(config.model_dump(exclude=own) == rest for config in first)
        and len({frozenset(strategy.spec for strategy in shown) for _, shown in groups}) == 1
    )


def ranking(comparisons: Sequence[Row], *, named: bool = True) -> dict[str, Any]:
    """The "ranks" of comparisons on N data sets with equal strategies and primary metric.

    A strategy's number on a data set is its mean over seeds; where the metric is one of decisions, with a
    tuned threshold. Strategies that lack a run somewhere are left out, and named. With fewer
    than three data sets nothing is tested; what is not known is None.
    """
    metric = comparisons[0]["primary_metric"]
    names = ranked_names(comparisons[0]["rows"], metric)
    left_out = [row for each in comparisons for row in _left_out(each, names, metric)]
    gone = {row["strategy"] for row in left_out}
    kept = [name for name in names if name not in gone]
    base = _row_of(BASELINE, comparisons[0]["rows"], metric)
    content: dict[str, Any] = {
        "primary_metric": metric,
        "baseline": base if base in kept else None,
        "datasets": [each["dataset"] for each in comparisons],
        "n": len(comparisons),
        "rows": [],
        "scores": [_score(each, name, metric) for each in comparisons for name in names],
        "friedman_chi_square": None,
        "friedman_p": None,
        "iman_davenport_f": None,
        "iman_davenport_p": None,
        "critical_difference": None,
        "not_told_apart": [],
        "left_out": left_out,
        "verdict": [],
    }
    if len(kept) > 1:
        content |= _ranked(content, kept)
    content["verdict"] = _verdict(content, named)
    return content


def ranked_names(rows: Sequence[Row], metric: str) -> list[str]:
    """The rows that stand for the requested strategies, in their order, none twice.

    Of decisions it is `X+threshold`; of scores, which no threshold changes, X.
    """
    asked = [row["strategy"] for row in rows if row["kind"] == "requested"]
    if metric not in DECISION_METRICS:
        return [name for name in asked if _untuned(name) == name or _untuned(name) not in asked]
    found = dict.fromkeys(_row_of(name, rows, metric) for name in asked)
    if BASELINE + _TUNED in found:
        found.pop(_TUNED[1:], None)  # alone, `threshold` is cross-entropy with a tuned threshold
    return list(found)


def _row_of(name: str, rows: Sequence[Row], metric: str) -> str:
    """The row that stands for `name`: for decisions, with a tuned threshold unless it decides by itself."""
    if metric not in DECISION_METRICS:
        return name
    own = name + _TUNED
    tuned = (row["strategy"] for row in rows if row["kind"] == "tuned")
    asked = (row["strategy"] for row in rows if row["kind"] == "requested")
    found = [row for row in tuned if row == own or row.startswith(f"{own}:")]
    found += [row for row in asked if row == own]
    return found[0] if found else name


def _untuned(name: str) -> str:
    """The strategy whose scores these are; alone, `threshold` acts on cross-entropy."""
    return BASELINE if name.split(":")[0] == _TUNED[1:] else name.partition(_TUNED)[0]


def _left_out(comparison: Row, names: Sequence[str], metric: str) -> list[dict[str, Any]]:
    """The strategies that have no number on this data set, or one of fewer seeds, and why."""
    rows = {row["strategy"]: row for row in comparison["rows"]}
    wanted = len(comparison["seeds"])
    found = []
    for name in names:
        row = rows.get(name)
        n = 0 if row is None else row["n"]
        if n < wanted:
            reason = f"{wanted - n} of {wanted} run{'s' * (wanted != 1)} missing"
        elif row is None or row[metric] is None:
            reason = f"{TITLES[metric]} is undefined"
        else:
            continue
        found.append({"strategy": name, "dataset": comparison["dataset"], "reason": reason})
    return found


def _score(comparison: Row, name: str, metric: str) -> dict[str, Any]:
    row: Row = next((row for row in comparison["rows"] if row["strategy"] == name), {})
    return {
        "dataset": comparison["dataset"],
        "strategy": name,
        "value": row.get(metric),
        "low": row.get(f"{metric}_low"),
        "high": row.get(f"{metric}_high"),
        "rank": None,
    }


def _ranked(content: Row, kept: Sequence[str]) -> dict[str, Any]:
    """Ranks of the strategies that are there on every data set, and their tests."""
    n, larger = content["n"], content["primary_metric"] not in SMALLER_IS_BETTER
    by_place = {(row["dataset"], row["strategy"]): row["value"] for row in content["scores"]}
    table = [[round(by_place[data, name], DIGITS) for name in kept] for data in content["datasets"]]
    ranked = ranks(table, larger_is_better=larger)
    each = {
        (data, name): float(ranked[i, j])
        for i, data in enumerate(content["datasets"])
        for j, name in enumerate(kept)
    }
    means = ranked.mean(axis=0)
    found: dict[str, Any] = {
        "scores": [{**row, "rank": each.get((row["dataset"], row["strategy"]))} for row in content["scores"]],
    }
    z = corrected = np.full(len(kept), np.nan)
    base = content["baseline"]
    if n >= TESTED:
        test = friedman(table, larger_is_better=larger)
        cd = critical_difference(len(kept), n)
        # Where all data sets rank alike, F is infinite and its p-value, zero, says no more than chi-square's.
        finite = math.isfinite(test.f)
        found |= {
            "friedman_chi_square": test.chi_square,
            "friedman_p": test.p_chi_square,
            "iman_davenport_f": test.f if finite else None,
            "iman_davenport_p": test.p_f if finite else None,
            "critical_difference": cd,
            "not_told_apart": [[kept[i] for i in group] for group in not_told_apart(means, cd)],
        }
        if base is not None:
            z, corrected = against_control(means, n, kept.index(base))
    found["rows"] = [
        {
            "strategy": name,
            "n": n,
            "mean_rank": float(means[i]),
            "difference": None if base is None else float(means[i] - means[kept.index(base)]),
            "p_raw": _known(math.erfc(abs(z[i]) / math.sqrt(2))),
            "p_value": _known(corrected[i]),
        }
        for i, name in enumerate(kept)
    ]
    return found


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _verdict(content: Row, named: bool) -> list[str]:
    """What the ranks allow to say, in plain sentences."""
    metric, n = content["primary_metric"], content["n"]
    said = []
    if not named:
        how = ", of the decisions tuned on validation" if metric in DECISION_METRICS else ""
        said.append(f"No primary metric was named: {TITLES[metric]}{how}, decides on all data sets alike.")
    if content["left_out"]:
        listed = "; ".join(
            f"{row['strategy']} ({row['dataset']}: {row['reason']})" for row in content["left_out"]
        )
        said.append(f"Left out of the ranks: {listed}.")
    if not content["rows"]:
        return [*said, "Fewer than two strategies are there on all data sets: nothing is ranked."]
    if n < TESTED:
        how_many = "One data set allows" if n == 1 else "Two data sets allow"
        return [*said, f"{how_many} no test of ranks: the mean ranks describe these data and no others."]
    said += _told(content)
    if n < LITTLE_POWER:
        said.append(
            f"Tests of ranks over {n} data sets have little power (Demšar 2006): strategies that are not "
            "told apart here may differ all the same."
        )
    return said


def _told(content: Row) -> list[str]:
    overall, name = content["iman_davenport_p"], "Iman & Davenport"
    if overall is None:
        overall, name = content["friedman_p"], "chi-square"
    test = f"Friedman's test, {name}: p {p_text(overall)}"
    where = f"over these {content['n']} data sets"
    if overall >= LEVEL:
        return [f"The strategies' ranks are not shown to differ {where} ({test}); nothing is said of pairs."]
    said = [f"The strategies' ranks differ {where} ({test})."]
    base = next((row for row in content["rows"] if row["strategy"] == content["baseline"]), None)
    if base is None:
        return said
    told = [row for row in content["rows"] if row["p_value"] is not None and row["p_value"] < LEVEL]
    better = [row for row in told if row["difference"] < 0]
    worse = [row for row in told if row["difference"] > 0]
    against = f"{base['strategy']} (mean rank {base['mean_rank']:.2f})"
    if better:
        said.append(f"Ranked better than {against}: {'; '.join(map(_with_p, better))}.")
    else:
        said.append(f"No strategy is shown to rank better than {against}.")
    if worse:
        said.append(f"Ranked worse: {'; '.join(map(_with_p, worse))}.")
    return said


def _with_p(row: Row) -> str:
    return f"{row['strategy']} ({row['mean_rank']:.2f}, p {p_text(row['p_value'])})"
