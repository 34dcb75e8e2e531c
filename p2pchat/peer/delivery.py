"""Some lines to one contact, until they are acknowledged, refused, or it takes too long.

What could not be delivered in time stays in the outbox; nothing is lost by giving up the wait. No
chat is opened by it: the contact finds it unread.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import ContactOffline, P2PError
from p2pchat.net.loop import Loop
from p2pchat.peer.events import Delivered, Event, NotKept, OutboxFailed
from p2pchat.peer.node import Node
from p2pchat.peer.outbox import Failed, Then
from p2pchat.protocol.messages import Presence, SearchResult

DELIVERED: Final = 0
QUEUED: Final = ContactOffline.exit_code

Queue = Callable[[Then, Failed], None]


class Delivery:
    """Begin at once; `then(exit_code, why)` comes once, in a later turn. Feed it `on_event`.

    `queue(then, failed)` is what `Outbox` does. QUEUED means that every line is on the disk, and
    goes out when it can. Raises UsageError where nobody can be meant.
    """

    def __init__(
        self,
        loop: Loop,
        node: Node,
        contact: str,
        queue: Queue,
        wait: float,
        then: Callable[[int, str], None],
    ) -> None:
        self._loop = loop
        self._node = node
        self._contact = contact
        self._wait = wait
        self._then = then
        self._last: int | None = None  # the number of our last line
        self._over = False
        queue(self._queued, self._fail)

    def on_event(self, event: Event) -> None:
        """See whether it concerns us."""
        match event:
            case Delivered(contact, _, up_to) if contact == self._contact:
                if self._last is not None and up_to >= self._last:
                    self._end(DELIVERED, "")
            case NotKept(contact, error) if contact == self._contact:
                self._fail(error)
            case OutboxFailed(contact, error) if contact == self._contact:
                self._fail(error)
            case _:
                pass

    def _queued(self, last: int) -> None:
        self._last = last
        late = f"{self._contact} has not acknowledged it yet"
        self._loop.call_later(self._wait, lambda: self._end(QUEUED, late))
        self._node.registry.search(self._contact, self._found, lambda _: None)

    def _found(self, result: SearchResult) -> None:
        if result.presence is Presence.OFFLINE:
            self._end(QUEUED, f"{self._contact} is offline")

    def _fail(self, error: P2PError) -> None:
        self._end(error.exit_code, error.what)

    def _end(self, exit_code: int, why: str) -> None:
        if not self._over:
            self._over = True
            self._loop.call_soon(lambda: self._then(exit_code, why))
