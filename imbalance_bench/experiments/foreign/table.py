"""Reads csv files of predictions: a row per image, by strategy and seed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.experiments.foreign.raw import PARTS, Raw, of_name, strategy_and_seed, unread

GROUP = "group"
PREFIXES = {"p_": "probabilities", "logit_": "logits"}


@dataclass
class _Table:
    """A csv file: columns by name, and where they stand."""

    path: Path
    at: dict[str, int]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        at = self.at[name]
        return [row[at].strip() for row in self.rows]


def read_csv(path: Path, groups: str | None) -> list[Raw]:
    """Every strategy and seed of the file, in the order of their first rows; see `files.read_file`."""
    table = _table(path)
    kind, columns = _score_columns(table)
    if "label" not in table.at:
        raise RequestError(f"{path}: there is no column 'label'; found: {', '.join(table.at)}."
                           f"{nearest('label', table.at)}")  # fmt: skip
    group = groups or GROUP
    if groups not in (None, "none") and group not in table.at:
        raise RequestError(
            f"{path}: --group-column {group}: there is no such column; found: {', '.join(table.at)}."
            f"{nearest(group, table.at)}"
        )
    optional = ("split", "strategy", "seed", *((group,) if groups != "none" else ()))
    left = [name for name in table.at if name not in ("label", *columns, *optional)]
    passed_over = unread("columns", left, ("label", "score", *optional))
    values = _numbers(table, columns)
    cells = {name: table.column(name) for name in ("label", *optional) if name in table.at}
    by_arm: dict[tuple[str, int], dict[str, list[int]]] = {}
    default = of_name(path.stem)
    for i, line in enumerate(table.lines):
        where = f"{path}, line {line}"
        strategy = cells["strategy"][i] if "strategy" in cells else default[0]
        seed = cells["seed"][i] if "seed" in cells else default[1]
        part = cells["split"][i] if "split" in cells else "test"
        if part not in PARTS:
            raise RequestError(f"{where}: found the split {shown(part)}; allowed: val and test "
                               f"(leave training rows out).{nearest(part.lower(), PARTS)}")  # fmt: skip
        arm = by_arm.setdefault(strategy_and_seed(where, strategy, seed), {})
        arm.setdefault(part, []).append(i)
    found = []
    for (strategy, seed), parts in by_arm.items():
        arrays: dict[str, Any] = {}
        for part, rows in parts.items():
            arrays[f"{part}_labels"] = np.array([cells["label"][i] for i in rows])
            arrays[f"{part}_{kind}"] = values[rows]
        if kind != "score":
            arrays["class_names"] = np.array([name.partition("_")[2] for name in columns])
        if group in cells:
            arrays["test_groups"] = np.array([cells[group][i] for i in parts.get("test", ())])
        lines = {part: [table.lines[i] for i in rows] for part, rows in parts.items()}
        found.append(Raw(str(path), strategy, seed, arrays, passed_over, lines))
    return found


def _table(path: Path) -> _Table:
    rows, lines = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = [name.strip() for name in next(reader, [])]
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
                    if len(row) != len(head):
                        raise RequestError(
                            f"{path}, line {reader.line_num}: found {len(row)} values; the head names "
                            f"{len(head)} columns."
                        )
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not text in UTF-8; save it as csv in that encoding.") from None
    except csv.Error as error:
        raise RequestError(f"{path}, line {reader.line_num}: this is not csv ({error}).") from None
    if len(head) == 1 and (";" in head[0] or "\t" in head[0]):
        raise RequestError(f"{path}: found the head {shown(head[0])}; columns are separated by commas.")
    twice = next((name for name in head if head.count(name) > 1), None)
    if twice is not None:
        raise RequestError(f"{path}: the column {twice!r} stands there twice; keep one.")
    if not rows:
        raise RequestError(f"{path} holds no rows; one line for each image is needed below the head.")
    return _Table(path, {name: i for i, name in enumerate(head)}, rows, lines)


def _score_columns(table: _Table) -> tuple[str, list[str]]:
    """What the scores are, one of `SCORES`, and their columns."""
    kinds = {
        kind: [name for name in table.at if name.startswith(prefix) and name != prefix]
        for prefix, kind in PREFIXES.items()
    }
    kinds["score"] = [name for name in table.at if name == "score"]
    there = {kind: names for kind, names in kinds.items() if names}
    needed = "one column p_CLASS for each class, or logit_CLASS for each, or for two classes `score`"
    if not there:
        raise RequestError(
            f"{table.path}: there are no scores; found: {', '.join(table.at)}; needed: {needed}."
            f"{nearest('score', table.at)}"
        )
    if len(there) > 1:
        rivals = " and ".join(names[0] for names in there.values())
        raise RequestError(f"{table.path}: found both {rivals}; keep one kind: {needed}.")
    kind, names = next(iter(there.items()))
    if kind != "score" and len(names) == 1:
        raise RequestError(f"{table.path}: found {names[0]} alone; needed: {needed}.")
    return kind, names


def _numbers(table: _Table, columns: Sequence[str]) -> NDArray[np.float64]:
    """(n, C) of the columns; (n,) of a single one."""
    found = np.empty((len(table.rows), len(columns)))
    for j, name in enumerate(columns):
        cells = table.column(name)
        try:
            found[:, j] = [float(cell) for cell in cells]
        except ValueError:
            for cell, line in zip(cells, table.lines, strict=True):
                try:
                    float(cell)
                except ValueError:
                    raise RequestError(
                        f"{table.path}, line {line}: found {shown(cell)} as {name}; a number is needed."
                    ) from None
    return found[:, 0] if len(columns) == 1 else found
