"""Sizes as users type and read them: `500MB`, `1GiB`, `2.4 MB`. Does no I/O."""

import re
from typing import Final

from p2pchat.errors import UsageError

MB: Final = 1_000_000

_SIZE: Final = re.compile(r"(\d{1,15})(\.\d{1,3})? ?(k|m|g|t)?(i?b)?")
_STEP: Final = 1000
_ROUNDED_UP: Final = 999.95


def size_of(text: str) -> int:
    """Parse a size; return bytes. Units are powers of 1000, or of 1024 with an i.

    Raise UsageError if it is not valid.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is not a valid size", advice="such as 500MB or 1GiB")
    step = 1024 if found[4] == "ib" else _STEP
    power: int = " kmgt".index(found[3] or " ")
    return round(float(found[1] + (found[2] or "")) * float(step**power))


def size_words(size: float) -> str:
    """Format a number of bytes, such as 2.4 MB; units are powers of 1000."""
    if size < _STEP:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= _STEP
        if size < _ROUNDED_UP:
            return f"{size:.1f} {unit}"
    return f"{size / _STEP:.1f} TB"
