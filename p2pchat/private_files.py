"""Files that only their owner can read: opening, replacing and locking them.

Knows nothing of their content. A file gets its mode when it is created, so that others can open it
at no time.
"""

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

from p2pchat.errors import StorageError


def open_private(file: Path, flags: int) -> IO[bytes]:
    """Open a file with `os` flags; a new one gets mode 0600. Raise OSError."""
    descriptor = os.open(file, flags | os.O_CLOEXEC, 0o600)
    mode = "rb" if flags & (os.O_WRONLY | os.O_RDWR) == 0 else "r+b" if flags & os.O_RDWR else "wb"
    return os.fdopen(descriptor, mode)


def make_private(file: Path) -> None:
    """Create the file with mode 0600 if it does not exist. Raise OSError."""
    open_private(file, os.O_WRONLY | os.O_CREAT).close()


def replace_private(file: Path, data: bytes) -> None:
    """Write the file with mode 0600, completely or not at all. Raise OSError.

    It is on disk when this returns: a crash leaves the old file or the new one.
    """
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with open_private(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def lock_private(file: Path) -> IO[bytes] | None:
    """Return the file, locked until it is closed; None if another process has locked it.

    It is created with mode 0600 if it does not exist. Raise OSError.
    """
    lock = open_private(file, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def is_locked(file: Path) -> bool:
    """Return whether a process has locked the file, without creating it. Raise OSError."""
    try:
        with open_private(file, os.O_RDONLY) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def is_read_only(file: Path) -> bool:
    """Return whether the file exists and it or its folder cannot be written to."""
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def refuse_if_others_can_read(path: Path) -> None:
    """Raise StorageError if group or others have any right to a file or folder."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        is_folder = path.is_dir()
        raise StorageError(
            f"others can enter {path}" if is_folder else f"others can read {path}",
            likely="its mode was changed, or another program created it",
            advice=f"chmod 700 {path}" if is_folder else f"chmod 600 {path}",
        )


def refuse_unless_private_file(file: Path) -> None:
    """Raise StorageError if it is not a file, or group or others have any right to it."""
    if file.exists() and not file.is_file():
        raise StorageError(
            f"{file} is {'a folder' if file.is_dir() else 'not a file'}",
            likely="it was created by another program, or by a mount that did not find the file",
            advice=f"move it away: mv {file} {file}.old",
        )
    refuse_if_others_can_read(file)
