"""Commands down to the node, events up to the screen: what happens in between.

Knows no terminal: a view shows. The same for the prompt and for plain lines.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from p2pchat.errors import ContactOffline, LinkLost, P2PError, StorageError, UsageError
from p2pchat.peer.events import (
    Called,
    CallFailed,
    Calling,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactLost,
    Delivered,
    Event,
    Found,
    LoggedIn,
    LoginFailed,
    NotKept,
    SearchFailed,
    TextReceived,
)
from p2pchat.peer.node import Node
from p2pchat.ui.commands import Order, Say, help_lines, parse
from p2pchat.ui.foreground import Foreground, View
from p2pchat.ui.history_orders import HistoryOrders
from p2pchat.ui.render import error_sentence
from p2pchat.ui.trust_orders import TrustOrders

_MAX_WAITING_LINES: Final = 1000


class Call(NamedTuple):
    """Whom to call; `in_clear`: even if for everybody to read."""

    username: str
    in_clear: bool = False


_END: Final = Order("")
"""Stands for the end of input, which nobody can type."""


class ChatApp:
    """One person at one node, until `done`; then `exit_code`, or `error` to be raised, says how.

    `call`: go straight into a chat with that user, and be done when it ends. What is typed is done
    in order: a text waits while a call is unanswered, and so does what comes after it, unless
    `commands_overtake` (a person at a keyboard means a command now, a script means it in order, and
    is told by the exit code that a line could not be said).
    """

    def __init__(
        self, view: View, *, call: Call | None = None, commands_overtake: bool = True
    ) -> None:
        self._view = view
        self._call = call
        self._commands_overtake = commands_overtake
        self._node: Node | None = None
        self._inputs: deque[Say | Order] = deque()
        self._wanted: str | None = None if call is None else call.username
        self._searching = 0
        self._unsaid = 0  # lines that could not be said, whatever the chat
        self._ready = False
        self._refused: P2PError | None = None
        self.on_input_wanted: Callable[[], None] = lambda: None
        self._handlers: dict[str, Callable[[Order], None]] = {
            "accept": self._accept,
            "chat": self._chat,
            "dnd": lambda _: self._toggle_dnd(),
            "help": lambda _: self._show_help(),
            "leave": lambda _: self._leave(),
            "next": lambda _: self._chat(Order("chat", self._front.next_unread())),
            "quit": lambda _: self.finish(),
            "reject": lambda order: self.node.reject(order.argument),
            "search": lambda order: self._search(order.argument),
            **TrustOrders(view, lambda: self.node).handlers,
            **HistoryOrders(view, lambda: self.node, lambda: self.front).handlers,
        }
        self._foreground: Foreground | None = None
        self.names: set[str] = set()
        """Names met at this registry, for completion."""
        self.done = False
        self.exit_code = 0
        self.error: P2PError | None = None

    @property
    def node(self) -> Node:
        """The node that `run` was given."""
        assert self._node is not None
        return self._node

    @property
    def _front(self) -> Foreground:
        assert self._foreground is not None
        return self._foreground

    @property
    def front(self) -> str | None:
        """With whom what is typed is said."""
        return self._foreground.front if self._foreground is not None else None

    @property
    def unread(self) -> Mapping[str, int]:
        """Lines of others that were not shown, by contact."""
        return self._foreground.unread if self._foreground is not None else {}

    def run(self, node: Node) -> None:
        """Begin to log in."""
        self._node = node
        self._foreground = Foreground(self._view, node)
        node.on_room = self._work_off
        node.start()

    def submit(self, line: str) -> None:
        """Take a typed line; bytes that are no UTF-8 (terminals give surrogates) are replaced."""
        try:
            meant = parse(line.encode("utf-8", "replace").decode())
        except UsageError as error:
            self._view.tell(error_sentence(error))
            return
        if isinstance(meant, Order) and self._commands_overtake:
            self._do(meant)
        elif meant is not None:
            self._inputs.append(meant)
            self._work_off()

    def refuse_line(self, why: str) -> None:
        """A line could not even be read; a script learns it from the exit code too."""
        self._view.tell(why)
        self._unsaid += 1

    def end_input(self) -> None:
        """Nothing more will be typed: do what was, then leave."""
        self._inputs.append(_END)
        self._work_off()

    def on_event(self, event: Event) -> None:
        """Take what the node tells."""
        if isinstance(event, LoginFailed) and not self._ready:
            self.finish(error=event.error)
            return
        if self.done and isinstance(event, SearchFailed):  # nobody waits for it any more
            return
        if self._is_to_be_shown(event):
            self._view.show(event)
        self._take(event)
        if self._refused is not None and self.front is None:
            self.finish(error=self._refused)
        self._work_off()

    def _is_to_be_shown(self, event: Event) -> bool:
        """Tell what concerns a conversation that is not in front and can be read later."""
        match event:
            case TextReceived(contact, _, line_id):
                return not line_id or contact == self.front
            case ContactLost(contact) | ContactBack(contact):
                return contact == self.front
            case ContactAway(contact):
                return contact != self.front
            case _:
                return True

    def _take(self, event: Event) -> None:  # noqa: C901, PLR0912  # a table, a row an event
        match event:
            case LoggedIn():
                self._ready = True
                self._begin()
            case Found(username, _):
                self.names.add(username)
                self._searching -= 1
            case SearchFailed():
                self._searching -= 1
            case Called(contact):
                self.names.add(contact)
            case Calling(contact) | ContactAway(contact) | ChatStarted(contact):
                self.names.add(contact)
                if contact == self._wanted and self.node.chat(contact) is not None:
                    self._front.bring(contact)
            case TextReceived(contact, _, line_id) if line_id:
                self._front.heard(contact, line_id)
            case Delivered(contact, 0):
                self._front.delivered(contact)
            case NotKept(_, error, texts):
                self._not_kept(error, len(texts))
            case LoginFailed(error):
                self._refused = error  # an open chat goes on all the same
            case CallFailed(contact, error):
                self._call_failed(contact, error)
            case ChatEnded(contact, error, unsent):
                self._chat_ended(contact, error, len(unsent))
            case _:
                pass

    def _not_kept(self, error: P2PError, count: int) -> None:
        """Our disk fails: a script that has said everything need not wait for better times."""
        self._unsaid += count
        if _END in self._inputs:
            self.finish(error=error)

    def _call_failed(self, contact: str, error: P2PError) -> None:
        chat = self.node.chat(contact)
        self._front.leave(contact)
        if self._call is not None and contact == self._call.username:
            self._tell_unsent(chat.waiting if chat is not None else 0)
            self.finish(exit_code=error.exit_code)

    def _chat_ended(self, contact: str, error: P2PError | None, unsent: int) -> None:
        self._front.leave(contact)
        if self._call is not None and contact == self._call.username:
            self._finish_call(contact, error, unsent)

    def _finish_call(self, contact: str, error: P2PError | None, unsent: int) -> None:
        """Be done with the one call, and tell by the exit code whether everything was said."""
        chat = self.node.chat(contact)
        queued = chat.waiting if chat is not None else 0
        if queued:
            self._view.tell(f"{queued} lines wait: they go out when you are both online")
        lost = self._tell_unsent(unsent)
        if lost or (isinstance(error, LinkLost) and error.unsent):
            self.finish(exit_code=LinkLost.exit_code)
        else:
            self.finish(exit_code=ContactOffline.exit_code if queued else 0)

    def _tell_unsent(self, more: int) -> int:
        """Tell how many lines were read and not said; give that."""
        unsent = sum(isinstance(meant, Say) for meant in self._inputs) + more
        if unsent:
            self._view.tell(f"{unsent} lines were not sent")
        return unsent

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """Log out and be done; what was said still goes out while the loop runs until idle."""
        if not self.done:
            self.done = True
            unsaid = self._unsaid and not self._commands_overtake
            self.exit_code = exit_code or (UsageError.exit_code if unsaid else 0)
            self.error = error
            self.node.stop()

    def _begin(self) -> None:
        try:
            self.names.update(c.username for c in self.node.contacts.all())
            self._front.begin()
            if self._call is not None:
                self.node.call(self._call.username, in_clear=self._call.in_clear)
        except P2PError as error:
            self.finish(error=error)

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read: not while many wait. `on_input_wanted` tells."""
        return len(self._inputs) < _MAX_WAITING_LINES

    def _work_off(self) -> None:
        held_back = not self.wants_input
        while self._inputs and not self.done and self._may_go_on(self._inputs[0]):
            meant = self._inputs.popleft()
            if meant is _END:
                self._leave_at_end()
            else:
                self._do(meant)
        if held_back and self.wants_input:
            self.on_input_wanted()

    def _may_go_on(self, meant: Say | Order) -> bool:
        if not self._ready:
            return False
        if meant is _END:
            return not self._searching and self._has_said_all()
        if isinstance(meant, Order):
            return meant.word not in {"leave", "quit"} or self._has_said_all()
        if self.front is None:
            return self.node.calling is None
        return self.node.has_room(self.front)

    def _has_said_all(self) -> bool:
        """Tell whether nothing is under way that is worth waiting for."""
        if self.front is None or self.node.calling is not None:
            return self.node.calling is None
        chat = self.node.chat(self.front)
        return self.node.has_said_all(self.front) or (chat is not None and chat.away)

    def _leave_at_end(self) -> None:
        if self._call is not None and self.front is not None:
            self.node.leave(self.front)  # ChatEnded then finishes
        else:
            self.finish()

    def _do(self, meant: Say | Order) -> None:
        if isinstance(meant, Say):
            self._say(meant.text)
        else:
            self._try(lambda: self._handlers[meant.word](meant))

    def _say(self, text: str) -> None:
        try:
            if self.front is None:
                raise UsageError("you are in no chat", advice="/chat NAME starts one")
            self.node.say(self.front, text)
        except UsageError as error:
            self._unsaid += 1
            self._view.tell(error_sentence(error))
            return
        self._front.said(self.front)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (UsageError, StorageError) as error:
            self._view.tell(error_sentence(error))

    def _search(self, name: str) -> None:
        self.node.search(name)
        self._searching += 1

    def _accept(self, order: Order) -> None:
        self._wanted = order.argument or next(iter(self.node.called_by), None)
        self.node.accept(order.argument)

    def _chat(self, order: Order) -> None:
        contact, in_clear = order.argument, bool(order.extra)
        self._wanted = contact
        if self.node.chat(contact) is not None and not in_clear:
            self._front.bring(contact)
        self.node.call(contact, in_clear=in_clear)

    def _toggle_dnd(self) -> None:
        quiet = not self.node.conversations.do_not_disturb
        self.node.conversations.do_not_disturb = quiet
        self._view.tell("callers hear that you are busy" if quiet else "callers are let through")

    def _leave(self) -> None:
        whom = self.front or self.node.calling
        if whom is None or not self.node.leave(whom):
            raise UsageError("you are in no chat")
        if self._call is not None and self.front is None:
            self.finish()

    def _show_help(self) -> None:
        for line in help_lines():
            self._view.tell(line)
