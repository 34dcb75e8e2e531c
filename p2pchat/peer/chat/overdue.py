"""Reports lines that have waited for a day: the contact may never come back."""

import time
from collections.abc import Callable
from typing import Final

from p2pchat.errors import StorageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.store.history import History
from p2pchat.protocol.client.events import Event, Overdue, Trouble

_PATIENCE: Final = 24 * 3600.0  # seconds
_FIRST_AFTER: Final = 5.0
_EVERY: Final = 600.0


class OverdueLines:
    """Emits Overdue once for each contact with an overdue line, until closed.

    It is emitted again only if nothing for the contact was overdue in between. `wall` returns
    seconds since the epoch.
    """

    def __init__(
        self,
        loop: Loop,
        history: History,
        on_event: Callable[[Event], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._history = history
        self._on_event = on_event
        self._wall = wall
        self._told: set[str] = set()
        self._timer: Timer = loop.call_later(_FIRST_AFTER, self._look)

    def close(self) -> None:
        """Stop checking."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(_EVERY, self._look)
        try:
            oldest = self._history.waiting_since()
        except StorageError as error:
            self._on_event(Trouble(error))
            return
        limit = (self._wall() - _PATIENCE) * 1000
        overdue = {contact for contact, since in oldest.items() if since < limit}
        for contact in sorted(overdue - self._told):
            self._on_event(Overdue(contact, oldest[contact]))
        self._told = overdue
