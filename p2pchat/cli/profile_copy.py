"""`p2p profile`: copy what a person has on this machine, and put such a copy back."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from p2pchat.cli.echo import echo
from p2pchat.cli.family import Family
from p2pchat.cli.settings import Settings, private_folder
from p2pchat.errors import UsageError

_ARCHIVE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Family)
def profile() -> None:
    """Copy your profile, or put a copy back."""


@profile.command()
@click.argument("file", type=_ARCHIVE)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.pass_obj
def backup(settings: Settings, file: Path, force: bool) -> None:
    """Write your accounts, contacts, history and key to a tar archive, also while you are online.

    \b
    p2p profile backup alice.tar

    Whoever has the archive can be you: keep it where nobody reads it.
    """
    from p2pchat.archive import write_archive
    from p2pchat.peer.profile import Profile

    if not settings.profile_file.exists():
        raise UsageError(
            f"there is no profile in {settings.data_home}", advice="p2p register NAME makes one"
        )
    if file.exists() and not force:
        raise UsageError(f"{file} is there already", advice="name another file, or give --force")
    with closing(Profile(settings.profile_file)) as ours:
        write_archive(ours.store, settings.profile_file, [settings.identity_file], file)
    echo(f"your accounts, contacts, history and key are in {file}", err=True)


@profile.command()
@click.argument("file", type=_ARCHIVE)
@click.option("--force", is_flag=True, help="Replace the profile that is there; it is kept beside.")
@click.pass_obj
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Put back what p2p profile backup has written.

    \b
    p2p profile restore alice.tar

    What you have said since the backup is not in it. Nothing of it is taken for delivered that is
    not, and contacts are told if lines may be missing here.
    """
    from p2pchat.archive import read_archive
    from p2pchat.peer.identity import load_identity
    from p2pchat.peer.profile import try_profile

    database, identity = settings.profile_file, settings.identity_file
    _refuse_if_online(settings)
    private_folder(settings.data_home)
    if database.exists() and not force:
        raise UsageError(
            f"there is a profile in {settings.data_home}",
            advice="give --force: it is kept beside, with .before-restore in its name",
        )
    with tempfile.TemporaryDirectory(dir=settings.data_home, prefix=".restore-") as scratch:
        folder = Path(scratch)
        read_archive(file, [database.name, identity.name], folder)
        load_identity(folder / identity.name)
        try_profile(folder / database.name)
        for old in (database, identity, *_beside(database)):
            if old.exists():
                old.replace(old.with_name(f"{old.name}.before-restore"))
        # The key first: a profile without its key would be given another one.
        (folder / identity.name).replace(identity)
        (folder / database.name).replace(database)
    echo(f"your profile is as it was in {file}", err=True)


def _beside(database: Path) -> list[Path]:
    """Return what SQLite keeps beside a database: it must not be taken for the new one's."""
    return [database.with_name(database.name + end) for end in ("-wal", "-shm")]


def _refuse_if_online(settings: Settings) -> None:
    """Raise UsageError if a process of ours is a node: it would go on writing to the old files."""
    from p2pchat.peer.control_client import process_at
    from p2pchat.private_files import is_locked

    for lock in settings.run_folder.glob("*.lock"):
        if is_locked(lock):
            raise UsageError(
                f"you are online, in process {process_at(lock)}",
                likely="p2p login is running in another terminal, or p2p login --headless",
                advice="end it first",
            )
