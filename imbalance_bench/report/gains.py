"""The tables of differences and of the gain taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imbalance_bench.evaluation.names import DECISION_METRICS
from imbalance_bench.report.clinical import clinical_table
from imbalance_bench.report.tables import AIMED, TITLES, Table, number, spread_cell

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
    base = result["baseline"]
    rows = [row for row in result["differences"] if row["metric"] == primary]
    if primary not in DECISION_METRICS:
        # No threshold moves them: X+threshold would say the same again.
        rows = [row for row in rows if row["baseline"] == base]
    if rows:
        tables.append(_differences(rows, TITLES[primary], base))
    for name in AIMED:
        rows = [row for row in result["differences"] if row["metric"] == name and row["baseline"] != base]
        if rows:
            tables.append(_differences(rows, TITLES[name], base))
    if result["decomposition"]:
        tables.append(_decomposition(result["decomposition"], result["baseline"]))
    if any(row["correction"] for row in result["rows"]):
        tables.append(_calibration(result))
    if result["operating_points"]:
        tables.append(clinical_table(result["operating_points"]))
    return tables


def _calibration(result: Mapping[str, Any]) -> Table:
    """Probabilities as they are, and after a correction of their prior."""
    names = ("log_loss", "log_loss_corrected", "log_loss_fitted", "ece", "ece_corrected", "calibration_slope",
             "posterior_kl", "posterior_kl_corrected", "posterior_kl_fitted", "log_loss_scaled",
             "temperature")  # fmt: skip
    rows = [row for row in result["rows"] if row["kind"] == "requested"]
    shown = [name for name in names if any(row[name] is not None for row in rows)]
    cells = tuple(
        (row["strategy"], row["correction"] or "-", *(spread_cell(row, name) for name in shown))
        for row in rows
    )
    heads = ("strategy", "correction", *(CALIBRATION[name] for name in shown))
    notes = [
        "corrected: to the test prior, exact where the prior behind the scores is known, else fitted on "
        "validation; fitted: on validation in any case; scaled: by a temperature alone",
        "slope: 1 is right, below 1 too extreme",
    ]
    if "posterior_kl" in shown:
        notes.append("KL: from the exact posterior, in nats")
    worse = [row["strategy"] for row in rows if row["correction"] == "exact" and _worse(row)]
    if worse:
        notes.append(
            f"the exact correction makes {', '.join(worse)} worse: their scores are not the posterior that "
            "it supposes, and the fitted one is nearer"
        )
    return Table("Calibration", heads, cells, labels=2, note="; ".join(notes))


def _worse(row: Mapping[str, Any]) -> bool:
    """Whether the log-loss after the correction is above that before it, and that of the fit."""
    before, after, fitted = (row[name] for name in ("log_loss", "log_loss_corrected", "log_loss_fitted"))
    return None not in (before, after, fitted) and after > before and after > fitted


def _differences(rows: Sequence[Mapping[str, Any]], title: str, baseline: str) -> Table:
    cells = tuple(
        (
            row["strategy"],
            number(row["mean"]),
            _span(row["low"], row["high"]),
            _p(row["p_value"]),
            _p(row["p_raw"]),
        )
        for row in sorted(rows, key=lambda row: row["baseline"] != baseline)
    )
    bases = [row["baseline"] for row in sorted(rows, key=lambda row: row["baseline"] != baseline)]
    rules = frozenset(i for i in range(1, len(bases)) if bases[i] != bases[i - 1])
    heads = ("strategy", "difference", "95 % interval", "p, corrected", "p")
    note = f"X minus {bases[0]}"
    if len(set(bases)) > 1:
        note += f", X+threshold minus {bases[-1]}"
    if any(row["p_value"] is not None for row in rows):
        note += "; p corrected by Holm over the strategies" + " of each group" * (len(set(bases)) > 1)
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
    if rows[0]["metric"] == "expected_cost":
        note += "; below 0 is cheaper"
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
