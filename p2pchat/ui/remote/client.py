"""A screen or a program that uses the node of another process: typed lines go there.

It shows what that node tells it to show. The other end is `remote_screen` or `remote_program`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from p2pchat.errors import NodeEnded, P2PError, UsageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.control.client import ANSWER_TIMEOUT, ControlClient
from p2pchat.peer.store.lines import now_ms
from p2pchat.protocol.messages import Message
from p2pchat.protocol.screen import (
    Alert,
    Around,
    Attach,
    AttachProgram,
    Copy,
    Detached,
    Fragment,
    Shown,
    Taken,
    Typed,
    TypedAll,
)
from p2pchat.ui.program.json_commands import load, understand
from p2pchat.ui.text.commands import Say, parse

_MOST_UNTAKEN: Final = 500


class Attached:
    """A session with a node, from `attach` until `done`.

    `exit_code`, or `error` if it is to be raised, then says how it ended. `write(lines)` shows
    lines of fragments. A live node sends a sign of life every few seconds: one that is silent for
    longer has hung.
    """

    def __init__(
        self,
        loop: Loop,
        client: ControlClient,
        write: Callable[[Iterable[Sequence[Fragment]]], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._link = client.link
        self._write = write
        self._all_typed = False
        self._silence: Timer | None = None
        self._untaken: deque[tuple[int, str]] = deque()  # when a line was typed, and the line
        self._tells_what_is_written = False
        self._text_in: Callable[[str], str] = _typed_text
        self._on_input_wanted: Callable[[], None] = lambda: None
        self.around = Around("> ")
        self.alert: Callable[[str, str, str], None] = lambda *_: None
        self.copy: Callable[[str], None] = lambda _: None
        self.done = False
        self.exit_code = 0
        self.error: P2PError | None = None
        self._link.on_message = self._heard
        self._link.on_closed = self._lost

    def attach(self, request: Attach | AttachProgram) -> None:
        """Begin."""
        if isinstance(request, AttachProgram):
            self._tells_what_is_written = True
            self._text_in = partial(_ordered_text, contact=request.call)
        self._link.send(request)
        self._wait_for_a_sign()

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read: not while many wait for the node."""
        return len(self._untaken) < _MOST_UNTAKEN

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Register what is called whenever `wants_input` becomes true again."""
        self._on_input_wanted = callback

    def submit(self, line: str) -> None:
        """Send a typed line to the node; surrogates, for bytes that are not UTF-8, are replaced."""
        self._type(Typed(line.encode("utf-8", "replace").decode()))

    def refuse_line(self, why: str) -> None:
        """Report to the node that a line could not be read, and why."""
        self._type(Typed(refused=why))

    def end_input(self) -> None:
        """Ask the node to end this session once it has handled every line."""
        self._all_typed = True
        self._link.send(TypedAll())

    def finish(self, exit_code: int = 0) -> None:
        """End the session; the node goes on."""
        if not self.done:
            self.done = True
            self.exit_code = exit_code
            if self._silence is not None:
                self._silence.cancel()
            self._link.close()

    def _type(self, typed: Typed) -> None:
        self._untaken.append((now_ms(), typed.line))
        self._link.send(typed)

    def _wait_for_a_sign(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(ANSWER_TIMEOUT, self._hangs)

    def _hangs(self) -> None:
        self.error = self._client.unanswered()
        self.finish()

    def _heard(self, message: Message) -> None:
        self._wait_for_a_sign()
        match message:
            case Shown(lines):
                self._write(lines)
                if self._tells_what_is_written:
                    self._link.send(Taken(len(lines)))
            case Around():
                self.around = message
            case Copy(text):
                self.copy(text)
            case Alert(contact, sentence, text):
                self.alert(contact, sentence, text)
            case Taken(count):
                self._taken(count)
            case Detached(exit_code, what, likely, advice):
                self._detached(exit_code, what, likely, advice)
            case _:
                raise AssertionError(message)

    def _taken(self, count: int) -> None:
        held_back = not self.wants_input
        for _ in range(min(count, len(self._untaken))):
            self._untaken.popleft()
        if held_back and self.wants_input:
            self._on_input_wanted()

    def _detached(self, exit_code: int, what: str, likely: str, advice: str) -> None:
        if what:
            self.error = P2PError(what, likely=likely, advice=advice)
            self.error.exit_code = exit_code
        self.finish(exit_code)

    def _lost(self, error: P2PError | None) -> None:
        if not self.done:
            self.error = NodeEnded(
                likely="it was stopped" if error is None else error.what,
                untold=tuple(filter(None, (self._text_in(line) for _, line in self._untaken))),
                since=self._untaken[0][0] if self._untaken else 0,
                all_typed=self._all_typed,
            )
            self.finish()


def _typed_text(line: str) -> str:
    """Return the text that a line sends; empty if it is a command."""
    try:
        meant = parse(line)
    except UsageError:
        return ""
    return meant.text if isinstance(meant, Say) else ""


def _ordered_text(line: str, contact: str) -> str:
    """Return the text that a line of JSON sends to the contact; empty if it does something else."""
    try:
        order = understand(load(line))
    except UsageError:
        return ""
    is_for_them = (order.user or contact).lower() == contact.lower()
    return order.text if order.word == "send" and is_for_them else ""
