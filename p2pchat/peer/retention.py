"""Lines that are done are forgotten when they are old, for as long as the node runs."""

import time
from collections.abc import Callable
from typing import Final

from p2pchat.net.loop import Loop
from p2pchat.peer.history import History

_DAY: Final = 24 * 3600.0
_EVERY: Final = 3600.0  # seconds


class Retention:
    """Forget now, and every hour until closed, what is older than so many days.

    `wall` gives seconds since the epoch. Raises StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        history: History,
        days: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._history = history
        self._days = days
        self._wall = wall
        self._forget()

    def close(self) -> None:
        """Forget no more."""
        self._timer.cancel()

    def _forget(self) -> None:
        self._history.forget_before(int((self._wall() - self._days * _DAY) * 1000))
        self._timer = self._loop.call_later(_EVERY, self._forget)
