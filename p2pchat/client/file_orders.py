"""Executes a client's orders about files at the node."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from p2pchat.client.delivery import Queue
from p2pchat.errors import OnFailed, UsageError
from p2pchat.paths import path_of
from p2pchat.peer.files.source import Scanned
from p2pchat.peer.node import Node
from p2pchat.protocol.client.file_orders import (
    CancelFile,
    DeclineFile,
    GetFile,
    ListFiles,
    SendFile,
    Transfers,
)
from p2pchat.protocol.client.node_order import Done, Order, Result
from p2pchat.protocol.client.state import Security
from p2pchat.protocol.client.transfers import Transfer
from p2pchat.protocol.names import check_username

Then = Callable[[Result], None]

_DONE: Final = Done()

Deliver = Callable[[str, Queue, float, int, Then, OnFailed], None]
"""Waits until queued lines are acknowledged: contact, lines, seconds, expiry; see `Orders`."""


class FileOrders:
    """Executes file orders at the node that `node()` returns. Methods raise P2PError."""

    def __init__(self, node: Callable[[], Node], deliver: Deliver) -> None:
        self._node = node
        self._deliver = deliver

    @property
    def at_once(self) -> Mapping[type[Order[Any]], Callable[[Any], Result]]:
        """The handlers of orders whose results are available at once."""
        return {
            GetFile: self._get,
            DeclineFile: self._decline,
            CancelFile: self._cancel,
            ListFiles: lambda _: Transfers(self._node().files.all()),
        }

    def send(self, order: SendFile, then: Then, failed: OnFailed) -> None:
        """Offer a file, and pass its transfer to `then`."""
        check_username(order.to)
        node = self._node()
        chat = node.chat(order.to)
        if not node.url.secure or (chat is not None and chat.security is Security.CLEAR):
            raise UsageError(
                "files cannot be sent in clear", likely=f"{order.to} is at the original listener"
            )
        results: list[Transfers] = []

        def queue(then: Callable[[int], None], failed: OnFailed) -> None:
            def offered(transfer: Transfer, number: int, found: Scanned) -> None:
                results.append(Transfers((transfer,), found.skipped, found.renamed))
                then(number)

            node.files.offer(order.to, path_of(order.path), order.name, offered, failed)

        def done(_: object) -> None:
            then(results[0])

        if order.wait is None:
            queue(done, failed)
        else:
            self._deliver(order.to, queue, order.wait, 0, done, failed)

    def _get(self, order: GetFile) -> Done:
        files = self._node().files
        files.get(files.number_for(order.user or None, order.number), order.folder)
        return _DONE

    def _decline(self, order: DeclineFile) -> Done:
        files = self._node().files
        files.decline(files.number_for(order.user or None, order.number))
        return _DONE

    def _cancel(self, order: CancelFile) -> Done:
        self._node().files.cancel(order.number)
        return _DONE
