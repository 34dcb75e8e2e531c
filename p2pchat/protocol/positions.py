"""Positions in a stream of lines: how far a receiver has stored it (PROTOCOL, "SYNC").

A position is the number of the last line received and a running sum over the ids of all lines
received, in order. Two disks at one position have received the same lines, even if either was
restored from a copy in between. Does no I/O.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

NO_SUM: Final = "0" * 32
"""The sum before the first line."""

SUM_CHARACTERS: Final = 32
"""A sum is 16 bytes of SHA-256, in hex."""


def add_to_sum(total: str, ids: Iterable[str]) -> str:
    """Return the sum after further lines with these ids were received, in this order."""
    for line_id in ids:
        total = hashlib.sha256(f"{total}{line_id}".encode()).hexdigest()[:SUM_CHARACTERS]
    return total


def check_sum(total: str) -> None:
    """Raise ValueError if `total` is not a sum."""
    if len(total) != SUM_CHARACTERS or not set(total) <= set("0123456789abcdef"):
        raise ValueError("not a valid sum")
