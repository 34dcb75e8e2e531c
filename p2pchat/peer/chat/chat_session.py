"""A conversation with one key of a contact, over successive links (PROTOCOL, "SYNC").

Lines are numbered consecutively. When a link comes up, each side sends its position, and the other
side sends the lines after it, in order. Only the next line is accepted; it is acknowledged once it
is on disk. All changes of one turn are one transaction: `flush` commits it, and only then sends,
acknowledges and notifies. The only I/O is through the given thread of lines.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from p2pchat.callbacks import ignore
from p2pchat.errors import RemoteProtocolError, StorageError, UsageError
from p2pchat.peer.chat.line_sender import LineSender, SessionLink
from p2pchat.peer.chat.session_listener import SessionListener
from p2pchat.peer.mailbox.runs import Lines, Verdict, judge, split
from p2pchat.peer.store.lines import NewLine, Progress, Rebased, check_text, new_uid
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.files.offers import Offer, offer_text
from p2pchat.protocol.messages import Message
from p2pchat.protocol.original import MAX_TEXT_BYTES
from p2pchat.protocol.positions import add_to_sum
from p2pchat.protocol.proofs import MAX_CLOCK_SKEW_S
from p2pchat.protocol.sealed import MOST_LINES, Position
from p2pchat.protocol.talk import MAX_JUMP, MAX_NUMBER, Ack, ChatText, Skip, Sync
from p2pchat.protocol.text import printable
from p2pchat.wall_clock import now_ms

_CLOCK_WAS_WRONG: Final = 30 * 24 * 3600 * 1000
"""Milliseconds: no run waits for so long in a mailbox, so the contact's clock was set back."""


class StoredThread(Protocol):
    """The part of `thread.Thread` that a session needs."""

    @property
    def queued(self) -> int:
        """The number of our lines that wait."""

    def progress(self) -> Progress:
        """Return the thread's progress."""

    def write(
        self,
        progress: Progress,
        *,
        said: Sequence[NewLine] = (),
        heard: Sequence[NewLine] = (),
        instead_of: Sequence[int] = (),
        also: Callable[[], None] = ignore,
        durable: bool = True,
    ) -> list[KeptLine]:
        """Write everything in one transaction; return the received lines that are new.

        `also` is called within it, to write what belongs to it. `durable`: it is on the disk when
        this returns; otherwise a power failure may undo it.
        """

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Return at most `limit` of our waiting lines with numbers above `after`."""

    def waiting_up_to(self, number: int) -> list[str]:
        """Return the ids of our waiting lines with numbers up to `number`."""

    def give_up(self, after: int) -> int:
        """Mark our waiting lines with numbers above `after` as not delivered; return how many."""

    def fail(self, uids: Sequence[str], after: int) -> int:
        """Mark those of these lines that wait after `after` as not delivered; return how many."""

    def rebase(self, progress: Progress, number: int, total: str) -> Rebased:
        """Continue from a position of the contact that differs from ours."""


class ChatSession:
    """The rules of a conversation. Raise StorageError if the thread cannot be read.

    Any change schedules a `flush` by `soon(callback)`, which must call back at the end of the turn.
    `clock` returns milliseconds since the epoch.
    """

    def __init__(
        self,
        thread: StoredThread,
        listener: SessionListener,
        soon: Callable[[Callable[[], None]], None],
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._clock = clock
        self._thread = thread
        self._listener = listener
        self._soon = soon
        self._progress = thread.progress()
        self._said: list[NewLine] = []
        self._said_instead_of: list[int] = []
        self._heard: list[NewLine] = []
        self._next = self._progress  # the progress to be written by the next flush
        self._ack_due = False
        self._flush_due = False
        self._also: Callable[[], None] = ignore  # writes more in the transaction of the next flush
        self._wire: SessionLink | None = None
        self._sender = LineSender(thread)

    @property
    def waiting(self) -> int:
        """The number of our lines that are neither acknowledged nor given up."""
        return self._thread.queued + len(self._said)

    @property
    def sent(self) -> int:
        """The number up to which our lines are acknowledged or were sent on this link."""
        return self._sender.sent if self._sender.is_synced else self._progress.acked

    def link_up(self, wire: SessionLink) -> None:
        """Use this link from now on."""
        self.flush()
        self._wire = wire
        self._sender.stop()
        wire.send(Sync(self._progress.last_in, self._progress.in_sum, self._clock()))

    def link_down(self) -> None:
        """Record that the link is gone: further lines are queued."""
        self._wire = None
        self._sender.stop()

    @property
    def delivered(self) -> int:
        """The number up to which our lines are acknowledged."""
        return self._progress.acked

    def say(self, text: str, uid: str = "", offer: Offer | None = None) -> int:
        """Queue a line to be written to disk and sent as soon as possible; return its number.

        `uid`: the id of the line, by default a new one. `offer`: a file that it offers. The line is
        on disk after `flush`, unless `on_not_kept` was called. Raise UsageError if it is too long.
        """
        check_text(text)
        return self._say(uid or new_uid(), self._clock(), text, offer)

    def say_again(self, lines: Sequence[KeptLine]) -> list[int]:
        """Replace failed lines by new ones, written as by `say`; return their numbers.

        Each keeps its id, so a contact who has received it already shows it only once.
        """
        numbers = [self._say(line.uid, line.at, line.text, line.offer) for line in lines]
        self._said_instead_of += [line.id for line in lines]
        self.flush()  # otherwise the lines would still be found as failed in this turn
        return numbers

    def give_up(self, fetched: int = 0) -> int:
        """Cancel all waiting lines that were not sent on this link; return how many.

        Those up to the number `fetched` stay, as they may have been read. Raise StorageError if the
        disk fails.
        """
        self.flush()
        return self._thread.give_up(max(self.sent, fetched))

    def expire(self, uids: Sequence[str], fetched: int = 0) -> int:
        """Cancel those of these lines that were not sent on this link; return how many.

        Those up to the number `fetched` stay. Raise StorageError if the disk fails.
        """
        self.flush()
        return self._thread.fail(uids, max(self.sent, fetched))

    def waiting_up_to(self, number: int) -> int:
        """Return how many of our lines up to that number wait. Raise StorageError."""
        return len(self._thread.waiting_up_to(number))

    def receive(self, message: Message) -> None:
        """Handle a message from the contact.

        Raise RemoteProtocolError if it breaks the rules; the link must then be closed.
        """
        try:
            self._receive(message)
        except StorageError as error:
            self._listener.on_not_kept(error, ())

    @property
    def position(self) -> Position:
        """Our position in the contact's lines."""
        return Position(self._progress.last_in, self._progress.in_sum)

    def waits_after(self, number: int) -> bool:
        """Return whether a line of ours with a number above that one waits."""
        self.flush()
        return self.waiting > 0 and bool(self._thread.waiting(number, 1))

    def number_of(self, uid: str) -> int:
        """Return the number of a queued line; 0 if no queued line has that id."""
        self.flush()
        lines = self._thread.waiting(0, self.waiting)
        return next((line.seq for line in lines if line.uid == uid), 0)

    def run_after(self, number: int) -> Lines | None:
        """Return the first waiting lines with numbers above that one, for a mailbox.

        None if there are none.
        """
        self.flush()
        ours = self._progress
        before = Position(ours.acked, ours.acked_sum)
        if number > ours.acked:
            ids = self._thread.waiting_up_to(number)
            before = Position(number, add_to_sum(ours.acked_sum, ids))
        return next(split(before, self._thread.waiting(before.number, MOST_LINES)), None)

    def take_run(
        self,
        theirs: Position,
        at: int,
        after: Position,
        lines: Sequence[ChatText],
        also: Callable[[], None] = ignore,
    ) -> Verdict:
        """Receive the new lines of a run from our mailbox, while there is no link.

        `theirs`: the contact's position in our lines, at that time by the contact's clock; it is
        ignored if a later one was heard, as it would look like that of an older disk. `also` is
        called within the transaction that writes lines, if there are any. Raise RemoteProtocolError
        if it breaks the rules, and StorageError.
        """
        for line in lines:
            _check_line(line)
        if lines and lines[-1].seq > self._progress.last_in + MAX_JUMP:
            raise RemoteProtocolError("a run skips implausibly many lines")
        self.flush()
        before = self._progress.heard_at
        if at >= before or before - at > _CLOCK_WAS_WRONG:
            self._believe(theirs.number, theirs.sum, at)
        verdict, new = judge(self.position, after, lines)
        for line in new:
            self._next = self._next._replace(last_in=line.seq - 1)  # the numbers given up between
            self._take(line)
        if new:
            self._also = also
        self._ack_due = False
        self.flush()
        return Verdict.NOT_KEPT if new and self._progress.last_in < new[-1].seq else verdict

    def go_on(self) -> None:
        """Send more lines: the link has room again."""
        if self._sender.is_synced:
            try:
                self._sender.send_rest(self._progress.last_out)
            except StorageError as error:
                self._listener.on_not_kept(error, ())

    def flush(self) -> None:
        """Commit the changes of this turn, then send, acknowledge and notify."""
        self._flush_due = False
        said, self._said = self._said, []
        heard, self._heard = self._heard, []
        instead_of, self._said_instead_of = self._said_instead_of, []
        also, self._also = self._also, ignore
        before = self._progress
        progress = self._next._replace(last_out=before.last_out + len(said))
        new: list[KeptLine] = []
        if progress != before:
            # The contact repeats what it has acknowledged in its next SYNC; all else is only here.
            durable = bool(said) or progress.last_in != before.last_in
            try:
                new = self._thread.write(
                    progress,
                    said=said,
                    heard=heard,
                    instead_of=instead_of,
                    also=also,
                    durable=durable,
                )
            except StorageError as error:
                self._next = before
                self._ack_due = False
                self._listener.on_not_kept(error, [line.text for line in said])
                return
        self._progress = self._next = progress
        if said:
            self._listener.on_kept(said)
        self._tell(new, delivered=progress.acked > before.acked)
        if self._sender.is_synced:
            if said:
                self._sender.send_new(said)
            self.go_on()

    def _say(self, uid: str, at: int, text: str, offer: Offer | None) -> int:
        seq = self._progress.last_out + len(self._said) + 1
        if seq > MAX_NUMBER:
            raise UsageError(
                "this conversation has run out of line numbers",
                likely="the contact's program skipped most of them",
            )
        self._said.append(NewLine(seq, uid, at, text, offer))
        self._flush_soon()
        return seq

    def _receive(self, message: Message) -> None:
        match message:
            case ChatText():
                self._take(message)
            case Sync(number, total, at):
                self._hear_position(number, total, at or self._next.heard_at)
            case Skip(to, missing):
                self._skip(to, missing)
            case Ack(number):
                self._hear_ack(number)
            case _:
                raise RemoteProtocolError(f"{type(message).__name__} is not allowed in a chat")
        self._flush_soon()

    def _take(self, text: ChatText) -> None:
        _check_line(text)
        self._ack_due = True
        due = self._next.last_in + 1
        if text.seq < due:
            return  # a duplicate: the contact had not received our Ack
        if text.seq > due:
            raise RemoteProtocolError(f"line {text.seq} came instead of {due}")
        total = add_to_sum(self._next.in_sum, [text.id])
        self._next = self._next._replace(last_in=text.seq, in_sum=total)
        said = printable(text.text) if text.offer is None else offer_text(text.offer)
        self._heard.append(NewLine(text.seq, text.id, text.at, said, text.offer))

    def _skip(self, to: int, missing: int) -> None:
        if to > self._next.last_in + MAX_JUMP:
            raise RemoteProtocolError("SKIP skips implausibly many lines")
        self._next = self._next._replace(last_in=max(self._next.last_in, to))
        self._ack_due = True
        if missing:
            self._listener.on_missing(missing, ours=True)

    def _hear_position(self, number: int, total: str, at: int) -> None:
        """Handle the contact's SYNC: lines that they have received become delivered (PROTOCOL)."""
        if self._sender.is_synced:
            raise RemoteProtocolError("SYNC came twice")
        self.flush()
        self._believe(number, total, at)
        if self._wire is not None:
            self._sender.begin(self._wire, number)

    def _believe(self, number: int, total: str, at: int) -> None:
        """Handle the contact's position at that time, however it was received."""
        ours = self._progress
        at = min(at, self._clock() + MAX_CLOCK_SKEW_S * 1000)  # their clock may be ahead for once
        if number > min(ours.last_out + MAX_JUMP, MAX_NUMBER - self._thread.queued):
            raise RemoteProtocolError("the contact's position is implausible")
        taken = self._thread.waiting_up_to(number)
        if ours.acked <= number <= ours.last_out and total == add_to_sum(ours.acked_sum, taken):
            self._next = ours._replace(acked=number, acked_sum=total, heard_at=at)
        else:
            self._rebase(number, total)
            self._next = self._next._replace(heard_at=at)

    def _rebase(self, number: int, total: str) -> None:
        rebased = self._thread.rebase(self._progress, number, total)
        self._progress = self._next = rebased.progress
        self._sender.note_missing(rebased.missing)
        if rebased.renumbered:
            self._listener.on_renumbered(rebased.renumbered)
        if rebased.missing:
            self._listener.on_missing(rebased.missing, ours=False)

    def _hear_ack(self, number: int) -> None:
        taken = self._sender.acknowledged(number)
        if number > self._next.acked:
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

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._soon(self._flush_if_due)

    def _flush_if_due(self) -> None:
        if self._flush_due:
            self.flush()


def _check_line(line: ChatText) -> None:
    """Raise RemoteProtocolError if a line breaks the rules."""
    if not line.seq or not line.id or len(line.text.encode()) > MAX_TEXT_BYTES:
        raise RemoteProtocolError("a line lacks a number or an id, or is too long")
