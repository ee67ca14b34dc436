"""A table of text as people's spreadsheets write it: columns by name, every value as it stands."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imbalance_bench.errors import RequestError, nearest

_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Table:
    """The rows below the heading.

    file: what messages call it. columns: their names. rows: the values of each row, one for each column.
    lines: the line of the file on which each row ends.
    """

    file: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def column(self, name: str, flag: str) -> list[str]:
        """The values of a column; RequestError where there is none of that name, or several."""
        n = self.columns.count(name)
        if n != 1:
            said = "has no column" if n == 0 else f"has {n} columns"
            hint = nearest(name, self.columns) if n == 0 else " Give each a name of its own."
            raise RequestError(
                f"{self.file} {said} {name!r}; its columns are {', '.join(map(repr, self.columns))}."
                f"{hint} Name the column with {flag}."
            )
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read_table(file: Path, wanted: Sequence[str]) -> Table:
    """A CSV file in UTF-8 (or UTF-16 with its mark), separated by comma, semicolon or tab.

    The separator is the one with which the heading holds most of the columns `wanted`, or else has most
    columns. Values are text, without the spaces around them; nothing stands for a missing value. Empty lines
    are left out. RequestError where the file can't be read, or a row has not one value for each column.
    """
    text = _text(file)
    heading = text.splitlines()[0] if text.strip() else ""
    if not heading.strip():
        raise RequestError(f"{file} has no heading; wanted: a first line with the names of the columns.")

    def fit(separator: str) -> tuple[int, int]:
        columns = _stripped(next(csv.reader([heading], delimiter=separator), []))
        return sum(name in columns for name in wanted), len(columns)

    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SEPARATORS, key=fit), strict=True)
    rows, lines = [], []
    try:
        columns = tuple(_stripped(next(reader)))
        for row in reader:
            values = _stripped(row)
            if not any(values):
                continue
            if len(values) != len(columns):
                raise RequestError(
                    f"{file}, line {reader.line_num}: {len(values)} values for {len(columns)} columns; put "
                    "a value that holds the separator in double quotes."
                )
            rows.append(values)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise RequestError(f"{file}, line {reader.line_num}: no row of a CSV file: {error}.") from None
    if not rows:
        raise RequestError(f"{file} has a heading and no rows.")
    return Table(str(file), columns, rows, lines)


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise RequestError(f"{file} can't be read: {error.strerror or error}.") from None
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RequestError(f"{file}, line {line}: no text in UTF-8; save it as CSV in UTF-8.") from None


def _stripped(row: Sequence[str]) -> list[str]:
    return [value.strip() for value in row]
