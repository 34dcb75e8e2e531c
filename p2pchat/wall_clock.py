"""The wall clock for the times of lines and events."""

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return int(time.time() * 1000)


def local_minute(at: int) -> str:
    """Return a time in milliseconds since the epoch as `2026-11-28 09:00`, in the local time zone.

    With the date, because a weekday or a time of day alone may be taken for today's.
    """
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000))
