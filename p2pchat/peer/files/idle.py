"""Ends accepted transfers that have made no progress for many days, with a notice.

An unfinished file takes up room. Its sender may never return, and the user may have forgotten it.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.peer.files.receiving import Receiving
from p2pchat.peer.files.services import TransferServices
from p2pchat.peer.store.transfer_store import KeptTransfer
from p2pchat.protocol.client.file_events import FileFailed
from p2pchat.wall_clock import now_ms

_IDLE_DAYS: Final = 14
_DAY_MS: Final = 24 * 3600 * 1000
_EVERY_S: Final = 3600.0
_FIRST_LOOK_S: Final = 60.0
"""Seconds before the first look, in which senders may come online and continue."""


class IdleWatch:
    """Looks for idle transfers soon after its start and then every hour, until closed.

    `cancel(transfer, why)` cancels one and tells its sender; it may raise StorageError.
    """

    def __init__(
        self,
        services: TransferServices,
        receiving: Receiving,
        cancel: Callable[[KeptTransfer, str], None],
    ) -> None:
        self._services = services
        self._receiving = receiving
        self._cancel = cancel
        self._timer = services.loop.call_later(_FIRST_LOOK_S, self._look)

    def close(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._services.loop.call_later(_EVERY_S, self._look)
        for kept in self._receiving.idle_since(now_ms() - _IDLE_DAYS * _DAY_MS):
            self._services.safely(partial(self._end, kept))

    def _end(self, kept: KeptTransfer) -> None:
        error = P2PError(
            f"nothing of it was received for {_IDLE_DAYS} days",
            likely="its sender is rarely online when you are",
        )
        self._cancel(kept, error.what)
        event = FileFailed(kept.username, kept.id, kept.offer.shown_name, error)
        self._services.on_event(event)
