"""Durations as users type them: `30m`, `8h`, `1d`. Does no I/O."""

import re
from typing import Final

from p2pchat.errors import UsageError

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Seconds of each unit, by its letter."""

_DURATION: Final = re.compile(r"(\d{1,6})\s*([smhdw])")


FOR_EVER: Final = 100 * 365 * 86_400
"""Seconds; longer than anyone uses the program."""


def muted_for(text: str) -> int:
    """Return how many seconds to mute: 0 for `off`, FOR_EVER if empty. Raise UsageError."""
    if text == "off":
        return 0
    return seconds_of(text) if text else FOR_EVER


def is_duration(text: str) -> bool:
    """Return whether a text is a number with a unit."""
    return _DURATION.fullmatch(text.strip().lower()) is not None


def seconds_of(text: str) -> int:
    """Return the seconds of a duration. Raise UsageError if it is not valid."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is not a duration", advice="30m, 8h, 1d or 2w")
    return int(found[1]) * UNITS[found[2]]
