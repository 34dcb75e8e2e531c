"""The lines on disk that are to be sent later. Knows nothing of conversations."""

from collections.abc import Sequence
from typing import Final

from p2pchat.peer.store.lines import check_text, new_uid
from p2pchat.protocol.client.lines import ScheduledLine
from p2pchat.storage import SqliteFile
from p2pchat.wall_clock import now_ms


def scheduled(
    username: str, texts: Sequence[str], not_before: int, expires_in: int
) -> list[ScheduledLine]:
    """Return lines to be sent at `not_before`, which expire so many seconds later (0: never).

    Raise UsageError if one is too long.
    """
    for text in texts:
        check_text(text)
    expires_at = not_before + expires_in * 1000 if expires_in else 0
    now = now_ms()
    return [ScheduledLine(username, new_uid(), text, now, not_before, expires_at) for text in texts]


class Schedule:
    """The scheduled lines of a profile at one registry. Every method may raise StorageError."""

    def __init__(self, store: SqliteFile, registry: str) -> None:
        self._store = store
        self._registry = registry

    def add(self, lines: Sequence[ScheduledLine]) -> None:
        """Add lines."""
        with self._store.transaction():
            self._store.many(_ADD, [(self._registry, *line) for line in lines])

    def all(self) -> list[ScheduledLine]:
        """Return all scheduled lines, the next one first."""
        with self._store.errors():
            rows = self._store.rows(f"{_SELECT} ORDER BY not_before, id", (self._registry,))
        return [ScheduledLine(*row) for row in rows]

    def due(self, now: int) -> list[ScheduledLine]:
        """Return the lines that are due, in the order in which they are to be sent."""
        statement = f"{_SELECT} AND not_before <= ? ORDER BY not_before, id"
        with self._store.errors():
            rows = self._store.rows(statement, (self._registry, now))
        return [ScheduledLine(*row) for row in rows]

    def remove(self, uid: str) -> None:
        """Remove a line that was sent or is cancelled."""
        with self._store.errors():
            self._store.rows("DELETE FROM scheduled WHERE uid = ?", (uid,))

    def drop(self, username: str) -> int:
        """Remove all lines to a contact; return how many."""
        with self._store.transaction():
            self._store.rows(_DROP, (self._registry, username))
            return int(self._store.rows("SELECT changes()")[0][0])


_FIELDS: Final = ", ".join(ScheduledLine._fields)
_ADD: Final = (
    f"INSERT INTO scheduled (registry, {_FIELDS}) VALUES (?{', ?' * len(ScheduledLine._fields)})"  # noqa: S608
)
_SELECT: Final = f"SELECT {_FIELDS} FROM scheduled WHERE registry = ?"  # noqa: S608
_DROP: Final = "DELETE FROM scheduled WHERE registry = ? AND username = ?"
