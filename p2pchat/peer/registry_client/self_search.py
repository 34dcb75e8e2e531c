"""Notices that a registry of the original system has silently put us offline.

That happens if our HELLOs are lost, or if the interval in our URL is too long for it. Knows nothing
of the registry session.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.registry_client.link import SearchUser
from p2pchat.protocol.messages import Presence, SearchResult

_FIRST_AFTER: Final = 15.0  # seconds; the original program waits for ten
_EVERY: Final = 60.0


class SelfSearch:
    """Searches for ourselves until closed; calls `on_offline()` once if we are offline.

    It is called again only after a search has found us. Failed searches are ignored.
    """

    def __init__(
        self, loop: Loop, search: SearchUser, username: str, on_offline: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._search = search
        self._username = username
        self._on_offline = on_offline
        self._is_online = True
        self._timer: Timer = loop.call_later(_FIRST_AFTER, self._ask)

    def close(self) -> None:
        """Stop searching."""
        self._timer.cancel()

    def _ask(self) -> None:
        self._timer = self._loop.call_later(_EVERY, self._ask)
        self._search(self._username, self._found, lambda _: None)

    def _found(self, result: SearchResult) -> None:
        was_online, self._is_online = self._is_online, result.presence is Presence.ONLINE
        if was_online and not self._is_online:
            self._on_offline()
