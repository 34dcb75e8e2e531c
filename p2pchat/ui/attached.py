"""A screen or a program without a node of its own: what is typed goes to one in another process.

It shows what it is told to show, and knows no command. The other end is `remote_screen`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from p2pchat.errors import NodeEnded, P2PError, UsageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.control_client import ANSWER_TIMEOUT, ControlClient
from p2pchat.peer.lines import now_ms
from p2pchat.protocol.messages import Message
from p2pchat.protocol.screen import (
    Alert,
    Around,
    Attach,
    AttachProgram,
    Detached,
    Fragment,
    Shown,
    Taken,
    Typed,
    TypedAll,
)
from p2pchat.ui.commands import Say, parse

_MOST_UNTAKEN: Final = 500


class Attached:
    """From `attach` until `done`; then `exit_code`, or `error` to be raised, says how it ended.

    `write(lines)` shows lines of fragments. A node that is silent for some seconds hangs: it says
    now and then that it lives.
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
        self._untaken: deque[tuple[int, str]] = deque()  # when it was typed; the text, if it is one
        self._tells_what_is_written = False
        self._on_input_wanted: Callable[[], None] = lambda: None
        self.around = Around("> ")
        self.alert: Callable[[str, str], None] = lambda _contact, _sentence: None
        self.done = False
        self.exit_code = 0
        self.error: P2PError | None = None
        self._link.on_message = self._heard
        self._link.on_closed = self._lost

    def attach(self, request: Attach | AttachProgram) -> None:
        """Begin."""
        self._tells_what_is_written = isinstance(request, AttachProgram)
        self._link.send(request)
        self._wait_for_a_sign()

    @property
    def wants_input(self) -> bool:
        """Whether more lines should be read: not while the node has not taken many."""
        return len(self._untaken) < _MOST_UNTAKEN

    def when_input_is_wanted(self, callback: Callable[[], None]) -> None:
        """Call it whenever `wants_input` again."""
        self._on_input_wanted = callback

    def submit(self, line: str) -> None:
        """Pass on a typed line; terminals give bytes that are no UTF-8 as surrogates: replaced."""
        self._type(Typed(line.encode("utf-8", "replace").decode()))

    def refuse_line(self, why: str) -> None:
        """A line could not even be read."""
        self._type(Typed(refused=why))

    def end_input(self) -> None:
        """Nothing more will be typed: the node does what was, then ends this."""
        self._all_typed = True
        self._link.send(TypedAll())

    def finish(self, exit_code: int = 0) -> None:
        """Leave; the node stays."""
        if not self.done:
            self.done = True
            self.exit_code = exit_code
            if self._silence is not None:
                self._silence.cancel()
            self._link.close()

    def _type(self, typed: Typed) -> None:
        self._untaken.append((now_ms(), _text_of(typed.line)))
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
            case Alert(contact, sentence):
                self.alert(contact, sentence)
            case Taken(count):
                self._taken(count)
            case Detached(exit_code, what, likely, advice):
                self._detached(exit_code, what, likely, advice)
            case _:
                raise AssertionError(message)

    def _taken(self, count: int) -> None:
        held_back = not self.wants_input
        for _ in range(count):
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
                untold=tuple(text for _, text in self._untaken if text),
                since=self._untaken[0][0] if self._untaken else 0,
                all_typed=self._all_typed,
            )
            self.finish()


def _text_of(line: str) -> str:
    """Return what the line says, if it is no command."""
    try:
        meant = parse(line)
    except UsageError:
        return ""
    return meant.text if isinstance(meant, Say) else ""
