"""What reading an npz file that is damaged, or made to do harm, can raise."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error),  # the archive
    *(ValueError, SyntaxError, tokenize.TokenError, TypeError, OverflowError),  # an array's header
    *(KeyError, IndexError, AttributeError),  # what should be there is not
    *(NotImplementedError, RuntimeError),  # encrypted, or packed in a way that is not known
    MemoryError,  # a header that claims more than there is
)
"""All but OSError, which tells of the disk and not of the file."""
