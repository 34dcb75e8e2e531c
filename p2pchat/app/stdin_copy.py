"""Copies of stdin that are sent as files; each is kept until its transfer has ended.

A copy is locked while its command runs. So every command can delete what commands that were killed
have left behind. Limits: the copy of a transfer that ends later is deleted by the next command
that sends stdin.
"""

import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from p2pchat.app.profile_home import open_profile
from p2pchat.app.settings import Settings, private_folder
from p2pchat.errors import P2PError
from p2pchat.paths import shown
from p2pchat.peer.store.profile import Profile
from p2pchat.private_files import lock_private


@contextmanager
def copy_of_stdin(settings: Settings) -> Iterator[Path]:
    """Yield a copy of stdin, which is deleted afterwards unless it is being sent.

    Raise StorageError if others can read the folder, OSError if the disk is full.
    """
    folder = settings.data_home / "sent"
    private_folder(folder)
    path, file = _new_file(folder)
    try:
        with closing(file):
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
            yield path
    finally:
        _delete_unneeded(settings, folder)


def _new_file(folder: Path) -> tuple[Path, IO[bytes]]:
    """Return a new locked file."""
    while True:
        path = folder / secrets.token_hex(8)
        file = lock_private(path)
        if file is None:
            continue
        if path.exists():
            return path, file
        file.close()  # another command has found and deleted it before it was locked


def _delete_unneeded(settings: Settings, folder: Path) -> None:
    """Delete the copies that are neither locked nor being sent, at any registry."""
    with suppress(P2PError), open_profile(settings) as profile:
        for path in folder.iterdir():
            with suppress(OSError):
                _delete_if_unneeded(profile, path)


def _delete_if_unneeded(profile: Profile, path: Path) -> None:
    file = lock_private(path)
    if file is None:
        return
    with closing(file):
        # Looked up only now: its command may just have stored the transfer, and ended.
        if shown(path.absolute()) not in profile.paths_being_sent():
            path.unlink(missing_ok=True)
