"""What the command line costs before it does anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import (
    HEAVY,
    Call,
    imbench,
    modules_after,
)

from imbalance_bench import __version__


def test_version(tmp_path: Path) -> None:
    done = imbench("--version", cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"imbench {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("compare", "--help"),
        ("list", "strategies"),
        ("list", "datasets"),
        ("list", "models"),
        ("list", "metrics"),
        ("list", "strategies", "threshold"),
        ("list", "strategies", "logit-adjustment"),
    ],
    ids=" ".join,
)
def test_help_and_lists_import_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert modules_after(arguments, tmp_path, HEAVY) == set()
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command(call: Call) -> None:
    ended = call("--help")
    assert ended.status == 0
    assert all(name in ended.out for name in ("run", "compare", "report", "list", "article", "info"))
