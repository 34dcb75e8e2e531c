"""The way to a running node of the same person, through its control socket.

One node an account: the socket's name is that of the account. Knows no node: what it is asked, and
answers, is in `protocol.control`.
"""

import hashlib
from pathlib import Path
from typing import Final

from p2pchat.errors import TimedOut
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.request import ask
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import dial_unix
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.control import CONTROL, CONTROL_DIALOGUE
from p2pchat.protocol.messages import Answer, Request
from p2pchat.protocol.states import Speaker

_MOST_UNREAD: Final = 64 * 1024 * 1024

ANSWER_TIMEOUT: Final = 10.0
"""Seconds for what a node answers by itself."""

REGISTRY_TIMEOUT: Final = 25.0
"""Seconds for what it must ask the registry."""


def socket_of(folder: Path, registry: str, username: str) -> Path:
    """Return where the node of an account listens, in the run-time folder; a short name."""
    digest = hashlib.sha256(f"{username} {registry}".encode()).hexdigest()
    return folder / f"{digest[:16]}.sock"


def lock_of(path: Path) -> Path:
    """Return the file that the process that is the node keeps locked, beside its socket."""
    return path.with_suffix(".lock")


def process_at(lock: Path) -> int:
    """Return the number of the process that was the node last; 0 if it is not known."""
    try:
        return int(lock.read_bytes() or b"0")
    except (OSError, ValueError):
        return 0


class ControlClient:
    """Ask the node that listens at the path. Raise Unreachable if none does."""

    def __init__(self, loop: Loop, path: Path) -> None:
        self._loop = loop
        self._path = path
        self.link = control_link(loop, dial_unix(loop, path), Speaker.DIALLER)

    def ask(self, request: Request, timeout: float = ANSWER_TIMEOUT) -> Answer:
        """Return the answer; raise LinkLost if the node goes away meanwhile, or TimedOut."""
        try:
            return ask(self._loop, self.link, request, timeout)
        except TimedOut as error:
            raise self.unanswered() from error

    def unanswered(self) -> TimedOut:
        """Return the error for a node that does not answer."""
        process = process_at(lock_of(self._path))
        return TimedOut(
            f"your node, process {process}, does not answer",
            likely="it is stopped, or hangs",
            advice=f"kill -CONT {process} lets it go on, kill {process} ends it",
        )

    def close(self) -> None:
        """Hang up."""
        self.link.on_closed = lambda _: None
        self.link.close()


def control_link(loop: Loop, transport: Wire, speaker: Speaker) -> Link:
    """Return a link for either end of a control socket."""
    transport.send_ceiling = _MOST_UNREAD  # of one owner, who may have much to say and to show
    connection = Connection(CONTROL_DIALOGUE, CONTROL, speaker)
    return Link(loop, transport, connection, receive_ceiling=_MOST_UNREAD)
