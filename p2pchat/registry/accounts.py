"""Create, verify and know accounts: the only user of the registry's tables.

Every name is in memory, so that a search never waits for the disk; hashes stay on it. Methods say
which thread they are for. Gives plain values, never rows.
"""

import fcntl
from pathlib import Path
from typing import IO

import peewee

from p2pchat.errors import StorageError
from p2pchat.registry.models import SCHEMA_VERSION, TABLES, Account
from p2pchat.registry.passwords import Passwords
from p2pchat.storage import SqliteFile


class Accounts:
    """The accounts in one SQLite file, which is made where it is not.

    One process at a time has them, since the names are in its memory. Raises StorageError where
    that is another, or where the file cannot be used.
    """

    def __init__(self, file: Path, passwords: Passwords) -> None:
        self._passwords = passwords
        self._lock = _lock(file.with_suffix(".lock"))
        try:
            self._store = SqliteFile(file, TABLES, SCHEMA_VERSION, "choose another --data-dir")
        except StorageError:
            self._lock.close()
            raise
        with self._store.errors():
            rows = Account.select(Account.username).tuples().execute(self._store.database)
            self._names = {username for (username,) in rows}

    def __contains__(self, username: str) -> bool:
        """Tell whether there is such an account; loop's thread, at once."""
        return username in self._names

    def create(self, username: str, password: str) -> bool:
        """Make the account, on disk when this returns; worker thread.

        False where the name is taken; the database decides who was first. Follow it with `admit`.
        """
        password_hash = self._passwords.hash(password)
        account = Account.insert(username=username, password_hash=password_hash)
        with self._store.errors():
            try:
                account.execute(self._store.database)
            except peewee.IntegrityError:
                return False
        return True

    def admit(self, username: str) -> None:
        """Know the name that was created; loop's thread."""
        self._names.add(username)

    def verify(self, username: str, password: str) -> bool:
        """Tell whether name and password match, as slowly if there is no such name; worker."""
        hashes = Account.select(Account.password_hash).where(Account.username == username)
        with self._store.errors():
            rows = list(hashes.tuples().execute(self._store.database))
        return self._passwords.verify(password, rows[0][0] if rows else None)

    def disconnect(self) -> None:
        """Close the calling thread's connection."""
        self._store.disconnect()

    def close(self) -> None:
        """Close the loop's connection and let another process have the accounts."""
        self.disconnect()
        self._lock.close()


def _lock(file: Path) -> IO[str]:
    """Hold the file until the process ends, however it ends; raises StorageError."""
    advice = "choose another --data-dir"
    try:
        lock = file.open("w")
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}", advice=advice) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageError(f"another registry is using {file.parent}", advice=advice) from None
    return lock
