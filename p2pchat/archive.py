"""A database and the files beside it in one tar archive: written while it is used, and put back.

Knows no table, and not whose files they are.
"""

import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from p2pchat.errors import StorageError
from p2pchat.private_files import make_private, replace_private
from p2pchat.storage import Store

_MOST_BYTES = 64 * 1024**3


def write_archive(store: Store, database: Path, beside: Sequence[Path], to: Path) -> None:
    """Write an archive of the database and of those files beside it that are there.

    The database is copied as it is at one instant. The archive is for its owner's eyes, is there
    whole or not at all, and is unpacked with `tar`. Raise StorageError.
    """
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
                for file in beside:
                    if file.exists():
                        archive.add(file, file.name)
            with unfinished.open("rb") as written:
                os.fsync(written.fileno())
            unfinished.replace(to)
    except OSError as error:
        raise StorageError(
            f"the backup {to} cannot be written: {error.strerror}",
            likely="the disk is full, or the folder is not there or not yours",
            advice="name another file",
        ) from error


def read_archive(archive: Path, names: Sequence[str], to: Path) -> None:
    """Unpack the archive, which must hold files of all these names and no others, into a folder.

    Each file is for its owner's eyes, whatever the archive says. Raise StorageError.
    """
    try:
        with tarfile.open(archive) as opened:
            members = {member.name: member for member in opened.getmembers()}
            if sorted(members) != sorted(names):
                raise _no_backup(archive, f"it holds {', '.join(sorted(members)) or 'nothing'}")
            for name, member in members.items():
                content = opened.extractfile(member) if member.isfile() else None
                if content is None or member.size > _MOST_BYTES:
                    raise _no_backup(archive, f"{name} is no file in it")
                with content:
                    replace_private(to / name, content.read())
    except (OSError, tarfile.TarError, EOFError) as error:
        raise _no_backup(archive, str(error)) from error


def _no_backup(archive: Path, why: str) -> StorageError:
    return StorageError(
        f"{archive} is no backup that can be put back: {why}",
        likely="it is another file, of something else, or was cut off",
        advice="name another one; nothing was changed",
    )
