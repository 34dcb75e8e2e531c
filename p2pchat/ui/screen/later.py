"""Scheduled texts: parse the time at which to send them."""

import datetime as dt

from p2pchat.errors import UsageError
from p2pchat.protocol.client.orders import Schedule
from p2pchat.protocol.durations import seconds_of
from p2pchat.ui.text.moments import COMING_EXAMPLES, coming_moment_of, is_clock


def time_and_text(typed: str) -> tuple[str, str]:
    """Return the time and the text of `9:00 text` or `tomorrow 9:00 text`."""
    first, _, rest = typed.partition(" ")
    second, _, text = rest.strip().partition(" ")
    if is_clock(second) and not is_clock(first):
        return f"{first} {second}", text.strip()
    return first, rest.strip()


def to_schedule(contact: str, text: str, time: str, expires: str = "") -> Schedule:
    """Return the order to send a text no earlier than a future time.

    `expires`: a duration after which it is given up. Raise UsageError.
    """
    try:
        at = coming_moment_of(time, dt.datetime.now().astimezone())
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{time!r} is not a time in the future", advice=COMING_EXAMPLES) from None
    expires_in = seconds_of(expires) if expires else 0
    return Schedule(contact, text, int(at.timestamp() * 1000), expires_in)
