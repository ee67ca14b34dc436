"""The tables of differences and of the gain taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.report.clinical import clinical_table
from imbalance_bench.report.tables import TITLES, Table, number, spread_cell

CALIBRATION = {
    "log_loss": "log-loss",
    "log_loss_corrected": "log-loss corrected",
    "log_loss_fitted": "log-loss fitted",
    "ece": "ECE",
    "ece_corrected": "ECE corrected",
    "calibration_slope": "slope",
    "posterior_kl": "KL",
    "posterior_kl_corrected": "KL corrected",
    "posterior_kl_fitted": "KL fitted",
    "log_loss_scaled": "log-loss scaled",
    "temperature": "temperature",
}


def difference_tables(result: Mapping[str, Any]) -> list[Table]:
    """Against the baselines on the primary metric, and what a gain is made of."""
    tables = []
    primary = result["primary_metric"]
    rows = [row for row in result["differences"] if row["metric"] == primary]
    if primary not in DECISION_METRICS:
        # No threshold moves them: X+threshold would say the same again.
        plain = rows[0]["baseline"] if rows else None
        rows = [row for row in rows if row["baseline"] == plain]
    if rows:
        tables.append(_differences(rows, TITLES[primary], result["baseline"]))
    if result["decomposition"]:
        tables.append(_decomposition(result["decomposition"], result["baseline"]))
    if any(row["correction"] for row in result["rows"]):
        tables.append(_calibration(result))
    if result["operating_points"]:
        tables.append(clinical_table(result["operating_points"]))
    return tables


def _calibration(result: Mapping[str, Any]) -> Table:
    """Probabilities as they are, and after a correction of their prior."""
    names = ("log_loss", "log_loss_corrected", "ece", "ece_corrected", "posterior_kl",
             "posterior_kl_corrected", "calibration_slope", "posterior_kl_fitted", "log_loss_fitted",
             "log_loss_scaled", "temperature")  # fmt: skip
    rows = [row for row in result["rows"] if row["kind"] == "requested"]
    shown = [name for name in names if any(row[name] is not None for row in rows)]
    cells = tuple(
        (row["strategy"], row["correction"] or "-", *(spread_cell(row, name) for name in shown))
        for row in rows
    )
    heads = ("strategy", "correction", *(CALIBRATION[name] for name in shown))
    note = (
        "corrected: to the test prior, exact where the prior behind the scores is known, else fitted on "
        "validation; fitted: on validation in any case; scaled: by a temperature alone; slope: 1 is right, "
        "below 1 too extreme; KL: from the exact posterior, in nats"
    )
    return Table("Calibration", heads, cells, labels=2, note=note)


def _differences(rows: Sequence[Mapping[str, Any]], title: str, baseline: str) -> Table:
    cells = tuple(
        (
            row["strategy"],
            number(row["mean"]),
            _span(row["low"], row["high"]),
            _p(row["p_value"]),
            _p(row["p_raw"]),
        )
        for row in sorted(rows, key=lambda row: row["baseline"])
    )
    bases = [row["baseline"] for row in sorted(rows, key=lambda row: row["baseline"])]
    rules = frozenset(i for i in range(1, len(bases)) if bases[i] != bases[i - 1])
    heads = ("strategy", "difference", "95 % interval", "p, corrected", "p")
    note = f"X minus {baseline}; p corrected by Holm over the strategies"
    if len(set(bases)) > 1:
        note = (
            f"X minus {baseline}, X+threshold minus {baseline}+threshold; p corrected by Holm in each group"
        )
    return Table(f"Differences in {title}", heads, cells, note=note, rules=rules)


def _decomposition(rows: Sequence[Mapping[str, Any]], baseline: str) -> Table:
    names = ("gain", "threshold_effect", "model_effect", "own_threshold_effect")
    beside = ("macro_ap_change", "macro_auc_change", "log_loss_change", "ece_change")
    cells = tuple((row["strategy"], *(signed_cell(row, name) for name in (*names, *beside))) for row in rows)
    heads = (
        "strategy", "gain", "moved threshold", "model", "own threshold", "AP", "AUC", "log-loss", "ECE",
    )  # fmt: skip
    note = (
        f"gain over {baseline} = what a moved threshold gives {baseline} + what the model gives where both "
        "are tuned - what a moved threshold still gives the strategy; ± half a 95 % interval; AP to ECE: "
        "change that no threshold can make"
    )
    return Table(f"The gain in {TITLES[rows[0]['metric']]}, taken apart", heads, cells, note=note)


def signed_cell(row: Mapping[str, Any], name: str) -> str:
    """A change with its sign and half its interval."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return "-"
    shown = number(value)
    sign = "" if shown.startswith("-") else "+"
    return f"{sign}{shown}" + ("" if low is None or high is None else f" ±{number((high - low) / 2)}")


def _span(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{number(low)} to {number(high)}"


def _p(value: float | None) -> str:
    return "-" if value is None else "< .001" if value < 0.001 else number(value)
