"""Our lines on one link after another: what is sent, in order, and what the contact acknowledges.

Reads lines from the disk, and changes nothing there. The link must have been synchronised before
lines are sent (PROTOCOL, "SYNC").
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from p2pchat.errors import RemoteProtocolError
from p2pchat.peer.store.lines import NewLine, to_send
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import Skip

_READ_AT_ONCE: Final = 200
"""Lines read from disk at once when lines are sent again."""


class SessionLink(Protocol):
    """The current link, as a session sees it."""

    def send(self, message: Message) -> None:
        """Send a message."""

    @property
    def has_room(self) -> bool:
        """Whether the link accepts more lines now; `go_on` is called once it does again."""


class WaitingLines(Protocol):
    """The part of `thread.Thread` that a sender needs."""

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Return at most `limit` of our waiting lines with numbers above `after`."""


class LineSender:
    """Sends the waiting lines of a thread. Methods raise StorageError if they cannot be read."""

    def __init__(self, thread: WaitingLines) -> None:
        self._thread = thread
        self._wire: SessionLink | None = None
        self._unacknowledged: deque[tuple[int, str]] = deque()  # (number, id), sent on this link
        self._missing_there = 0
        self.sent = 0
        """The last number sent on this link."""

    @property
    def is_synced(self) -> bool:
        """Whether lines may be sent."""
        return self._wire is not None

    def stop(self) -> None:
        """Stop sending: the link is closed, or not yet synchronised."""
        self._wire = None

    def begin(self, wire: SessionLink, position: int) -> None:
        """Send on this link, starting after the contact's position."""
        self._wire = wire
        self._unacknowledged.clear()
        self.sent = position

    def note_missing(self, count: int) -> None:
        """Report with the next SKIP how many lines the contact's disk may lack."""
        self._missing_there = count

    def send_new(self, lines: Sequence[NewLine]) -> None:
        """Send lines that were just written, unless earlier ones must be sent first."""
        if self.sent == lines[0].seq - 1:
            self._send(lines)

    def send_rest(self, last: int) -> None:
        """Send the waiting lines up to the number `last` that were not sent, while there is room.

        Lines that were given up are skipped.
        """
        while self.sent < last and self._wire and self._wire.has_room:
            lines = self._thread.waiting(self.sent, _READ_AT_ONCE)
            self._send(lines)
            if len(lines) < _READ_AT_ONCE and self._has_sent(lines):
                self._skip_to(last)  # the last lines were given up

    def acknowledged(self, number: int) -> list[str]:
        """Return the ids of the lines that the contact acknowledges by this number.

        Raise RemoteProtocolError if that line was never sent.
        """
        if number > self.sent:
            raise RemoteProtocolError(f"line {number} was acknowledged but never sent")
        taken: list[str] = []
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            taken.append(self._unacknowledged.popleft()[1])
        return taken

    def _send(self, lines: Sequence[NewLine | KeptLine]) -> None:
        for line in lines:
            if self._wire is None or not self._wire.has_room:
                return
            self._skip_to(line.seq - 1)
            self._wire.send(to_send(line))
            self._unacknowledged.append((line.seq, line.uid))
            self.sent = line.seq

    def _has_sent(self, lines: Sequence[KeptLine]) -> bool:
        return not lines or self.sent >= lines[-1].seq

    def _skip_to(self, number: int) -> None:
        if self.sent < number and self._wire is not None:
            self._wire.send(Skip(number, self._missing_there))
            self._missing_there = 0
            self.sent = number
