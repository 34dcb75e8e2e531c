"""A program at a node, where `chat_app` has a person: events go out as a stream, orders come in.

Orders are done one after the other, each is answered, and no conversation is in front. Knows no
pipe: lines are given and taken as text.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from p2pchat.errors import ContactOffline, LinkLost, P2PError, UsageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.events import (
    CallFailed,
    ChatEnded,
    ContactLeft,
    ContactLost,
    Event,
    Found,
    LoggedIn,
    LoginFailed,
    NotKept,
    RegistryLost,
    SearchFailed,
)
from p2pchat.peer.node import Node
from p2pchat.protocol.messages import Presence, SearchResult
from p2pchat.ui.program.json_commands import Id, JsonOrder, id_of, load, understand
from p2pchat.ui.program.json_events import error_fields
from p2pchat.ui.program.orders import LATER, ProgramOrders
from p2pchat.ui.program.stream import Stream
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.screens import Watcher

_MOST_WAITING: Final = 1000
"""Orders that are not answered yet; no more are read."""

_PATIENCE: Final = 15.0
"""Seconds at the end for lines to be delivered to who is online; then they wait in the outbox."""


class ProgramApp(Watcher):
    """A program's session with a node, until `done`; then `exit_code` or `error` says how it ended.

    `call`: be in a chat with that user, the default contact of orders without a name, and be done
    when it ends. See ChatApp for the rest.
    """

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        *,
        call: Call | None = None,
        is_elsewhere: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._loop = loop
        self._stream = stream
        self._call = call
        self._is_elsewhere = is_elsewhere
        self._node: Node | None = None
        self._ready = False
        self._waiting: deque[JsonOrder | None] = deque()  # None is the end of input
        self._held_back = False  # input, and its reader does not resume by itself
        self._ending = False  # everything was ordered, and may still be delivered
        self._over = False
        self._undelivered: set[str] = set()  # to whom, once it is ending
        self._deadline: Timer | None = None
        self._refused: P2PError | None = None
        self._on_input_wanted: Callable[[], None] = lambda: None
        self._orders = ProgramOrders(
            stream, lambda: self.node, self._answer_later, call.username if call else ""
        )
        self.on_done: Callable[[], None] = lambda: None
        self.done = False
        self.exit_code = 0
        self.error: P2PError | None = None

    @property
    def node(self) -> Node:
        """The node that `run` was given."""
        assert self._node is not None
        return self._node

    @property
    def opened(self) -> set[str]:
        """The contacts that this program chats with."""
        return self._orders.opened

    def run(self, node: Node, *, ready: bool = False) -> None:
        """Begin at this node; `ready` if it is logged in already, which is waited for otherwise."""
        self._node = node
        if ready:
            self._begin()

    @property
    def undone(self) -> int:
        """How many orders were not begun yet."""
        return len(self._waiting)

    @property
    def wants_input(self) -> bool:
        """Whether more should be read: not while much is unanswered or unread."""
        unanswered = len(self._waiting) + self._orders.unanswered
        return unanswered < _MOST_WAITING and self._stream.has_room

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Call it whenever `wants_input` again."""
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
        """Note the end of the orders: carry out what was ordered, then end."""
        self._waiting.append(None)
        self._work_off()

    def on_room(self) -> None:
        """Note that more can be said than before."""
        self._work_off()

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if self.done or self._orders.is_own_note(event):
            return
        self._stream.show(event)
        self._take(event)
        self._work_off()

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session, even if output is unwritten."""
        if not self.done:
            self.done = True
            self.exit_code, self.error = exit_code, error
            if self._deadline is not None:
                self._deadline.cancel()
            self._stream.end()
            self.on_done()

    def settle(self) -> None:
        """Do nothing: a program was told the known state of each line already."""

    def _end(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session once everything is written; the first reason counts."""
        if not self._over:
            self._over = True
            self._stream.close(lambda: self.finish(exit_code, error))

    def _begin(self) -> None:
        self._ready = True
        try:
            self._stream.begin(self.node)
            if self._call is not None:
                self.opened.add(self._call.username)
                self.node.call(self._call.username, in_clear=self._call.in_clear)
        except P2PError as error:
            self._end(error=error)
        self._work_off()

    def _take(self, event: Event) -> None:  # noqa: C901  # a table, a row an event
        match event:
            case LoggedIn() | RegistryLost() if not self._ready:
                self._begin()
            case LoginFailed(error):
                self._refused = error
            case Found(username):
                self._orders.found(username, None)
            case SearchFailed(username, error):
                self._orders.found(username, error)
            case NotKept(contact, error, texts):
                self._orders.not_kept(contact, error, texts)
            case CallFailed(contact, error):
                self._chat_is_over(contact, error.exit_code)
            case ContactLeft(contact) | ContactLost(contact) if self._refused is not None:
                self.opened.discard(contact)  # no contact could call us back
            case ChatEnded(contact, error, unsent):
                self._chat_is_over(contact, self._exit_code(contact, error, len(unsent)))
            case _:
                pass
        if self._refused is not None and not self.opened:  # an open chat goes on all the same
            self._end(error=self._refused)

    def _chat_is_over(self, contact: str, exit_code: int) -> None:
        """A chat has ended, or has not come about."""
        self.opened.discard(contact)
        if self._call is not None and contact == self._call.username:
            self._end(exit_code)

    def _exit_code(self, contact: str, error: P2PError | None, unsent: int) -> int:
        if unsent or (isinstance(error, LinkLost) and error.unsent):
            return LinkLost.exit_code
        chat = self.node.chat(contact)
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
        if not self._ready or self._over or self._ending:
            return False
        if order is None or order.word == "quit":
            asked = self._call is not None and self.node.calling == self._call.username
            return not self._orders.unanswered and not asked
        return self._orders.may_do(order)

    def _do(self, order: JsonOrder | None) -> None:
        if order is None or order.word == "quit":
            if order is not None:
                self._answer(order, {})
            self._wind_up()
            return
        self.node.conversations.flush()  # what was said before it is seen by an order
        try:
            told = self._orders.do(order)
        except P2PError as error:
            self._answer_error(order.id, error)
        else:
            if told is not LATER:
                self._answer(order, told)

    def _answer(self, order: JsonOrder, told: dict[str, Any]) -> None:
        self._stream.put("done", id=order.id, command=order.word, **told)

    def _answer_error(self, order_id: Id, error: P2PError) -> None:
        self._stream.put("error", id=order_id, **error_fields(error))

    def _answer_later(self, order: JsonOrder, told: dict[str, Any] | P2PError) -> None:
        if isinstance(told, P2PError):
            self._answer_error(order.id, told)
        else:
            self._answer(order, told)
        self._work_off()

    def _wind_up(self) -> None:
        """After the last order, find out which recipients are there to receive their lines."""
        self._ending = True
        node = self.node
        self._undelivered = {c for c in self._orders.written_to if not node.has_said_all(c)}
        self._deadline = self._loop.call_later(_PATIENCE, self._give_up)
        for contact in tuple(self._undelivered):
            node.registry.search(
                contact,
                partial(self._whereabouts, contact),
                partial(self._no_answer, contact),
            )

    def _whereabouts(self, contact: str, result: SearchResult) -> None:
        if result.presence is not Presence.ONLINE:
            self._not_there(contact)

    def _no_answer(self, contact: str, _: P2PError) -> None:
        """Handle a failed lookup: a link that is open still shows that the contact is there."""
        chat = self.node.chat(contact)
        if chat is None or chat.away:
            self._not_there(contact)

    def _not_there(self, contact: str) -> None:
        self._undelivered.discard(contact)
        self._end_if_all_is_said()

    def _give_up(self) -> None:
        self._undelivered.clear()
        self._end_if_all_is_said()

    def _end_if_all_is_said(self) -> None:
        if not self._ending or self._over:
            return
        self._undelivered = {c for c in self._undelivered if not self.node.has_said_all(c)}
        if self._undelivered:
            return
        contact = self._call.username if self._call is not None else None
        if contact is None or contact not in self.opened:
            self._end()
        elif self._is_elsewhere(contact) or not self.node.leave(contact):
            self._end(self._exit_code(contact, None, 0))
        # else ChatEnded follows, and ends it
