"""`p2p profile`: back up a user's profile, and restore it."""

import itertools
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from p2pchat.app.settings import Settings, private_folder
from p2pchat.cli.echo import echo
from p2pchat.errors import AlreadyOnline, UsageError

_ARCHIVE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group(help="Back up your profile, or restore it.")
def profile() -> None:
    """Run `p2p profile`."""


@profile.command(
    help="""Back up accounts, contacts, history and key to a tar archive.

    Works while you are online, too.

    \b
    p2p profile backup alice.tar

    The archive holds your secret key: keep it where no other user can read it.
    """
)
@click.argument("file", type=_ARCHIVE)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.pass_obj
def backup(settings: Settings, file: Path, force: bool) -> None:
    """Run `p2p profile backup`."""
    from p2pchat.archive import write_archive
    from p2pchat.peer.store.identity import load_identity
    from p2pchat.peer.store.profile import Profile

    if not settings.profile_file.exists():
        raise UsageError(
            f"there is no profile in {settings.data_home}", advice="p2p register NAME creates one"
        )
    if file.exists() and not force:
        raise UsageError(f"{file} exists already", advice="choose another file, or use --force")
    load_identity(settings.identity_file)  # creates it if it was not needed so far
    with closing(Profile(settings.profile_file)) as ours:
        write_archive(ours.store, settings.profile_file, [settings.identity_file], file)
    echo(f"backed up your accounts, contacts, history and key to {file}", err=True)


@profile.command(
    help="""Restore a backup made by p2p profile backup.

    \b
    p2p profile restore alice.tar

    Messages since the backup are missing. No undelivered message is shown as delivered, and
    contacts are told if messages may be missing here.
    """
)
@click.argument("file", type=_ARCHIVE)
@click.option("--force", is_flag=True, help="Replace the existing profile; it is kept in a folder.")
@click.pass_obj
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Run `p2p profile restore`."""
    from p2pchat.archive import read_archive
    from p2pchat.peer.store.identity import load_identity
    from p2pchat.peer.store.profile import try_profile

    database, identity = settings.profile_file, settings.identity_file
    _refuse_if_online(settings)
    private_folder(settings.data_home)
    if database.exists() and not force:
        raise UsageError(
            f"there is a profile in {settings.data_home}",
            advice="use --force; the old profile is kept in a folder",
        )
    with tempfile.TemporaryDirectory(dir=settings.data_home, prefix=".restore-") as scratch:
        folder = Path(scratch)
        read_archive(file, [database.name, identity.name], folder)
        load_identity(folder / identity.name)
        try_profile(folder / database.name)
        kept = _set_aside(database, identity)
        # The key first: a profile without a key would get a new one.
        (folder / identity.name).replace(identity)
        (folder / database.name).replace(database)
    echo(f"restored your profile from {file}", err=True)
    if kept is not None:
        echo(f"the old one is in {kept}", err=True)


def _set_aside(database: Path, identity: Path) -> Path | None:
    """Move the existing profile to its own folder and return that; None if there is none.

    SQLite's side files are moved with their names: they may hold the last transactions, and would
    otherwise be applied to the new database.
    """
    beside = [database.with_name(database.name + end) for end in ("-wal", "-shm")]
    files = [file for file in (database, identity, *beside) if file.exists()]
    if not files:
        return None
    numbers = itertools.count(1)
    while (kept := database.with_name(f"before-restore-{next(numbers)}")).exists():
        pass
    kept.mkdir(mode=0o700)
    for file in files:
        file.replace(kept / file.name)
    return kept


def _refuse_if_online(settings: Settings) -> None:
    """Raise AlreadyOnline if a node is running: it would keep writing to the old files."""
    from p2pchat.client.socket_client import process_at
    from p2pchat.private_files import is_locked

    for lock in settings.run_folder.glob("*.lock"):
        if is_locked(lock):
            online = AlreadyOnline(process_at(lock))
            online.advice = "end it first"
            raise online
