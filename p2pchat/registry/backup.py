"""Copy what a registry cannot be without: its accounts, and the key by which clients know it."""

import os
import tarfile
import tempfile
from pathlib import Path

from p2pchat.errors import StorageError
from p2pchat.private_files import make_private
from p2pchat.registry.stores import open_file

KEPT_BESIDE = ("registry-cert.pem", "registry-key.pem")


def back_up(database: Path, to: Path) -> None:
    """Write a tar archive of the database and what is beside it, while a registry runs or not.

    The database is copied as it is at one instant. The archive is for its owner's eyes, is there
    whole or not at all, and is unpacked with `tar`. Raises StorageError.
    """
    store = open_file(database)
    try:
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as scratch:
            copy = Path(scratch) / database.name
            make_private(copy)
            with store.errors():
                store.rows("VACUUM INTO ?", (str(copy),))
            unfinished = Path(scratch) / "archive"
            make_private(unfinished)
            with tarfile.open(unfinished, "w") as archive:
                archive.add(copy, database.name)
                for name in KEPT_BESIDE:
                    if (database.parent / name).exists():
                        archive.add(database.parent / name, name)
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(to)
    except OSError as error:
        raise StorageError(
            f"the backup {to} cannot be written: {error.strerror}",
            likely="the disk is full, or the folder is not there or not yours",
            advice="name another file",
        ) from error
    finally:
        store.release()
