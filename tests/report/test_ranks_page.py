"""The page of ranks: what stands in it, and that it fits the page."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from made_comparisons import DEMSAR, made, of_scores

from imbalance_bench.report.diagram import diagram
from imbalance_bench.report.ranks import ranking
from imbalance_bench.report.ranks_page import ranks_header, ranks_tables
from imbalance_bench.report.render import render

CE = "cross-entropy"
LONG = "class-weights+focal:alpha=balanced,gamma=0.5+logit-adjustment:tau=0.75"


def page(ranks: dict[str, Any], kind: str = "terminal", width: int = 80) -> str:
    return render([{"comparisons": [], "ranks": ranks}], kind, width)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return ranking(of_scores((CE, "m", "cf", "m+cf"), DEMSAR))


def test_the_drawing() -> None:
    pairs = [(CE, 3.0), ("smote", 1.5), ("focal", 1.5), ("undersample", 4.0)]
    drawn = diagram(pairs, [["smote", "focal", CE], [CE, "undersample"]], 1.75, 60)
    assert drawn == [
        "                          1          2          3          4",
        "                          ├──────────┼──────────┼──────────┤",
        "│   smote           1.50        o",
        "│   focal           1.50        o",
        "│ │ cross-entropy   3.00                        o",
        "  │ undersample     4.00                                   o",
        "                 CD 1.75  ├──────────────────┤",
        "CD: Nemenyi's critical difference at the 5 % level.",
        "Strategies that share a bar on the left are not told apart.",
    ]


def test_a_difference_beyond_the_axis_and_one_below_all() -> None:
    beyond = diagram([("a", 1.2), ("b", 1.8)], [["a", "b"]], 1.4, 60)
    assert beyond[-3].endswith("CD 1.40  off axis")
    below = diagram([("a", 1.0), ("b", 2.0)], [], 0.5, 60)
    assert not any("│" in line for line in below)
    assert "told apart" in " ".join(below)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("k", [2, 3, 10, 30])
def test_no_line_of_the_drawing_is_wider_than_the_page(width: int, k: int) -> None:
    names = [f"{LONG}-{i}" if i % 3 == 0 else f"s{i}" for i in range(k)]
    pairs = [(name, 1 + i * 0.97) for i, name in enumerate(names)]
    groups = [names[i : i + 3] for i in range(min(k - 1, 6))]
    for difference in (0.5, 1.5, k + 1.0):
        lines = diagram(pairs, groups, difference, width)
        assert max(map(len, lines)) <= width
        dots = [len(line) for line in lines if line.endswith(" o")]
        assert dots == sorted(dots)
        assert len(dots) == k


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_the_page_is_wider_than_the_page(width: int) -> None:
    data = ["digits", "npz:/a/very/long/path/to/some/folder/with/a/file/of/images/called/images-of-it.npz",
            "synthetic:prevalence=0.05,test=100,train=2000,val=100", "fashion-mnist"]  # fmt: skip
    each = {CE: [0.1, 0.2], LONG: [0.3, 0.4], "focal": [0.5, 0.1], "oversample": [0.2, 0.2]}
    text = page(ranking([made(name, each) for name in data], named=False), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "prevalence=0.05" in text
    assert "…" not in text


def test_every_number_stands_in_its_place(published: dict[str, Any]) -> None:
    by_data, against = ranks_tables(published)
    assert by_data.columns == ("strategy", "mean rank", *(f"data-{i}" for i in range(14)))
    assert by_data.rows[0][:4] == (CE, "3.14", ".763 ±.010", ".599 ±.010")
    assert [cells[1] for cells in by_data.rows] == ["3.14", "2.00", "2.89", "1.96"]
    assert against.rows[0] == (CE, "3.14", "-", "-", "-")
    assert against.rows[3] == ("m+cf", "1.96", "-1.18", ".047", ".016")
    lines = ranks_header(published)
    assert lines[0].startswith("Ranks over 14 data sets: data-0; data-1;")
    assert lines[-1].startswith("Friedman: chi-square 10.")


def test_the_order_on_the_page(published: dict[str, Any]) -> None:
    text = page(published)
    marks = ["Ranks over 14", "macro AUC by data set", "Mean ranks against the baseline",
             "Mean ranks and critical difference", "CD 1.25", "Verdict"]  # fmt: skip
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    drawn = text[text.index("Mean ranks and critical") : text.index("CD 1.25")]
    assert [line.split()[1] for line in drawn.splitlines() if line.startswith("│")] == ["m+cf", "m", "cf", CE]


def test_markdown_draws_in_a_block_of_code(published: dict[str, Any]) -> None:
    text = page(published, "markdown")
    block = text.split("```")[1]
    assert block.startswith("text\n")
    assert "├" in block
    assert max(map(len, block.splitlines())) <= 80
    assert "### Mean ranks and critical difference\n\n```text\n" in text
    assert "### Verdict" in text


def test_two_data_sets_show_ranks_and_no_test() -> None:
    content = ranking([made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4]}) for name in "ab"])
    text = page(content)
    assert "focal+threshold" in text
    assert "1.00" in text
    assert "Friedman" not in text
    assert "CD" not in text
    assert len(ranks_tables(content)) == 1


def test_who_is_left_out_stands_in_the_table_without_a_rank() -> None:
    given = [made(name, {CE: [0.1, 0.2], "focal": [0.3, 0.4], "smote": [0.3, 0.3]}) for name in "abc"]
    given[0]["rows"][4].update(n=0, macro_f1=None, macro_f1_low=None, macro_f1_high=None)
    table = ranks_tables(ranking(given))[0]
    assert table.rows[1] == ("focal+threshold", "-", "-", ".400 ±.010", ".400 ±.010")
    assert "lacks a run" in table.note


def test_json_holds_both_and_csv_the_classes_of_all(published: dict[str, Any]) -> None:
    each = [{"dataset": d, "per_class": [{"strategy": CE, "class": "x", "recall": 0.5}]} for d in "ab"]
    result = {"comparisons": each, "ranks": published}
    assert json.loads(render([result], "json", 80)) == result
    rows = list(csv.DictReader(io.StringIO(render([result], "csv", 80))))
    assert [(row["dataset"], row["strategy"], row["class"]) for row in rows] == [
        ("a", CE, "x"),
        ("b", CE, "x"),
    ]
