"""Some texts to one contact, until they are acknowledged, refused, or it takes too long.

What could not be delivered in time stays in the outbox; nothing is lost by giving up the wait.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import CallRejected, ContactOffline, P2PError
from p2pchat.net.loop import Loop
from p2pchat.peer.events import CallFailed, Calling, ChatStarted, ContactAway, Delivered, Event
from p2pchat.peer.node import Node

DELIVERED: Final = 0
QUEUED: Final = ContactOffline.exit_code


class Delivery:
    """Begin at once; `then(exit_code, why)` comes once, in a later turn. Feed it `on_event`.

    Raises UsageError where nobody can be meant.
    """

    def __init__(
        self,
        loop: Loop,
        node: Node,
        contact: str,
        texts: tuple[str, ...],
        wait: float,
        then: Callable[[int, str], None],
    ) -> None:
        self._loop = loop
        self._node = node
        self._contact = contact
        self._texts = texts
        self._then = then
        self._said = False
        self._over = False
        self._timer = loop.call_later(wait, self._too_late)
        if node.chat(contact) is not None:
            loop.call_soon(self._say)
        else:
            node.call(contact)

    def on_event(self, event: Event) -> None:
        """See whether it concerns us."""
        match event:
            case Calling(contact) | ChatStarted(contact) if contact == self._contact:
                self._say()
            case ContactAway(contact) if contact == self._contact:
                self._say()
                self._loop.call_soon(lambda: self._end(QUEUED, f"{contact} is offline"))
            case CallFailed(contact, error) if contact == self._contact:
                self._failed(error)
            case Delivered(contact, 0) if contact == self._contact and self._said:
                self._end(DELIVERED, "")
            case _:
                pass

    def _say(self) -> None:
        if self._said or self._over:
            return
        self._said = True
        for text in self._texts:
            self._node.say(self._contact, text)
        chat = self._node.chat(self._contact)
        if chat is not None and chat.away:
            self._end(QUEUED, f"{self._contact} is offline")

    def _failed(self, error: P2PError) -> None:
        lost = not self._said or isinstance(error, CallRejected)
        self._end(error.exit_code if lost else QUEUED, error.what)

    def _too_late(self) -> None:
        if self._said:
            self._end(QUEUED, f"{self._contact} has not acknowledged it yet")
        else:
            self._end(ContactOffline.exit_code, f"{self._contact} could not be looked up in time")

    def _end(self, exit_code: int, why: str) -> None:
        if not self._over:
            self._over = True
            self._timer.cancel()
            self._loop.call_soon(lambda: self._then(exit_code, why))
