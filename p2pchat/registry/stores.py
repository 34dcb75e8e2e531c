"""Open a registry's database: one SQLite file of its own, or a PostgreSQL that nodes share."""

from pathlib import Path

from p2pchat.errors import StorageError, UsageError
from p2pchat.registry.models import ACCOUNT_TABLES, SCHEMA_VERSION, SHARED_TABLES, STEPS
from p2pchat.storage import SqliteFile, Store


def open_file(file: Path, *, alone: bool = False) -> SqliteFile:
    """Open the file, beside the registry that runs on it or (`alone`) as that registry.

    Raises StorageError.
    """
    advice = "choose another --data-dir"
    return SqliteFile(file, ACCOUNT_TABLES, SCHEMA_VERSION, advice, STEPS, alone=alone)


def open_shared(url: str) -> Store:
    """Open the database of the URL, `postgresql://...`; raises StorageError, UsageError."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            f"{url} is no database that registries can share",
            advice="--database postgresql://USER@HOST/NAME; without it, accounts are in a file",
        )
    try:
        import psycopg  # noqa: F401  # peewee finds it if it is there
    except ImportError as error:
        raise UsageError(
            "PostgreSQL cannot be spoken to", advice="pip install 'p2pchat[postgres]'"
        ) from error
    from p2pchat.registry.postgres import Postgres

    store = Postgres(url.replace("postgres://", "postgresql://", 1))
    try:
        store.bring_to(SCHEMA_VERSION, SHARED_TABLES, STEPS)
    except StorageError:
        store.release()
        raise
    return store
