"""Commands down to the node, events up to the screen: what happens in between.

Knows no terminal: a view shows. The same for the prompt and for plain lines.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from p2pchat.errors import LinkLost, P2PError, StorageError, UsageError
from p2pchat.peer.events import (
    Called,
    CallFailed,
    Calling,
    ChatEnded,
    Event,
    Found,
    LoggedIn,
    LoginFailed,
    SearchFailed,
)
from p2pchat.peer.node import Node, check_username
from p2pchat.ui.commands import Order, Say, help_lines, parse
from p2pchat.ui.render import error_sentence

_MAX_QUEUED: Final = 64 * 1024
"""Bytes on their way to the contact; with more, further lines wait here."""

_MAX_WAITING_LINES: Final = 1000


class View(Protocol):
    """Where things are shown."""

    def show(self, event: Event) -> None:
        """Show what happened."""

    def tell(self, sentence: str) -> None:
        """Show a sentence of ours."""


class Call(NamedTuple):
    """Whom to call; `in_clear`: even if for everybody to read."""

    username: str
    in_clear: bool = False


class _EndOfInput:
    """Nothing more will be typed."""


_END: Final = _EndOfInput()


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
        self._inputs: deque[Say | Order | _EndOfInput] = deque()
        self._searching = 0
        self._unsaid = 0  # lines that could not be said, whatever the chat
        self._ready = False
        self._refused: P2PError | None = None
        self.on_input_wanted: Callable[[], None] = _nothing
        self._handlers: dict[str, Callable[[Order], None]] = {
            "accept": lambda _: self.node.accept(),
            "block": lambda order: self._block(order.argument, blocked=True),
            "chat": lambda order: self.node.call(order.argument, in_clear=bool(order.extra)),
            "help": lambda _: self._show_help(),
            "leave": lambda _: self._leave(),
            "quit": lambda _: self.finish(),
            "reject": lambda _: self.node.reject(),
            "search": lambda order: self._search(order.argument),
            "trust": self._trust,
            "unblock": lambda order: self._block(order.argument, blocked=False),
            "verify": self._verify,
        }
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

    def run(self, node: Node) -> None:
        """Begin to log in."""
        self._node = node
        node.when_drained(self._work_off)
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

    def on_event(self, event: Event) -> None:  # noqa: C901  # a table, a row an event
        """Take what the node tells."""
        if isinstance(event, LoginFailed) and not self._ready:
            self.finish(error=event.error)
            return
        if self.done and isinstance(event, SearchFailed):
            return  # nobody waits for it any more
        self._view.show(event)
        match event:
            case LoggedIn():
                self._ready = True
                self._begin()
            case Found(username, _):
                self.names.add(username)
                self._searching -= 1
            case SearchFailed():
                self._searching -= 1
            case Calling(contact) | Called(contact):
                self.names.add(contact)
            case CallFailed(_, error) if self._call is not None:
                self.finish(exit_code=error.exit_code)
            case LoginFailed(error):
                self._refused = error  # an open chat goes on all the same
            case ChatEnded(_, error, unsent) if self._call is not None:
                self._finish_call(error, len(unsent))
            case _:
                pass
        if self._refused is not None and self.node.in_chat_with is None:
            self.finish(error=self._refused)
        self._work_off()

    def _finish_call(self, error: P2PError | None, unsent: int) -> None:
        """Be done with the one call, and tell by the exit code whether everything was said."""
        waiting = sum(isinstance(meant, Say) for meant in self._inputs) + unsent
        if waiting:
            self._view.tell(f"{waiting} lines were not sent")
        if waiting or (isinstance(error, LinkLost) and error.unsent):
            self.finish(exit_code=LinkLost.exit_code)
        else:
            self.finish()

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
            self.names.update(self.node.known_names)
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
            if isinstance(meant, _EndOfInput):
                self._leave_at_end()
            else:
                self._do(meant)
        if held_back and self.wants_input:
            self.on_input_wanted()

    def _may_go_on(self, meant: Say | Order | _EndOfInput) -> bool:
        if not self._ready:
            return False
        if isinstance(meant, Order):
            return True
        if self.node.calling is not None:
            return False
        in_chat, queued = self.node.in_chat_with is not None, self.node.queued
        if meant is _END:
            return not self._searching and (not in_chat or queued == 0)
        return not in_chat or (queued is not None and queued <= _MAX_QUEUED)

    def _leave_at_end(self) -> None:
        if self._call is not None and self.node.in_chat_with is not None:
            self.node.leave()  # ChatEnded then finishes
        else:
            self.finish()

    def _do(self, meant: Say | Order) -> None:
        if isinstance(meant, Say):
            self._say(meant.text)
        else:
            self._try(lambda: self._handlers[meant.word](meant))

    def _say(self, text: str) -> None:
        try:
            self.node.say(text)
        except UsageError as error:
            self._unsaid += 1
            self._view.tell(error_sentence(error))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (UsageError, StorageError) as error:
            self._view.tell(error_sentence(error))

    def _search(self, name: str) -> None:
        self.node.search(name)
        self._searching += 1

    def _verify(self, order: Order) -> None:
        if order.extra:
            self.node.mark_verified(order.argument)
            self._view.tell(f"{order.argument} is verified")
        else:
            self._view.tell(self.node.safety_number(order.argument))
            self._view.tell(f"if {order.argument} sees the same: /verify {order.argument} yes")

    def _trust(self, order: Order) -> None:
        name = order.argument
        if order.extra:
            self.node.trust(name)
            self._view.tell(f"the new key of {name} is taken: /verify {name}")
        else:
            self._view.tell(self.node.other_number(name))
            self._view.tell(f"if {name} sees the same for you: /trust {name} yes")

    def _block(self, name: str, *, blocked: bool) -> None:
        check_username(name)
        self.node.contacts.block(name, blocked=blocked)
        self._view.tell(f"{name} is {'blocked' if blocked else 'not blocked any more'}")

    def _leave(self) -> None:
        if not self.node.leave():
            raise UsageError("you are in no chat")
        if self._call is not None and self.node.in_chat_with is None:
            self.finish()

    def _show_help(self) -> None:
        for line in help_lines():
            self._view.tell(line)


def _nothing() -> None:
    """Stand in until somebody listens."""
