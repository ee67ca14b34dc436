"""What `run` and `compare` share: reading the request, telling of progress, writing the result."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbalance_bench.cli.streams import print_result, say

if TYPE_CHECKING:
    from imbalance_bench.config import Settings
    from imbalance_bench.configfile import LoadedConfig
    from imbalance_bench.experiments.execution import Outcome


def read_config(flags: dict[str, Any]) -> LoadedConfig | None:
    """The file that `--config` names, taken out of the flags."""
    from imbalance_bench.config import Settings
    from imbalance_bench.configfile import load_config
    from imbalance_bench.errors import RequestError

    path = flags.pop("config", None)
    if path is None:
        return None
    if not path:
        raise RequestError("--config is empty; name a file.")
    return load_config(Path(path), Settings.model_fields)


class Reporter:
    """Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet."""

    def __init__(self, quiet: bool, datasets: int = 1) -> None:
        self._quiet = quiet
        self._datasets = datasets
        self._bar: Any = None
        self._task: Any = None
        self._done = self._missing = 0
        self._told: set[str] = set()
        self._began = time.monotonic()

    def start(self, missing: int, stored: int, workers: int) -> None:
        """How much there is to do."""
        self._missing, self._began = missing, time.monotonic()
        if self._quiet or not missing:
            return
        where = f"{workers} worker process{'es' * (workers != 1)}" if workers else "this process"
        there = f", {stored} stored already" if stored else ""
        over = f" on {self._datasets} data sets" if self._datasets > 1 else ""
        self._say(f"{missing} run{'s' * (missing != 1)} to train{over} in {where}{there}")
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("", total=missing)
            self._bar.start()

    def reading(self, what: str, done: int, total: int) -> None:
        """How far the reading of a data set has come."""
        if self._quiet or sys.stderr is None:
            return
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
        elif done == total:
            self._say(f"{what}: {total:,}")

    def ended(self, outcome: Outcome) -> None:
        """A run ended."""
        self._done += 1
        config = outcome.config
        what = f"{config.strategy}, seed {config.seed}"
        if self._datasets > 1:
            what = f"{config.dataset}: {what}"
        if outcome.status != "stored":
            if self._missing > 1 and not self._quiet and outcome.error not in self._told:
                self._say(f"{what}: {outcome.status}: {outcome.error}")
            self._told.add(outcome.error)
        elif not self._quiet and self._bar is None:
            passed = time.monotonic() - self._began
            self._say(f"[{self._done}/{self._missing}] {what} ({passed:.0f} s)")
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=what)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def notices(self, lines: Sequence[str]) -> None:
        """What the user should know beside the result."""
        if not self._quiet:
            for line in lines:
                self._say(f"note: {line}")

    def _say(self, line: str) -> None:
        if self._bar is not None:
            from rich.text import Text

            self._bar.console.print(Text(line))
        else:
            say(line)


def prepared(settings: Settings, config: LoadedConfig | None, datasets: int = 1) -> Reporter:
    """The reporter of a request, on so many data sets, whose output file can be written."""
    from imbalance_bench.errors import RequestError

    check_output(settings.output)
    if (
        config is not None
        and settings.output is not None
        and settings.output.absolute() == config.path.absolute()
    ):
        raise RequestError(f"--output {settings.output} would overwrite the config file; name another file.")
    return Reporter(settings.quiet, datasets)


def check_output(path: Path | None) -> None:
    """Refuse, before anything is trained, an output file that can't be written."""
    import os

    from imbalance_bench.errors import RequestError

    if path is None:
        return
    try:
        if path.is_dir():
            raise RequestError(f"--output {path} is a folder; name a file.")
        if not path.parent.is_dir():
            raise RequestError(f"--output {path}: there is no folder {path.parent}; make it first.")
        writable = os.access(path if path.exists() else path.parent, os.W_OK)
    except OSError as error:
        raise RequestError(f"--output {path} can't be used: {error.strerror}; name another file.") from None
    if not writable:
        raise RequestError(f"--output {path} can't be written to; name a file of your own.")


def any_failures(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a run of some comparison is missing or could not be scored."""
    return any(each["failures"] for result in results for each in result.get("comparisons", [result]))


def write_result(results: Sequence[Mapping[str, Any]], kind: str, output: Path | None) -> None:
    """Print the result on stdout, or write it to the file that `--output` names."""
    from imbalance_bench.report.render import render

    write_text(lambda width, color: render(results, kind, width, color), kind, output)


def write_text(text: Callable[[int, bool], str], kind: str, output: Path | None) -> None:
    """Print `text(width, color)` on stdout as the terminal is, or write it to a file, 120 columns wide."""
    import shutil

    from imbalance_bench.errors import RequestError

    if output is None:
        width = shutil.get_terminal_size((80, 24)).columns
        color = kind == "terminal" and sys.stdout is not None and sys.stdout.isatty()
        print_result(text(width, color))
        return
    try:
        output.write_text(text(120, False), encoding="utf-8")
    except OSError as error:
        raise RequestError(f"--output {output} can't be written to: {error.strerror}.") from None
