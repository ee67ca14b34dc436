"""`csv:PATH`: a table of image files and their labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from imbalance_bench.data.csv_rows import Table, read_table
from imbalance_bench.data.image_cache import Signature
from imbalance_bench.data.image_files import signatures
from imbalance_bench.data.image_source import (
    PART_WORDS,
    SHOWN,
    ImageFileSource,
    Listing,
    examples,
    existing,
    printable,
    refuse_untrained,
    sorted_labels,
)
from imbalance_bench.errors import RequestError, shown
from imbalance_bench.params import param

_SPLIT = "split"


@dataclass(frozen=True)
class CsvTable(ImageFileSource):
    """One row for each image: its path, relative to the table's folder, its label, and what else is named.

    Everything is text: the labels NA, None and 007 are three classes. Classes are in the order of code
    points.
    """

    name = "csv"
    summary = "your own images, by a table of paths and labels"

    path_column: str = param("path", kind="text", help="the column of the image's path")
    label_column: str = param("label", kind="text", help="the column of the class")
    split_column: str | None = param(
        None,
        kind="text",
        words=("none",),
        help="the column that says train, val or test; none: the column `split`, where there is one",
    )
    group_column: str | None = param(
        None,
        kind="text",
        words=("none",),
        help="the column of what must not be split between parts, as the patient",
    )

    def list_files(self) -> Listing:
        """The rows, each file once; RequestError naming the lines that can't be used."""
        file = existing(self.path)
        what = printable(str(file))
        if not os.path.isfile(file):
            said = "is no file" if os.path.lexists(file) else "does not exist"
            raise RequestError(f"{what} {said}; wanted: a CSV file with a path and a label for each image.")
        table = read_table(file, [self.path_column, self.label_column])
        named = table.column(self.path_column, "--path-column")
        labels = table.column(self.label_column, "--label-column")
        _refuse_empty(table, self.path_column, named)
        _refuse_empty(table, self.label_column, labels)
        splits = groups = None
        if (column := self.split_column or (_SPLIT if _SPLIT in table.columns else None)) is not None:
            splits = _parts(table, column, table.column(column, "--split-column"))
        if self.group_column is not None:
            groups = table.column(self.group_column, "--group-column")
            _refuse_empty(table, self.group_column, groups)
        paths, signed = _located(str(file.parent), named)
        told = {self.label_column: labels}
        if splits is not None and column is not None:
            told[column] = splits
        if groups is not None and self.group_column is not None:
            told[self.group_column] = groups
        once = _once(table, paths, named, told)
        missing = [i for i in once if signed[i] is None]
        if missing and not self.skip_bad:
            lines = "; ".join(f"line {table.lines[i]}: {printable(named[i])}" for i in missing[:SHOWN])
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise RequestError(
                f"{what} names {len(missing)} files that do not exist: {lines}{more}. Paths are relative to "
                "the table's folder. Put them right, or add --skip-bad to go on without them."
            )
        _refuse_special(
            table, [i for i in once if (now := signed[i]) is not None and not now[0]], paths, named
        )
        repeated = len(paths) - len(once)
        note = f"{repeated} rows name a file that an earlier row names too; each file is read once."
        class_names, numbers = sorted_labels([printable(labels[i]) for i in once], what)
        listing = Listing(
            [paths[i] for i in once],
            [printable(named[i]) for i in once],
            numbers,
            class_names,
            None if splits is None else [splits[i] for i in once],
            None if groups is None else [groups[i] for i in once],
            [signed[i] for i in once],
            notes=(note,) if repeated else (),
        )
        refuse_untrained(listing, what)
        return listing


def _refuse_empty(table: Table, column: str, values: Sequence[str]) -> None:
    empty = [table.lines[i] for i, value in enumerate(values) if not value]
    if empty:
        lines = examples([str(line) for line in empty])
        raise RequestError(
            f"{table.file}: the column {column!r} is empty on line{'s' if len(empty) > 1 else ''} {lines}. "
            "Fill it in, or remove the row."
        )


def _parts(table: Table, column: str, values: Sequence[str]) -> list[str]:
    for value, line in zip(values, table.lines, strict=True):
        if value.lower() not in PART_WORDS:
            raise RequestError(
                f"{table.file}, line {line}: the column {column!r} holds {shown(value)}; allowed: train, "
                "val, test (or training, valid, validation, testing)."
            )
    return [PART_WORDS[value.lower()] for value in values]


def _refuse_special(table: Table, rows: Sequence[int], paths: Sequence[str], named: Sequence[str]) -> None:
    """RequestError for a pipe or a device among files of no size: reading it could wait for ever."""
    for i in rows:
        if not (os.path.isfile(paths[i]) or os.path.isdir(paths[i])):
            raise RequestError(
                f"{table.file}, line {table.lines[i]}: {printable(named[i])} is a pipe or a device; name a "
                "file."
            )


def _located(folder: str, named: Sequence[str]) -> tuple[list[str], list[Signature | None]]:
    """The absolute paths, and of each file that exists its signature."""
    paths = [_path(folder, name) for name in named]
    signed = signatures(paths)
    for i, name in enumerate(named):
        if signed[i] is None and "\\" in name and os.sep == "/":  # a table made on Windows
            other = _path(folder, name.replace("\\", "/"))
            if (found := signatures([other])[0]) is not None:
                paths[i], signed[i] = other, found
    return paths, signed


def _path(folder: str, name: str) -> str:
    """The path without detours; where a `..` follows a link, the one that the system finds there."""
    plain = os.path.join(folder, name)
    path = os.path.normpath(plain)
    if ".." in name and "\0" not in name and os.path.realpath(plain) != os.path.realpath(path):
        return os.path.realpath(plain)
    return path


def _once(table: Table, paths: Sequence[str], named: Sequence[str], told: dict[str, list[str]]) -> list[int]:
    """The first row of each file; RequestError where a later row says something else of it."""
    first: dict[str, int] = {}
    for i, path in enumerate(paths):
        before = first.setdefault(path, i)
        for column, values in told.items():
            if values[before] != values[i]:
                raise RequestError(
                    f"{table.file}, lines {table.lines[before]} and {table.lines[i]}: {printable(named[i])} "
                    f"stands there with {shown(values[before])} and with {shown(values[i])} in the column "
                    f"{column!r}. An image has one; keep one row."
                )
    return list(first.values())
