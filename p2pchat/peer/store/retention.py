"""Deletes old lines that are delivered or read, while the node runs."""

import time
from collections.abc import Callable
from typing import Final

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop
from p2pchat.peer.store.history import History

_DAY: Final = 24 * 3600.0
_EVERY: Final = 3600.0  # seconds


class Retention:
    """Deletes lines older than so many days, at once and every hour until closed.

    `wall` returns seconds since the epoch. Raise StorageError if the disk fails at once; later
    failures are passed to `on_failed(error)`, and the next hour tries again.
    """

    def __init__(
        self,
        loop: Loop,
        history: History,
        days: float,
        on_failed: Callable[[StorageError], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._history = history
        self._days = days
        self._on_failed = on_failed
        self._wall = wall
        self._forget()
        self._timer = loop.call_later(_EVERY, self._forget_again)

    def close(self) -> None:
        """Stop deleting."""
        self._timer.cancel()

    def _forget(self) -> None:
        self._history.forget_before(int((self._wall() - self._days * _DAY) * 1000))

    def _forget_again(self) -> None:
        self._timer = self._loop.call_later(_EVERY, self._forget_again)
        try:
            self._forget()
        except StorageError as error:
            self._on_failed(error)
