"""One conversation with one key of one contact, over whatever links come and go (DESIGN, "Nothing
lost"). No I/O but the thread of lines that it is handed.

Every line has a number that grows by one. When a link comes up, each side says SYNC with the number
of the last line that is on its disk, and the other resends what comes after it, in order. A line is
taken only where it is the next one, and acknowledged once it is on the disk. What happens in one
turn is one transaction: `flush` makes it, and only then anything is sent, told or acknowledged.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from p2pchat.errors import RemoteProtocolError, StorageError, UsageError
from p2pchat.peer.lines import KeptLine, NewLine, Progress, new_uid, now_ms
from p2pchat.protocol.messages import Message
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.talk import Ack, ChatText, Skip, Sync
from p2pchat.protocol.text import one_line, printable

_READ_AT_ONCE: Final = 200
"""Lines read from the disk at once when they are sent again."""


class Thread(Protocol):
    """What a session needs of `thread.Thread`."""

    @property
    def queued(self) -> int:
        """How many of our lines wait."""

    def progress(self) -> Progress:
        """Give how far it has come."""

    def write(
        self,
        progress: Progress,
        *,
        said: Sequence[NewLine] = (),
        heard: Sequence[NewLine] = (),
        instead_of: Sequence[int] = (),
    ) -> list[KeptLine]:
        """Keep all of it or nothing; give what was heard and is new."""

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Give our lines after that number."""

    def give_up(self, after: int) -> int:
        """Do not deliver what waits after that number; give how many lines."""

    def renumber(self, progress: Progress, after: int) -> Progress:
        """Number what waits anew; give how far we are then."""


class Wire(Protocol):
    """The link of the moment, as a session sees it."""

    def send(self, message: Message) -> None:
        """Say it."""

    @property
    def has_room(self) -> bool:
        """Whether more should be said now; `go_on` is called when there is room again."""


class Listener(Protocol):
    """Who is told."""

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        """These lines of ours are on our disk."""

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        """These are on our disk."""

    def on_delivered(self, up_to: int) -> None:
        """Everything up to that number of ours is on the contact's."""

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        """The disk failed: these texts of ours are not kept, and the link should be closed."""


class ChatSession:
    """The rules; `soon(callback)` calls at the end of the turn. Raises StorageError when made.

    After each call that returns, `flush` follows by itself at the end of the turn.
    """

    def __init__(
        self, thread: Thread, listener: Listener, soon: Callable[[Callable[[], None]], None]
    ) -> None:
        self._thread = thread
        self._listener = listener
        self._soon = soon
        self._progress = thread.progress()
        self._said: list[NewLine] = []
        self._said_instead_of: list[int] = []
        self._heard: list[NewLine] = []
        self._last_in = self._progress.last_in
        self._acked = self._progress.acked
        self._ack_due = False
        self._flush_due = False
        self._wire: Wire | None = None
        self._synced = False
        self._sent = 0  # the last number that was said on this link

    @property
    def waiting(self) -> int:
        """Lines of ours that the contact has not acknowledged, and that are not given up."""
        return self._thread.queued + len(self._said)

    @property
    def sent(self) -> int:
        """The number up to which our lines are acknowledged, or on their way on this link."""
        return self._sent if self._synced else self._progress.acked

    def link_up(self, wire: Wire) -> None:
        """Talk on this link from now on."""
        self.flush()
        self._wire = wire
        self._synced = False
        wire.send(Sync(self._progress.last_in))

    def link_down(self) -> None:
        """There is no link any more; what is said is queued."""
        self._wire = None
        self._synced = False

    def say(self, text: str) -> int:
        """Keep it, send it when that can be done; give its number. Raises UsageError if too long.

        It is on the disk after `flush`, or `on_not_kept` tells.
        """
        size = len(text.encode())
        if size > MAX_TEXT_BYTES:
            raise UsageError(
                f"a message of {size} bytes was not sent",
                likely=f"a message has at most {MAX_TEXT_BYTES}",
                advice="send it in parts",
            )
        return self._say(new_uid(), now_ms(), text)

    def say_again(self, lines: Sequence[KeptLine]) -> list[int]:
        """Say what had failed, in place of it; give the numbers. It is on the disk, see `say`.

        Each keeps its name: should it have come after all, a contact with a history shows it once.
        """
        self._said_instead_of += [line.id for line in lines]
        numbers = [self._say(line.uid, line.at, line.text) for line in lines]
        self.flush()  # or who asks again in the same turn would find it still failed
        return numbers

    def give_up(self) -> int:
        """Do not deliver what waits, but for what is on its way; give how many lines.

        Raises StorageError.
        """
        self.flush()
        return self._thread.give_up(self.sent)

    def _say(self, uid: str, at: int, text: str) -> int:
        seq = self._progress.last_out + len(self._said) + 1
        self._said.append(NewLine(seq, uid, at, text))
        self._flush_soon()
        return seq

    def receive(self, message: Message) -> None:
        """Take what the contact says; raises RemoteProtocolError, and then close the link."""
        try:
            self._receive(message)
        except StorageError as error:
            self._listener.on_not_kept(error, ())

    def _receive(self, message: Message) -> None:
        match message:
            case ChatText():
                self._take(message)
            case Sync(last_in):
                self._sync(last_in)
            case Skip(to):
                self._last_in = max(self._last_in, to)
                self._ack_due = True
            case Ack(seq):
                if seq > self._sent:
                    raise RemoteProtocolError(f"line {seq} is acknowledged and was not sent")
                self._acked = max(self._acked, seq)
            case _:
                raise RemoteProtocolError(f"{type(message).__name__} has no place in a chat")
        self._flush_soon()

    def go_on(self) -> None:
        """There is room on the link again."""
        if self._synced:
            try:
                self._send_rest()
            except StorageError as error:
                self._listener.on_not_kept(error, ())

    def flush(self) -> None:
        """Put on the disk what this turn has brought; then send, acknowledge and tell."""
        self._flush_due = False
        said, self._said = self._said, []
        heard, self._heard = self._heard, []
        instead_of, self._said_instead_of = self._said_instead_of, []
        before = self._progress
        progress = Progress(self._last_in, before.last_out + len(said), self._acked)
        new: list[KeptLine] = []
        if progress != before:
            try:
                new = self._thread.write(progress, said=said, heard=heard, instead_of=instead_of)
            except StorageError as error:
                self._last_in, self._acked = before.last_in, before.acked
                self._ack_due = False
                self._listener.on_not_kept(error, [line.text for line in said])
                return
        self._progress = progress
        if said:
            self._listener.on_kept(said)
        self._tell(new, delivered=progress.acked > before.acked)
        if self._synced:
            if said and self._sent == said[0].seq - 1:
                self._send(said)
            self.go_on()

    def _tell(self, new: list[KeptLine], *, delivered: bool) -> None:
        if self._ack_due and self._wire is not None:
            self._wire.send(Ack(self._progress.last_in))
        self._ack_due = False
        if delivered:
            self._listener.on_delivered(self._progress.acked)
        if new:
            self._listener.on_heard(new)

    def _take(self, text: ChatText) -> None:
        if not text.seq or len(text.text.encode()) > MAX_TEXT_BYTES:
            raise RemoteProtocolError("a line has no number, or is too long")
        self._ack_due = True
        if text.seq <= self._last_in:
            return  # they did not know that we have it
        if text.seq != self._last_in + 1:
            raise RemoteProtocolError(f"line {text.seq} came where {self._last_in + 1} is due")
        self._last_in = text.seq
        self._heard.append(NewLine(text.seq, one_line(text.id), text.at, printable(text.text)))

    def _sync(self, last_in: int) -> None:
        if self._synced:
            raise RemoteProtocolError("SYNC came twice")
        self.flush()
        if last_in > self._progress.last_out:  # our disk is an older copy: they have more of us
            self._progress = self._thread.renumber(self._progress, last_in)
        self._acked = max(self._acked, last_in)
        self._sent = last_in
        self._synced = True

    def _send_rest(self) -> None:
        """Send what is on the disk and was not sent on this link, as long as there is room."""
        while self._sent < self._progress.last_out and self._wire and self._wire.has_room:
            lines = self._thread.waiting(self._sent, _READ_AT_ONCE)
            self._send(lines)
            if len(lines) < _READ_AT_ONCE and self._has_sent(lines):
                self._skip_to(self._progress.last_out)  # the last ones were given up

    def _send(self, lines: Sequence[NewLine | KeptLine]) -> None:
        for line in lines:
            if self._wire is None or not self._wire.has_room:
                return
            self._skip_to(line.seq - 1)
            self._wire.send(ChatText(line.text, line.seq, line.uid, line.at))
            self._sent = line.seq

    def _has_sent(self, lines: Sequence[KeptLine]) -> bool:
        return not lines or self._sent >= lines[-1].seq

    def _skip_to(self, seq: int) -> None:
        if self._sent < seq and self._wire is not None:
            self._wire.send(Skip(seq))
            self._sent = seq

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._soon(self._flush_if_due)

    def _flush_if_due(self) -> None:
        if self._flush_due:
            self.flush()
