"""Quiet hours, without bell and notifications: `22:00-07:00`, in local time. Pure."""

import datetime as dt
import re
from typing import Final, NamedTuple

_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class QuietHours(NamedTuple):
    """From one time of day until another, which may be on the next day."""

    begin: dt.time
    end: dt.time

    @classmethod
    def parse(cls, text: str) -> "QuietHours":
        """Return the hours that a setting names. Raise ValueError if it is not valid."""
        found = _HOURS.fullmatch(text.strip())
        if found is None:
            raise ValueError("not FROM-UNTIL")
        begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
        return cls(dt.time(begin_hour, begin_minute), dt.time(end_hour, end_minute))

    def contain(self, now: dt.time) -> bool:
        """Return whether the time of day is within the quiet hours."""
        if self.begin <= self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end
