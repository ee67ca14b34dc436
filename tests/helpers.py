"""What several test files share: numbers without the clock, and `imbench` in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOCK = "_seconds"
HEAVY = ("torch", "torchvision", "sklearn", "imblearn", "pandas", "scipy", "joblib")
SYNTHETIC = "--dataset=synthetic:train=200,val=100,test=100,prevalence=0.2"
SMALL = (SYNTHETIC, "--steps=5", "--batch-size=32", "--workers=0", "--device=cpu")
DIGITS = ("--dataset=digits", "--steps=2", "--batch-size=16", "--workers=0", "--device=cpu")
RUN_KEYS = {
    "dataset", "strategy", "seeds", "test_prior", "threshold_metric", "per_class", "summary", "runs",
    "failures", "notices",
}  # fmt: skip
COMPARE_KEYS = {
    "dataset", "baseline", "seeds", "vary", "test_prior", "primary_metric", "threshold_metric", "aim",
    "positive_class", "intervals",
    "rows", "per_class", "per_rank", "operating_points", "reliability", "differences", "decomposition",
    "verdict", "failures", "notices",
}  # fmt: skip


IMBENCH = (sys.executable, "-m", "imbalance_bench")


def without_clock(content: Any) -> Any:
    """The same content without the keys that depend on the clock."""
    if isinstance(content, dict):
        return {k: without_clock(v) for k, v in content.items() if not k.endswith(CLOCK)}
    if isinstance(content, list):
        return [without_clock(item) for item in content]
    return content


def run_folders(results: Path) -> list[str]:
    """The names of the folders of finished runs."""
    return sorted(path.parent.name for path in results.rglob("run.json") if ".tmp-" not in str(path))


def leftovers(results: Path) -> list[Path]:
    """What a writer that was killed leaves behind."""
    return list(results.rglob(".tmp-*"))


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """`imbench` as the leader of a process group of its own."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*IMBENCH, *arguments], stdout=pipe, stderr=pipe, text=True, cwd=cwd, start_new_session=True
    )


def signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to the process and its workers, as the terminal's Ctrl-C does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def imbench(*arguments: str, cwd: Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """`imbench` run to its end; its exit status must be `check` (None: any)."""
    done = subprocess.run(
        [*IMBENCH, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )
    assert check is None or done.returncode == check, done.stderr
    return done


def modules_after(arguments: Sequence[str], cwd: Path, among: Sequence[str]) -> set[str]:
    """Which of the packages `among` a command has imported when it ends with exit status 0."""
    code = (
        "import sys\nfrom imbalance_bench.cli.app import app\n"
        "try:\n    app(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('imported', *sorted(set({list(among)!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


def kinds(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows of a comparison in their order: name and kind."""
    return [(row["strategy"], row["kind"]) for row in result["rows"]]


def requested(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that were asked for."""
    return [row for row in result["rows"] if row["kind"] == "requested"]


def expected_kinds(*names: str, bayes: bool = False) -> list[tuple[str, str]]:
    """The rows of a comparison of strategies none of which has a decision place of its own."""
    references = (*(("bayes-optimal",) if bayes else ()), "majority-class")
    return [
        *((name, "requested") for name in names),
        *((f"{name}+threshold", "tuned") for name in names),
        *((name, "reference") for name in references),
    ]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Ended]


def compare(*arguments: str) -> tuple[str, ...]:
    """The arguments of a small comparison."""
    return ("compare", "--strategies=focal,undersample", "--seeds=2", *SMALL, *arguments)
