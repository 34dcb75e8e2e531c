"""Which accounts were logged out lately, to recheck logins that were under way at the time."""

from collections import OrderedDict
from typing import Final

_MOST: Final = 10_000
"""How many are remembered; the oldest are forgotten first."""


class LogOuts:
    """The accounts whose logins were ended; `count` grows with each."""

    def __init__(self) -> None:
        self.count = 0
        self._last: OrderedDict[str, int] = OrderedDict()

    def note(self, username: str) -> None:
        """Record that the logins of an account were ended."""
        self.count += 1
        self._last[username] = self.count
        self._last.move_to_end(username)
        while len(self._last) > _MOST:
            self._last.popitem(last=False)

    def has(self, username: str, *, since: int) -> bool:
        """Return whether that was after a check began, which makes the check outdated.

        `since` is the value of `count` when it began.
        """
        return self._last.get(username, 0) > since
