"""Commands down to the node, events up to the screen: what happens in between.

Knows no terminal: a view shows. The same for the prompt and for plain lines.
"""

from collections.abc import Callable
from dataclasses import replace

from p2pchat.errors import P2PError, StorageError, UsageError
from p2pchat.peer.events import (
    Called,
    CallFailed,
    Calling,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    Found,
    LoggedIn,
    LoginFailed,
    NotKept,
    RegistryLost,
    SearchFailed,
    Security,
    TextReceived,
)
from p2pchat.peer.node import Node
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.call_outcome import CallOutcome
from p2pchat.ui.screen.foreground import Foreground
from p2pchat.ui.screen.history_orders import HistoryOrders
from p2pchat.ui.screen.patience import Patience
from p2pchat.ui.screen.screens import Watcher
from p2pchat.ui.screen.trust_orders import TrustOrders
from p2pchat.ui.screen.typed_ahead import END, TypedAhead
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order, Say, help_lines, parse, takes_name
from p2pchat.ui.text.render import error_sentence, prompt_of


class ChatApp(Watcher):
    """A user's session with a node, until `done`; then `exit_code` or `error` says how it ended.

    With `call` it begins with a chat with that user, and ends with it. Typed lines are handled in
    order: a text waits while a call is unanswered, and so do lines after it, except commands if
    `commands_overtake` (at a keyboard a command is meant now, in a script in its order).

    A node may have several sessions: `is_elsewhere(contact)` returns whether another one has that
    conversation open, which then goes on without this one. `on_done` is called once.
    """

    is_person = True

    def __init__(
        self,
        view: View,
        *,
        call: Call | None = None,
        commands_overtake: bool = True,
        is_elsewhere: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._view = view
        self._call = call
        self._commands_overtake = commands_overtake
        self._is_elsewhere = is_elsewhere
        self._node: Node | None = None
        self._typed = TypedAhead(self._may_go_on, self._do)
        self._outcome = CallOutcome(view, lambda: self.node, lambda: len(self._typed.texts))
        self._searching: list[str] = []  # whom we have asked about, and have no answer yet
        self._unsaid = 0  # lines that could not be said, whatever the chat
        self._ready = False
        self._reader_is_behind = False
        self._patience = Patience()  # with what is under way at the end
        self._refused: P2PError | None = None
        self.on_done: Callable[[], None] = lambda: None
        self._handlers: dict[str, Callable[[Order], None]] = {
            "accept": self._accept,
            "chat": lambda order: self._go_to(order.argument, bool(order.extra)),
            "help": lambda order: self._show_help(order.argument),
            "leave": lambda _: self._leave(),
            "next": lambda _: self._go_to(self.foreground.next_unread(), False),
            "quit": lambda _: self.finish(),
            "reject": lambda order: self.node.reject(order.argument),
            "run": lambda _: _not_here(),
            "search": lambda order: self._search(order.argument),
            **TrustOrders(view, lambda: self.node, lambda: self.front).handlers,
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
    def running(self) -> bool:
        """Whether there is a node."""
        return self._node is not None

    @property
    def foreground(self) -> Foreground:
        """What of the node is looked at; when `running`."""
        assert self._foreground is not None
        return self._foreground

    @property
    def front(self) -> str | None:
        """The contact that typed texts go to."""
        return self._foreground.front if self._foreground is not None else None

    @property
    def prompt(self) -> str:
        """What stands before the line being typed."""
        if not self.running:
            return "> "
        return prompt_of(self.node.username, self.front)

    @property
    def opened(self) -> set[str]:
        """The contacts with an open conversation here."""
        return self.foreground.opened

    @property
    def unsettled(self) -> list[tuple[str, str]]:
        """Texts of ours that are not delivered, or not even said, each with its state."""
        unsaid = [(text, "waits for an answer") for text in self._typed.texts]
        return self.foreground.ours.unsettled + unsaid

    def run(self, node: Node, *, ready: bool = False) -> None:
        """Show this node; `ready`: it is logged in already, else that is waited for."""
        self._node = node
        self._foreground = Foreground(self._view, node)
        if ready:
            self._begin()

    def submit(self, line: str) -> None:
        """Handle a typed line; surrogates, for bytes that are not UTF-8, are replaced."""
        line = line.encode("utf-8", "replace").decode()
        try:
            meant = parse(line)
        except UsageError as error:
            self._view.ours(self.prompt, line, "")
            self._view.tell(error_sentence(error))
            return
        if isinstance(meant, Order):
            self._view.ours(self.prompt, line, "")
        if isinstance(meant, Order) and self._commands_overtake:
            self._do(meant)
        elif meant is not None:
            self._typed.put(meant)

    def refuse_line(self, why: str) -> None:
        """Report that a line could not be read; the exit code tells a script."""
        self._view.tell(why)
        self._unsaid += 1

    def wait_for_reader(self, behind: bool) -> None:
        """Stop reading from the contacts here while the output is not read."""
        self._reader_is_behind = behind
        for contact in self.opened if self.running else ():
            self.node.wait_for_reader(contact, behind=behind)

    def end_input(self) -> None:
        """Note the end of the input: handle what was typed, then leave."""
        self._typed.put(END)

    def on_room(self) -> None:
        """Note that more can be said than before."""
        self._typed.work_off()

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if isinstance(event, LoginFailed) and not self._ready:
            self.finish(error=event.error)
            return
        if self.done and isinstance(event, SearchFailed):  # its screen waits for it no longer
            return
        if self.foreground.is_to_be_shown(event):
            self._view.show(event)
        self.foreground.on_event(event)
        if self._reader_is_behind and isinstance(event, TextReceived):
            self.wait_for_reader(True)  # of a contact who was brought here meanwhile, too
        self._take(event)
        if self._refused is not None and self.front is None:
            self.finish(error=self._refused)
        self._typed.work_off()

    def on_bug(self) -> None:
        """Report that something is missing from the screen."""
        self._view.tell("something that happened could not be shown: a bug, see the log")

    def _take(self, event: Event) -> None:  # noqa: C901  # a table, a row an event
        match event:
            case LoggedIn() | RegistryLost() if not self._ready:
                self._begin()
            case Delivered():
                self._patience.stop()  # it goes on: what is left has all the time again
            case Found(name) | SearchFailed(name):
                self._has_answer(name, found=isinstance(event, Found))
            case Called(name) | Calling(name) | ContactAway(name) | ChatStarted(name):
                self.names.add(name)
            case NotKept(_, error, texts):
                self._not_kept(error, len(texts))
            case LoginFailed(error):
                self._refused = error  # an open chat goes on all the same
            case CallFailed(contact, error):
                self._call_failed(contact, error)
            case ContactLeft(contact) | ContactLost(contact) if self._refused is not None:
                self.foreground.leave(contact)  # no contact could call us back
            case ChatEnded(contact, error, unsent):
                self._chat_ended(contact, error, len(unsent))

    def _not_kept(self, error: P2PError, count: int) -> None:
        """Our disk fails: a script that has said everything need not wait for better times."""
        self._unsaid += count
        if self._typed.ended:
            self.finish(error=error)

    def _call_failed(self, contact: str, error: P2PError) -> None:
        self.foreground.leave(contact)
        if self._call is not None and contact == self._call.username:
            self.finish(exit_code=self._outcome.of_failure(contact, error))

    def _chat_ended(self, contact: str, error: P2PError | None, unsent: int) -> None:
        self.foreground.leave(contact)
        if self._call is not None and contact == self._call.username:
            self.finish(exit_code=self._outcome.of_end(contact, error, unsent))

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session."""
        if not self.done:
            self.done = True
            unsaid = self._unsaid and not self._commands_overtake
            self.exit_code = exit_code or (UsageError.exit_code if unsaid else 0)
            self.error = error
            self.on_done()
            self.settle()

    def settle(self) -> None:
        """Show what is known of our lines that are not delivered."""
        if self.running:
            self.foreground.ours.bring(None)

    def _begin(self) -> None:
        self._ready = True
        try:
            self.names.update(self.node.contacts.known_names)
            self.foreground.begin()
            if self._call is not None:
                self._go_to(*self._call)
        except P2PError as error:
            self.finish(error=error)

    @property
    def undone(self) -> int:
        """How many lines were typed and are not done, or said, yet."""
        return len(self._typed)

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read: not while many wait."""
        return self._typed.has_room

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Call it whenever `wants_input` again."""
        self._typed.on_room = callback

    def _may_go_on(self, meant: Say | Order) -> bool:
        if not self._ready or self.done:
            return False
        if self._searching and (not self._commands_overtake or meant is END):
            return False  # a script's orders are done, and answered, in order
        if isinstance(meant, Order):
            waits = meant is END or meant.word in {"leave", "quit"}
            if meant.word == "quit" and self._searching:
                return False
            return not waits or self._has_said_all_in_time()
        if self.front is None:
            return self.node.calling is None
        return self.node.has_room(self.front)

    def _has_said_all_in_time(self) -> bool:
        """The same, but a contact who acknowledges nothing is not waited for without end.

        In clear nothing would be kept, so there all of it must go out.
        """
        chat = self.node.chat(self.front) if self.front is not None else None
        if self._has_said_all() or (chat is not None and chat.security is Security.CLEAR):
            self._patience.stop()
            return self._has_said_all()
        return self._patience.is_over(self.node.scheduler, self._typed.work_off)

    def _has_said_all(self) -> bool:
        """Return whether nothing is under way that is worth waiting for."""
        if self.front is None or self.node.calling is not None:
            return self.node.calling is None
        chat = self.node.chat(self.front)
        return self.node.has_said_all(self.front) or (chat is not None and chat.away)

    def _leave_at_end(self) -> None:
        if self._call is None or self.front is None:
            self.finish()
        elif self._is_elsewhere(self.front):
            self.finish(exit_code=self._outcome.of_end(self.front, None, 0))
        else:
            self.node.leave(self.front)  # ChatEnded then finishes

    def _do(self, meant: Say | Order) -> None:
        if meant is END:
            self._leave_at_end()
        elif isinstance(meant, Say):
            self._say(meant.text)
        else:
            self.node.conversations.flush()  # what was said before it is seen by a command
            self._try(lambda: self._handlers[meant.word](self._with_name(meant)))

    def _with_name(self, order: Order) -> Order:
        """Return the order with its name as it is written at the registry."""
        if not order.argument or not takes_name(order.word):
            return order
        in_clear = order.word == "chat" and bool(order.extra)
        return replace(order, argument=self.node.named(order.argument, in_clear=in_clear))

    def _say(self, text: str) -> None:
        try:
            if self.front is None:
                raise UsageError("you are in no chat", advice="/chat NAME starts one")
            self.node.say(self.front, text)
        except UsageError as error:
            self._unsaid += 1
            self._view.ours(self.prompt, text, "not sent")
            self._view.tell(error_sentence(error))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (UsageError, StorageError) as error:
            self._view.tell(error_sentence(error))

    def _search(self, name: str) -> None:
        self.node.search(name)
        self._searching.append(name)

    def _has_answer(self, name: str, *, found: bool) -> None:
        if found:
            self.names.add(name)
        if name in self._searching:  # or another screen has asked
            self._searching.remove(name)

    def _accept(self, order: Order) -> None:
        self.foreground.want(order.argument or next(iter(self.node.called_by), None))
        self.node.accept(order.argument)

    def _go_to(self, contact: str, in_clear: bool) -> None:
        self.foreground.want(contact)
        self.node.call(contact, in_clear=in_clear)

    def _show_help(self, word: str) -> None:
        for line in help_lines(word):
            self._view.tell(line)

    def _leave(self) -> None:
        contact = self.front or self.node.calling
        if contact is None or not self.node.leave(contact):
            raise UsageError("you are in no chat")
        if self._call is not None and self.front is None:
            self.finish()


def _not_here() -> None:
    """Refuse what a prompt does itself, before the app hears of it."""
    raise UsageError("/run puts text into the line of a prompt, and there is none")
