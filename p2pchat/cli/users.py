"""`p2p users`: what the operator of a registry does with accounts."""

from contextlib import closing
from pathlib import Path

import click

from p2pchat.cli import options
from p2pchat.cli.settings import Settings, make_folder

_DAY_S = 24 * 3600


@click.group()
def users() -> None:
    """Look after the accounts of the registry on this machine."""


@users.command()
@options.data_dir
@click.option(
    "--uses",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="How many accounts may be made with it.",
)
@click.option(
    "--days",
    default=7.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="For how long it is good.",
)
@click.pass_obj
def invite(settings: Settings, data_dir: Path | None, uses: int, days: float) -> None:
    """Print a new code by which accounts can be made, while the registry runs or not.

    \b
    p2p serve --registration invite
    p2p users invite
    p2p register alice --invite CODE
    """
    from p2pchat.registry.invites import Invites
    from p2pchat.registry.stores import open_file

    folder = data_dir or settings.registry_folder
    make_folder(folder)
    with closing(open_file(options.registry_database(folder))) as store:
        code = Invites(store).issue(uses, days * _DAY_S)
    click.echo(code)
