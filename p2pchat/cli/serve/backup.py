"""`p2p backup`: copy everything that a registry needs to be restored."""

from pathlib import Path

import click

from p2pchat.app.registry_files import registry_database
from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo
from p2pchat.errors import UsageError


@click.command(
    help="""Back up a registry's accounts and key to a tar archive, even while it is running.

    \b
    p2p backup registry.tar
    tar -xf registry.tar -C FOLDER      then: p2p serve --data-dir FOLDER

    Keep it where no other user can read it. A shared database is backed up with pg_dump.
    """
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.data_dir
@click.option("--mailbox", is_flag=True, help="Include what waits in mailboxes.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.pass_obj
def backup(
    settings: Settings, file: Path, data_dir: Path | None, mailbox: bool, force: bool
) -> None:
    """Run `p2p backup`."""
    from p2pchat.cli.serve.registry_access import check_registry, shared_database
    from p2pchat.registry.store.backup import back_up

    folder = data_dir or settings.registry_folder
    database = registry_database(folder)
    if shared_database(folder):
        raise UsageError("the accounts are in a shared database", advice="back it up with pg_dump")
    check_registry(folder)
    if file.exists() and not force:
        raise UsageError(f"{file} exists already", advice="choose another file, or use --force")
    back_up(database, file, mailboxes=mailbox)
    echo(f"backed up the accounts and the key to {file}", err=True)
