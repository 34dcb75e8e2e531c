"""A person's session: passes commands to the node and events to the view.

Knows no terminal. The same for the prompt and plain lines, and wherever the node runs.
"""

from collections.abc import Callable
from dataclasses import replace

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.errors import P2PError, StorageError, UsageError
from p2pchat.protocol.client.events import (
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
)
from p2pchat.protocol.client.file_orders import ListFiles
from p2pchat.protocol.client.orders import Close, Search, Switch
from p2pchat.protocol.client.state import Security
from p2pchat.surrogates import without_surrogates
from p2pchat.ui.screen.call import Call
from p2pchat.ui.screen.call_orders import CallOrders
from p2pchat.ui.screen.call_outcome import CallOutcome
from p2pchat.ui.screen.file_orders import FileOrders
from p2pchat.ui.screen.foreground import Foreground
from p2pchat.ui.screen.history_orders import HistoryOrders
from p2pchat.ui.screen.patience import Patience
from p2pchat.ui.screen.pending_orders import PendingOrders
from p2pchat.ui.screen.said_lines import SaidLines, Untold
from p2pchat.ui.screen.trust_orders import TrustOrders
from p2pchat.ui.screen.typed_ahead import END, TypedAhead
from p2pchat.ui.screen.view import View
from p2pchat.ui.text.commands import Order, Say, help_lines, parse, takes_name
from p2pchat.ui.text.render import error_sentence, prompt_of


class ChatApp:
    """A user's session with a node, until `done`; then `exit_code` or `error` is the outcome.

    With `call` it starts with a chat with that user, and ends with it. Typed lines are handled in
    order: while a call is unanswered, a text and all lines after it wait, except commands if
    `commands_overtake` (at a keyboard a command applies at once, in a script in its turn).
    """

    def __init__(
        self, view: View, *, call: Call | None = None, commands_overtake: bool = True
    ) -> None:
        self._view = view
        self._call = call
        self._commands_overtake = commands_overtake
        self._client: Client | None = None
        self._typed = TypedAhead(self._may_go_on, self._do)
        self._orders = PendingOrders(view, lambda: self.client, self._answered)
        self._searches = PendingOrders(view, lambda: self.client, self._answered)
        self._said = SaidLines(lambda: self.client, self._not_said, self._answered)
        self._outcome = CallOutcome(view, lambda: self.client, self._count_unsaid)
        self._unsaid = 0  # lines that could not be sent, in any chat
        self._ready = False
        self._reader_is_behind = False
        self._patience = Patience()  # for what is under way at the end
        self._refused: P2PError | None = None
        self._trust_orders = TrustOrders(
            view, self._orders, lambda: self.front, lambda: not self.client.state.dnd
        )
        self._call_orders = CallOrders(
            self._orders, lambda: self.client, lambda: self.foreground, self._left
        )
        history_orders = HistoryOrders(
            view, self._orders, lambda: self.front, lambda: self.client.username
        )
        self._file_orders = FileOrders(view, self._orders, lambda: self.front)
        self._handlers: dict[str, Callable[[Order], None]] = {
            "help": lambda order: self._show_help(order.argument),
            "quit": lambda _: self._quit(),
            "run": lambda _: _not_here(),
            "search": lambda order: self._searches.give(Search(order.argument), failed=ignore),
            **self._call_orders.handlers,
            **self._trust_orders.handlers,
            **history_orders.handlers,
            **self._file_orders.handlers,
        }
        self._foreground: Foreground | None = None
        self.names: set[str] = set()
        """The names of users met at this registry, for completion."""
        self.done = False
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
    def running(self) -> bool:
        """Whether there is a node."""
        return self._client is not None

    @property
    def foreground(self) -> Foreground:
        """The conversation in front and the unread ones; available once `running`."""
        assert self._foreground is not None
        return self._foreground

    @property
    def front(self) -> str | None:
        """The contact that typed texts are sent to."""
        return self._foreground.front if self._foreground is not None else None

    @property
    def prompt(self) -> str:
        """The text before the line being typed."""
        if not self.running:
            return "> "
        return prompt_of(self.client.username, self.front)

    @property
    def unsettled(self) -> list[tuple[str, str]]:
        """Our texts that are not delivered or not even sent, each with its state."""
        unsaid = [(text, "waits for an answer") for text in self._typed.texts]
        return self.foreground.ours.unsettled + unsaid

    def run(self, client: Client, *, ready: bool = False) -> None:
        """Show this client's node; unless `ready`, first wait for its login.

        The client is closed at the end.
        """
        self._client = client
        client.paced = True
        client.on_event = self.on_event
        client.on_changed = self._on_changed
        client.on_closed = self._node_ended
        client.on_bug = self._on_bug
        self._foreground = Foreground(self._view, client)
        client.begin()
        if ready:
            self._begin()

    def submit(self, line: str) -> None:
        """Handle a typed line."""
        line = without_surrogates(line)
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
        elif isinstance(meant, Say) and self._commands_overtake:
            self._typed.put(replace(meant, to=self.front or ""))
        elif meant is not None:
            self._typed.put(meant)

    def refuse_line(self, why: str) -> None:
        """Report that a line could not be read; the exit code tells a script."""
        self._view.tell(why)
        self._unsaid += 1

    def wait_for_reader(self, behind: bool) -> None:
        """Pause events while the output is not read."""
        self._reader_is_behind = behind
        if not behind and self.running and not self.done:
            self.client.taken(self.client.number)

    def end_input(self) -> None:
        """Handle the end of the input: handle earlier lines, then leave."""
        self._typed.put(END)

    def on_event(self, event: Event) -> None:
        """Handle an event of the node."""
        if isinstance(event, LoginFailed) and not self._ready:
            self.finish(error=event.error)
            return
        if self.foreground.is_to_be_shown(event):
            self._view.show(event)
        self.foreground.on_event(event)
        self._take(event)
        if self._refused is not None and self.front is None:
            self.finish(error=self._refused)
        if self.done:
            return
        if not self._reader_is_behind:
            self.client.taken(self.client.number)
        self._typed.work_off()

    def _on_changed(self) -> None:
        self._trust_orders.on_changed()
        self._typed.work_off()

    def _on_bug(self) -> None:
        """Report that something is missing from the screen."""
        self._view.tell("an event could not be shown, because of a bug: see the log")

    def _node_ended(self, error: P2PError) -> None:
        typed = self._typed
        has_orders = typed.orders_wait or self._orders or self._searches
        complete = typed.all_done or (typed.ended and not has_orders)
        self.untold = Untold(self._said.texts, tuple(typed.texts), self._said.since, complete)
        self.finish(error=error)

    def _answered(self) -> None:
        """Continue with what waited for an answer, or for a line to be stored."""
        self._typed.work_off()

    def _take(self, event: Event) -> None:  # noqa: C901  # a table, a row an event
        match event:
            case LoggedIn() | RegistryLost() if not self._ready:
                self._begin()
            case Delivered():
                self._patience.stop()  # progress: the rest gets the full time again
            case Found(name) | Called(name) | Calling(name) | ContactAway(name) | ChatStarted(name):
                self.names.add(name)
            case NotKept(_, error, texts):
                self._not_kept(error, len(texts))
            case LoginFailed(error):
                self._refused = error  # an open chat continues
            case CallFailed(contact, error):
                self._call_failed(contact, error)
            case ContactLeft(contact) | ContactLost(contact) if self._refused is not None:
                self.foreground.leave(contact)  # not a contact, so it cannot call us back
            case ChatEnded(contact, error, unsent):
                self._chat_ended(contact, error, len(unsent))

    def _not_kept(self, error: P2PError, count: int) -> None:
        """Handle a disk error: a script that has sent everything need not wait for recovery."""
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
            self._said.when_answered(lambda: self._end(contact, error, unsent))

    def _end(self, contact: str, error: P2PError | None, unsent: int) -> None:
        if not self.done:
            self.finish(exit_code=self._outcome.of_end(contact, error, unsent))

    def finish(self, exit_code: int = 0, error: P2PError | None = None) -> None:
        """End the session."""
        if not self.done:
            self.done = True
            unsaid = self._unsaid and not self._commands_overtake
            self.exit_code = exit_code or (UsageError.exit_code if unsaid else 0)
            self.error = error
            if self.running:
                self.foreground.ours.bring(None)  # shows the known states of our lines
                self.client.close()

    def _begin(self) -> None:
        self._ready = True
        self.names.update(self.client.names)
        self.foreground.begin()
        self.client.order(ListFiles(), self._file_orders.tell_offers)
        if self._call is not None:
            self._call_orders.go_to(
                self._call.username, in_clear=self._call.in_clear, failed=self._not_called
            )

    def _not_called(self, error: P2PError) -> None:
        self.finish(error=error)

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read: not while many wait."""
        return self._typed.has_room

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Call the callback whenever `wants_input` becomes true again."""
        self._typed.on_room = callback

    def _may_go_on(self, meant: Say | Order) -> bool:
        if not self._ready or self.done:
            return False
        is_in_order = not self._commands_overtake or meant is END
        if is_in_order and (self._searches or self._orders):
            return False  # a script's orders are processed in order
        if isinstance(meant, Say):
            return self._may_say()
        if meant is END or meant.word == "leave":
            return self._has_said_all_in_time()
        if meant.word == "quit":
            return not self._searches and self._has_said_all_in_time()
        return not self._said

    def _may_say(self) -> bool:
        if self._orders:
            return False  # it could change the conversation in front
        return self._said.have_room if self.front else self.foreground.awaited is None

    def _has_said_all_in_time(self) -> bool:
        """Return whether nothing is under way, or a contact has acknowledged nothing for too long.

        Lines in clear are not stored, so all of them must be sent.
        """
        chat = self.client.state.chats.get(self.front or "")
        if self._has_said_all() or (chat is not None and chat.security is Security.CLEAR):
            self._patience.stop()
            return self._has_said_all()
        return self._patience.is_over(self.client.loop, self._typed.work_off)

    def _has_said_all(self) -> bool:
        """Return whether nothing is under way that is worth waiting for."""
        state = self.client.state
        if self._said or state.calling is not None:
            return False
        chat = state.chats.get(self.front or "")
        return chat is None or chat.has_said_all or chat.away

    def _leave_at_end(self) -> None:
        if self._call is None or self.front is None:
            self.finish()
            return
        contact = self.front

        def closed(left: Switch) -> None:
            if not left.on:
                self.finish(exit_code=self._outcome.of_end(contact, None, 0))
            # else ChatEnded has finished it

        self._orders.give(Close(contact), closed)

    def _do(self, meant: Say | Order) -> None:
        if meant is END:
            self._leave_at_end()
        elif isinstance(meant, Order):
            try:
                self._handlers[meant.word](self._with_name(meant))
            except (UsageError, StorageError) as error:
                self._view.tell(error_sentence(error))
        elif self.front is None:
            no_chat = UsageError("you are in no chat", advice="/chat NAME starts one")
            self._not_said(meant.text, no_chat)
        elif meant.to not in {"", self.front}:
            moved = UsageError(f"it was typed for {meant.to}, whose chat is no longer in front")
            self._not_said(meant.text, moved)
        else:
            self._said.say(self.front, meant.text)

    def _with_name(self, order: Order) -> Order:
        """Return the order with its name as the registry spells it."""
        if not order.argument or not takes_name(order.word):
            return order
        in_clear = order.word == "chat" and bool(order.extra)
        return replace(order, argument=self.client.named(order.argument, in_clear=in_clear))

    def _not_said(self, text: str, error: P2PError) -> None:
        self._unsaid += 1
        self._view.ours(self.prompt, text, "not sent", me=self.client.username)
        self._view.tell(error_sentence(error))

    def _count_unsaid(self) -> int:
        """Return how many typed texts were not sent."""
        return len(self._typed.texts) + len(self._said)

    def _show_help(self, word: str) -> None:
        for line in help_lines(word):
            self._view.tell(line)

    def _left(self) -> None:
        if self._call is not None and self.front is None:
            self.finish()

    def _quit(self) -> None:
        """End the session as soon as the lines sent before are stored."""
        self._said.when_answered(self.finish)


def _not_here() -> None:
    """Raise UsageError for a command that only a prompt can carry out."""
    raise UsageError("/run works only at a prompt")
