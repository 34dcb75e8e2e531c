"""One conversation's lines on the disk, and how far it has come.

Knows no link and no screen; `chat_session` has the rules. Writes are one transaction for each call,
on the disk when it returns. Statements that run for each line are plain SQL: peewee would take
longer to write them than SQLite to run them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from p2pchat.peer.store.lines import NewLine, Progress, Rebased, Volume, kept, new_uid
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.positions import NO_SUM, SUM_CHARACTERS
from p2pchat.protocol.talk import MAX_NUMBER
from p2pchat.storage import SqliteFile
from p2pchat.wall_clock import now_ms

RECENT: Final = 1000
"""Ids that are remembered of each conversation."""

_PRUNE_EVERY: Final = 100
"""Lines after which older ids are forgotten."""


class Thread:
    """The lines with one key of one contact. Every method may raise StorageError.

    `keep` False: lines are deleted once they are delivered or seen.
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
        """How many of our lines wait; right once `progress` was called."""
        self._noted: int | None = None  # up to which number lines are marked as delivered
        self._unpruned = 0

    def progress(self) -> Progress:
        """Return how far it has come."""
        with self._store.errors():
            self.queued = self._count(LineState.QUEUED)
            for row in self._store.rows(_PROGRESS, self._scope):
                return self._repaired(Progress(*row))
        return Progress()

    def unread(self) -> Volume:
        """Return how much of the contact has not been seen."""
        with self._store.errors():
            return Volume(*self._store.rows(_UNREAD, self._scope)[0])

    def write(
        self,
        progress: Progress,
        *,
        said: Sequence[NewLine] = (),
        heard: Sequence[NewLine] = (),
        instead_of: Sequence[int] = (),
    ) -> list[KeptLine]:
        """Keep lines of both directions and how far we are, all or nothing.

        `instead_of`: ids of lines that had failed, and are said anew. Lines that are acknowledged
        are delivered from then on. Return the lines that were heard and are new: one of the same
        id may come again, after either side has gone back to an older copy of its disk.
        """
        queued = self.queued + len(said)
        with self._store.transaction():
            self._keep_progress(progress)
            for line_id in instead_of:
                self._store.rows("DELETE FROM line WHERE id = ?", (line_id,))
            self._insert(said, outgoing=True, state=LineState.QUEUED)
            new = self._unknown(heard)
            self._insert(new, outgoing=False, state=LineState.UNREAD)
            self._remember(heard)
            if progress.acked != self._noted:
                queued -= self._note_delivered(progress.acked)
            lines = self._newest(len(new)) if new else []
        self._noted = progress.acked
        self.queued = queued if progress.acked < progress.last_out else 0
        return lines

    def keep_clear(self, text: str, *, outgoing: bool) -> None:
        """Keep a line that was said in clear: it counts for nothing else."""
        if not self._keep:
            return
        state = LineState.SENT if outgoing else LineState.HEARD
        with self._store.transaction():
            [(last,)] = self._store.rows(_LAST_NUMBER, (*self._scope, outgoing))
            line = NewLine(last + 1, new_uid(), now_ms(), text)
            self._insert([line], outgoing=outgoing, state=state)

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Return our waiting lines with higher numbers than `after`, in order."""
        with self._store.errors():
            rows = self._store.rows(_WAITING, (*self._scope, after, limit))
        return [kept(row) for row in rows]

    def waiting_up_to(self, number: int) -> list[str]:
        """Return the ids of our waiting lines with numbers up to `number`, in order."""
        with self._store.errors():
            return [uid for (uid,) in self._store.rows(_WAITING_UP_TO, (*self._scope, number))]

    def give_up(self, after: int) -> int:
        """Do not deliver what waits after that number: it has failed. Return how many lines."""
        with self._store.transaction():
            self._store.rows(_FAIL, (*self._scope, after))
            count = self._changes()
        self.queued -= count
        return count

    def fail(self, uids: Sequence[str], after: int) -> int:
        """Do not deliver the lines with these ids that wait after that number; return how many."""
        count = 0
        with self._store.transaction():
            for part in _parts(list(uids)):
                marks = ", ".join("?" * len(part))
                self._store.rows(_FAIL_THESE.format(marks), (*self._scope, after, *part))
                count += self._changes()
        self.queued -= count
        return count

    def rebase(self, progress: Progress, number: int, total: str) -> Rebased:
        """Go on from a position of the contact's that is not ours (PROTOCOL, "SYNC").

        Nothing is delivered by it. If a line that waits has no higher number, all that waits is
        numbered anew, after every number that either side knows of. Lines that were delivered
        after the position are missing there.
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
        """Return the progress with its numbers brought into range: an older version may have kept
        others.

        A sum that cannot be right any more is none, and then the contact's SYNC, or ours, has what
        waits numbered anew.
        """
        if _is_plausible(progress):
            return progress
        (last_in,), (last_out,) = (
            self._store.rows(_LAST, (*self._scope, outgoing, MAX_NUMBER // 2))[0]
            for outgoing in (False, True)
        )
        with self._store.transaction():
            renumbered = self._renumber(last_out)
            repaired = Progress(last_in, NO_SUM, last_out + len(renumbered), 0, NO_SUM)
            self._keep_progress(repaired)
        return repaired

    def _keep_progress(self, progress: Progress) -> None:
        self._store.rows(_KEEP_PROGRESS, (*self._scope, *progress))

    def _insert(self, lines: Sequence[NewLine], *, outgoing: bool, state: LineState) -> None:
        if lines:
            rest = (outgoing, state.value, now_ms())
            self._store.many(_INSERT, [(*self._scope, *rest, *line) for line in lines])

    def _unknown(self, heard: Sequence[NewLine]) -> list[NewLine]:
        """Return the lines whose ids are not known, each id once."""
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

    def _newest(self, count: int) -> list[KeptLine]:
        rows = self._store.rows(_NEWEST, (*self._scope, count))
        return [kept(row) for row in reversed(rows)]

    def _note_delivered(self, up_to: int) -> int:
        """Return how many lines it concerned."""
        statement = _DELIVER if self._keep else _DELIVER_AND_FORGET
        self._store.rows(statement, (*self._scope, up_to))
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


_SCOPE: Final = "registry = ? AND username = ? AND key = ?"
_OURS: Final = f"{_SCOPE} AND outgoing"
_QUEUED: Final = f"{_OURS} AND state = '{LineState.QUEUED}'"
_LINE: Final = f"SELECT {', '.join(KeptLine._fields)} FROM line"  # noqa: S608  # names of ours

_PROGRESS: Final = f"SELECT {', '.join(Progress._fields)} FROM conversation WHERE {_SCOPE}"  # noqa: S608
_KEEP_PROGRESS: Final = (
    f"INSERT OR REPLACE INTO conversation (registry, username, key, {', '.join(Progress._fields)})"  # noqa: S608
    f" VALUES (?, ?, ?{', ?' * len(Progress._fields)})"
)
_INSERT: Final = (
    "INSERT INTO line (registry, username, key, outgoing, state, kept_at,"  # noqa: S608
    f" {', '.join(NewLine._fields)}) VALUES (?, ?, ?, ?, ?, ?{', ?' * len(NewLine._fields)})"
)
_LAST_NUMBER: Final = f"SELECT coalesce(max(seq), 0) FROM line WHERE {_SCOPE} AND outgoing = ?"  # noqa: S608
_COUNT: Final = f"SELECT COUNT(*) FROM line WHERE {_SCOPE} AND state = ?"  # noqa: S608
_UNREAD: Final = (
    "SELECT COUNT(*), COALESCE(SUM(LENGTH(CAST(text AS BLOB))), 0) FROM line"  # noqa: S608
    f" WHERE {_SCOPE} AND state = '{LineState.UNREAD}'"
)
_WAITING: Final = f"{_LINE} WHERE {_QUEUED} AND seq > ? ORDER BY seq LIMIT ?"
_WAITING_UP_TO: Final = f"SELECT uid FROM line WHERE {_QUEUED} AND seq <= ? ORDER BY seq"  # noqa: S608
_NUMBERS: Final = f"SELECT id, seq FROM line WHERE {_QUEUED} ORDER BY seq"  # noqa: S608
_LAST: Final = (
    f"SELECT COALESCE(MAX(seq), 0) FROM line WHERE {_SCOPE} AND outgoing = ? AND seq <= ?"  # noqa: S608
)
_FAIL: Final = f"UPDATE line SET state = '{LineState.FAILED}' WHERE {_QUEUED} AND seq > ?"  # noqa: S608
_FAIL_THESE: Final = f"{_FAIL} AND uid IN ({{}})"
_MISS: Final = (
    f"UPDATE line SET state = '{LineState.MISSING}' WHERE {_OURS}"  # noqa: S608
    f" AND state = '{LineState.DELIVERED}' AND seq > ? AND seq <= ?"
)
_DELIVER: Final = f"UPDATE line SET state = '{LineState.DELIVERED}' WHERE {_QUEUED} AND seq <= ?"  # noqa: S608
_DELIVER_AND_FORGET: Final = f"DELETE FROM line WHERE {_QUEUED} AND seq <= ?"  # noqa: S608
_NEWEST: Final = f"{_LINE} WHERE {_SCOPE} AND NOT outgoing ORDER BY id DESC LIMIT ?"
_REMEMBER: Final = "INSERT INTO recent (talk, uid) VALUES (?, ?)"
_PRUNE: Final = (
    "DELETE FROM recent WHERE talk = ? AND n <= (SELECT n FROM recent WHERE talk = ?"
    " ORDER BY n DESC LIMIT 1 OFFSET ?)"
)
_RECENT: Final = "SELECT uid FROM recent WHERE talk = ? AND uid IN ({})"
# The plus signs keep SQLite from an index that would have it look at the whole conversation.
_KNOWN: Final = (
    "SELECT uid FROM line WHERE uid IN ({}) AND +registry = ? AND +username = ? AND +key = ?"
    " AND NOT +outgoing"
)

_ROWS_AT_ONCE: Final = 500  # SQLite takes so many parameters in a statement and not more


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]
