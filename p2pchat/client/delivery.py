"""Sends lines to one contact and waits until they are acknowledged, refused, or time is up.

Lines that are not delivered in time stay in the outbox. No chat is opened: the lines are unread at
the contact.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.errors import OnFailed, P2PError, in_mailbox, queued
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.chat.outbox import Then
from p2pchat.peer.node import Node
from p2pchat.protocol.client.events import Delivered, Event, NotKept, OutboxFailed, Renumbered
from p2pchat.protocol.messages import Presence, SearchResult

_LONGEST_LEAVING: Final = 5.0
"""Seconds to leave lines in a mailbox after `wait` has expired."""

Queue = Callable[[Then, OnFailed], None]


class Delivery:
    """The delivery of lines to one contact, which begins at once. Pass it all events.

    `then(error, number)` is called once, in a later turn. Without an error, all lines up to that
    number are delivered, or with `left_is_enough` at least in the contact's mailbox.

    `queue(then, failed)` queues the lines, as in `Outbox`. ContactOffline means that all lines are
    on disk and will be sent later; NotTrusted because of a changed key, that they are kept until
    the user has decided. Raise UsageError if the name is not valid.
    """

    def __init__(
        self,
        loop: Loop,
        node: Node,
        contact: str,
        queue: Queue,
        wait: float,
        then: Callable[[P2PError | None, int], None],
        *,
        left_is_enough: bool = False,
    ) -> None:
        self._loop = loop
        self._node = node
        self._contact = contact
        self._wait = wait
        self._then = then
        self._left_is_enough = left_is_enough
        self._leaving: Timer | None = None  # runs while lines are being left
        self._last: int | None = None  # the number of our last line
        self._new_numbers: dict[int, int] = {}  # of renumbered lines, by their old numbers
        self._over = False
        self._deadline = loop.now() + wait
        queue(self._queued, self._end)

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        match event:
            case Delivered(contact, _, up_to) if contact == self._contact:
                if self._last is not None and up_to >= self._last:
                    self._end(None)
            case Renumbered(contact, pairs) if contact == self._contact:
                self._new_numbers.update(pairs)
                if self._last is not None:
                    self._last = self._number_now(self._last)
            case NotKept(contact, error) if contact == self._contact:
                self._end(error)
            case OutboxFailed(contact, error) if contact == self._contact:
                if not self._on_its_way:  # otherwise other lines have failed
                    self._end(error)
            case _:
                pass

    def _queued(self, last: int) -> None:
        self._last = self._number_now(last)
        chat = self._node.chat(self._contact)
        if chat is not None and chat.delivered >= self._last:  # delivered before we knew the number
            self._end(None)
            return
        late = f"{self._contact} has not acknowledged it yet"
        self._loop.call_later(self._wait, lambda: self._leave(late))
        self._node.registry.search(self._contact, self._found, lambda _: None)

    def _number_now(self, number: int) -> int:
        while number in self._new_numbers:
            number = self._new_numbers.pop(number)
        return number

    @property
    def _on_its_way(self) -> bool:
        chat = self._node.chat(self._contact)
        return chat is not None and self._last is not None and self._last <= chat.sent

    def _found(self, result: SearchResult) -> None:
        if self._on_its_way:
            return
        try:
            self._node.contacts.key_to_call(self._contact, result.key)
        except P2PError as error:
            self._end(error)
            return
        if result.presence is Presence.OFFLINE:
            self._leave(f"{self._contact} is offline")

    def _leave(self, why: str) -> None:
        """Leave the lines in the contact's mailbox, as they cannot be delivered now."""
        if self._over or self._leaving is not None:
            return
        longest = max(_LONGEST_LEAVING, self._deadline - self._loop.now())
        self._leaving = self._loop.call_later(longest, lambda: self._left(why))
        try:
            outbox = self._node.conversations.outbox
            outbox.leave(self._contact, lambda: self._left(why))
        except P2PError as error:
            self._end(error)

    def _left(self, why: str) -> None:
        if self._over or self._leaving is None:
            return
        self._leaving.cancel()
        self._leaving = None
        chat = self._node.chat(self._contact)
        if chat is None or self._last is None or chat.left < self._last:
            if self._will_try_again(why):
                return
            refusal = self._node.mailbox.refusal(self._contact)
            self._end(queued(self._contact, f"{why}, and {refusal}" if refusal else why))
        else:
            self._end(None if self._left_is_enough else in_mailbox(self._contact, why))

    def _will_try_again(self, why: str) -> bool:
        """Wait as long as the registry has asked for, if that is before the deadline."""
        pause = self._node.conversations.outbox.pause_of(self._contact)
        if not pause or self._loop.now() + pause > self._deadline:
            return False
        self._loop.call_later(pause, lambda: self._leave(why))
        return True

    def _end(self, error: P2PError | None) -> None:
        if not self._over:
            self._over = True
            self._loop.call_soon(lambda: self._then(error, self._last or 0))
