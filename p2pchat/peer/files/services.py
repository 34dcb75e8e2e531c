"""The services that all transfers of a node share."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from p2pchat.callbacks import ignore
from p2pchat.errors import StorageError
from p2pchat.net.bulk import BulkConnection
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.worker import Worker
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.files.activities import Activities
from p2pchat.peer.files.data_links import DataLinks
from p2pchat.peer.files.policy import FilesPolicy
from p2pchat.peer.store.transfer_store import KeptTransfer, TransferStore
from p2pchat.protocol.client.events import Event, Trouble
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.offers import write_offer

_PATIENCE: Final = 30.0
"""Seconds without a byte after which a data link is considered dead."""

_TELL_EVERY_S: Final = 0.1


class TransferServices(NamedTuple):
    """The services of the node for transfers; `on_event(event)` notifies its clients."""

    loop: Loop
    username: str
    store: TransferStore
    contacts: Contacts
    data_links: DataLinks
    worker: Worker
    policy: FilesPolicy
    activities: Activities
    on_event: Callable[[Event], None]

    def bulk(self, link: Link, contact: str) -> BulkConnection:
        """Detach a data link from the loop, for use by a thread."""
        return BulkConnection(link.detach()._replace(remote=contact), _PATIENCE)

    def progress_of(
        self, transfer: KeptTransfer, is_current: Callable[[], bool]
    ) -> Callable[[int], None]:
        """Return a callback by which a thread reports the number of pieces that have arrived.

        Reports are ignored unless `is_current()`.
        """
        last = 0.0

        def progress(pieces: int) -> None:
            nonlocal last
            now = self.loop.now()
            if now - last >= _TELL_EVERY_S:
                last = now
                self.loop.call_from_thread(partial(self._moved, transfer, pieces, is_current))

        return progress

    def end(
        self, transfer: KeptTransfer, state: TransferState, reason: str = "", **fields: Any
    ) -> None:
        """Store that a transfer is over, without the bytes in its offer, now unneeded."""
        offer = replace(transfer.offer, inline=None)
        self.store.update(
            transfer.id, state=state, reason=reason, offer=write_offer(offer), **fields
        )
        self.activities.end(transfer.id)

    def safely(self, call: Callable[[], object]) -> None:
        """Make a call that follows the end of a thread; report a storage error."""
        try:
            call()
        except StorageError as error:
            self.on_event(Trouble(error))

    def _moved(self, transfer: KeptTransfer, pieces: int, is_current: Callable[[], bool]) -> None:
        if is_current():
            self.activities.moved(transfer, pieces)


class Slots:
    """Limits the transfers in one direction: in total, and per contact."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._used: dict[int, str] = {}

    def take(self, transfer: KeptTransfer) -> bool:
        """Take a slot for the transfer; return False if none is free."""
        others = [name for number, name in self._used.items() if number != transfer.id]
        of_one = max(1, self._at_once - 1)
        if len(others) >= self._at_once or others.count(transfer.username) >= of_one:
            return False
        self._used[transfer.id] = transfer.username
        return True

    def release(self, transfer_id: int) -> None:
        """Release the transfer's slot, if it has one."""
        self._used.pop(transfer_id, None)


def stop(connection: BulkConnection | None) -> None:
    """End a connection in use by a thread."""
    (ignore if connection is None else connection.stop)()
