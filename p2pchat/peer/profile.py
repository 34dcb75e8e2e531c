"""The profile on disk: which accounts are ours, and which names we have met.

The only user of the profile's tables. Several processes may have it open at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from p2pchat.errors import StorageError
from p2pchat.peer.models import SCHEMA_VERSION, TABLES, Account, KnownName

_BUSY_TIMEOUT_S = 5


class Profile:
    """What one person's own end remembers, in one SQLite file, made where it is not.

    `registry` is everywhere a registry's name, as `str(RegistryUrl)` gives it. Every method may
    raise StorageError.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._database = peewee.SqliteDatabase(
            str(file),
            pragmas={"journal_mode": "wal", "synchronous": "full"},
            timeout=_BUSY_TIMEOUT_S,
        )
        try:
            self._open()
        except StorageError:
            self.close()
            raise

    def _open(self) -> None:
        """Bring the file to our schema."""
        with self._storage_errors():
            self._file.touch(mode=0o600)
            version = self._database.pragma("user_version")
            if version > SCHEMA_VERSION:
                raise StorageError(
                    f"{self._file} was written by a newer p2pchat (schema {version})",
                    advice="use that version, or set P2P_HOME to another folder",
                )
            with self._database.bind_ctx(TABLES):
                self._database.create_tables(TABLES)
            self._database.pragma("user_version", SCHEMA_VERSION)

    def note_account(self, registry: str, username: str) -> None:
        """Remember that this account is ours and was used now."""
        with self._storage_errors():
            Account.insert(registry=registry, username=username).on_conflict_replace().execute(
                self._database
            )

    def last_account(self, registry: str) -> str | None:
        """Give the account that was used last at the registry."""
        query = (
            Account.select(Account.username)
            .where(Account.registry == registry)
            .order_by(Account.used_at.desc())
            .limit(1)
            .tuples()
        )
        with self._storage_errors():
            for (username,) in query.execute(self._database):
                return str(username)
        return None

    def note_name(self, registry: str, username: str) -> None:
        """Remember a user whom we met."""
        with self._storage_errors():
            KnownName.insert(registry=registry, username=username).on_conflict_ignore().execute(
                self._database
            )

    def known_names(self, registry: str) -> list[str]:
        """Give everybody whom we met at the registry, sorted."""
        query = (
            KnownName.select(KnownName.username)
            .where(KnownName.registry == registry)
            .order_by(KnownName.username)
            .tuples()
        )
        with self._storage_errors():
            return [username for (username,) in query.execute(self._database)]

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except (peewee.DatabaseError, OSError) as error:
            raise StorageError(
                f"the profile {self._file} cannot be used: {error}",
                likely="the disk is full, the file is no database, or it is not yours",
                advice=f"look at {self._file.parent}, or set P2P_HOME to another folder",
            ) from error
