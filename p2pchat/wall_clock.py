"""The wall clock, as lines and events carry its time."""

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return int(time.time() * 1000)
