"""Back up everything needed to restore a registry: its accounts and its key."""

from pathlib import Path

from p2pchat.archive import write_archive
from p2pchat.registry.store.stores import open_file

KEPT_BESIDE = ("registry-cert.pem", "registry-key.pem")


def back_up(database: Path, to: Path) -> None:
    """Write a tar archive of the database and the key; the registry may be running.

    See `write_archive`. Raise StorageError.
    """
    store = open_file(database)
    try:
        write_archive(store, database, [database.parent / name for name in KEPT_BESIDE], to)
    finally:
        store.release()
