"""`p2p register`: make an account."""

from pathlib import Path

import click

from p2pchat.cli import options
from p2pchat.cli.settings import Settings


@click.command()
@click.argument("user")
@options.registry
@options.password_file
@click.pass_obj
def register(
    settings: Settings, user: str, registry: str | None, password_file: Path | None
) -> None:
    """Make an account named USER at the registry.

    \b
    p2p register alice
    p2p register alice --registry original://chat.example.org
    """
    from p2pchat.cli.assembly import client_side, open_profile
    from p2pchat.peer import errands
    from p2pchat.peer.node import check_username
    from p2pchat.peer.registry_url import parse_registry_url

    url = parse_registry_url(registry or settings.registry)
    check_username(user)
    password = options.get_password(settings, password_file, user, twice=True)
    with open_profile(settings) as profile, client_side() as (loop, network):
        errands.register(loop, network, url, user, password)
        profile.note_account(str(url), user)
    click.echo(f"registered {user} at {url}")
