"""One conversation's lines and progress on disk.

Knows neither links nor screens; `chat_session` has the rules. Each write is one transaction, on
disk when it returns unless `durable` is False. Statements that run for each line are plain SQL:
peewee takes longer to build them than SQLite to run them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from p2pchat.callbacks import ignore
from p2pchat.peer.store.lines import (
    BY_NUMBER,
    BY_STATE,
    COLUMN_NAMES,
    NewLine,
    Progress,
    Rebased,
    Volume,
    kept,
    new_uid,
)
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.client.transfers import TransferState
from p2pchat.protocol.files.offers import Offer, read_offer, write_offer
from p2pchat.protocol.positions import NO_SUM, SUM_CHARACTERS
from p2pchat.protocol.talk import MAX_NUMBER
from p2pchat.storage import SqliteFile
from p2pchat.wall_clock import now_ms

RECENT: Final = 1000
"""Ids remembered for each conversation."""

_PRUNE_EVERY: Final = 100
"""Lines after which old ids are deleted."""


class Thread:
    """The lines with one key of one contact. Every method may raise StorageError.

    `keep` False: lines are deleted once they are delivered or read.
    """

    def __init__(
        self, store: SqliteFile, registry: str, username: str, key: bytes, *, keep: bool
    ) -> None:
        self._store = store
        self._keep = keep
        self.username = username
        self._scope = (registry, username, key)
        digest = hashlib.sha256(f"{registry}\n{username}\n".encode() + key)
        self._talk = digest.digest()[:16]
        self.queued = 0
        """The number of our waiting lines; valid once `progress` was called."""
        self._noted = 0  # the number up to which lines are marked as delivered
        self._unpruned = 0

    def progress(self) -> Progress:
        """Return the progress of the conversation."""
        with self._store.errors():
            self.queued = self._count(LineState.QUEUED)
            for row in self._store.rows(_PROGRESS, self._scope):
                progress = self._repaired(Progress(*row))
                self._noted = progress.acked
                return progress
        return Progress()

    def unread(self) -> Volume:
        """Return how much of the contact's text is unread."""
        with self._store.errors():
            return Volume(*self._store.rows(_UNREAD, self._scope)[0])

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
        """Store lines of both directions and the progress in one transaction.

        `instead_of`: ids of failed lines that are replaced. `also` is called within it.
        Acknowledged lines are marked delivered. `durable` False: a power failure may undo it.
        Return the received lines that are new: a line with the same id may arrive again after
        either side was restored from an older copy of its disk.
        """
        queued = self.queued + len(said)
        with self._store.transaction() if durable else self._store.quick_transaction():
            self._keep_progress(progress)
            for line_id in instead_of:
                self._store.rows("DELETE FROM line WHERE id = ?", (line_id,))
            self._insert(said, outgoing=True, state=LineState.QUEUED)
            new = self._unknown(heard)
            self._insert(new, outgoing=False, state=LineState.UNREAD)
            self._remember(heard)
            if progress.acked != self._noted:
                queued -= self._note_delivered(progress.acked)
            also()
            lines = self._as_kept(new) if new else []
        self._noted = progress.acked
        self.queued = queued if progress.acked < progress.last_out else 0
        return lines

    def keep_clear(self, text: str, *, outgoing: bool) -> None:
        """Store a line in clear, without changing the progress."""
        if not self._keep:
            return
        state = LineState.SENT if outgoing else LineState.HEARD
        with self._store.transaction():
            [(last,)] = self._store.rows(_LAST_NUMBER, (*self._scope, outgoing))
            line = NewLine(last + 1, new_uid(), now_ms(), text)
            self._insert([line], outgoing=outgoing, state=state)

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Return at most `limit` of our waiting lines with numbers above `after`, in order."""
        with self._store.errors():
            rows = self._store.rows(_WAITING, (*self._scope, after, limit))
        return [_with_offer(row) for row in rows]

    def waiting_up_to(self, number: int) -> list[str]:
        """Return the ids of our waiting lines with numbers up to `number`, in order."""
        with self._store.errors():
            return [uid for (uid,) in self._store.rows(_WAITING_UP_TO, (*self._scope, number))]

    def give_up(self, after: int) -> int:
        """Mark waiting lines with numbers above `after` as failed; return how many."""
        with self._store.transaction():
            self._store.rows(_FAIL, (*self._scope, after))
            count = self._changes()
        self.queued -= count
        return count

    def fail(self, uids: Sequence[str], after: int) -> int:
        """Mark those of these lines that wait after `after` as failed; return how many."""
        count = 0
        with self._store.transaction():
            for part in _parts(list(uids)):
                marks = ", ".join("?" * len(part))
                self._store.rows(_FAIL_THESE.format(marks), (*self._scope, after, *part))
                count += self._changes()
        self.queued -= count
        return count

    def rebase(self, progress: Progress, number: int, total: str) -> Rebased:
        """Continue from a position of the contact that differs from ours (PROTOCOL, "SYNC").

        No line becomes delivered. If a waiting line has no higher number than the position, all
        waiting lines are renumbered, above every number that either side knows. Lines delivered
        after the position are marked as missing at the contact.
        """
        last_out = max(progress.last_out, number)
        with self._store.transaction():
            renumbered: tuple[tuple[int, int], ...] = ()
            if self._store.rows(_WAITING_UP_TO, (*self._scope, number)):
                renumbered = self._renumber(last_out)
                last_out += len(renumbered)
            missing = 0
            if number < progress.acked:
                self._store.rows(_MISS, (*self._scope, number, progress.acked))
                missing = progress.acked - number
            rebased = progress._replace(last_out=last_out, acked=number, acked_sum=total)
            self._keep_progress(rebased)
        self._noted = number
        return Rebased(rebased, renumbered, missing)

    def _renumber(self, after: int) -> tuple[tuple[int, int], ...]:
        rows = self._store.rows(_NUMBERS, self._scope)
        pairs = []
        for new, (line_id, old) in enumerate(rows, start=after + 1):
            self._store.rows("UPDATE line SET seq = ? WHERE id = ?", (new, line_id))
            pairs.append((old, new))
        return tuple(pairs)

    def _repaired(self, progress: Progress) -> Progress:
        """Return the progress, repaired if an older version stored numbers out of range.

        A sum that cannot be right is cleared; the next SYNC then renumbers the waiting lines.
        """
        if _is_plausible(progress):
            return progress
        (last_in,), (last_out,) = (
            self._store.rows(_LAST, (*self._scope, outgoing, MAX_NUMBER // 2))[0]
            for outgoing in (False, True)
        )
        with self._store.transaction():
            renumbered = self._renumber(last_out)
            repaired = Progress(last_in, NO_SUM, last_out + len(renumbered), 0, NO_SUM, 0)
            self._keep_progress(repaired)
        return repaired

    def _keep_progress(self, progress: Progress) -> None:
        self._store.rows(_KEEP_PROGRESS, (*self._scope, *progress))

    def _insert(self, lines: Sequence[NewLine], *, outgoing: bool, state: LineState) -> None:
        if lines:
            rest = (outgoing, state.value, now_ms())
            rows = [(*self._scope, *rest, *line[: len(_INSERTED)]) for line in lines]
            self._store.many(_INSERT, rows)
        for line in lines:
            if line.offer is not None:
                self._begin_transfer(line.uid, line.offer, outgoing=outgoing)

    def _begin_transfer(self, uid: str, offer: Offer, *, outgoing: bool) -> None:
        """Store a line's offer; ours was prepared before, perhaps for another key."""
        if outgoing:
            registry, username, key = self._scope
            self._store.rows(_OFFERED, (key, TransferState.OFFERED, registry, username, uid))
        else:
            row = (uid, write_offer(offer), TransferState.OFFERED, now_ms())
            self._store.rows(_OFFER, (*self._scope, *row))

    def _unknown(self, heard: Sequence[NewLine]) -> list[NewLine]:
        """Return the lines whose ids are new, each id once."""
        known: set[str] = set()
        for part in _parts([line.uid for line in heard]):
            marks = ", ".join("?" * len(part))
            recent = self._store.rows(_RECENT.format(marks), (self._talk, *part))
            kept_ones = self._store.rows(_KNOWN.format(marks), (*part, *self._scope))
            known.update(uid for (uid,) in (*recent, *kept_ones))
        new: list[NewLine] = []
        for line in heard:
            if line.uid not in known:
                new.append(line)
            known.add(line.uid)
        return new

    def _remember(self, heard: Sequence[NewLine]) -> None:
        if not heard:
            return
        self._store.many(_REMEMBER, [(self._talk, line.uid) for line in heard])
        self._unpruned += len(heard)
        if self._unpruned >= _PRUNE_EVERY:
            self._unpruned = 0
            self._store.rows(_PRUNE, (self._talk, self._talk, RECENT))

    def _as_kept(self, new: Sequence[NewLine]) -> list[KeptLine]:
        """Return the received lines that were just inserted, with their offers."""
        rows = self._store.rows(_NEWEST, (*self._scope, len(new)))
        pairs = zip(reversed(rows), new, strict=True)
        return [kept(row)._replace(offer=line.offer) for row, line in pairs]

    def _note_delivered(self, up_to: int) -> int:
        """Mark lines as delivered; return how many."""
        statement = _DELIVER if self._keep else _DELIVER_AND_FORGET
        self._store.rows(statement, (*self._scope, self._noted, up_to))
        return self._changes()

    def _count(self, state: LineState) -> int:
        return int(self._store.rows(_COUNT, (*self._scope, state.value))[0][0])

    def _changes(self) -> int:
        return int(self._store.rows("SELECT changes()")[0][0])


def _is_plausible(progress: Progress) -> bool:
    numbers = progress.last_in, progress.last_out, progress.acked
    sums = progress.in_sum, progress.acked_sum
    return (
        all(0 <= number <= MAX_NUMBER for number in numbers)
        and progress.acked <= progress.last_out
        and all(len(total) == SUM_CHARACTERS for total in sums)
    )


def _with_offer(row: tuple[Any, ...]) -> KeptLine:
    """Return the line in a row that ends with its encoded offer, if it has one."""
    *line, offer = row
    found = kept(tuple(line))
    return found if offer is None else found._replace(offer=read_offer(bytes(offer)))


_SCOPE: Final = "registry = ? AND username = ? AND key = ?"
_OURS: Final = f"{_SCOPE} AND outgoing = 1"
_QUEUED: Final = f"{_OURS} AND state = '{LineState.QUEUED}'"
_COLUMNS: Final = ", ".join(COLUMN_NAMES)

_PROGRESS: Final = f"SELECT {', '.join(Progress._fields)} FROM conversation WHERE {_SCOPE}"  # noqa: S608
_KEEP_PROGRESS: Final = (
    f"INSERT OR REPLACE INTO conversation (registry, username, key, {', '.join(Progress._fields)})"  # noqa: S608
    f" VALUES (?, ?, ?{', ?' * len(Progress._fields)})"
)
_INSERTED: Final = NewLine._fields[:-1]
_INSERT: Final = (
    "INSERT INTO line (registry, username, key, outgoing, state, kept_at,"  # noqa: S608
    f" {', '.join(_INSERTED)}) VALUES (?, ?, ?, ?, ?, ?{', ?' * len(_INSERTED)})"
)
_OFFER: Final = (
    "INSERT OR IGNORE INTO transfer (registry, username, key, outgoing, uid, offer, state, at)"
    " VALUES (?, ?, ?, 0, ?, ?, ?, ?)"
)
_OFFERED: Final = (
    "UPDATE transfer SET key = ?, state = ?"  # noqa: S608
    " WHERE registry = ? AND username = ? AND outgoing = 1 AND uid = ?"
    f" AND state IN ('{TransferState.PREPARING}', '{TransferState.OFFERED}')"
)
_LAST_NUMBER: Final = (
    f"SELECT coalesce(max(seq), 0) FROM {BY_NUMBER} WHERE {_SCOPE} AND outgoing = ?"  # noqa: S608
)
_COUNT: Final = f"SELECT COUNT(*) FROM {BY_STATE} WHERE {_SCOPE} AND state = ?"  # noqa: S608
_UNREAD: Final = (
    f"SELECT COUNT(*), COALESCE(SUM(LENGTH(CAST(text AS BLOB))), 0) FROM {BY_STATE}"  # noqa: S608
    f" WHERE {_SCOPE} AND state = '{LineState.UNREAD}'"
)
_WAITING: Final = (
    f"SELECT {_COLUMNS}, (SELECT offer FROM transfer WHERE transfer.registry = line.registry"  # noqa: S608
    " AND transfer.username = line.username AND transfer.key = line.key"
    " AND transfer.outgoing = 1 AND transfer.uid = line.uid)"
    f" FROM {BY_NUMBER} WHERE {_QUEUED} AND seq > ? ORDER BY seq LIMIT ?"
)
_WAITING_UP_TO: Final = f"SELECT uid FROM {BY_STATE} WHERE {_QUEUED} AND seq <= ? ORDER BY seq"  # noqa: S608
_NUMBERS: Final = f"SELECT id, seq FROM {BY_STATE} WHERE {_QUEUED} ORDER BY seq"  # noqa: S608
_LAST: Final = (
    f"SELECT COALESCE(MAX(seq), 0) FROM {BY_NUMBER}"  # noqa: S608
    f" WHERE {_SCOPE} AND outgoing = ? AND seq <= ?"
)
_FAIL: Final = f"UPDATE {BY_NUMBER} SET state = '{LineState.FAILED}' WHERE {_QUEUED} AND seq > ?"  # noqa: S608
_FAIL_THESE: Final = f"{_FAIL} AND uid IN ({{}})"
_MISS: Final = (
    f"UPDATE {BY_NUMBER} SET state = '{LineState.MISSING}' WHERE {_OURS}"  # noqa: S608
    f" AND state = '{LineState.DELIVERED}' AND seq > ? AND seq <= ?"
)
_ACKNOWLEDGED: Final = f"{_QUEUED} AND seq > ? AND seq <= ?"
_DELIVER: Final = f"UPDATE {BY_NUMBER} SET state = '{LineState.DELIVERED}' WHERE {_ACKNOWLEDGED}"  # noqa: S608
_DELIVER_AND_FORGET: Final = f"DELETE FROM {BY_NUMBER} WHERE {_ACKNOWLEDGED}"  # noqa: S608
_NEWEST: Final = (
    f"SELECT {_COLUMNS} FROM line WHERE {_SCOPE} AND NOT outgoing ORDER BY id DESC LIMIT ?"  # noqa: S608
)
_REMEMBER: Final = "INSERT INTO recent (talk, uid) VALUES (?, ?)"
_PRUNE: Final = (
    "DELETE FROM recent WHERE talk = ? AND n <= (SELECT n FROM recent WHERE talk = ?"
    " ORDER BY n DESC LIMIT 1 OFFSET ?)"
)
_RECENT: Final = "SELECT uid FROM recent WHERE talk = ? AND uid IN ({})"
# The plus signs keep SQLite from using an index that would scan the whole conversation.
_KNOWN: Final = (
    "SELECT uid FROM line WHERE uid IN ({}) AND +registry = ? AND +username = ? AND +key = ?"
    " AND NOT +outgoing"
)

_ROWS_AT_ONCE: Final = 500  # SQLite limits the parameters of a statement


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]
