"""Packs a database and the files beside it into one tar archive while in use, and unpacks it.

Knows neither tables nor the owner of the files.
"""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from p2pchat.errors import StorageError
from p2pchat.private_files import make_private, open_private
from p2pchat.storage import Store, empty_tables

_MOST_NAMES = 5
"""The most names of files that an error lists."""


def write_archive(
    store: Store,
    database: Path,
    beside: Sequence[Path],
    to: Path,
    *,
    without: Sequence[str] = (),
) -> None:
    """Write an archive of the database and of those files beside it that exist.

    The database is copied as of one instant; the rows of the tables `without` are left out. The
    archive has mode 0600, is written completely or not at all, and can be unpacked with `tar`.
    Raise StorageError.
    """
    try:
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as scratch:
            copy = Path(scratch) / database.name
            make_private(copy)
            with store.errors():
                store.rows("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(copy),))
                empty_tables(copy, without)
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
            advice="choose another file",
        ) from error


def read_archive(archive: Path, names: Sequence[str], to: Path) -> None:
    """Unpack the archive, which must contain files of exactly these names, into a folder.

    The folder must not have such files yet. Each gets mode 0600, whatever the archive says, and is
    on disk when this returns. Raise StorageError.
    """
    try:
        with tarfile.open(archive) as opened:
            members = opened.getmembers()
            found = sorted(member.name for member in members)
            if found != sorted(names):
                raise _no_backup(archive, f"it holds {_listed(found)}")
            for member in members:
                if not member.isfile() or member.issparse():  # a sparse file could fill any disk
                    raise _no_backup(archive, f"{member.name} is not an ordinary file in it")
            for member in members:
                _unpack(opened, member, to / member.name)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise _no_backup(archive, str(error)) from error


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, to: Path) -> None:
    content = archive.extractfile(member)
    assert content is not None
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with content, open_private(to, flags) as out:
        shutil.copyfileobj(content, out)
        out.flush()
        os.fsync(out.fileno())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES]) or 'nothing'}{more}"


def _no_backup(archive: Path, why: str) -> StorageError:
    return StorageError(
        f"{archive} is not a backup that can be restored: {why}",
        likely="it is another kind of file, or was cut off",
        advice="choose another one; nothing was changed",
    )
