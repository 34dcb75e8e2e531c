"""The wall clock for the times of lines and events."""

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return int(time.time() * 1000)
