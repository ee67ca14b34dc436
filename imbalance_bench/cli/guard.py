"""Ends every command with the right exit status and a message for the person who called it."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

FAILED, REFUSED, FAULT, INTERRUPTED = 1, 2, 3, 130


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with refusals, interruptions and faults of ours turned into exit statuses."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        from imbalance_bench.errors import RequestError

        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except RequestError as error:
            complain(str(error))
            raise typer.Exit(REFUSED) from None
        except KeyboardInterrupt:
            complain("interrupted; stored runs are kept, and the same command goes on with what is missing.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone; nothing more can be said, and the exit must not try to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            complain(f"this is a fault of imbench: {type(error).__name__}: {error}; see {_trace_file()}")
            raise typer.Exit(FAULT) from None

    return wrapped


def complain(message: str) -> None:
    """One message on stderr."""
    print(f"imbench: {message}", file=sys.stderr)


def _trace_file() -> str:
    """Write the traceback of the current exception to a file of its own; its path."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    handle, name = tempfile.mkstemp(prefix=f"imbench-fault-{stamp}-", suffix=".txt")
    os.close(handle)
    Path(name).write_text(traceback.format_exc(), encoding="utf-8")
    return name
