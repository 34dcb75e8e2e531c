"""Points in time as typed: `2h`, `yesterday`, `monday`, `14:30`, a date, or one of our own
timestamps.

Times without a zone are local. Pure.
"""

import datetime as dt
import re
from typing import Final

from p2pchat.protocol.durations import is_duration, seconds_of

_DAY: Final = dt.timedelta(days=1)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY: Final = 3
"""The fewest letters that name a weekday."""

COMING_EXAMPLES: Final = "2h, 9:00, tomorrow, monday 9:00, 2026-11-27T14:30"
EXAMPLES: Final = "2h, 3d, yesterday, monday, 14:30, 2026-11-27, 2026-11-27T14:30 or ...Z"


def moment_of(typed: str, now: dt.datetime) -> dt.datetime:
    """Return the typed point in time, with a zone, relative to `now`, which must have one.

    Raise ValueError if it is invalid, or OverflowError if it is out of range.
    """
    text = typed.strip().lower()
    if text == "now":
        return now
    if is_duration(text):
        return now - dt.timedelta(seconds=seconds_of(text))
    local = _on_a_day(text, now.astimezone().replace(tzinfo=None))
    # Add the zone last: its offset at that time may differ from today's.
    return (local or dt.datetime.fromisoformat(typed.strip())).astimezone()


def coming_moment_of(typed: str, now: dt.datetime) -> dt.datetime:
    """Return the next such point in time: `2h` from now, `9:00` today or tomorrow, `monday`.

    Raise ValueError if it is invalid or past, or OverflowError if it is out of range.
    """
    text = typed.strip().lower()
    if is_duration(text):
        return now + dt.timedelta(seconds=seconds_of(text))
    local = now.astimezone().replace(tzinfo=None)
    day, _, clock = text.partition(" ")
    if clock and _CLOCK.fullmatch(clock.strip()):
        begins = coming_moment_of(day, now) if day != "today" else _midnight(local).astimezone()
        moment = _at(begins.replace(tzinfo=None), clock.strip()).astimezone()
        if moment <= now:
            raise ValueError("it is past")
        return moment
    if text == "tomorrow":
        return (_midnight(local) + _DAY).astimezone()
    last = _on_the_clock(text, local)
    if last is not None and text not in ("today", "yesterday"):
        return (last + (_DAY if _CLOCK.fullmatch(text) else 7 * _DAY)).astimezone()
    moment = moment_of(typed, now)
    if moment <= now:
        raise ValueError("it is past")
    return moment


def is_clock(text: str) -> bool:
    """Return whether it is a time of day."""
    return _CLOCK.fullmatch(text) is not None


def _on_a_day(text: str, now: dt.datetime) -> dt.datetime | None:
    """Return the point in time; also accepts a day with a time, such as `yesterday 14:30`."""
    day, _, clock = text.partition(" ")
    begins = _on_the_clock(day, now) if clock and _CLOCK.fullmatch(clock.strip()) else None
    if begins is not None and begins == _midnight(begins):
        return _at(begins, clock.strip())
    return _on_the_clock(text, now)


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _at(day: dt.datetime, clock: str) -> dt.datetime:
    """Return that time of a day. Raise ValueError if there is no such time."""
    hour, minute, second = _parts(clock)
    return _midnight(day).replace(hour=hour, minute=minute, second=second)


def _parts(clock: str) -> tuple[int, int, int]:
    found = _CLOCK.fullmatch(clock)
    assert found is not None
    hour, minute, second = (int(part or 0) for part in found.groups())
    return hour, minute, second


def _on_the_clock(text: str, now: dt.datetime) -> dt.datetime | None:
    """Return the last such day or time of day, in local time without a zone; None if no such."""
    midnight = _midnight(now)
    if text in ("today", "yesterday"):
        return midnight - (text == "yesterday") * _DAY
    if len(text) >= _SHORTEST_DAY:
        for number, day in enumerate(_WEEKDAYS):
            if day.startswith(text):
                return midnight - ((now.weekday() - number) % 7) * _DAY
    if _CLOCK.fullmatch(text):
        at = _at(now, text)
        return at if at <= now else at - _DAY
    return None
