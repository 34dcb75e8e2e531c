"""Create, verify and know accounts: the only user of the registry's tables.

Models are bound to nothing and the database is named at each execution: binding is not safe
between threads, nor between two stores in one process.

Every name is in memory, so that a search never waits for the disk; hashes stay on it. Methods say
which thread they are for. Gives plain values, never rows.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import peewee

from p2pchat.errors import StorageError
from p2pchat.registry.models import SCHEMA_VERSION, TABLES, Account
from p2pchat.registry.passwords import Passwords

_BUSY_TIMEOUT_S = 5


class Accounts:
    """The accounts in one SQLite file, which is made where it is not.

    One process at a time has them, since the names are in its memory. Raises StorageError where
    that is another, where the file cannot be opened, or was written by a newer p2pchat. Each
    thread that calls gets a connection of its own, which `disconnect` closes on that thread.
    """

    def __init__(self, file: Path, passwords: Passwords) -> None:
        self._file = file
        self._passwords = passwords
        self._lock = _lock(file.with_suffix(".lock"))
        self._database = peewee.SqliteDatabase(
            str(file),
            pragmas={"journal_mode": "wal", "synchronous": "full"},
            timeout=_BUSY_TIMEOUT_S,
        )
        try:
            self._names = self._open()
        except StorageError:
            self.close()
            raise

    def _open(self) -> set[str]:
        """Bring the file to our schema; give the names in it."""
        with self._storage_errors():
            self._file.touch(mode=0o600)
            version = self._database.pragma("user_version")
            if version > SCHEMA_VERSION:
                raise StorageError(
                    f"{self._file} was written by a newer p2pchat (schema {version})",
                    advice="use that version, or another --data-dir",
                )
            with self._database.bind_ctx(TABLES):
                self._database.create_tables(TABLES)
            rows = Account.select(Account.username).tuples().execute(self._database)
            names = {username for (username,) in rows}
            self._database.pragma("user_version", SCHEMA_VERSION)
        return names

    def __contains__(self, username: str) -> bool:
        """Tell whether there is such an account; loop's thread, at once."""
        return username in self._names

    def create(self, username: str, password: str) -> bool:
        """Make the account, on disk when this returns; worker thread.

        False where the name is taken; the database decides who was first. Follow it with `admit`.
        """
        password_hash = self._passwords.hash(password)
        with self._storage_errors():
            try:
                Account.insert(username=username, password_hash=password_hash).execute(
                    self._database
                )
            except peewee.IntegrityError:
                return False
        return True

    def admit(self, username: str) -> None:
        """Know the name that was created; loop's thread."""
        self._names.add(username)

    def verify(self, username: str, password: str) -> bool:
        """Tell whether name and password match, as slowly if there is no such name; worker."""
        hashes = Account.select(Account.password_hash).where(Account.username == username)
        with self._storage_errors():
            rows = list(hashes.tuples().execute(self._database))
        return self._passwords.verify(password, rows[0][0] if rows else None)

    def disconnect(self) -> None:
        """Close the calling thread's connection."""
        self._database.close()

    def close(self) -> None:
        """Close the loop's connection and let another process have the accounts."""
        self.disconnect()
        self._lock.close()

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except (peewee.DatabaseError, OSError) as error:
            raise _unusable(self._file, error) from error


def _lock(file: Path) -> IO[str]:
    """Hold the file until the process ends, however it ends; raises StorageError."""
    try:
        lock = file.open("w")
    except OSError as error:
        raise _unusable(file, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageError(
            f"another registry is using {file.parent}", advice="choose another --data-dir"
        ) from None
    return lock


def _unusable(file: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{file} cannot be used: {error}",
        likely="the disk is full, the file is no database, or it is not yours",
        advice=f"look at {file.parent}, or choose another --data-dir",
    )
