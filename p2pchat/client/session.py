"""The node's end of one client: receives orders; sends answers, events and changes of state.

The messages are in `protocol.client.messages`; `local_client` and `listener` transport them.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Final

from msgspec.structs import replace

from p2pchat.client.clients import Clients
from p2pchat.client.event_queue import EventQueue
from p2pchat.client.orders import Orders
from p2pchat.errors import P2PError, StorageError
from p2pchat.net.loop import Loop
from p2pchat.protocol.client.events import (
    Called,
    Event,
    Joined,
    OutboxFailed,
    Overdue,
    TextReceived,
    contact_of,
)
from p2pchat.protocol.client.failure import failure_of
from p2pchat.protocol.client.messages import (
    VERSION,
    Answered,
    Happened,
    Hello,
    Ordered,
    Taken,
    Welcome,
)
from p2pchat.protocol.client.node_order import Result
from p2pchat.protocol.client.state import NodeState, StateChanged, change_between
from p2pchat.protocol.messages import Message
from p2pchat.version import __version__

_MAY_SOUND: Final = (Called, Joined, OutboxFailed, Overdue, TextReceived)
"""Events for which a screen may make a sound."""


class ClientSession:
    """A client's session with the node that `clients` serves, from `welcome` to `close`.

    `send(message)` sends to the client, in order. At the end, conversations that only this client
    has open are left.
    """

    def __init__(
        self, loop: Loop, clients: Clients, hello: Hello, send: Callable[[Message], None]
    ) -> None:
        self._loop = loop
        self._clients = clients
        self._hello = hello
        self._send = send
        self._node = clients.node
        self.attended = hello.attended
        self._orders = Orders(loop, clients, self._is_elsewhere)
        self._events = EventQueue(
            self._node,
            self._tell,
            lambda contact, behind: clients.wait_for_reader(contact, self, behind=behind),
            only=hello.only,
            seen=hello.seen,
            waits=hello.waits,
        )
        self._told = NodeState()
        self._muted: frozenset[str] = frozenset()
        self._outgoing: list[Answered | Happened] = []
        self._is_to_send = False
        self._is_to_go_on = False
        self._closed = False

    @property
    def opened(self) -> Collection[str]:
        """The contacts whose conversations are open in the client."""
        return self._orders.opened

    def welcome(self) -> Welcome:
        """Return the welcome; from now on, the client receives events.

        Raise StorageError if the history or the contacts cannot be read.
        """
        node = self._node
        names = tuple(node.contacts.known_names) if self._hello.follow else ()
        unread = node.history.unread() if self._hello.follow else {}
        self._told = self._state()
        self._clients.add(self)
        self._loop.call_soon(self._begin)
        return Welcome(
            VERSION,
            __version__,
            node.username,
            str(node.url),
            node.url.secure,
            self._clients.on_give_way is not None,
            names,
            unread,
            self._told,
        )

    def hear(self, message: Message) -> None:
        """Handle a message of the client."""
        match message:
            case Ordered(number, order):
                answer = partial(self._answer, number)
                self._orders.carry_out(order, answer, partial(self._fail, number))
                self._clients.on_changed()
            case Taken(number):
                self._events.taken(number)
                self._send_later()
            case _:
                raise AssertionError(message)

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        self._tell_event(event)
        self._orders.on_event(event)  # last: answers follow their events

    def _tell_event(self, event: Event) -> None:
        if self._closed or not self._hello.follow:
            return
        contact = contact_of(event)
        if self._hello.only and contact not in {"", self._hello.only}:
            return
        if self.attended and isinstance(event, _MAY_SOUND):
            self._note_whether_muted(contact)
        self._events.put(event)
        self._send_later()

    def on_changed(self) -> None:
        """Record that more lines can be sent than before, or that a client has sent an order."""
        if not self._is_to_go_on:
            self._is_to_go_on = True
            self._loop.call_soon(self._go_on)  # later, as an event may follow that must come first
        self._send_later()

    def on_bug(self) -> None:
        """Do nothing: the bug has been logged."""

    def close(self) -> None:
        """End the session; leave conversations that no other client has open."""
        if self._closed:
            return
        self._send_all()
        self._closed = True
        self._events.end()
        self._clients.remove(self)
        for contact in tuple(self._orders.opened):
            if not self._is_elsewhere(contact):
                self._node.leave(contact)

    def _go_on(self) -> None:
        self._is_to_go_on = False
        if not self._closed:
            self._orders.go_on()

    def _note_whether_muted(self, contact: str) -> None:
        with suppress(StorageError):  # the state is unchanged then
            is_muted = self._node.contacts.is_muted(contact)
            self._muted = self._muted | {contact} if is_muted else self._muted - {contact}

    def _begin(self) -> None:
        if not self._closed:
            self._events.begin()

    def _is_elsewhere(self, contact: str) -> bool:
        return self._clients.have_open(contact, besides=self)

    def _answer(self, number: int, result: Result) -> None:
        self._put(Answered(number, result))  # type: ignore[arg-type]  # each is in AnyResult

    def _fail(self, number: int, error: P2PError) -> None:
        self._put(Answered(number, failure=failure_of(error)))

    def _tell(self, number: int, event: Event) -> None:
        self._put(Happened(number, event))

    def _put(self, message: Answered | Happened) -> None:
        self._outgoing.append(message)
        self._send_later()

    def _send_later(self) -> None:
        """Send once this turn is over; the state is compared only once for all of its messages."""
        if not self._is_to_send:
            self._is_to_send = True
            self._loop.call_soon(self._send_all)

    def _send_all(self) -> None:
        """Send the messages of the last turn, the first of them with the change of state."""
        self._is_to_send = False
        messages, self._outgoing = self._outgoing, []
        change = self._change() if messages or not self._events.is_full else None
        if change is not None and not messages:
            self._send_one(change)
        for message in messages:
            self._send_one(message if change is None else replace(message, state=change))
            change = None

    def _send_one(self, message: Message) -> None:
        if self._closed:
            return
        try:
            self._send(message)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._loop.contain(error, "telling a client of the node")

    def _change(self) -> StateChanged | None:
        """Return the difference between the node's state and the one that the client knows."""
        if not self._hello.follow or self._closed:
            return None
        now = self._state()
        change = change_between(self._told, now)
        self._told = now
        return change

    def _state(self) -> NodeState:
        node = self._node
        return NodeState(
            node.standing,
            node.registry.next_try_at,
            node.calling,
            tuple(node.called_by),
            tuple(node.conversations.online_contacts),
            node.files.moving,
            self._muted,
            node.do_not_disturb.is_on,
            node.conversations.away_status.ours,
            node.chats,
        )
