"""The profile on disk: which accounts are ours, and which names we have met.

The only user of the profile's tables. Several processes may have it open at once.
"""

from pathlib import Path

from p2pchat.peer.models import SCHEMA_VERSION, TABLES, Account, KnownName
from p2pchat.storage import SqliteFile


class Profile:
    """What one person's own end remembers, in one SQLite file, made where it is not.

    `registry` is everywhere a registry's name, as `str(RegistryUrl)` gives it. Every method may
    raise StorageError.
    """

    def __init__(self, file: Path) -> None:
        self._store = SqliteFile(
            file, TABLES, SCHEMA_VERSION, f"look at {file.parent}, or set P2P_HOME"
        )

    def note_account(self, registry: str, username: str) -> None:
        """Remember that this account is ours and was used now."""
        account = Account.insert(registry=registry, username=username).on_conflict_replace()
        with self._store.errors():
            account.execute(self._store.database)

    def last_account(self, registry: str) -> str | None:
        """Give the account that was used last at the registry."""
        query = (
            Account.select(Account.username)
            .where(Account.registry == registry)
            .order_by(Account.used_at.desc())
            .limit(1)
            .tuples()
        )
        with self._store.errors():
            for (username,) in query.execute(self._store.database):
                return str(username)
        return None

    def note_name(self, registry: str, username: str) -> None:
        """Remember a user whom we met."""
        name = KnownName.insert(registry=registry, username=username).on_conflict_ignore()
        with self._store.errors():
            name.execute(self._store.database)

    def known_names(self, registry: str) -> list[str]:
        """Give everybody whom we met at the registry, sorted."""
        query = (
            KnownName.select(KnownName.username)
            .where(KnownName.registry == registry)
            .order_by(KnownName.username)
            .tuples()
        )
        with self._store.errors():
            return [username for (username,) in query.execute(self._store.database)]

    def close(self) -> None:
        """Close the database."""
        self._store.disconnect()
