"""Copying everything that a registry needs to be restored: its accounts and its key."""

from pathlib import Path

from p2pchat.archive import write_archive
from p2pchat.registry.store.stores import open_file

KEPT_BESIDE = ("registry-cert.pem", "registry-key.pem")


def back_up(database: Path, to: Path) -> None:
    """Write a tar archive of the database and the key, while a registry runs or not.

    See `write_archive`. Raise StorageError.
    """
    store = open_file(database)
    try:
        write_archive(store, database, [database.parent / name for name in KEPT_BESIDE], to)
    finally:
        store.release()
