"""Tables as text: numbers are short, lines fit the page, names are always whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import STRATEGIES, StoredComparison

from imbalance_bench.api import run
from imbalance_bench.report.render import render
from imbalance_bench.report.tables import comparison_tables, header, number, run_tables, spread_cell

NAMES = STRATEGIES.split(",")
LONG = "class-weights+focal:alpha=balanced,gamma=0.5"


def renamed(stored: StoredComparison, change: dict[str, str]) -> dict[str, Any]:
    """The stored result with other strategy names."""
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
    assert spread_cell({"x": 0.5, "x_sd": 0.01}, "x") == ".500 ±.010"
    assert spread_cell({"x": 0.5, "x_sd": None}, "x") == ".500"
    assert spread_cell({"x": None, "x_sd": None}, "x") == "-"


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("change", [{}, {"focal": LONG}], ids=["short", "long"])
def test_no_line_is_wider_than_the_page(stored: StoredComparison, width: int, change: dict[str, str]) -> None:
    for result in (renamed(stored, change), two_classes(stored)):
        text = render([result], "terminal", width)
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_strategy_names_are_whole_in_every_table(stored: StoredComparison, width: int) -> None:
    text = render([stored.result], "terminal", width)
    tables = [table.title for table in comparison_tables(stored.result)]
    assert len(tables) >= 4
    blocks = []
    for title, following in zip(tables, [*tables[1:], None], strict=True):
        end = text.index(following) if following else None
        blocks.append(text[text.index(title) : end])
    for block in blocks:
        assert all(name in block for name in NAMES), block


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_strategy_name_can_be_read_whole(stored: StoredComparison, width: int) -> None:
    """It may be broken over lines; nothing of it is left out."""
    text = render([renamed(stored, {"focal": LONG})], "terminal", width)
    assert "…" not in text
    joined = "".join(line[: width // 2].strip().split(" ")[0] for line in text.splitlines())
    assert LONG in text or LONG in joined


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
