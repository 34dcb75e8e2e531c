"""Back up everything needed to restore a registry: its accounts and its key."""

from pathlib import Path

from p2pchat.archive import write_archive
from p2pchat.registry.store.stores import open_file

KEPT_BESIDE = ("registry-cert.pem", "registry-key.pem")


_OF_MAILBOXES = ("box_run",)


def back_up(database: Path, to: Path, *, mailboxes: bool = False) -> None:
    """Write a tar archive of the database and the key; the registry may be running.

    What waits in mailboxes is left out unless `mailboxes`: the senders keep it. See
    `write_archive`. Raise StorageError.
    """
    store = open_file(database)
    try:
        beside = [database.parent / name for name in KEPT_BESIDE]
        write_archive(store, database, beside, to, without=() if mailboxes else _OF_MAILBOXES)
    finally:
        store.release()
