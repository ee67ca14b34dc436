"""Operating points and net benefit of a comparison of two classes: mean over seeds, and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbalance_bench.experiments.parts import Scores
from imbalance_bench.report.estimates import Protocol, as_fields, defined, mean_over_seeds
from imbalance_bench.report.tables import Table, number


def clinical_rows(
    name: str,
    scores: Sequence[Scores],
    protocol: Protocol,
    positive: str | None = None,
    prevalence: float | None = None,
) -> list[dict[str, Any]]:
    """One mapping per aim of one strategy, its quantities with NAME_low and NAME_high.

    `positive` is the class that they speak of, `prevalence` what predictive values were computed at.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for key in scores[0].clinical if scores else ():
        *aim, quantity = key.split(":")
        head = dict(zip(("aim", "target", "fitted_on"), [*aim, None][:3], strict=True))
        row = found.setdefault(
            tuple(aim),
            {"strategy": name, "class": positive, "prevalence": prevalence}
            | {**head, "target": float(aim[1]), "n": len(scores)},
        )
        numbers = _mean(quantity, key, scores, protocol)
        bounded = aim[0] != "net_benefit"
        row |= {name: _share(value) if bounded else value for name, value in numbers.items()}
    return list(found.values())


def _share(value: float | None) -> float | None:
    """Clipped to 0..1, which t intervals of shares may leave."""
    return None if value is None else min(1.0, max(0.0, value))


def _mean(quantity: str, key: str, scores: Sequence[Scores], protocol: Protocol) -> dict[str, Any]:
    """Over seeds, by their design; never narrower than exact unless each seed has test rows of its own.

    It is whatever reaches further on each side: the mean of the seeds' exact intervals, or the interval over
    seeds (and resampled test rows, which knows of groups): seeds that agree by chance would tell of certainty
    where there are four positives.
    """
    found = mean_over_seeds(protocol, scores, lambda s: (s.clinical[key][0], s.replicates.get(key)))
    if protocol.design == "independent" and len(scores) > 1:
        return as_fields(quantity, found)
    spans = [s.clinical[key] for s in scores if all(map(math.isfinite, s.clinical[key]))]
    if not spans:
        return as_fields(quantity, found)
    value, low, high = (sum(part) / len(spans) for part in zip(*spans, strict=True))
    low, high = float(np.fmin(low, found.low)), float(np.fmax(high, found.high))
    return {quantity: defined(value), f"{quantity}_low": defined(low), f"{quantity}_high": defined(high)}


def clinical_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Sensitivity and specificity at thresholds that validation gave, with the predictive values there."""
    aims = [row for row in rows if row["fitted_on"] == "validation"]
    names = ("sensitivity", "specificity", "ppv", "npv")
    cells = tuple(
        (
            row["strategy"],
            f"{row['aim']} {number(row['target'])}",
            *(_cell(row, name) for name in names),
        )
        for row in aims
    )
    heads = ("strategy", "aim on validation", "sensitivity", "specificity", "PPV", "NPV")
    share = aims[0]["prevalence"] if aims else None
    at = "" if share is None else f"; PPV and NPV at a prevalence of {share:.3g}"
    note = (
        f"class {aims[0]['class'] if aims else '-'} is the positive one{at}; with 95 % intervals; thresholds "
        "meet their aim on validation, and miss it on test by chance, more so with fewer positives"
    )
    return Table("Operating points", heads, cells, labels=2, note=note)


def _cell(row: Mapping[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    span = "" if low is None or high is None else f" ({number(low)}-{number(high)})"
    return number(row.get(name)) + span
