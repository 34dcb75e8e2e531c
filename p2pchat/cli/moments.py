"""Moments as people type them: `2h`, `yesterday`, `monday`, `14:30`, a date, or what we print.

Without a zone a moment is local time. Knows no command.
"""

import datetime as dt
import re
from typing import Any, Final

import click

_UNITS: Final = {
    "s": dt.timedelta(seconds=1),
    "m": dt.timedelta(minutes=1),
    "h": dt.timedelta(hours=1),
    "d": dt.timedelta(days=1),
    "w": dt.timedelta(weeks=1),
}
_AGO: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY: Final = 3
"""Letters of a weekday's name that are enough."""

_EXAMPLES: Final = "2h, 3d, yesterday, monday, 14:30, 2026-11-27, 2026-11-27T14:30 or ...Z"


class Moment(click.ParamType[int]):
    """An option's moment, as milliseconds since the epoch."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return it; a usage error where it is none, or further away than can be counted."""
        if isinstance(value, int):
            return value
        try:
            moment = moment_of(str(value), dt.datetime.now().astimezone())
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no moment that can be counted; for example {_EXAMPLES}.", param, ctx
            )


def moment_of(typed: str, now: dt.datetime) -> dt.datetime:
    """Return what was typed, seen from `now`, which has a zone. Raise ValueError, OverflowError."""
    text = typed.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    if text in ("now", "today", "yesterday"):
        return {"now": now, "today": midnight, "yesterday": midnight - _UNITS["d"]}[text]
    if len(text) >= _SHORTEST_DAY:
        for number, day in enumerate(_WEEKDAYS):
            if day.startswith(text):
                return midnight - ((now.weekday() - number) % 7) * _UNITS["d"]
    if clock := _CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        at = midnight.replace(hour=hour, minute=minute, second=second)
        return at if at <= now else at - _UNITS["d"]
    moment = dt.datetime.fromisoformat(typed.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
