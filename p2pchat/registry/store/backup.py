"""Back up everything needed to restore a registry: its accounts and its key."""

from pathlib import Path

from p2pchat.archive import write_archive
from p2pchat.registry.store.stores import open_file

KEPT_BESIDE = ("registry-cert.pem", "registry-key.pem")


_OF_MAILBOXES = ("box_run", "box_prekey", "box_pass")


def back_up(database: Path, to: Path, *, mailboxes: bool = False) -> None:
    """Write a tar archive of the database and the key; the registry may be running.

    Mailboxes are left out unless `mailboxes`: senders keep what waits there, and owners make new
    prekeys, none of which may be given twice. See `write_archive`. Raise StorageError.
    """
    store = open_file(database)
    try:
        beside = [database.parent / name for name in KEPT_BESIDE]
        write_archive(store, database, beside, to, without=() if mailboxes else _OF_MAILBOXES)
    finally:
        store.release()
