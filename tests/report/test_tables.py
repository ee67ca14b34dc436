"""Tables as text: numbers are short, lines fit the page, names are always whole."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from conftest import STRATEGIES, StoredComparison
from helpers import expected_kinds

from imbalance_bench.api import run
from imbalance_bench.report.heading import header
from imbalance_bench.report.render import render
from imbalance_bench.report.tables import comparison_tables, number, run_tables, spread_cell

NAMES = STRATEGIES.split(",")
ROWS = [name for name, _ in expected_kinds(*NAMES)]
LONG = "class-weights+focal:alpha=balanced,gamma=0.5"
OF_THE_GAIN = ["Differences in macro F1", "The gain in macro F1, taken apart", "Calibration"]


def renamed(stored: StoredComparison, change: dict[str, str]) -> dict[str, Any]:
    """The stored result with other strategy names, tuned rows too."""
    change = change | {f"{name}+threshold": f"{new}+threshold" for name, new in change.items()}
    result: dict[str, Any] = json.loads(json.dumps(dict(stored.result)))
    for table in ("rows", "per_class", "per_rank"):
        for row in result[table]:
            row["strategy"] = change.get(row["strategy"], row["strategy"])
    return result


def two_classes(stored: StoredComparison) -> dict[str, Any]:
    """The stored result cut down to two classes, whose table has a line for each."""
    result = renamed(stored, {"focal": LONG})
    result["per_class"] = [row for row in result["per_class"] if row["class"] in "01"]
    result["per_rank"] = []
    return result


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, ".000"),
        (1.0, "1.000"),
        (0.5, ".500"),
        (0.12345, ".123"),
        (-0.25, "-.250"),
        (0.9996, "1.000"),
        (-0.9996, "-1.000"),
        (2.5, "2.500"),
        (10.25, "10.250"),
        (-10.5, "-10.500"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_spread_cell() -> None:
    assert spread_cell({"x": 0.5, "x_low": 0.49, "x_high": 0.51}, "x") == ".500 ±.010"
    assert spread_cell({"x": 0.5, "x_low": None, "x_high": None}, "x") == ".500"
    assert spread_cell({"x": None, "x_low": None, "x_high": None}, "x") == "-"


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("change", [{}, {"focal": LONG}], ids=["short", "long"])
def test_no_line_is_wider_than_the_page(stored: StoredComparison, width: int, change: dict[str, str]) -> None:
    for result in (renamed(stored, change), two_classes(stored)):
        text = render([result], "terminal", width)
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_strategy_names_are_whole_in_every_table(stored: StoredComparison, width: int) -> None:
    text = render([stored.result], "terminal", width)
    starts = [text.index(f"\n{table.title}\n") for table in comparison_tables(stored.result)]
    assert starts == sorted(starts)
    assert len(starts) == 10
    blocks = [text[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
    assert all(name in blocks[0] for name in ROWS), blocks[0]
    for block in blocks[1:4]:  # differences, gain, calibration
        assert all(name in block for name in NAMES[1:]), block
    for block in blocks[4:7]:
        assert all(name in block for name in [*NAMES, "majority-class"]), block
        assert "+threshold" not in block
    for block in blocks[7:]:
        # Their heads are broken before the plus.
        assert all(name in block for name in NAMES), block
        assert block.partition("Verdict")[0].count("+threshold") == 4
        assert "majority-class" not in block


@pytest.mark.parametrize("width", [80, 120, 140])
def test_a_long_strategy_name_is_broken_before_its_parts(stored: StoredComparison, width: int) -> None:
    text = render([renamed(stored, {"focal": LONG})], "terminal", width)
    assert "…" not in text
    cells = [line.split("  ")[0].strip() for line in table_lines(text, "Strategies")]
    parts = ["class-weights", "+focal:alpha=balanced,gamma=0.5"]
    # Names take half of the page at most.
    whole = parts if width == 80 else ["".join(parts)]
    tuned = [f"{LONG}+threshold"] if width == 140 else [*parts, "+threshold"]
    other = [name for name in ROWS if not name.startswith("focal")]
    assert [cell for cell in cells if cell] == [
        *other[:3], *whole, *other[3:6], *tuned, "majority-class",
    ]  # fmt: skip


def table_lines(text: str, title: str) -> list[str]:
    """The body of a table: what stands between the line below its head and its note."""
    lines = text[text.index(f"{title}\n") :].splitlines()
    body = lines[next(i for i, line in enumerate(lines) if "───" in line) + 1 :]
    end = next(i for i, line in enumerate(body) if line and not line.startswith(" "))
    while not body[end - 1]:
        end -= 1
    return [line.removeprefix(" ") for line in body[:end]]


def test_a_line_stands_between_the_kinds(stored: StoredComparison) -> None:
    tables = comparison_tables(stored.result)
    assert tables[0].rules == {4, 8}
    assert tables[1].rules == {3}
    assert [table.rules for table in tables[2:]] == [frozenset()] * 8
    cells = [
        line.split("  ")[0].strip()
        for line in table_lines(render([stored.result], "terminal", 80), "Strategies")
    ]
    assert cells == [*ROWS[:4], "", *ROWS[4:8], "", ROWS[8]]

    whole, *_, by_class = comparison_tables(two_classes(stored))
    assert whole.rules == {4, 8}
    assert by_class.rules == {8, 16}
    lines = table_lines(render([two_classes(stored)], "terminal", 120), "Per class")
    first, second = (i for i, line in enumerate(lines) if not line)
    assert lines[first + 1].startswith("cross-entropy+threshold ")
    assert lines[second + 1].startswith("majority-class ")


def test_more_than_three_classes_show_plain_and_tuned_apart(stored: StoredComparison) -> None:
    tables = {table.title: table for table in comparison_tables(stored.result)}
    plain = (
        "Precision / recall by frequency rank",
        "Mean recall by training rows",
        "Precision / recall by class",
    )
    tuned = [f"{title}, decisions tuned on validation" for title in plain]
    assert list(tables) == ["Strategies", *OF_THE_GAIN, *plain, *tuned]
    for title in plain:
        columns = tables[title].columns
        assert columns[-5:] == ("cross-entropy", "undersample", "oversample", "focal", "majority-class")
    for title in tuned:
        assert tables[title].columns[-4:] == tuple(f"{name}+threshold" for name in NAMES)
        assert len(tables[title].columns) == len(tables[title.split(",")[0]].columns) - 1
    recalls = [r for r in stored.result["per_class"] if r["strategy"] == "focal+threshold"]
    shown = [row[-1] for row in tables[tuned[2]].rows]
    for cell, row in zip(shown, recalls, strict=True):
        assert cell.split(" / ")[1].lstrip("0").rstrip("*") == f"{row['recall']:.2f}".lstrip("0")
        assert cell.endswith("*") is (0 < row["precision_n"] < row["n"])


def test_a_rounding_below_zero_has_no_sign() -> None:
    assert [number(v) for v in (-2.96e-16, -0.0004, -0.0006, 0.0, -1.5)] == [
        ".000", ".000", "-.001", ".000", "-1.500",
    ]  # fmt: skip


def test_two_and_three_classes_keep_one_table(stored: StoredComparison) -> None:
    tables = comparison_tables(two_classes(stored))
    assert [table.title for table in tables] == ["Strategies", *OF_THE_GAIN, "Per class"]
    rows = tables[-1].rows
    shown = [LONG + name.removeprefix("focal") if name.startswith("focal") else name for name in ROWS]
    assert [row[:2] for row in rows] == [(name, label) for name in shown for label in "01"]


def test_every_row_is_in_markdown_and_csv(stored: StoredComparison) -> None:
    lines = render([stored.result], "markdown", 80).splitlines()
    start = lines.index("### Strategies")
    table = [line for line in lines[start : lines.index("### Differences in macro F1")] if "|" in line]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == ROWS
    heads = [cell.strip() for cell in table[0].split("|")[1:-1]]
    at = heads.index("macro F1")
    for line, row in zip(table[2:], stored.result["rows"], strict=True):
        assert line.split("|")[1:-1][at].strip() == spread_cell(row, "macro_f1")
    rows = list(csv.DictReader(io.StringIO(render([stored.result], "csv", 80))))
    assert [(row["strategy"], row["class"]) for row in rows] == [
        (name, label) for name in ROWS for label in "0123456789"
    ]
    assert [float(row["recall"]) for row in rows] == [row["recall"] for row in stored.result["per_class"]]


def test_color_is_for_terminals_only(stored: StoredComparison) -> None:
    assert "\x1b" not in render([stored.result], "terminal", 80)
    assert "\x1b" in render([stored.result], "terminal", 80, color=True)


def test_markdown_has_every_strategy_and_class(stored: StoredComparison) -> None:
    text = render([renamed(stored, {"focal": LONG})], "markdown", 80)
    assert LONG in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)
    classes = text[text.index("by class") :]
    assert all(f"\n| {name} |" in classes for name in "0123456789")


def test_cells_of_markdown_hold_no_bare_pipe(stored: StoredComparison) -> None:
    result = renamed(stored, {"focal": "a|b"})
    assert "a\\|b" in render([result], "markdown", 80)


@pytest.mark.parametrize("kind", ["terminal", "markdown", "csv", "json"])
def test_every_form_ends_in_a_newline(stored: StoredComparison, kind: str) -> None:
    assert render([stored.result], kind, 80).endswith("\n")


def test_failures_are_shown(stored: StoredComparison) -> None:
    error = "focal: alpha is one number for 10 classes, which would only rescale the loss. " * 3
    result = {**stored.result, "failures": [{"strategy": "focal", "seed": 3, "error": error}]}
    text = render([result], "terminal", 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "rescale" in text[text.index("failed") :]
    assert error.strip() in render([result], "markdown", 80)


def test_the_header_says_what_the_numbers_stand_for(stored: StoredComparison) -> None:
    lines = header(stored.result)
    assert lines[0].startswith("digits, 2 seeds (0, 1)")
    assert any(line.startswith("test prior: ") for line in lines)
    assert any("primary metric, fixed before the run: macro F1" in line for line in lines)
    assert not any("one seed" in line for line in lines)
    assert any("one seed" in line for line in header({**stored.result, "seeds": [0]}))


@pytest.mark.parametrize(
    ("metric", "title"),
    [("macro_f1", "macro F1"), ("balanced_accuracy", "balanced accuracy"), ("mcc", "MCC")],
)
def test_the_header_names_what_decisions_are_tuned_for(
    stored: StoredComparison, metric: str, title: str
) -> None:
    line = f"X+threshold: the decisions of X, tuned on validation for {title}"
    result = {**stored.result, "threshold_metric": metric}
    assert header(result).count(line) == 1
    assert f"- {line}\n" in render([result], "markdown", 80)
    plain = {**result, "rows": [row for row in result["rows"] if row["kind"] != "tuned"]}
    assert not any("X+threshold" in line for line in header(plain))


def test_the_note_says_what_the_exact_posterior_shows(stored: StoredComparison) -> None:
    assert "bayes-optimal" not in comparison_tables(stored.result)[0].note
    known = renamed(stored, {"majority-class": "bayes-optimal"})
    assert "each metric of decisions at its own best rule" in comparison_tables(known)[0].note
    assert comparison_tables(known)[0].rows[-1][:3] == ("bayes-optimal", "2", "-")


def test_several_comparisons_follow_each_other(stored: StoredComparison) -> None:
    assert render([stored.result] * 2, "terminal", 80).count("digits, 2 seeds") == 2
    both = json.loads(render([stored.result] * 2, "json", 80))
    assert both == {"comparisons": [dict(stored.result)] * 2}


def test_every_cell_stands_under_its_own_heading(stored: StoredComparison) -> None:
    result = run("focal", **{**stored.settings, "results": stored.folder, "seeds": 2})
    table = run_tables(result)[0]
    keys = {"precision": "precision", "recall": "recall", "F1": "f1", "AP": "average_precision"}
    for cells, row in zip(table.rows, result["per_class"], strict=True):
        shown = dict(zip(table.columns, cells, strict=True))
        assert shown["class"] == row["class"]
        for heading, key in keys.items():
            assert shown[heading].rstrip("*") == spread_cell(row, key)
