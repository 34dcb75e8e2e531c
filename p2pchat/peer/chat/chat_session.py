"""A conversation with one key of a contact, over successive links (PROTOCOL, "SYNC").

No I/O but the thread of lines that it is handed. Every line has a number that grows by one. When a
link comes up, each side says its position, and the other sends what waits after it, in order. A
line is taken only if it is the next one, and acknowledged once it is on the disk. What happens in
one turn is one transaction: `flush` makes it, and only then anything is sent, told or acknowledged.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from p2pchat.errors import RemoteProtocolError, StorageError, UsageError
from p2pchat.peer.store.lines import NewLine, Progress, Rebased, check_text, new_uid
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.messages import Message
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.positions import add_to_sum
from p2pchat.protocol.talk import MAX_JUMP, MAX_NUMBER, Ack, ChatText, Skip, Sync
from p2pchat.protocol.text import printable
from p2pchat.wall_clock import now_ms

_READ_AT_ONCE: Final = 200
"""Lines read from the disk at once when they are sent again."""


class StoredThread(Protocol):
    """What a session needs of `thread.Thread`."""

    @property
    def queued(self) -> int:
        """How many of our lines wait."""

    def progress(self) -> Progress:
        """Return how far it has come."""

    def write(
        self,
        progress: Progress,
        *,
        said: Sequence[NewLine] = (),
        heard: Sequence[NewLine] = (),
        instead_of: Sequence[int] = (),
    ) -> list[KeptLine]:
        """Keep all of it or nothing; return what was heard and is new."""

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Return our waiting lines with higher numbers than `after`, at most `limit` of them."""

    def waiting_up_to(self, number: int) -> list[str]:
        """Return the ids of our lines that wait up to that number."""

    def give_up(self, after: int) -> int:
        """Do not deliver what waits after that number; return how many lines."""

    def fail(self, uids: Sequence[str], after: int) -> int:
        """Do not deliver these lines if they wait after that number; return how many."""

    def rebase(self, progress: Progress, number: int, total: str) -> Rebased:
        """Go on from a position of the contact's that is not ours."""


class SessionLink(Protocol):
    """The link of the moment, as a session sees it."""

    def send(self, message: Message) -> None:
        """Send a message."""

    @property
    def has_room(self) -> bool:
        """Whether more lines should be said now; `go_on` is called once there is room again."""


class SessionListener(Protocol):
    """The owner of a session, who is told what happens."""

    def on_kept(self, lines: Sequence[NewLine]) -> None:
        """Note that these lines of ours are on our disk."""

    def on_heard(self, lines: Sequence[KeptLine]) -> None:
        """These are on our disk."""

    def on_delivered(self, up_to: int) -> None:
        """Note that the contact has all our lines up to that number on disk."""

    def on_renumbered(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Note new numbers of our waiting lines: pairs of the old and the new one."""

    def on_missing(self, count: int, *, ours: bool) -> None:
        """Note that a disk is an older copy: if it is `ours`, so many lines of the contact may be
        missing on it, otherwise so many of ours on the contact's.
        """

    def on_not_kept(self, error: StorageError, texts: Sequence[str]) -> None:
        """Note that the disk failed: these texts of ours are not kept, and the link should be
        closed.
        """


class ChatSession:
    """The rules; `soon(callback)` calls at the end of the turn. Raise StorageError when made.

    After each call that returns, `flush` follows by itself at the end of the turn.
    """

    def __init__(
        self,
        thread: StoredThread,
        listener: SessionListener,
        soon: Callable[[Callable[[], None]], None],
    ) -> None:
        self._thread = thread
        self._listener = listener
        self._soon = soon
        self._progress = thread.progress()
        self._said: list[NewLine] = []
        self._said_instead_of: list[int] = []
        self._heard: list[NewLine] = []
        self._next = self._progress  # as it is to be on the disk after the next flush
        self._ack_due = False
        self._flush_due = False
        self._wire: SessionLink | None = None
        self._synced = False
        self._sent = 0  # the last number that was said on this link
        self._unacknowledged: deque[tuple[int, str]] = deque()  # number and id, sent on this link
        self._missing_there = 0  # lines that their disk may lack, not said yet

    @property
    def waiting(self) -> int:
        """The number of our lines that are neither acknowledged nor given up."""
        return self._thread.queued + len(self._said)

    @property
    def sent(self) -> int:
        """The number up to which our lines are acknowledged, or on their way on this link."""
        return self._sent if self._synced else self._progress.acked

    def link_up(self, wire: SessionLink) -> None:
        """Talk on this link from now on."""
        self.flush()
        self._wire = wire
        self._synced = False
        wire.send(Sync(self._progress.last_in, self._progress.in_sum))

    def link_down(self) -> None:
        """Note that the link is gone: lines are queued from now on."""
        self._wire = None
        self._synced = False

    @property
    def delivered(self) -> int:
        """The number up to which our lines are acknowledged."""
        return self._progress.acked

    def say(self, text: str, uid: str = "") -> int:
        """Keep a line, send it as soon as possible, and return its number.

        `uid` is the id that it gets. It is on the disk after `flush`, or `on_not_kept` tells. Raise
        UsageError if it is too long.
        """
        check_text(text)
        return self._say(uid or new_uid(), now_ms(), text)

    def say_again(self, lines: Sequence[KeptLine]) -> list[int]:
        """Replace failed lines by new ones and return their numbers; they are kept as by `say`.

        Each keeps its id: if it was taken after all, the contact shows it once.
        """
        numbers = [self._say(line.uid, line.at, line.text) for line in lines]
        self._said_instead_of += [line.id for line in lines]
        self.flush()  # else the lines would still be found failed in this turn
        return numbers

    def give_up(self) -> int:
        """Do not deliver what waits, but for what is on its way; return how many lines.

        Raise StorageError if the disk fails.
        """
        self.flush()
        return self._thread.give_up(self.sent)

    def expire(self, uids: Sequence[str]) -> int:
        """Do not deliver the lines with these ids, but for what is on its way; return how many.

        Raise StorageError if the disk fails.
        """
        self.flush()
        return self._thread.fail(uids, self.sent)

    def receive(self, message: Message) -> None:
        """Handle a message of the contact.

        Raise RemoteProtocolError, after which the link must be closed.
        """
        try:
            self._receive(message)
        except StorageError as error:
            self._listener.on_not_kept(error, ())

    def go_on(self) -> None:
        """Send more: there is room on the link again."""
        if self._synced:
            try:
                self._send_rest()
            except StorageError as error:
                self._listener.on_not_kept(error, ())

    def flush(self) -> None:
        """Commit what this turn has brought; then send, acknowledge and notify."""
        self._flush_due = False
        said, self._said = self._said, []
        heard, self._heard = self._heard, []
        instead_of, self._said_instead_of = self._said_instead_of, []
        before = self._progress
        progress = self._next._replace(last_out=before.last_out + len(said))
        new: list[KeptLine] = []
        if progress != before:
            try:
                new = self._thread.write(progress, said=said, heard=heard, instead_of=instead_of)
            except StorageError as error:
                self._next = before
                self._ack_due = False
                self._listener.on_not_kept(error, [line.text for line in said])
                return
        self._progress = self._next = progress
        if said:
            self._listener.on_kept(said)
        self._tell(new, delivered=progress.acked > before.acked)
        if self._synced:
            if said and self._sent == said[0].seq - 1:
                self._send(said)
            self.go_on()

    def _say(self, uid: str, at: int, text: str) -> int:
        seq = self._progress.last_out + len(self._said) + 1
        if seq > MAX_NUMBER:
            raise UsageError(
                "no more lines can be numbered in this conversation",
                likely="the contact's program has used up the numbers",
            )
        self._said.append(NewLine(seq, uid, at, text))
        self._flush_soon()
        return seq

    def _receive(self, message: Message) -> None:
        match message:
            case ChatText():
                self._take(message)
            case Sync(number, total):
                self._hear_position(number, total)
            case Skip(to, missing):
                self._skip(to, missing)
            case Ack(number):
                self._hear_ack(number)
            case _:
                raise RemoteProtocolError(f"{type(message).__name__} has no place in a chat")
        self._flush_soon()

    def _take(self, text: ChatText) -> None:
        if not text.seq or not text.id or len(text.text.encode()) > MAX_TEXT_BYTES:
            raise RemoteProtocolError("a line has no number or no id, or is too long")
        self._ack_due = True
        due = self._next.last_in + 1
        if text.seq < due:
            return  # they did not know that we have it
        if text.seq > due:
            raise RemoteProtocolError(f"line {text.seq} came where {due} is due")
        total = add_to_sum(self._next.in_sum, [text.id])
        self._next = self._next._replace(last_in=text.seq, in_sum=total)
        self._heard.append(NewLine(text.seq, text.id, text.at, printable(text.text)))

    def _skip(self, to: int, missing: int) -> None:
        if to > self._next.last_in + MAX_JUMP:
            raise RemoteProtocolError("SKIP passes over more lines than is plausible")
        self._next = self._next._replace(last_in=max(self._next.last_in, to))
        self._ack_due = True
        if missing:
            self._listener.on_missing(missing, ours=True)

    def _hear_position(self, number: int, total: str) -> None:
        """Handle the contact's SYNC: lines of ours that they have received count as delivered
        (PROTOCOL).
        """
        if self._synced:
            raise RemoteProtocolError("SYNC came twice")
        self.flush()
        ours = self._progress
        if number > min(ours.last_out + MAX_JUMP, MAX_NUMBER - self._thread.queued):
            raise RemoteProtocolError("SYNC names a number that is not plausible")
        taken = self._thread.waiting_up_to(number)
        if ours.acked <= number <= ours.last_out and total == add_to_sum(ours.acked_sum, taken):
            self._next = ours._replace(acked=number, acked_sum=total)
        else:
            self._rebase(number, total)
        self._unacknowledged.clear()
        self._sent = number
        self._synced = True

    def _rebase(self, number: int, total: str) -> None:
        rebased = self._thread.rebase(self._progress, number, total)
        self._progress = self._next = rebased.progress
        self._missing_there = rebased.missing
        if rebased.renumbered:
            self._listener.on_renumbered(rebased.renumbered)
        if rebased.missing:
            self._listener.on_missing(rebased.missing, ours=False)

    def _hear_ack(self, number: int) -> None:
        if number > self._sent:
            raise RemoteProtocolError(f"line {number} is acknowledged and was not sent")
        if number <= self._next.acked:
            return
        taken: list[str] = []
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            taken.append(self._unacknowledged.popleft()[1])
        total = add_to_sum(self._next.acked_sum, taken)
        self._next = self._next._replace(acked=number, acked_sum=total)

    def _tell(self, new: list[KeptLine], *, delivered: bool) -> None:
        if self._ack_due and self._wire is not None:
            self._wire.send(Ack(self._progress.last_in))
        self._ack_due = False
        if delivered:
            self._listener.on_delivered(self._progress.acked)
        if new:
            self._listener.on_heard(new)

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
            self._unacknowledged.append((line.seq, line.uid))
            self._sent = line.seq

    def _has_sent(self, lines: Sequence[KeptLine]) -> bool:
        return not lines or self._sent >= lines[-1].seq

    def _skip_to(self, number: int) -> None:
        if self._sent < number and self._wire is not None:
            self._wire.send(Skip(number, self._missing_there))
            self._missing_there = 0
            self._sent = number

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._soon(self._flush_if_due)

    def _flush_if_due(self) -> None:
        if self._flush_due:
            self.flush()
