"""Errors written for the person who made the request, and the words that help to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RequestError(ValueError):
    """The request or the data are refused: says what was found, what is allowed, how to put it right.

    The command line prints the message without a traceback and ends with exit status 2.
    """


class RefusedError(RequestError):
    """A strategy refuses these data; in a comparison the other strategies still run."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the closest of `choices` in any case, or the empty text where none is."""
    spellings: dict[str, str] = {}
    for choice in choices:
        spellings.setdefault(choice.lower(), choice)
    found = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return f" Did you mean {spellings[found[0]]!r}?" if found else ""


def shown(value: object) -> str:
    """`value` for a message: on one line, shortened, and "nothing" for None."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
