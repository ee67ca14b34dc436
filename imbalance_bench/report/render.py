"""A result as text: tables for the terminal, markdown, csv or json."""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from imbalance_bench.report.diagram import diagram
from imbalance_bench.report.heading import header
from imbalance_bench.report.ranks_page import ranks_header, ranks_tables
from imbalance_bench.report.tables import Table, comparison_tables, run_tables

GAP = 3
"""Columns between two columns of a table."""
LINE = 100
"""Sentences are not set wider than this: longer lines are hard to follow."""
EDGES = 2
"""Columns that a table's two edges take."""


def render(results: Sequence[Mapping[str, Any]], kind: str, width: int, color: bool = False) -> str:
    """One or several results (of `compare` or of `run`) as text that ends in a newline.

    `kind` is "terminal", "markdown", "csv" or "json"; `width` is the terminal's, in columns.
    """
    if kind == "json":
        content: Any = results[0] if len(results) == 1 else {"comparisons": list(results)}
        return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    single = [each for result in results for each in result.get("comparisons", [result])]
    if kind == "csv":
        return _csv(single)
    pages = [(r, header(r), comparison_tables(r) if "rows" in r else run_tables(r)) for r in single]
    ranks = [result["ranks"] for result in results if "ranks" in result]
    pages += [(each, ranks_header(each), ranks_tables(each)) for each in ranks]
    texts = []
    for result, lines, tables in pages:
        if kind == "markdown":
            texts.append(markdown(lines, tables) + _drawn(result, None) + _verdict(result, None))
        else:
            text = terminal(lines, tables, width, color)
            texts.append(text + _drawn(result, width) + _verdict(result, width))
    return "\n".join(texts)


def _drawn(result: Mapping[str, Any], width: int | None) -> str:
    """The critical-difference diagram of ranks that were tested; in markdown (None) as a block of code."""
    if result.get("critical_difference") is None:
        return ""
    means = [(row["strategy"], row["mean_rank"]) for row in result["rows"]]
    lines = diagram(means, result["not_told_apart"], result["critical_difference"], width or 80)
    title = "Mean ranks and critical difference"
    if width is None:
        lines, title = ["```text", *lines, "```"], f"### {title}"
    return "\n" + "\n".join([title, "", *lines]) + "\n"


def _verdict(result: Mapping[str, Any], width: int | None) -> str:
    """The sentences of the verdict, wrapped for a terminal of `width` columns; None: markdown."""
    said = result.get("verdict") or []
    if not said:
        return ""
    if width is None:
        return "\n### Verdict\n\n" + "\n".join(f"- {sentence}" for sentence in said) + "\n"
    wrapped = [
        textwrap.fill(sentence, max(20, min(width, LINE)), break_on_hyphens=False) for sentence in said
    ]
    return "\n" + "\n\n".join(["Verdict", *wrapped]) + "\n"


def _csv(results: Sequence[Mapping[str, Any]]) -> str:
    """The per-class rows, those of `run` with their strategy; undefined values are empty."""
    rows = [
        {"dataset": result["dataset"], **_made_with(result), "strategy": result.get("strategy"), **row}
        for result in results
        for row in result["per_class"]
    ]
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _made_with(result: Mapping[str, Any]) -> dict[str, str]:
    """What tells several comparisons on one data set apart, in one column."""
    settings = result.get("made_with")
    return {"made_with": " ".join(f"{name}={value}" for name, value in settings.items())} if settings else {}


def markdown(lines: Sequence[str], tables: Sequence[Table]) -> str:
    """Opening lines and tables as markdown."""
    blocks = ["\n".join(f"- {line}" for line in lines)]
    for table in tables:
        body = [_pipes(table.columns), _pipes(["---"] * table.labels + ["---:"] * _values(table))]
        body += [_pipes(row) for row in table.rows]
        blocks.append(f"### {table.title}\n\n" + "\n".join(body))
        if table.note:
            blocks.append(table.note)
    return "\n\n".join(blocks) + "\n"


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _values(table: Table) -> int:
    return len(table.columns) - table.labels


def terminal(lines: Sequence[str], tables: Sequence[Table], width: int, color: bool) -> str:
    """Opening lines and tables for a terminal of `width` columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=color, highlight=False, soft_wrap=False)
    for line in lines:
        console.print(Text(line))
    for table in tables:
        sizes = _sizes(table, width)
        pages = _pages(table, sizes, width)
        for columns in pages:
            console.print()
            console.print(Text(table.title, "bold"))
            grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
            for column in columns:
                label = column < table.labels
                grid.add_column(
                    Text(_breakable(table.columns[column])),
                    justify="left" if label else "right",
                    overflow="fold",
                    width=sizes[column],
                )
            for number, row in enumerate(table.rows):
                if number in table.rules:
                    grid.add_section()
                grid.add_row(
                    *(
                        Text(row[i] if len(row[i]) <= sizes[i] else _breakable(row[i], sizes[i]))
                        for i in columns
                    )
                )
            console.print(grid)
        hidden = [name for i, name in enumerate(table.columns) if not any(i in page for page in pages)]
        if hidden:
            console.print(Text(f"not shown for want of width: {', '.join(hidden)}", "dim"))
        if table.note:
            console.print(Text(table.note, "dim"))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _sizes(table: Table, width: int) -> list[int]:
    """The width of each column's cells; text gives way where it would take more than its share."""
    sizes = [
        max([_head_width(name), *(len(row[i]) for row in table.rows)]) for i, name in enumerate(table.columns)
    ]
    limit = (width if table.labels == len(table.columns) else width // 2) - EDGES
    while sum(sizes[: table.labels]) + GAP * table.labels > limit:
        longest = max(range(table.labels), key=lambda i: sizes[i])
        sizes[longest] -= 1
    return sizes


def _pages(table: Table, sizes: Sequence[int], width: int) -> list[list[int]]:
    """Which columns stand on each page: those that do not fit are left out, or follow (`wide`)."""
    fixed = list(range(table.labels))
    room = width - EDGES - sum(sizes[i] + GAP for i in fixed)
    pages: list[list[int]] = [[]]
    used = 0
    for i in range(table.labels, len(table.columns)):
        if used + sizes[i] > room and pages[-1]:
            if not table.wide:
                break
            pages.append([])
            used = 0
        pages[-1].append(i)
        used += sizes[i] + GAP
    return [[*fixed, *page] for page in pages]


def _head_width(name: str) -> int:
    """A head may break between words and before the parts of a combined strategy."""
    return max((len(word) for word in _breakable(name).split()), default=0)


def _breakable(name: str, size: int | None = None) -> str:
    """Line breaks before `+`; in a part longer than `size` also between its parameters."""
    parts = re.split(r"(?=\+[A-Za-z])", name)
    wide = [size is not None and len(part) > size for part in parts]
    return "\n".join(
        re.sub(r"(?<=[:,])(?=[A-Za-z])", "\n", part) if long else part
        for part, long in zip(parts, wide, strict=True)
    )
