"""The page of ranks: opening lines, the table of strategies by data sets, the ranks against the baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.report.tables import TITLES, Table, number, spread_cell

HEAD = 16
"""A data set's name stands in a column's head whole where it is no longer than this."""

Row = Mapping[str, Any]


def ranks_header(content: Row) -> list[str]:
    """What is ranked, over which data sets, and the tests of all strategies together."""
    metric = content["primary_metric"]
    tuned = " of X+threshold, the decisions tuned on validation" if metric in DECISION_METRICS else ""
    lines = [
        f"Ranks over {content['n']} data sets: {'; '.join(content['datasets'])}",
        f"by {TITLES[metric]}{tuned}: mean over seeds; 1 is best, ties share their rank",
    ]
    if content["friedman_p"] is not None:
        line = f"Friedman: chi-square {content['friedman_chi_square']:.2f}, p {p_text(content['friedman_p'])}"
        if content["iman_davenport_p"] is not None:
            f, p = content["iman_davenport_f"], content["iman_davenport_p"]
            line += f"; Iman & Davenport: F {f:.2f}, p {p_text(p)}"
        lines.append(line)
    return lines


def ranks_tables(content: Row) -> list[Table]:
    """The primary metric on each data set with the mean rank; the mean ranks against the baseline's."""
    tables = [_by_dataset(content)]
    if any(row["p_value"] is not None for row in content["rows"]):
        tables.append(_against(content))
    return tables


def _by_dataset(content: Row) -> Table:
    means = {row["strategy"]: row["mean_rank"] for row in content["rows"]}
    cells: dict[str, dict[str, str]] = {}
    for row in content["scores"]:
        shown = spread_cell({"x": row["value"], "x_low": row["low"], "x_high": row["high"]}, "x")
        cells.setdefault(row["strategy"], {})[row["dataset"]] = shown
    rows = tuple(
        (name, _rank(means.get(name)), *(found[data] for data in content["datasets"]))
        for name, found in cells.items()
    )
    heads = ("strategy", "mean rank", *map(_head, content["datasets"]))
    note = "mean over seeds ± half a 95 % interval"
    if any(name not in means for name in cells):
        note += "; no rank: the strategy lacks a run on some data set"
    return Table(f"{TITLES[content['primary_metric']]} by data set", heads, rows, wide=True, note=note)


def _against(content: Row) -> Table:
    base = content["baseline"]
    rows = tuple(
        (
            row["strategy"],
            _rank(row["mean_rank"]),
            "-" if row["strategy"] == base else f"{row['difference']:+.2f}",
            p_text(row["p_value"]),
            p_text(row["p_raw"]),
        )
        for row in content["rows"]
    )
    heads = ("strategy", "mean rank", "difference", "p, corrected", "p")
    note = f"difference from {base}, below 0 is better; p corrected by Holm over the strategies"
    return Table("Mean ranks against the baseline", heads, rows, note=note)


def _rank(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _head(dataset: str) -> str:
    """A data set as a column's head: a long spec on several lines, of a long path its end."""
    if len(dataset) <= HEAD:
        return dataset
    words = re.sub(r"([:,])", r"\1 ", dataset).split()
    return "\n".join(word if len(word) <= 2 * HEAD else f"...{word[-2 * HEAD + 3 :]}" for word in words)


def p_text(value: float | None) -> str:
    """A p-value with three decimals; a dash for what is not tested."""
    return "-" if value is None else "< .001" if value < 0.001 else number(value)
