"""Ends accepted transfers that have made no progress for many days, with a notice.

An unfinished file takes up room. Its sender may never return, and the user may have forgotten it.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop
from p2pchat.peer.files.receiving import Receiving
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.file_events import FileFailed
from p2pchat.wall_clock import now_ms

_IDLE_DAYS: Final = 14
_DAY_S: Final = 24 * 3600.0
_FIRST_LOOK_S: Final = 60.0
"""The seconds after which a new node looks; until then, senders may come and go on."""


class IdleWatch:
    """Looks for idle transfers soon after its start and then every day, until closed.

    `cancel(transfer, why)` ends one and tells its sender.
    """

    def __init__(
        self,
        loop: Loop,
        receiving: Receiving,
        cancel: Callable[[KeptTransfer, str], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._receiving = receiving
        self._cancel = cancel
        self._on_event = on_event
        self._timer = loop.call_later(_FIRST_LOOK_S, self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(_DAY_S, self._look)
        error = P2PError(
            f"nothing of it was received for {_IDLE_DAYS} days",
            likely="its sender is rarely online when you are",
        )
        for kept in self._receiving.idle_since(now_ms() - int(_IDLE_DAYS * _DAY_S * 1000)):
            self._cancel(kept, error.what)
            name = kept.offer.shown_name
            self._on_event(FileFailed(kept.username, kept.id, name, error))
