"""All stored lines, searchable. The outbox is the part that is not delivered yet.

Knows neither links nor screens. Each write is one transaction, on disk when it returns.
"""

from collections.abc import Sequence
from typing import Any, Final

from p2pchat.peer.store.lines import BY_STATE, COLUMNS, is_in, kept
from p2pchat.peer.store.models import (
    LINE_COUNT,
    Contact,
    Line,
    LineGrams,
    LineWords,
    text_has,
)
from p2pchat.peer.store.search_terms import Wanted
from p2pchat.peer.store.thread import Thread
from p2pchat.protocol.client.lines import KeptLine, LineState
from p2pchat.protocol.client.orders import LeftFor
from p2pchat.protocol.client.transfers import OVER, TransferState
from p2pchat.protocol.files.offers import read_offer
from p2pchat.storage import SqliteFile


class History:
    """The lines of one profile at one registry.

    `keep` False: lines are stored only while undelivered or unread. Every method may raise
    StorageError.
    """

    def __init__(self, store: SqliteFile, registry: str, *, keep: bool = True) -> None:
        self._store = store
        self._registry = registry
        self._here = Line.registry == registry
        self._keep = keep

    def thread(self, username: str, key: bytes) -> Thread:
        """Return the lines of one conversation."""
        return Thread(self._store, self._registry, username, key, keep=self._keep)

    def waiting(self) -> dict[str, int]:
        """Return the number of our waiting lines, by contact."""
        return self._counts(LineState.QUEUED)

    def waiting_since(self) -> dict[str, int]:
        """Return when the oldest waiting line was written, by contact, in ms since the epoch."""
        with self._store.errors():
            return dict(self._store.rows(_OLDEST, (LineState.QUEUED, self._registry)))

    def left(self) -> tuple[LeftFor, ...]:
        """Return how much of the waiting lines is in mailboxes, for each contact."""
        with self._store.errors():
            rows = self._store.rows(_LEFT_FOR, (LineState.QUEUED, self._registry))
        return tuple(LeftFor(*row) for row in rows)

    def unread(self) -> dict[str, int]:
        """Return the number of unread lines, by contact."""
        return self._counts(LineState.UNREAD)

    def last_heard(self) -> dict[str, int]:
        """Return when each contact last wrote a line, by their clock, in ms since the epoch.

        Only lines with their current key are considered. Each contact costs one probe of an index;
        a maximum over all lines would take seconds for a million of them.
        """
        last = Line.select(Line.at).where(
            (Line.registry == Contact.registry)
            & (Line.username == Contact.username)
            & (Line.key == Contact.key)
            & (Line.outgoing == False)  # noqa: E712  (so that SQLite uses the index)
        )
        last = last.order_by(Line.seq.desc()).limit(1)
        query = Contact.select(Contact.username, last).where(Contact.registry == self._registry)
        with self._store.errors():
            rows = query.tuples().execute(self._store.database)
            return {username: at for username, at in rows if at is not None}

    def unread_ids(self, username: str | None = None) -> list[int]:
        """Return the ids of unread lines, of one contact or of all, oldest first."""
        whose, names = ("", ()) if username is None else (" AND username = ?", (username,))
        parameters = (LineState.UNREAD, self._registry, *names)
        with self._store.errors():
            rows = self._store.rows(_IDS.format(whose), parameters)
        return [line_id for (line_id,) in rows]

    def lines_with(self, ids: Sequence[int]) -> list[KeptLine]:
        """Return the existing lines with these ids, oldest first; at most 500 of them."""
        query = Line.select(*COLUMNS).where(Line.id.in_(list(ids))).order_by(Line.id)
        with self._store.errors():
            return [kept(row) for row in query.tuples().execute(self._store.database)]

    def said_with(self, username: str, uids: Sequence[str]) -> dict[str, KeptLine]:
        """Return our lines to a contact with these ids, by id."""
        which = self._here & (Line.username == username) & Line.outgoing & Line.uid.in_(list(uids))
        with self._store.errors():
            rows = Line.select(*COLUMNS).where(which).tuples().execute(self._store.database)
            lines = [kept(row) for row in rows]
        return {line.uid: line for line in lines}

    def with_offers(self, lines: Sequence[KeptLine]) -> list[KeptLine]:
        """Return our lines with the files they offer, except finished offers."""
        found = []
        with self._store.errors():
            for line in lines:
                rows = self._store.rows(_OFFER_OF, (self._registry, line.username, line.uid))
                if not rows:
                    found.append(line)
                elif rows[0][1] not in OVER:
                    found.append(line._replace(offer=read_offer(bytes(rows[0][0]))))
        return found

    def incoming(self, after: int, limit: int, username: str | None = None) -> list[KeptLine]:
        """Return the first lines of contacts (of one, or of all) with ids above `after`.

        Lines in clear are left out.
        """
        which = self._here & ~Line.outgoing & (Line.id > after) & (Line.state != LineState.HEARD)
        if username is not None:
            which &= Line.username == username
        query = Line.select(*COLUMNS).where(which).order_by(Line.id).limit(limit)
        with self._store.errors():
            return [kept(row) for row in query.tuples().execute(self._store.database)]

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
        """Return lines, oldest first: of one contact or all, in a time range, the last `limit`.

        A line must contain all of `words` with their signs (C++ does not match C); the last word
        may be the beginning of one. Raise UsageError if `words` contains nothing to search for.
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
        query = Line.select(*COLUMNS)
        newest_first = Line.id.desc()
        if words:
            query, with_words, newest_first = self._with_words(query, Wanted.parse(words))
            which &= with_words
        query = query.where(which).order_by(newest_first)
        if limit is not None:
            query = query.limit(limit)
        with self._store.errors():
            rows = list(query.tuples().execute(self._store.database))
            return self._with_until([kept(row) for row in reversed(rows)])

    def _with_until(self, lines: list[KeptLine]) -> list[KeptLine]:
        """Return the lines; those in a contact's mailbox with the time until it keeps them."""
        waiting = [line.id for line in lines if line.state is LineState.QUEUED]
        until: dict[int, int] = {}
        for start in range(0, len(waiting), _ROWS_AT_ONCE):
            some = waiting[start : start + _ROWS_AT_ONCE]
            until.update(self._store.rows(_LEFT.format(", ".join("?" * len(some))), some))
        return [line._replace(until=until.get(line.id, 0)) for line in lines] if until else lines

    def _with_words(self, query: Any, wanted: Wanted) -> tuple[Any, Any, Any]:
        """Return the query joined to the index that it uses, the condition, and the order."""
        index, match = (LineWords, wanted.words) if wanted.words else (LineGrams, wanted.grams)
        which = index.match(match)
        if wanted.grams:
            while self.index_some():
                pass
        if wanted.words and wanted.grams:
            grams = LineGrams.select(LineGrams.rowid).where(LineGrams.match(wanted.grams))
            which &= LineWords.rowid.in_(grams)
        for term in wanted.terms:
            which &= text_has(term)
        return query.join(index, on=index.rowid == Line.id), which, index.rowid.desc()

    def index_some(self) -> bool:
        """Index some lines that an older version wrote; return whether there are more.

        Several processes may do so at once.
        """
        with self._store.errors():
            if not self._store.rows(_UNINDEXED):
                return False
        with self._store.transaction():
            for (up_to,) in self._store.rows(_UNINDEXED):
                first = self._store.rows(_FIRST_OF, (up_to, _INDEXED_AT_ONCE))
                down_to = first[0][0] - 1 if first else 0
                self._store.rows(_INDEX, (up_to, down_to))
                self._store.rows("UPDATE unindexed SET up_to = ?", (down_to,))
                if down_to <= 0:
                    self._store.rows("DELETE FROM unindexed")
                return down_to > 0
        return False

    def forget(self, username: str) -> int:
        """Delete all lines with a contact permanently; return how many there were.

        Ended transfers go with them, and offers that the contact has not got.
        """
        here = (self._registry, username)
        with self._store.errors():
            self._store.rows(_FORGET_TRANSFERS, (*here, *OVER))
            unsent = (TransferState.OFFERED, *here, LineState.DELIVERED)
            self._store.rows(_FORGET_OFFERS, (*here, *unsent))
        return self._forget(self._here & (Line.username == username))

    def forget_before(self, at: int) -> int:
        """Delete lines that are delivered or read and that were stored before `at`.

        `at` is in milliseconds since the epoch by our own clock; senders' clocks are ignored.
        """
        done = [LineState.DELIVERED, LineState.READ]
        return self._forget(self._here & (Line.kept_at < at) & Line.state.in_(done))

    def mark_read(self, username: str, up_to: int) -> None:
        """Mark all lines of a contact with ids up to `up_to` as read."""
        statement = _READ if self._keep else _READ_AND_FORGET
        with self._store.errors():
            self._store.rows(statement, (LineState.UNREAD, self._registry, username, up_to))

    def drop_queued(
        self,
        username: str,
        *,
        only: bytes | None = None,
        other_than: bytes | None = None,
        above: int = 0,
    ) -> int:
        """Mark lines that wait for a contact as failed; return how many.

        `only`: those for that key of the contact; `other_than`: those for any other key. `above`:
        those with numbers above that one.
        """
        which = self._queued(username, only, other_than)
        if above:
            which &= Line.seq > above
        change = Line.update(state=LineState.FAILED).where(which)
        with self._store.errors():
            return int(change.execute(self._store.database))

    def set_expiry(self, uids: Sequence[str], at: int) -> None:
        """Set the time at which waiting lines with these ids expire, in ms since the epoch."""
        waiting = self._here & Line.uid.in_(list(uids)) & is_in(LineState.QUEUED)
        with self._store.errors():
            Line.update(expires_at=at).where(waiting).execute(self._store.database)

    def expired(self, now: int) -> dict[str, list[str]]:
        """Return the ids of expired waiting lines, by contact."""
        found: dict[str, list[str]] = {}
        with self._store.errors():
            rows = self._store.rows(_EXPIRED, (LineState.QUEUED, self._registry, now))
        for username, uid in rows:
            found.setdefault(username, []).append(uid)
        return found

    def count_queued(self, username: str, *, other_than: bytes | None) -> int:
        """Return how many lines wait for another key of a contact than `other_than`."""
        query = Line.select(LINE_COUNT).where(self._queued(username, None, other_than))
        with self._store.errors():
            return int(query.scalar(self._store.database))

    def _queued(self, username: str, only: bytes | None, other_than: bytes | None) -> Any:
        which = self._here & (Line.username == username) & is_in(LineState.QUEUED)
        if only is not None:
            which &= Line.key == only
        if other_than is not None:
            which &= Line.key != other_than
        return which

    def _counts(self, state: LineState) -> dict[str, int]:
        with self._store.errors():
            return dict(self._store.rows(_COUNTS, (state, self._registry)))

    def _forget(self, which: Any) -> int:
        with self._store.errors():
            count = int(Line.delete().where(which).execute(self._store.database))
            # SQLite overwrites deleted rows in the file; clear the indexes and the log as well.
            for statement in (
                "INSERT INTO line_words(line_words) VALUES ('optimize')",
                "INSERT INTO line_grams(line_grams) VALUES ('optimize')",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            ):
                self._store.rows(statement)
        return count


_ROWS_AT_ONCE: Final = 500
_JOIN_LEFT: Final = (
    "JOIN left_run ON left_run.registry = line.registry AND left_run.username = line.username"
    " AND left_run.key = line.key AND line.seq BETWEEN left_run.first AND left_run.last"
    " AND left_run.until > strftime('%s', 'now')"
)
_LEFT: Final = (
    f"SELECT line.id, max(left_run.until) FROM line {_JOIN_LEFT}"  # noqa: S608
    " WHERE line.id IN ({}) GROUP BY line.id"
)
_IN_STATE: Final = f"{BY_STATE} WHERE state = ? AND registry = ?"
_LEFT_FOR: Final = (
    f"SELECT line.username, COUNT(DISTINCT line.id), MIN(left_run.until) FROM {BY_STATE}"  # noqa: S608
    f" {_JOIN_LEFT} WHERE line.state = ? AND line.registry = ? GROUP BY line.username"
)
_COUNTS: Final = f"SELECT username, COUNT(*) FROM {_IN_STATE} GROUP BY username"  # noqa: S608
_OLDEST: Final = f"SELECT username, MIN(at) FROM {_IN_STATE} GROUP BY username"  # noqa: S608
_IDS: Final = f"SELECT id FROM {_IN_STATE}{{}} ORDER BY id"  # noqa: S608
_EXPIRED: Final = f"SELECT username, uid FROM {_IN_STATE} AND expires_at BETWEEN 1 AND ?"  # noqa: S608
_SEEN: Final = "WHERE state = ? AND registry = ? AND username = ? AND id <= ?"
_READ: Final = f"UPDATE {BY_STATE} SET state = '{LineState.READ}' {_SEEN}"  # noqa: S608
_READ_AND_FORGET: Final = f"DELETE FROM {BY_STATE} {_SEEN}"  # noqa: S608

_OFFER_OF: Final = (
    "SELECT offer, state FROM transfer"
    " WHERE registry = ? AND username = ? AND outgoing = 1 AND uid = ?"
)
_FORGET_TRANSFERS: Final = (
    "DELETE FROM transfer WHERE registry = ? AND username = ?"  # noqa: S608
    f" AND state IN ({', '.join('?' * len(OVER))})"
)

_FORGET_OFFERS: Final = """
    DELETE FROM transfer WHERE registry = ? AND username = ? AND outgoing = 1 AND state = ?
    AND uid IN (
        SELECT uid FROM line WHERE registry = ? AND username = ? AND outgoing = 1 AND state <> ?
    )"""

_INDEXED_AT_ONCE: Final = 2000
_UNINDEXED: Final = "SELECT up_to FROM unindexed"
_FIRST_OF: Final = (
    "SELECT min(id) FROM (SELECT id FROM line WHERE id <= ? ORDER BY id DESC LIMIT ?)"
    " HAVING min(id) IS NOT NULL"
)
_INDEX: Final = (
    "INSERT INTO line_grams(rowid, grams) SELECT id, grams(text) FROM line"
    " WHERE id <= ? AND id > ? AND grams(text) <> ''"
)
