"""A screen or a program without a node of its own: what is typed goes to one in another process.

It shows what it is told to show, and knows no command. The other end is `remote_screen`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from p2pchat.errors import NodeEnded, P2PError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.control_client import ANSWER_TIMEOUT, ControlClient
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
        self._untaken = 0
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
        return self._untaken < _MOST_UNTAKEN

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
        self._untaken += 1
        self._link.send(typed)

    def _wait_for_a_sign(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(ANSWER_TIMEOUT, self._hangs)

    def _hangs(self) -> None:
        self.error = self._client.unanswered()
        self.finish(self.error.exit_code)

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
                held_back = not self.wants_input
                self._untaken -= count
                if held_back and self.wants_input:
                    self._on_input_wanted()
            case Detached(exit_code, what, likely, advice):
                self._detached(exit_code, what, likely, advice)
            case _:
                raise AssertionError(message)

    def _detached(self, exit_code: int, what: str, likely: str, advice: str) -> None:
        if what:
            self.error = P2PError(what, likely=likely, advice=advice)
            self.error.exit_code = exit_code
        self.finish(exit_code)

    def _lost(self, error: P2PError | None) -> None:
        if not self.done:
            unsaid = f", and {self._untaken} lines were not said" if self._untaken else ""
            self.error = NodeEnded(
                f"the process that was your node has ended{unsaid}",
                likely="it was stopped" if error is None else error.what,
                unsaid=self._untaken,
                all_typed=self._all_typed,
            )
            self.finish(self.error.exit_code)
