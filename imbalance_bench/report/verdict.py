"""A few plain sentences drawn from the numbers of a comparison, and claiming no more than these allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imbalance_bench.evaluation.names import DECISION_METRICS, SMALLER_IS_BETTER
from imbalance_bench.evaluation.proportions import FEW_ROWS
from imbalance_bench.evaluation.statistics import Needed
from imbalance_bench.report.tables import TITLES, number

LEVEL = 0.05
NEGLIGIBLE = 0.01
"""Differences below this are called small."""
LISTED = 4
SCOPE = {
    "all": "other data drawn alike and other trainings",
    "data": "other data drawn alike, with the same initial weights",
    "init": "other trainings on these very data",
    "elsewhere": "other runs and test images like those given",
}

Row = Mapping[str, Any]


def verdict(
    content: Row,
    *,
    needed: Mapping[str, Needed],
    scarce: Mapping[str, tuple[int, ...]],
    minority: str | None = None,
) -> list[str]:
    """The sentences, in order of weight.

    Args:
        content: the comparison with "vary", "test_prior", "differences" and "decomposition".
        needed: by strategy, what it would take to tell the difference that was found.
        scarce: classes with few rows by name: (validation, test), or (test,) where there is no
            validation.
        minority: the class that minority AP speaks of.
    """
    metric, vary = content["primary_metric"], content["vary"]
    base = _rival(content, metric)
    family = [row for row in content["differences"] if row["metric"] == metric and row["baseline"] == base]
    said = _scarce(scarce)
    if not family:
        return said
    if scarce and (len(content["test_prior"]) == 2 or (metric == "minority_ap" and minority in scarce)):
        # Every metric of two classes hangs on the rarer one.
        what = TITLES[metric][:1].upper() + TITLES[metric][1:]
        return [*said, f"{what} hangs on so few images here that no strategy can be told from another."]
    if max(row["n"] for row in family) < 2:
        return [*said, "One seed can't tell a better strategy from a lucky training: use 5 seeds or more."]
    found = _sorted(family, -1.0 if metric in SMALLER_IS_BETTER else 1.0)
    said += _told(found, metric, base, vary)
    said += _open(found["open"], metric, base, needed)
    return said + _moved(content, {row["strategy"] for row in found["better"]})


def _rival(content: Row, metric: str) -> str:
    """With decisions the fair rival is the baseline with a tuned threshold; scores know no threshold."""
    rivals: list[str] = list(dict.fromkeys(row["baseline"] for row in content["differences"]))
    if not rivals:
        return ""
    return rivals[-1] if metric in DECISION_METRICS else rivals[0]


def _sorted(family: Sequence[Row], sign: float) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {"better": [], "worse": [], "same": [], "open": []}
    for row in family:
        mean = row["mean"]
        if mean is None or row["p_value"] is None:
            continue
        if row["low"] == row["high"] == 0:
            found["same"].append(row)
        elif row["p_value"] < LEVEL:
            found["better" if sign * mean > 0 else "worse"].append(row)
        else:
            found["open"].append(row)
    return found


def _told(found: Mapping[str, Sequence[Row]], metric: str, base: str, vary: str) -> list[str]:
    rival = _named(base)
    said = []
    if found["better"]:
        listed = "; ".join(map(_with_interval, found["better"]))
        said.append(f"Better than {rival} in {TITLES[metric]}: {listed}. This holds for {SCOPE[vary]}.")
    elif found["open"]:
        said.append(f"On these data no strategy is shown to beat {rival} in {TITLES[metric]}.")
    elif found["worse"] or found["same"]:
        said.append(f"None of these beats {rival} in {TITLES[metric]} on these data.")
    if found["worse"]:
        said.append(f"Worse than {rival}: {'; '.join(map(_with_interval, found['worse']))}.")
    if found["same"]:
        said.append(f"Equal to {rival} on every seed: {', '.join(row['strategy'] for row in found['same'])}.")
    return said


def _open(rows: Sequence[Row], metric: str, base: str, needed: Mapping[str, Needed]) -> list[str]:
    if not rows:
        return []
    small = [row for row in rows if max(abs(row["low"]), abs(row["high"])) < NEGLIGIBLE]
    rest = [row for row in rows if row not in small]
    said = []
    if small:
        names = ", ".join(row["strategy"] for row in small)
        said.append(f"Within {number(NEGLIGIBLE)} of {_named(base)}, either way: {names}.")
    if rest:
        listed = "; ".join(f"{row['strategy']} {number(row['mean'])} {_interval(row)}" for row in rest)
        said.append(
            f"Not told apart from {_named(base)} after Holm's correction; each difference with its own 95 % "
            f"interval: {listed}."
        )
        said += _needed(max(rest, key=lambda row: abs(row["mean"])), needed)
    return said


def _needed(row: Row, needed: Mapping[str, Needed]) -> list[str]:
    """What it would take to tell the largest difference that is open."""
    what = needed.get(row["strategy"])
    if what is None or abs(row["mean"]) < NEGLIGIBLE / 2:
        return []
    if what.seeds is not None:
        return [
            f"To tell a difference of {number(abs(row['mean']))}, as found for {row['strategy']}, takes "
            f"about {what.seeds:,} seeds (80 % power, after correction)."
        ]
    return [
        f"A difference of {number(abs(row['mean']))}, as found for {row['strategy']}, is beyond this test "
        f"part: no number of seeds tells less than {number(what.smallest)}."
    ]


def _moved(content: Row, better: Collection[str]) -> list[str]:
    """How much of the gains in decisions is a moved threshold.

    `better` are told from the baseline in the primary metric, with correction: where the gain is in that
    metric, no other model is called more than a moved threshold.
    """
    rows = [
        row for row in content["decomposition"] if row["gain"] is not None and row["gain_low"] is not None
    ]
    if not rows:
        return []
    base, metric = content["baseline"], rows[0]["metric"]
    primary = metric == content["primary_metric"]
    title = TITLES[metric] + " (exploring)" * (not primary)
    gains = sorted((row for row in rows if row["gain_low"] > 0), key=lambda row: -row["gain"])
    moved = f"{number(rows[0]['threshold_effect'])} {_interval_of(rows[0], 'threshold_effect')}"
    if not gains:
        return [
            f"No strategy is shown to gain in {title} over plain {base}, whose threshold alone, moved, gains "
            f"{moved}."
        ]
    said = [
        f"Gains in {title} over plain {base}, each with its own 95 % interval: {_parts_of(gains, 'gain')}. "
        f"The threshold of {base} alone, moved, gains {moved}."
    ]
    more = [row for row in gains if row["model_effect_low"] > 0 and (not primary or row["tuned"] in better)]
    rest = [row for row in gains if row not in more]
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
    worse = [row for row in rows if row["own_threshold_effect_high"] < 0]
    if worse:
        costs = _parts_of(worse, "own_threshold_effect")
        said.append(f"Tuning on these validation images makes decisions worse: {costs}.")
    return said


def _parts_of(rows: Sequence[Row], name: str) -> str:
    return "; ".join(f"{row['strategy']} {number(row[name])} {_interval_of(row, name)}" for row in rows)


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


def _named(base: str) -> str:
    plain, tuned, _ = base.rpartition("+threshold")
    return f"{plain} with a tuned threshold" if tuned else base


def _with_interval(row: Row) -> str:
    return f"{row['strategy']} by {number(abs(row['mean']))} {_interval(row)}, p {_p(row['p_value'])}"


def _interval(row: Row) -> str:
    return f"({number(row['low'])} to {number(row['high'])})"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else number(value)
