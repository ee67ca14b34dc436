"""The command line. Nothing heavy is imported here or at the top of a command's module."""

from __future__ import annotations

import atexit
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """The entry point of `imbench`."""
    interrupted: list[bool] = []

    def insist() -> None:
        # An interruption that passed through an extension module's import marks the interpreter, which would
        # then end itself by SIGINT whatever status was asked for. Registered first, this runs last.
        if interrupted:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            os._exit(INTERRUPTED)

    atexit.register(insist)
    try:
        from imbalance_bench.cli.app import app

        app()
    except KeyboardInterrupt:
        interrupted.append(True)
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as end:
        if end.code == INTERRUPTED:
            interrupted.append(True)
        raise
