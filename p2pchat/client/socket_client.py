"""A client of a node in another process of the same user, through its control socket.

The socket is named after the account. Loads nothing of the node, so that commands start fast.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from p2pchat.client.client import ANSWER_TIMEOUT, Client
from p2pchat.errors import LinkLost, NodeEnded, OnFailed, P2PError, TimedOut
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import dial_unix
from p2pchat.protocol.client.failure import error_of
from p2pchat.protocol.client.messages import (
    CONTROL,
    CONTROL_DIALOGUE,
    Alive,
    Bye,
    Hello,
    Welcome,
)
from p2pchat.protocol.client.node_order import Order, Result
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Message
from p2pchat.protocol.states import Speaker

R = TypeVar("R", bound=Result)

_MOST_UNREAD: Final = 64 * 1024 * 1024

WELCOME_TIMEOUT: Final = 5.0
"""Seconds for a node to greet a client."""


def socket_of(folder: Path, registry: str, username: str) -> Path:
    """Return the path of an account's control socket in the runtime folder; it is short."""
    digest = hashlib.sha256(f"{username} {registry}".encode()).hexdigest()
    return folder / f"{digest[:16]}.sock"


def lock_of(path: Path) -> Path:
    """Return the file beside the socket that the node's process keeps locked."""
    return path.with_suffix(".lock")


def process_at(lock: Path) -> int:
    """Return the id of the last process that was the node; 0 if unknown."""
    try:
        return int(lock.read_bytes() or b"0")
    except (OSError, ValueError):
        return 0


class SocketClient(Client):
    """A client of the node that listens at the path; runs the loop until the node has answered.

    Raise Unreachable if none listens, LinkLost if it ends meanwhile, TimedOut if it does not
    answer, and UsageError if it has another version. If a node that is followed gives no sign of
    life for long, `on_closed` is called: it hangs.
    """

    def __init__(self, loop: Loop, path: Path, hello: Hello = Hello()) -> None:  # noqa: B008  # frozen
        super().__init__(loop, hello)
        self._path = path
        self._silence: Timer | None = None
        self._link = control_link(loop, dial_unix(loop, path), Speaker.DIALLER)
        try:
            self._greet(hello)
        except BaseException:
            self._link.abort()
            raise
        self._wait_for_a_sign()

    def begin(self) -> None:
        """Allow callbacks from now on, also for earlier messages; may be called again."""
        self._link.release()

    def ask(self, order: Order[R], timeout: float = ANSWER_TIMEOUT) -> R:
        """Return as Client.ask does; the error for a silent node names its process."""
        number = self._last_order + 1
        try:
            return super().ask(order, timeout)
        except TimedOut as error:
            if self._orders.pop(number, None) is not None:
                raise self._unanswered() from error
            raise

    def close(self) -> None:
        """Stop using the node; no callback follows."""
        self._forget()
        if self._silence is not None:
            self._silence.cancel()
        self._link.close()

    def _greet(self, hello: Hello) -> None:
        """Run the loop until the node has welcomed us; further messages are handled later."""

        def start(then: Callable[[Message], None], failed: OnFailed) -> None:
            """Send the hello; pass on the first message of the node, or the end of the link."""

            def greeted(message: Message) -> None:
                self._link.on_message, self._link.on_closed = self._heard, self._lost
                if isinstance(message, Welcome):
                    self._welcomed(message)
                    self._link.hold()  # further messages need callbacks that are not set yet
                then(message)

            self._link.on_message = greeted
            self._link.on_closed = lambda error: failed(
                error or LinkLost("the node's process has ended")
            )
            self._link.send(hello)

        try:
            answer = self.loop.wait_for(start, WELCOME_TIMEOUT)
        except TimedOut as error:
            raise self._unanswered() from error
        if isinstance(answer, Bye) and answer.failure is not None:
            raise error_of(answer.failure)
        if not isinstance(answer, Welcome):
            raise LinkLost("the node's process has ended")

    def _unanswered(self) -> TimedOut:
        """Return the error for a node that does not answer."""
        process = process_at(lock_of(self._path))
        return TimedOut(
            f"your node, process {process}, does not answer",
            likely="it is stopped or hangs",
            advice=f"kill -CONT {process} resumes it, kill {process} ends it",
        )

    def _send(self, message: Message) -> None:
        self._link.send(message)

    def _heard(self, message: Message) -> None:
        self._wait_for_a_sign()
        match message:
            case Alive():
                pass
            case Bye(failure):
                self._link.close()
                self._lost(None if failure is None else error_of(failure))
            case _:
                self._hear(message)

    def _wait_for_a_sign(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self.follows:
            self._silence = self.loop.call_later(ANSWER_TIMEOUT, self._hangs)

    def _hangs(self) -> None:
        self._link.abort()
        self._end(self._unanswered())

    def _lost(self, error: P2PError | None) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self.is_open:
            self._end(NodeEnded(likely="it was stopped" if error is None else error.what))


def control_link(loop: Loop, transport: Wire, speaker: Speaker) -> Link:
    """Return a link for either end of a control socket."""
    transport.send_ceiling = _MOST_UNREAD  # the other end is the same user's, and may send much
    connection = Connection(CONTROL_DIALOGUE, CONTROL, speaker)
    return Link(loop, transport, connection, receive_ceiling=_MOST_UNREAD)
