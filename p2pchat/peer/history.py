"""Every line kept, searchable; the outbox is the part that is not delivered yet.

Knows no link and no screen. Writes are one transaction for each call, on the disk when it returns.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from p2pchat.errors import UsageError
from p2pchat.peer.models import LINE_COUNT, Conversation, Line, LineWords
from p2pchat.storage import SqliteFile

_UID_BYTES: Final = 12


class LineState(StrEnum):
    """What has become of a line: outgoing ones are queued first, incoming ones unread."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNREAD = "unread"
    READ = "read"


class KeptLine(NamedTuple):
    """A line as it is kept; `at` in milliseconds since the epoch, `id` grows with each."""

    id: int
    username: str
    outgoing: bool
    seq: int
    uid: str
    at: int
    text: str
    state: LineState


class NewLine(NamedTuple):
    """A line to be kept."""

    seq: int
    uid: str
    at: int
    text: str


class Progress(NamedTuple):
    """How far a conversation has come; see models.Conversation."""

    last_in: int = 0
    last_out: int = 0
    acked: int = 0


def new_uid() -> str:
    """Give a name that no other line has."""
    return secrets.token_hex(_UID_BYTES)


class History:
    """The lines of one profile at one registry.

    `keep` False: only as long as they are undelivered or unread.

    Raises StorageError everywhere.
    """

    def __init__(self, store: SqliteFile, registry: str, *, keep: bool = True) -> None:
        self._store = store
        self._registry = registry
        self._here = Line.registry == registry
        self._keep = keep

    def thread(self, username: str, key: bytes) -> "Thread":
        """Give what one conversation may do here."""
        return Thread(self._store, self._registry, username, key, keep=self._keep)

    def waiting(self) -> dict[str, int]:
        """Give who has lines of ours waiting, and how many."""
        return self._counts(LineState.QUEUED)

    def unread(self) -> dict[str, int]:
        """Give whose lines we have not seen, and how many."""
        return self._counts(LineState.UNREAD)

    def lines(
        self,
        username: str | None = None,
        *,
        since: int | None = None,
        until: int | None = None,
        limit: int | None = None,
        states: Sequence[LineState] = (),
        words: str = "",
    ) -> list[KeptLine]:
        """Give lines, the oldest first: of one contact or of all, of a time, the last so many.

        `words` must all be in it (the last one may be the beginning of one). Raises UsageError
        where there is nothing to look for in them.
        """
        which = self._here
        if username is not None:
            which &= Line.username == username
        if since is not None:
            which &= Line.at >= since
        if until is not None:
            which &= Line.at < until
        if states:
            which &= Line.state.in_(list(states))
        query = Line.select(*_COLUMNS)
        newest_first = Line.id.desc()
        if words:
            query = query.join(LineWords, on=LineWords.rowid == Line.id)
            which &= LineWords.match(_all_of(words))
            newest_first = LineWords.rowid.desc()
        query = query.where(which).order_by(newest_first)
        if limit is not None:
            query = query.limit(limit)
        with self._store.errors():
            rows = list(query.tuples().execute(self._store.database))
        return [_kept(row) for row in reversed(rows)]

    def forget(self, username: str) -> int:
        """Delete every line with a contact, for good; give how many there were."""
        return self._forget(self._here & (Line.username == username))

    def forget_lines(self, ids: Sequence[int]) -> int:
        """Delete these lines, for good."""
        return self._forget(Line.id.in_(list(ids)))

    def forget_before(self, at: int) -> int:
        """Delete lines that were delivered or read and are older than that."""
        done = [LineState.DELIVERED, LineState.READ]
        return self._forget(self._here & (Line.at < at) & Line.state.in_(done))

    def mark_read(self, username: str, up_to: int) -> None:
        """Note that everything that a contact said up to that id has been seen."""
        seen = self._here & (Line.username == username) & (Line.id <= up_to)
        seen &= _is(LineState.UNREAD)
        with self._store.errors():
            if self._keep:
                Line.update(state=LineState.READ).where(seen).execute(self._store.database)
            else:
                Line.delete().where(seen).execute(self._store.database)

    def drop_queued(
        self,
        username: str,
        *,
        only: bytes | None = None,
        other_than: bytes | None = None,
    ) -> int:
        """Do not deliver what waits for a contact: it has failed.

        `only`: what waits for that key of theirs; `other_than`: for another one.
        """
        which = self._here & (Line.username == username) & _is(LineState.QUEUED)
        if only is not None:
            which &= Line.key == only
        if other_than is not None:
            which &= Line.key != other_than
        change = Line.update(state=LineState.FAILED).where(which)
        with self._store.errors():
            return int(change.execute(self._store.database))

    def _counts(self, state: LineState) -> dict[str, int]:
        query = (
            Line.select(Line.username, LINE_COUNT)
            .where(self._here & _is(state))
            .group_by(Line.username)
        )
        with self._store.errors():
            return dict(query.tuples().execute(self._store.database))

    def _forget(self, which: Any) -> int:
        with self._store.errors():
            count = int(Line.delete().where(which).execute(self._store.database))
            # What was deleted is overwritten in the file; the log and the words' index must follow.
            for statement in (
                "INSERT INTO line_words(line_words) VALUES ('optimize')",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            ):
                self._store.database.execute_sql(statement)  # type: ignore[no-untyped-call]
        return count


class Thread:
    """One conversation's lines: with one key of one contact. See `chat_session` for the rules."""

    def __init__(
        self, store: SqliteFile, registry: str, username: str, key: bytes, *, keep: bool
    ) -> None:
        self._store = store
        self._keep = keep
        self._registry = registry
        self.username = username
        self._key = key
        self._noted: int | None = None  # up to which number lines are marked as delivered
        self._where = (Line.registry == registry) & (Line.username == username) & (Line.key == key)

    def progress(self) -> Progress:
        """Give how far it has come."""
        columns = [getattr(Conversation, name) for name in Progress._fields]
        query = Conversation.select(*columns).where(
            (Conversation.registry == self._registry)
            & (Conversation.username == self.username)
            & (Conversation.key == self._key)
        )
        with self._store.errors():
            for row in query.tuples().execute(self._store.database):
                return Progress(*row)
        return Progress()

    def write(
        self,
        progress: Progress,
        *,
        said: Sequence[NewLine] = (),
        heard: Sequence[NewLine] = (),
    ) -> list[KeptLine]:
        """Keep lines of both directions and how far we are, all or nothing.

        What is acknowledged counts as delivered from then on. Gives the lines that were heard and
        are not known yet: the same one, by its uid, may come again after a remote has gone back to
        an older copy of its disk.
        """
        with self._store.transaction():
            self._keep_progress(progress)
            self._insert(said, outgoing=True, state=LineState.QUEUED)
            new = self._unknown(heard)
            self._insert(new, outgoing=False, state=LineState.UNREAD)
            if progress.acked != self._noted:
                self._note_delivered(progress.acked)
            kept = self._just_inserted(len(new), outgoing=False) if new else []
        self._noted = progress.acked
        return kept

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Give our lines after that number, in order, without those that were given up."""
        query = (
            Line.select(*_COLUMNS)
            .where(self._where & Line.outgoing & (Line.seq > after) & ~_is(LineState.FAILED))
            .order_by(Line.seq)
            .limit(limit)
        )
        with self._store.errors():
            return [_kept(row) for row in query.tuples().execute(self._store.database)]

    def renumber(self, progress: Progress, after: int) -> Progress:
        """Number what waits anew, after that number; give how far we are then.

        Needed where the contact has more of us than we know of: our disk is an older copy.
        """
        query = Line.select(Line.id).where(self._where & _is(LineState.QUEUED)).order_by(Line.seq)
        with self._store.transaction():
            rows = [line for (line,) in query.tuples().execute(self._store.database)]
            for sign in (-1, 1):  # by way of numbers that nothing has
                for n, line in enumerate(rows, start=after + 1):
                    Line.update(seq=n * sign).where(Line.id == line).execute(self._store.database)
            renumbered = progress._replace(last_out=after + len(rows))
            self._keep_progress(renumbered)
            return renumbered

    def _keep_progress(self, progress: Progress) -> None:
        whose = (self._registry, self.username, self._key)
        self._store.rows(_KEEP_PROGRESS, (*whose, *progress))

    def _insert(self, lines: Sequence[NewLine], *, outgoing: bool, state: LineState) -> None:
        whose = (self._registry, self.username, self._key, outgoing, state.value)
        for line in lines:
            self._store.rows(_INSERT, (*whose, *line))

    def _unknown(self, heard: Sequence[NewLine]) -> list[NewLine]:
        new: list[NewLine] = []
        for part in _parts(list(heard)):
            uids = [line.uid for line in part if line.uid]
            query = Line.select(Line.uid).where(self._where & ~Line.outgoing & Line.uid.in_(uids))
            known = {uid for (uid,) in query.tuples().execute(self._store.database)}
            new += [line for line in part if line.uid not in known]
        return new

    def _just_inserted(self, count: int, *, outgoing: bool) -> list[KeptLine]:
        query = (
            Line.select(*_COLUMNS)
            .where(self._where & (Line.outgoing == outgoing))
            .order_by(Line.id.desc())
            .limit(count)
        )
        rows = list(query.tuples().execute(self._store.database))
        return [_kept(row) for row in reversed(rows)]

    def _note_delivered(self, up_to: int) -> None:
        sent = self._where & Line.outgoing & (Line.seq <= up_to) & _is(LineState.QUEUED)
        if self._keep:
            Line.update(state=LineState.DELIVERED).where(sent).execute(self._store.database)
        else:
            Line.delete().where(sent).execute(self._store.database)


_COLUMNS: Final = [getattr(Line, name) for name in KeptLine._fields]

# Written at each turn in which something is said: peewee would take longer than the disk.
_KEEP_PROGRESS: Final = (
    f"INSERT OR REPLACE INTO conversation (registry, username, key, {', '.join(Progress._fields)})"  # noqa: S608  # names of ours
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_INSERT: Final = (
    "INSERT INTO line (registry, username, key, outgoing, state,"  # noqa: S608  # names of ours
    f" {', '.join(NewLine._fields)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_ROWS_AT_ONCE: Final = 500  # SQLite takes so many parameters in a statement and not more


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]


def _kept(row: tuple[Any, ...]) -> KeptLine:
    return KeptLine._make((*row[:-1], LineState(row[-1])))


def _all_of(words: str) -> str:
    """Give FTS5's query for lines with all of these words, the last perhaps a beginning."""
    quoted = [f'"{word.replace(chr(34), "")}"' for word in words.split() if word.strip('"')]
    if not quoted:
        raise UsageError("no words to look for were given")
    return " ".join(quoted) + "*"


def _is(state: LineState) -> Any:
    return Line.state == state


def now_ms() -> int:
    """Give the wall clock's time as lines carry it."""
    return int(time.time() * 1000)
