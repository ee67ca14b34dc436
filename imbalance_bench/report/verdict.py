"""A few plain sentences drawn from the numbers of a comparison, and claiming no more than these allow."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imbalance_bench.evaluation.names import DECISION_METRICS, SMALLER_IS_BETTER
from imbalance_bench.evaluation.proportions import FEW_ROWS
from imbalance_bench.evaluation.statistics import MOST_SEEDS, Needed
from imbalance_bench.report.tables import TITLES, number

LEVEL = 0.05
LISTED = 4
SCOPE = {
    "all": "other data drawn alike and other trainings",
    "data": "other data drawn alike, with the same initial weights",
    "init": "other trainings on these very data",
    "elsewhere": "other runs and test images like those given",
}
ADVICE = "One seed can't tell a better strategy from a lucky training: use 5 seeds or more."

Row = Mapping[str, Any]


def verdict(
    content: Row,
    *,
    needed: Mapping[tuple[str, str], Needed],
    scarce: Mapping[str, tuple[int, ...]],
    minority: str | None = None,
) -> list[str]:
    """The sentences, in order of weight.

    Args:
        content: the comparison with "vary", "baseline", "test_prior", "differences" and "decomposition".
        needed: by strategy and baseline, what it would take to tell the difference that was found.
        scarce: classes with few rows by name: (validation, test), or (test,) where there is no
            validation.
        minority: the class that minority AP speaks of.
    """
    metric = content["primary_metric"]
    base = _rival(content, metric)
    family = [row for row in content["differences"] if row["metric"] == metric and row["baseline"] == base]
    said = _scarce(scarce)
    if not family:
        return said
    few = len(content["test_prior"]) == 2, scarce, minority
    if _hangs(metric, *few):
        return [*said, _hanging(TITLES[metric])]
    seeds = max(row["n"] for row in family)
    if seeds < 2:
        alone = len(content["seeds"]) < 2
        return [*said, ADVICE if alone else f"Too few seeds are common to the strategies and {base}."]
    found = _sorted(family, _sign(metric))
    parts = [row for row in content["decomposition"] if row["n"] > 1 and row["gain_low"] is not None]
    hanging = bool(parts) and _hangs(parts[0]["metric"], *few)
    if not hanging:
        said += _weak_rival(parts)
    said += _told(found, metric, base, content["vary"])
    said += _open(found["open"], base, needed, seeds)
    if hanging:
        said.append(_hanging(f"{TITLES[parts[0]['metric']]} of tuned decisions"))
    else:
        said += _moved(content, parts, {row["strategy"] for row in found["better"]})
    return said + _at_recall(content)


def _hangs(metric: str, two: bool, scarce: Mapping[str, tuple[int, ...]], minority: str | None) -> bool:
    """Whether a metric hangs on classes with few rows: of test, and where decisions are tuned of validation.

    Every metric of two classes hangs on the rarer one; worst recall and G-mean on each class.
    """
    decides = metric in DECISION_METRICS or metric == "expected_cost"
    few = {name for name, counts in scarce.items() if min(counts if decides else counts[-1:]) < FEW_ROWS}
    if two or metric in ("worst_class_recall", "g_mean"):
        return bool(few)
    return metric == "minority_ap" and minority in few


def _hanging(what: str) -> str:
    return (
        f"{what[:1].upper()}{what[1:]} hangs on so few images here that no strategy can be told from another."
    )


def _sign(metric: str) -> float:
    return -1.0 if metric in (*SMALLER_IS_BETTER, "expected_cost") else 1.0


def _rival(content: Row, metric: str) -> str:
    """With decisions the fair rival is the baseline with a tuned threshold; scores know no threshold."""
    plain: str = content["baseline"]
    tuned = [row["baseline"] for row in content["differences"] if row["baseline"] != plain]
    return tuned[0] if tuned and metric in DECISION_METRICS else plain


def _sorted(family: Sequence[Row], sign: float) -> dict[str, list[Row]]:
    kinds = ("better", "worse", "same", "constant", "open", "few")
    found: dict[str, list[Row]] = {kind: [] for kind in kinds}
    for row in family:
        mean = row["mean"]
        if mean is None or row["n"] < 2:
            found["few"].append(row)
            continue
        if row["low"] == row["high"] == 0:
            found["same"].append(row)
        elif row["p_value"] is None:
            found["constant"].append(row)
        elif row["p_value"] < LEVEL:
            found["better" if sign * mean > 0 else "worse"].append(row)
        else:
            found["open"].append(row)
    return found


def _told(found: Mapping[str, Sequence[Row]], metric: str, base: str, vary: str) -> list[str]:
    rival = _named(base)
    said = []
    if found["better"]:
        listed = "; ".join(map(_tested, found["better"]))
        said.append(f"Better than {rival} in {TITLES[metric]}: {listed}. This holds for {SCOPE[vary]}.")
    elif found["open"] or found["constant"]:
        said.append(f"On these data no strategy is shown to beat {rival} in {TITLES[metric]}.")
    else:
        said.append(f"None of these beats {rival} in {TITLES[metric]} on these data.")
    if found["worse"]:
        said.append(f"Worse than {rival}: {'; '.join(map(_tested, found['worse']))}.")
    if found["same"]:
        said.append(
            f"Equal to {rival} on every seed: {', '.join(_short(row['strategy']) for row in found['same'])}."
        )
    if found["constant"]:
        listed = "; ".join(f"{_short(row['strategy'])} {number(row['mean'])}" for row in found["constant"])
        said.append(f"With no spread over the seeds to judge it by, the difference from {rival}: {listed}.")
    if found["few"]:
        listed = ", ".join(_short(row["strategy"]) for row in found["few"])
        said.append(f"Too few seeds in common with {rival} to be judged: {listed}.")
    return said


def _open(rows: Sequence[Row], base: str, needed: Mapping[tuple[str, str], Needed], seeds: int) -> list[str]:
    if not rows:
        return []
    listed = "; ".join(f"{_short(row['strategy'])} {number(row['mean'])} {_interval(row)}" for row in rows)
    said = [
        f"Not told apart from {_named(base)} after Holm's correction; each difference with its own 95 % "
        f"interval: {listed}."
    ]
    return said + _needed(rows, needed, seeds)


def _needed(rows: Sequence[Row], needed: Mapping[tuple[str, str], Needed], seeds: int) -> list[str]:
    """What it would take to tell the difference that is the easiest to tell of those that are open."""
    known = [(row, what) for row in rows if (what := needed.get((row["strategy"], row["baseline"])))]
    if not known:
        return []
    row, what = min(known, key=lambda pair: (pair[1].seeds or math.inf, -abs(pair[0]["mean"])))
    name, size = _short(row["strategy"]), number(row["mean"])
    if what.seeds is None and abs(row["mean"]) <= what.smallest:
        return [
            f"A difference of {size}, as found for {name}, is beyond this test part: of {name} no number of "
            f"seeds tells less than {number(what.smallest)}."
        ]
    more = f"more than {MOST_SEEDS:,}" if what.seeds is None else f"about {what.seeds:,}"
    if what.seeds is not None and what.seeds <= seeds:
        more = f"more than these {seeds}"
    return [
        f"To tell a difference of {size}, as found for {name}, takes {more} seeds (80 % power, after "
        "correction; an order of magnitude, as these few seeds give it)."
    ]


def _weak_rival(parts: Sequence[Row]) -> list[str]:
    """A warning where tuning makes the baseline worse: to beat it then is no feat."""
    row = max(parts, key=lambda row: row["n"], default=None)
    if row is None or not _above(row, "threshold_effect", -_sign(row["metric"])):
        return []
    return [
        f"Tuned on these validation images the baseline decides worse, by {number(row['threshold_effect'])} "
        f"{_interval_of(row, 'threshold_effect')} in {TITLES[row['metric']]}: to be better than that is no "
        "feat."
    ]


def _moved(content: Row, rows: Sequence[Row], better: Collection[str]) -> list[str]:
    """How much of the gains in decisions is a moved threshold, and what is more: `rows` of the decomposition.

    `better` are told from the baseline in the primary metric. Where decisions are judged by another metric,
    the models' parts are corrected by Holm among themselves, and the sentences say that they explore.
    """
    if not rows:
        return []
    base, metric = _plain(content["baseline"]), rows[0]["metric"]
    primary, sign = metric == content["primary_metric"], _sign(metric)
    title = TITLES[metric] + " (exploring)" * (not primary)
    widest = max(rows, key=lambda row: row["n"])
    moved = f"{number(widest['threshold_effect'])} {_interval_of(widest, 'threshold_effect')}"
    gains = sorted((row for row in rows if _above(row, "gain", sign)), key=lambda row: -sign * row["gain"])
    more = [
        row
        for row in rows
        if _above(row, "model_effect", sign)
        and (row["tuned"] in better if primary else (row["model_effect_p"] or 1.0) < LEVEL)
    ]
    rest = [row for row in gains if row not in more]
    alone = f"Moving the threshold of {content['baseline']} alone changes it by {moved}."
    if gains:
        said = [
            f"Better in {title} than {base} as they decide by themselves, each with its own 95 % interval: "
            f"{_parts_of(gains, 'gain')}. {alone}"
        ]
    else:
        said = [f"As they decide by themselves, none is shown to be better in {title} than {base}. {alone}"]
    if more:
        said.append(
            "More than a moved threshold, by what the model gives where both are tuned: "
            f"{_parts_of(more, 'model_effect')}."
        )
    if rest:
        said.append(
            "Not shown to be more than a moved threshold, by what the model gives where both are tuned: "
            f"{_parts_of(rest, 'model_effect')}."
        )
    worse = [row for row in rows if _above(row, "own_threshold_effect", -sign)]
    if worse:
        costs = _parts_of(worse, "own_threshold_effect")
        said.append(f"Tuning on these validation images makes decisions worse: {costs}.")
    return said


def _at_recall(content: Row) -> list[str]:
    """What decisions tuned for a recall come to on test: the precision there, against the baseline's."""
    rows = [
        row
        for row in content["differences"]
        if row["metric"] == "positive_precision" and row["baseline"] != content["baseline"]
    ]
    rows = [row for row in rows if row["mean"] is not None and row["low"] is not None and row["n"] > 1]
    if not rows:
        return []
    listed = "; ".join(f"{_short(row['strategy'])} {number(row['mean'])} {_interval(row)}" for row in rows)
    return [
        f"Precision at the recall aimed at (exploring), difference from {_named(rows[0]['baseline'])}, each "
        f"with its own 95 % interval: {listed}. See the recalls that test then gave."
    ]


def _above(row: Row, name: str, sign: float) -> bool:
    """Whether the interval of a part, if it has a width, lies on the better side of 0."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return None not in (low, high) and low < high and sign * (low if sign > 0 else high) > 0


def _short(name: str) -> str:
    """A strategy's name without what its threshold serves, which the heading says."""
    return re.sub(r"(\+threshold):[^+]*", r"\1", name)


def _parts_of(rows: Sequence[Row], name: str) -> str:
    return "; ".join(
        f"{_short(row['strategy'])} {number(row[name])} {_interval_of(row, name)}" for row in rows
    )


def _interval_of(row: Row, name: str) -> str:
    return f"({number(row[f'{name}_low'])} to {number(row[f'{name}_high'])})"


def _scarce(rows: Mapping[str, tuple[int, ...]]) -> list[str]:
    if not rows:
        return []
    parts = ("validation", "test")[-max(map(len, rows.values())) :]
    shown = [
        f"{name} ({', '.join(f'{n:,} {part}' for n, part in zip(counts, parts, strict=True))})"
        for name, counts in rows.items()
    ]
    more = f" and {len(shown) - LISTED} more" if len(shown) > LISTED else ""
    return [
        f"No verdict on classes that have fewer than {FEW_ROWS} {' or '.join(parts)} images in some seed: "
        f"{', '.join(shown[:LISTED])}{more}."
    ]


def _plain(base: str) -> str:
    return base if base.startswith("plain") else f"plain {base}"


def _named(base: str) -> str:
    plain, tuned, _ = base.rpartition("+threshold")
    return f"{plain} with a tuned threshold" if tuned else base


def _tested(row: Row) -> str:
    return f"{_short(row['strategy'])} {number(row['mean'])} {_interval(row)}, p {_p(row['p_value'])}"


def _interval(row: Row) -> str:
    return f"({number(row['low'])} to {number(row['high'])})"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else number(value)
