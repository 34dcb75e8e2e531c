"""One conversation's lines on the disk, and how far it has come.

Knows no link and no screen. Writes are one transaction for each call, on the disk when it returns.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from p2pchat.peer.lines import COLUMNS, KeptLine, LineState, NewLine, Progress, is_in, kept
from p2pchat.peer.models import LINE_COUNT, Conversation, Line
from p2pchat.storage import SqliteFile


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
        self.queued = 0
        """How many of our lines wait."""
        self._noted: int | None = None  # up to which number lines are marked as delivered
        self._where = (Line.registry == registry) & (Line.username == username) & (Line.key == key)

    def progress(self) -> Progress:
        """Give how far it has come; `queued` is right from then on."""
        waiting = Line.select(LINE_COUNT).where(self._where & is_in(LineState.QUEUED))
        with self._store.errors():
            self.queued = int(waiting.scalar(self._store.database))
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
        instead_of: Sequence[int] = (),
    ) -> list[KeptLine]:
        """Keep lines of both directions and how far we are, all or nothing.

        `instead_of`: lines that had failed, and are said anew. What is acknowledged counts as
        delivered from then on. Gives the lines that were heard and are not known yet: the same one,
        by its uid, may come again, said anew, or after a remote has gone back to an older copy of
        its disk.
        """
        queued = self.queued + len(said)
        with self._store.transaction():
            self._keep_progress(progress)
            for part in _parts(list(instead_of)):
                Line.delete().where(Line.id.in_(part)).execute(self._store.database)
            self._insert(said, outgoing=True, state=LineState.QUEUED)
            new = self._unknown(heard)
            self._insert(new, outgoing=False, state=LineState.UNREAD)
            if progress.acked != self._noted:
                queued -= self._note_delivered(progress.acked)
            lines = self._just_inserted(len(new), outgoing=False) if new else []
        self._noted = progress.acked
        self.queued = queued if progress.acked < progress.last_out else 0
        return lines

    def waiting(self, after: int, limit: int) -> list[KeptLine]:
        """Give our lines after that number, in order, without those that were given up."""
        query = (
            Line.select(*COLUMNS)
            .where(self._where & Line.outgoing & (Line.seq > after) & ~is_in(LineState.FAILED))
            .order_by(Line.seq)
            .limit(limit)
        )
        with self._store.errors():
            return [kept(row) for row in query.tuples().execute(self._store.database)]

    def give_up(self, after: int) -> int:
        """Do not deliver what waits after that number: it has failed. Give how many lines."""
        which = self._where & is_in(LineState.QUEUED) & (Line.seq > after)
        with self._store.errors():
            change = Line.update(state=LineState.FAILED).where(which)
            count = int(change.execute(self._store.database))
        self.queued -= count
        return count

    def renumber(self, progress: Progress, after: int) -> Progress:
        """Number what waits anew, after that number; give how far we are then.

        Needed where the contact has more of us than we know of: our disk is an older copy.
        """
        query = Line.select(Line.id).where(self._where & is_in(LineState.QUEUED)).order_by(Line.seq)
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
        known: set[str] = set()
        for part in _parts(list(heard)):
            uids = [line.uid for line in part if line.uid]
            query = Line.select(Line.uid).where(self._where & ~Line.outgoing & Line.uid.in_(uids))
            known.update(uid for (uid,) in query.tuples().execute(self._store.database))
            for line in part:
                if line.uid not in known:
                    new.append(line)
                if line.uid:
                    known.add(line.uid)
        return new

    def _just_inserted(self, count: int, *, outgoing: bool) -> list[KeptLine]:
        query = (
            Line.select(*COLUMNS)
            .where(self._where & (Line.outgoing == outgoing))
            .order_by(Line.id.desc())
            .limit(count)
        )
        rows = list(query.tuples().execute(self._store.database))
        return [kept(row) for row in reversed(rows)]

    def _note_delivered(self, up_to: int) -> int:
        """Give how many lines it concerned."""
        sent = self._where & Line.outgoing & (Line.seq <= up_to) & is_in(LineState.QUEUED)
        change = Line.update(state=LineState.DELIVERED) if self._keep else Line.delete()
        return int(change.where(sent).execute(self._store.database))


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
