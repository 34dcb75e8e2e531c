"""Periodic searches for contacts who are missed, in case a report of the registry was lost.

Knows nothing of conversations.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.protocol.messages import SearchResult

_PERIOD: Final = 120.0
_ASKED_AT_ONCE: Final = 32


class PresencePolling:
    """Between `start` and `stop`, search for some of `contacts()` every one or two minutes.

    `found(contact, result)` is called with each answer; failed searches are ignored.
    """

    def __init__(
        self,
        loop: Loop,
        search: SearchUser,
        rng: random.Random,
        *,
        contacts: Callable[[], list[str]],
        found: Callable[[str, SearchResult], None],
    ) -> None:
        self._loop = loop
        self._search = search
        self._rng = rng
        self._contacts = contacts
        self._found = found
        self._timer: Timer | None = None

    def start(self) -> None:
        """Search after the next pause."""
        self.stop()
        pause = _PERIOD * self._rng.uniform(0.5, 1.0)
        self._timer = self._loop.call_later(pause, self._ask)

    def stop(self) -> None:
        """Stop searching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        self.start()
        contacts = self._contacts()
        for contact in self._rng.sample(contacts, min(len(contacts), _ASKED_AT_ONCE)):
            self._search(contact, partial(self._found, contact), lambda _: None)
