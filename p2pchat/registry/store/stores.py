"""Open a registry's database: its own SQLite file, or a PostgreSQL database that nodes share."""

from contextlib import closing
from pathlib import Path
from typing import Final

from p2pchat.errors import StorageError, UsageError
from p2pchat.registry.store.models import (
    ACCOUNT_TABLES,
    SCHEMA_VERSION,
    SHARED_TABLES,
    STEPS,
    USABLE_FROM,
)
from p2pchat.storage import SqliteFile, Store, try_to_open

_ADVICE: Final = "choose another --data-dir"


def open_file(file: Path, *, alone: bool = False) -> SqliteFile:
    """Open the file beside a running registry, or (`alone`) as the registry that owns it.

    Raise StorageError.
    """
    return SqliteFile(file, ACCOUNT_TABLES, SCHEMA_VERSION, _ADVICE, STEPS, alone=alone)


def try_file(file: Path) -> None:
    """Raise StorageError if the existing file could not be opened; change nothing."""
    try_to_open(file, SCHEMA_VERSION, _ADVICE)


def open_shared(url: str) -> Store:
    """Open the database at the URL, `postgresql://...`. Raise StorageError, UsageError."""
    store = _shared(url)
    try:
        store.bring_to(SCHEMA_VERSION, SHARED_TABLES, STEPS, usable_from=USABLE_FROM)
    except StorageError:
        store.release()
        raise
    return store


def try_shared(url: str) -> None:
    """Raise StorageError, UsageError if it could not be opened; change nothing."""
    with closing(_shared(url)) as store:
        store.is_at(SCHEMA_VERSION)


def _shared(url: str) -> Store:
    if not url.startswith(("postgresql://", "postgres://")):
        scheme, colon, _ = url.partition("://")  # a malformed URL may contain the password anywhere
        raise UsageError(
            f"{scheme if colon else 'that'} is not a database that registries can share",
            advice="--database postgresql://USER@HOST/NAME; without it, accounts are in a file",
        )
    try:
        import psycopg
    except ImportError as error:
        raise UsageError(
            "PostgreSQL support is not installed", advice="pip install 'p2pchat[postgres]'"
        ) from error
    from p2pchat.registry.store.postgres import Postgres

    url = url.replace("postgres://", "postgresql://", 1)
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text may quote the password
        raise UsageError(
            "the URL of the shared database is malformed",
            likely="a character of the password must be written as %XX",
            advice="--database postgresql://USER@HOST/NAME",
        ) from None
    return Postgres(url)
