"""The tables of a result as text cells, before anything decides how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imbalance_bench.evaluation.proportions import FEW_ROWS
from imbalance_bench.strategies.registry import BAYES

TITLES = {
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "g_mean": "G-mean",
    "mcc": "MCC",
    "worst_class_recall": "worst recall",
    "macro_ap": "macro AP",
    "minority_ap": "minority AP",
    "macro_auc": "macro AUC",
    "accuracy": "accuracy",
    "log_loss": "log-loss",
    "brier": "Brier",
    "ece": "ECE",
    "expected_cost": "expected cost",
    "positive_recall": "positive recall",
    "positive_precision": "positive precision",
}
AIMED = ("expected_cost", "positive_recall", "positive_precision")
ORDER = (
    "macro_f1", "balanced_accuracy", "minority_ap", "worst_class_recall", "g_mean", "log_loss",
    "macro_ap", "mcc", "brier", "macro_auc", "ece", "accuracy",
)  # fmt: skip
PARTLY = "*"
MEANS = "mean over the seeds ± half a 95 % interval, or (both ends) of one that is lopsided"
THOUSANDS = 1000
"""From here on decimals tell nothing: costs may be large."""
LOPSIDED = 5e-4
"""How far from the mean the middle of an interval may lie to be written as ±: what three decimals hide."""
LONG_FORM_CLASSES = 3
"""Up to so many classes each has its own line; more make a matrix of classes by strategies."""


@dataclass(frozen=True)
class Table:
    """A title, column heads, rows of cells, a note below; the first `labels` columns hold text.

    Columns beyond `labels` may be left out at the right (`wide` False) or moved to a further table
    (`wide` True) where the page is narrow. `rules` are the numbers of the rows with a line above them.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1
    wide: bool = False
    note: str = ""
    rules: frozenset[int] = frozenset()


def comparison_tables(result: Mapping[str, Any]) -> list[Table]:
    """Summary, differences, per-class tables, failures."""
    from imbalance_bench.report.gains import difference_tables

    tables = [_summary(result), *difference_tables(result), *_classes(result)]
    if result["failures"]:
        rows = tuple((f["strategy"], str(f["seed"]), f["error"]) for f in result["failures"])
        tables.append(Table("Runs that failed", ("strategy", "seed", "error"), rows, labels=3))
    return tables


def run_tables(result: Mapping[str, Any]) -> list[Table]:
    """The per-class table of one strategy, and its metrics over all classes."""
    rows = tuple(
        (row["class"], *_class_cells(row), _count(row["support"]), _train_rows(row))
        for row in result["per_class"]
    )
    heads = ("class", "precision", "recall", "AP", "F1", "support", "training rows")
    whole = tuple((TITLES[name], spread_cell(result["summary"], name)) for name in ORDER)
    tables = [
        Table(
            result["strategy"], heads, rows, note=_partly(rows, (r["support"] for r in result["per_class"]))
        ),
        Table("Over all classes", ("metric", "value"), whole, note=MEANS),
    ]
    if result["failures"]:
        failed = tuple((str(f["seed"]), f["error"]) for f in result["failures"])
        tables.append(Table("Runs that failed", ("seed", "error"), failed, labels=2))
    return tables


def number(value: float | None) -> str:
    """Three decimals without the leading zero; a dash for what is undefined."""
    if value is None:
        return "-"
    if abs(value) >= THOUSANDS:
        return f"{value:,.0f}"
    text = f"{value:.3f}".replace("-0.000", "0.000")
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def spread_cell(row: Mapping[str, Any], name: str) -> str:
    """Mean over the seeds, and half its 95 % interval; both ends of one that is lopsided."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is None or high is None:
        return number(row[name])
    if abs((low + high) / 2 - row[name]) > LOPSIDED:
        return f"{number(row[name])} ({number(low)}-{number(high)})"
    return f"{number(row[name])} ±{number((high - low) / 2)}"


def _summary(result: Mapping[str, Any]) -> Table:
    primary = result["primary_metric"]
    aimed = [name for name in AIMED if result["rows"] and name in result["rows"][0]]
    names = [primary, *aimed, *(name for name in ORDER if name != primary)]
    # Of predictions made elsewhere nobody knows the passes.
    trained = not result["rows"] or any(row["passes"] is not None for row in result["rows"])
    rows = tuple(
        (
            row["strategy"],
            str(row["n"]),
            *([_passes(row["passes"])] * trained),
            *(spread_cell(row, name) for name in names),
        )
        for row in result["rows"]
    )
    heads = ("strategy", "n", *(["passes"] * trained), *(TITLES[name] for name in names))
    notes = [MEANS]
    if trained:
        notes.append("passes: how often a drawn training row was seen, on average")
    if any(row["strategy"] == BAYES for row in result["rows"]):
        notes.append(
            "bayes-optimal: the exact posterior, each metric of decisions at its own best rule (the rows per "
            "class: macro F1's)"
        )
    notes += _unpredicted(result)
    rules = _kind_changes([row["kind"] for row in result["rows"]])
    return Table("Strategies", heads, rows, labels=2, note="; ".join(notes), rules=rules)


def _unpredicted(result: Mapping[str, Any]) -> list[str]:
    """Which strategies never decide for some classes."""
    n = len(result["test_prior"])
    few = [
        f"{row['strategy']} {_count(row['classes_predicted'])}"
        for row in result["rows"]
        if row["classes_predicted"] is not None
        and row["kind"] != "reference"
        and row["classes_predicted"] < n
    ]
    return [f"predict fewer than the {n} classes (mean over seeds): {', '.join(few)}"] if few else []


def _kind_changes(kinds: Sequence[str]) -> frozenset[int]:
    """The rows whose kind differs from that of the row above."""
    return frozenset(i for i in range(1, len(kinds)) if kinds[i] != kinds[i - 1])


def _classes(result: Mapping[str, Any]) -> list[Table]:
    names = list(dict.fromkeys(row["class"] for row in result["per_class"]))
    kinds = {row["strategy"]: row["kind"] for row in result["rows"]}
    if len(names) <= LONG_FORM_CLASSES:
        rows = tuple(
            (row["strategy"], row["class"], *_class_cells(row), _count(row["support"]), _train_rows(row))
            for row in result["per_class"]
        )
        heads = ("strategy", "class", "precision", "recall", "AP", "F1", "support", "training rows")
        rules = _kind_changes([kinds[row["strategy"]] for row in result["per_class"]])
        note = _partly(rows, (row["support"] for row in result["per_class"]))
        return [Table("Per class", heads, rows, labels=2, note=note, rules=rules)]
    tables = []
    for tuned in (False, True):
        strategies = [name for name, kind in kinds.items() if (kind == "tuned") is tuned]
        if strategies:
            tables += _matrices(result, strategies, ", decisions tuned on validation" if tuned else "")
    return tables


def _matrices(result: Mapping[str, Any], strategies: Sequence[str], how: str) -> list[Table]:
    """By frequency rank where there are ranks, then by class: classes in rows, strategies in columns."""
    tables = []
    if result["per_rank"]:
        ranks = _grouped(result["per_rank"], "rank")
        labels = [(str(rank), _count(rows[0]["train_rows"])) for rank, rows in ranks.items()]
        title = f"Precision / recall by frequency rank{how}"
        tables.append(_matrix(title, ("rank", "training rows"), labels, ranks, strategies))
        tables.append(_groups(result["per_rank"], strategies, how))
    classes = _grouped(result["per_class"], "class")
    labels = [(name, _train_rows(rows[0])) for name, rows in classes.items()]
    title = f"Precision / recall by class{how}"
    tables.append(_matrix(title, ("class", "training rows"), labels, classes, strategies))
    return tables


def _groups(rows: Sequence[Mapping[str, Any]], strategies: Sequence[str], how: str) -> Table:
    order = [name for name in ("many", "medium", "few") if any(row["group"] == name for row in rows)]
    spans = {"many": "many (over 100)", "medium": "medium (20 to 100)", "few": "few (under 20)"}
    cells = []
    for group in order:
        line = [spans[group]]
        for strategy in strategies:
            found = [r["recall"] for r in rows if r["group"] == group and r["strategy"] == strategy]
            defined = [value for value in found if value is not None]
            line.append(number(sum(defined) / len(defined)) if defined else "-")
        cells.append(tuple(line))
    return Table(f"Mean recall by training rows{how}", ("classes", *strategies), tuple(cells), wide=True)


def _matrix(
    title: str,
    heads: tuple[str, ...],
    labels: Sequence[tuple[str, ...]],
    groups: Mapping[Any, Sequence[Mapping[str, Any]]],
    strategies: Sequence[str],
) -> Table:
    rows = []
    for label, found in zip(labels, groups.values(), strict=True):
        by_strategy = {row["strategy"]: row for row in found}
        cells = []
        for strategy in strategies:
            row = by_strategy.get(strategy)
            cells.append("-" if row is None else _pair(row))
        rows.append((*label, *cells))
    note = _partly(rows)
    return Table(title, (*heads, *strategies), tuple(rows), labels=len(heads), wide=True, note=note)


def _pair(row: Mapping[str, Any]) -> str:
    mark = PARTLY * (0 < row["precision_n"] < row["n"])
    return f"{_short(row['precision'])} / {_short(row['recall'])}{mark}"


def _grouped(rows: Iterable[Mapping[str, Any]], key: str) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _class_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    precision, *others = (
        spread_cell(row, name) for name in ("precision", "recall", "average_precision", "f1")
    )
    return (precision + PARTLY * (0 < row["precision_n"] < row["n"]), *others)


def _partly(rows: Iterable[Sequence[str]], counts: Iterable[float | None] = ()) -> str:
    notes = []
    if any(cell.endswith(PARTLY) for row in rows for cell in row):
        notes.append(
            f"{PARTLY} precision over the seeds that ever predict the class; undefined in the others"
        )
    if any(count is not None and count < FEW_ROWS for count in counts):
        notes.append(f"recall of classes with fewer than {FEW_ROWS} test images: exact intervals at least")
    return "; ".join(notes)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def _count(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _passes(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _train_rows(row: Mapping[str, Any]) -> str:
    low, high = row["train_rows_min"], row["train_rows_max"]
    return "-" if low is None else _count(low) if low == high else f"{low:,} to {high:,}"
