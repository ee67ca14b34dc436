"""Ends every command with the right exit status and a message for the person who called it."""

from __future__ import annotations

import functools
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from imbalance_bench.cli.streams import discard_stdout, say

FAILED, REFUSED, FAULT, INTERRUPTED = 1, 2, 3, 130
KEPT = "stored runs are kept, and the same command goes on with what is missing."


class EndedError(BaseException):
    """The process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with refusals, interruptions and faults of ours turned into exit statuses."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        from imbalance_bench.errors import RequestError

        try:
            _heed_signals()
            command(*args, **kwargs)
            if sys.stdout is not None:
                sys.stdout.flush()
        except typer.Exit:
            raise
        except RequestError as error:
            complain(str(error))
            raise typer.Exit(REFUSED) from None
        except KeyboardInterrupt:
            complain(f"interrupted; {KEPT}")
            raise typer.Exit(INTERRUPTED) from None
        except EndedError as error:
            complain(f"ended by {signal.Signals(error.number).name}; {KEPT}")
            raise typer.Exit(128 + error.number) from None
        except BrokenPipeError:
            # The reader of our output has gone; nothing more can be said, and the exit must not try to.
            discard_stdout()
            raise typer.Exit(0) from None
        except Exception as error:
            complain(f"this is a fault of imbench: {type(error).__name__}: {error}; see {_trace_file()}")
            raise typer.Exit(FAULT) from None

    return wrapped


def complain(message: str) -> None:
    """One message on stderr."""
    say(f"imbench: {message}")


def _heed_signals() -> None:
    """Have SIGTERM and SIGHUP unwind the program as an interruption does, so that workers end too."""

    def end(number: int, frame: object) -> None:
        raise EndedError(number)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), end)


def _trace_file() -> str:
    """Write the traceback of the current exception to a file of its own; its path."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    handle, name = tempfile.mkstemp(prefix=f"imbench-fault-{stamp}-", suffix=".txt")
    os.close(handle)
    Path(name).write_text(traceback.format_exc(), encoding="utf-8")
    return name
