"""Writing to stdout and stderr, whatever they are: closed, full, or of a small alphabet."""

from __future__ import annotations

import os
import sys

_ASCII = str.maketrans(
    {
        "±": "~",
        "─": "-",
        "│": "|",
        "├": "+",
        "┼": "+",
        "┤": "+",
        "š": "s",
        "é": "e",
        "á": "a",
        "ö": "o",
        "ü": "u",
    }
)


def say(message: str) -> None:
    """One line on stderr; a stderr that nobody reads any more stops nothing."""
    try:
        print(message, file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115  (for the rest of the process)


def print_result(text: str) -> None:
    """The result on stdout; letters that its encoding lacks are written in ASCII.

    Raises:
        BrokenPipeError: where the reader has gone.
        RequestError: where stdout is closed or full.
    """
    from imbalance_bench.errors import RequestError

    if sys.stdout is None:
        raise RequestError("stdout is closed; name a file with --output.")
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise RequestError(f"stdout can't be written to ({error.strerror}); stored runs are kept.") from None


def discard_stdout() -> None:
    """Let what is still to be written go nowhere, so that the end of the process does not fail over it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
