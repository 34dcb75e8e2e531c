"""A program's session with a node: writes events as a stream and carries out orders.

The counterpart of `chat_app`, which serves a person. Orders run one after the other, each is
answered, and no conversation is in front. Knows no pipes: lines are passed as text.
"""

from collections import deque
from collections.abc import Callable
from enum import IntEnum, auto
from functools import partial
from itertools import takewhile
from typing import Any, Final, TypeGuard

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.errors import ContactOffline, LinkLost, P2PError, UsageError
from p2pchat.net.loop import Timer
from p2pchat.protocol.client.events import (
    CallFailed,
    ChatEnded,
    ContactLeft,
    ContactLost,
    Event,
    LoggedIn,
    LoginFailed,
    RegistryLost,
)
from p2pchat.protocol.client.objects import error_fields
from p2pchat.protocol.client.orders import Close, Open, Search, Switch, Whereabouts
from p2pchat.protocol.messages import Presence
from p2pchat.ui.program.json_commands import Id, JsonOrder, id_of, load, understand
from p2pchat.ui.program.orders import ProgramOrders, Told
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.said_lines import Untold

_MOST_WAITING: Final = 1000
"""The most unanswered orders; beyond it no more are read."""

_PATIENCE: Final = 15.0
"""Seconds at the end for delivering lines to online contacts; the rest waits in the outbox."""


class _Phase(IntEnum):
    """The phase of a program's session; it only increases."""

    STARTING = auto()
    """Until the node is logged in."""
    ASKING = auto()
    """Until the requested chat has started: orders are processed, the end of input is not."""
    RUNNING = auto()
    WINDING_UP = auto()
    """All orders were given; lines may still be delivered."""
    LEAVING = auto()
    """Leaving the requested chat."""
    CLOSING = auto()
    """Writing the remaining output."""
    DONE = auto()


class ProgramApp:
    """A program's session with a node, until `done`; then `exit_code` or `error` is the outcome.

    `call`: chat with that user, the default contact of orders without a name, and end with the
    chat. See ChatApp for the rest.
    """

    def __init__(self, stream: Stream, *, call: Call | None = None) -> None:
        self._stream = stream
        self._call = call
        self._client: Client | None = None
        self._phase = _Phase.STARTING
        self._waiting: deque[JsonOrder | None] = deque()  # None is the end of input
        self._held_back = False  # input is paused; its reader must be told to resume
        self._undelivered: set[str] = set()  # contacts with undelivered lines, at the end
        self._deadline: Timer | None = None
        self._refused: P2PError | None = None
        self._on_input_wanted: Callable[[], None] = ignore
        self._orders = ProgramOrders(
            stream, lambda: self.client, self._answer, call.username if call else ""
        )
        self.exit_code = 0
        self.error: P2PError | None = None
        self.untold = Untold()
        """The texts that may not be stored, if the node has ended."""

    @property
    def client(self) -> Client:
        """The client that `run` was given."""
        assert self._client is not None
        return self._client

    @property
    def done(self) -> bool:
        """Whether the session has ended."""
        return self._phase is _Phase.DONE

    @property
    def opened(self) -> set[str]:
        """The contacts that this program chats with."""
        return self._orders.opened

    def run(self, client: Client, *, ready: bool = False) -> None:
        """Begin; unless `ready`, first wait for the node's login.

        The client is closed at the end.
        """
        self._client = client
        client.paced = True
        client.on_event = self.on_event
        client.on_changed = self._work_off
        client.on_closed = self._node_ended
        self._stream.on_room = self._work_off
        self._stream.begin(client)
        client.begin()
        if ready:
            self._begin()

    @property
    def wants_input(self) -> bool:
        """Whether more should be read: not while much is unanswered or unread."""
        unanswered = len(self._waiting) + self._orders.unanswered
        return unanswered < _MOST_WAITING and self._stream.has_room

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Call the callback whenever `wants_input` becomes true again."""
        self._on_input_wanted = callback

    def submit(self, line: str) -> None:
        """Handle an order in JSON; blank lines are ignored."""
        if not line.strip():
            return
        fields: dict[str, Any] = {}
        try:
            fields = load(line)
            order = understand(fields)
        except UsageError as error:
            self._answer_error(id_of(fields), error)
        else:
            self._waiting.append(order)
            self._work_off()
        self._held_back = not self.wants_input

    def refuse_line(self, why: str) -> None:
        """Report that a line could not be read."""
        self._answer_error(None, UsageError(why))
        self._held_back = not self.wants_input

    def end_input(self) -> None:
        """Handle the end of the orders: carry out what was ordered, then end."""
        self._waiting.append(None)
        self._work_off()

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if self.done:
            return
        if self._orders.is_own_note(event):
            self._stream.skip()
            return
        self._stream.show(event)
        self._take(event)
        self._work_off()

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session, even if output is unwritten."""
        if not self.done:
            self._phase = _Phase.DONE
            self.exit_code, self.error = exit_code, error
            if self._deadline is not None:
                self._deadline.cancel()
            if self._client is not None:
                self._client.close()

    def _end(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session once everything is written; the first reason is kept."""
        if self._phase < _Phase.CLOSING:
            self._phase = _Phase.CLOSING
            self._stream.close(lambda: self.finish(exit_code, error))

    def _node_ended(self, error: P2PError) -> None:
        waiting = [order for order in takewhile(_goes_on, self._waiting) if order is not None]
        untold = self._orders.untold(waiting)
        contact = self._call.username if self._call is not None else ""
        has_written = bool(untold.said) or contact in self._orders.written_to
        has_asked = self._phase is _Phase.RUNNING or (self._phase is _Phase.ASKING and has_written)
        all_done = has_asked and untold.complete and len(waiting) < len(self._waiting)
        self.untold = untold._replace(complete=all_done or self._phase >= _Phase.WINDING_UP)
        self._end(error=error)

    def _begin(self) -> None:
        self._phase = _Phase.RUNNING
        if self._call is not None:
            self.opened.add(self._call.username)
            self._phase = _Phase.ASKING
            self.client.order(
                Open(self._call.username, self._call.in_clear),
                lambda _: self._has_asked(),
                lambda error: self._end(error=error),
            )
        self._work_off()

    def _has_asked(self) -> None:
        self._phase = max(self._phase, _Phase.RUNNING)
        self._work_off()

    def _take(self, event: Event) -> None:
        match event:
            case LoggedIn() | RegistryLost() if self._phase is _Phase.STARTING:
                self._begin()
            case LoginFailed(error):
                self._refused = error
            case CallFailed(contact, error):
                self._chat_is_over(contact, error.exit_code)
            case ContactLeft(contact) | ContactLost(contact) if self._refused is not None:
                self.opened.discard(contact)  # not a contact, so it cannot call us back
            case ChatEnded(contact, error, unsent):
                self._chat_is_over(contact, self._exit_code(contact, error, len(unsent)))
            case _:
                pass
        if self._refused is not None and not self.opened:  # an open chat continues
            self._end(error=self._refused)

    def _chat_is_over(self, contact: str, exit_code: int) -> None:
        """Handle the end of a chat, or a failed call."""
        self.opened.discard(contact)
        if self._call is not None and contact == self._call.username:
            self._end(exit_code)

    def _exit_code(self, contact: str, error: P2PError | None, unsent: int) -> int:
        if unsent or (isinstance(error, LinkLost) and error.unsent):
            return LinkLost.exit_code
        chat = self.client.state.chats.get(contact)
        return ContactOffline.exit_code if chat is not None and chat.waiting else 0

    def _work_off(self) -> None:
        """Carry out the orders that can be carried out now."""
        while self._waiting and self._may_do(self._waiting[0]):
            self._do(self._waiting.popleft())
        self._end_if_all_is_said()
        if self._held_back and self.wants_input:
            self._held_back = False
            self._on_input_wanted()

    def _may_do(self, order: JsonOrder | None) -> bool:
        if self._phase not in {_Phase.ASKING, _Phase.RUNNING}:
            return False
        if not _goes_on(order):
            called = self._call is not None and self.client.state.calling == self._call.username
            return self._phase is _Phase.RUNNING and not (self._orders.unanswered or called)
        return self._orders.may_do(order)

    def _do(self, order: JsonOrder | None) -> None:
        if not _goes_on(order):
            if order is not None:
                self._tell_done(order, {})
            self._wind_up()
            return
        try:
            self._orders.do(order)
        except P2PError as error:
            self._answer_error(order.id, error)

    def _tell_done(self, order: JsonOrder, told: Told) -> None:
        self._stream.put("done", id=order.id, command=order.word, **told)

    def _answer_error(self, order_id: Id, error: P2PError) -> None:
        self._stream.put("error", id=order_id, **error_fields(error))

    def _answer(self, order: JsonOrder, told: Told | P2PError) -> None:
        if isinstance(told, P2PError):
            self._answer_error(order.id, told)
        else:
            self._tell_done(order, told)
        self._work_off()

    def _wind_up(self) -> None:
        """After the last order, find out which recipients are online."""
        self._phase = _Phase.WINDING_UP
        self._undelivered = {c for c in self._orders.written_to if not self._has_all(c)}
        self._deadline = self.client.loop.call_later(_PATIENCE, self._give_up)
        for contact in tuple(self._undelivered):
            self.client.order(
                Search(contact, quietly=True),
                partial(self._whereabouts, contact),
                partial(self._no_answer, contact),
            )

    def _has_all(self, contact: str) -> bool:
        """Return whether all our lines to a contact are delivered, as far as known."""
        chat = self.client.state.chats.get(contact)
        return chat is None or chat.has_said_all

    def _whereabouts(self, contact: str, result: Whereabouts) -> None:
        if result.presence is not Presence.ONLINE:
            self._not_there(contact)

    def _no_answer(self, contact: str, _: P2PError) -> None:
        """Handle a failed lookup: an open link still shows that the contact is online."""
        chat = self.client.state.chats.get(contact)
        if chat is None or chat.away:
            self._not_there(contact)

    def _not_there(self, contact: str) -> None:
        self._undelivered.discard(contact)
        self._end_if_all_is_said()

    def _give_up(self) -> None:
        self._undelivered.clear()
        self._end_if_all_is_said()

    def _end_if_all_is_said(self) -> None:
        if self._phase is not _Phase.WINDING_UP:
            return
        self._undelivered = {c for c in self._undelivered if not self._has_all(c)}
        if self._undelivered:
            return
        contact = self._call.username if self._call is not None else None
        if contact is None or contact not in self.opened:
            self._end()
            return

        def closed(left: Switch) -> None:
            if not left.on:
                self._end(self._exit_code(contact, None, 0))
            # else ChatEnded has ended it

        self._phase = _Phase.LEAVING
        self.client.order(Close(contact), closed)


def _goes_on(order: JsonOrder | None) -> TypeGuard[JsonOrder]:
    """Return whether an order is neither the end of input nor `quit`."""
    return order is not None and order.word != "quit"
