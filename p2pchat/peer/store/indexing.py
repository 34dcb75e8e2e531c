"""Indexes the lines of an older version in the background while the node runs."""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.store.history import History

_PAUSE: Final = 0.1  # seconds; indexing some lines takes a few milliseconds


class Indexing:
    """Indexes some lines after each pause until all are indexed, or it is closed.

    `on_failed(error)` is called if the disk fails; the next start tries again.
    """

    def __init__(
        self, loop: Loop, history: History, on_failed: Callable[[StorageError], None]
    ) -> None:
        self._loop = loop
        self._history = history
        self._on_failed = on_failed
        self._timer: Timer = loop.call_later(_PAUSE, self._index_some)

    def close(self) -> None:
        """Stop indexing."""
        self._timer.cancel()

    def _index_some(self) -> None:
        try:
            has_more = self._history.index_some()
        except StorageError as error:
            self._on_failed(error)
            return
        if has_more:
            self._timer = self._loop.call_later(_PAUSE, self._index_some)
