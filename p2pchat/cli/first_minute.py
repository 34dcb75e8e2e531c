"""`p2p` alone: ask a newcomer the few questions there are, and go on to the prompt."""

from typing import TYPE_CHECKING

import click

from p2pchat.cli import options
from p2pchat.cli.config_file import keep_registry
from p2pchat.cli.echo import echo
from p2pchat.cli.settings import DEFAULT, Settings, make_folder
from p2pchat.errors import InviteNeeded, UsageError
from p2pchat.peer.credentials import Credentials
from p2pchat.peer.registry_url import parse_registry_url

if TYPE_CHECKING:
    from p2pchat.cli.our_side import OurSide


def begin(settings: Settings) -> str:
    """Give the account to log in as, having made it or asked for it where none is known.

    Keeps the registry in the configuration file, if it was asked for. Raises UsageError, and what
    registering and logging in do.
    """
    from p2pchat.cli.our_side import our_side

    registry = settings.registry
    if not _knows_somebody(settings) and settings.resolved["registry"][1] == DEFAULT:
        registry = _ask_registry(settings)
    with our_side(settings, registry) as us:
        username = us.profile.last_account(str(us.url))
        if username is None:
            username = us.named(click.prompt("Your name there", err=True))
            is_new = click.confirm("Make a new account of that name?", default=True, err=True)
            password = options.given_password(settings, None)
            if password is None:
                password = options.ask_password(f"Password of {username}", twice=is_new)
            credentials = us.credentials(username, password)
            if is_new:
                _register(us, credentials, password)
            else:
                us.errands.log_in(credentials)
            us.profile.note_account(str(us.url), username)
    if registry != settings.registry:
        keep_registry(settings.config_file, registry, settings.profile)
    return username


def _knows_somebody(settings: Settings) -> bool:
    """Tell whether there is an account at the registry that counts without a question."""
    if not settings.profile_file.exists():
        return False
    from p2pchat.cli.our_files import our_files

    with our_files(settings, None) as us:
        return us.profile.last_account(str(us.url)) is not None


def _ask_registry(settings: Settings) -> str:
    """Ask until the answer is a registry's link."""
    make_folder(settings.config_file.parent)
    while True:
        link: str = click.prompt(
            "The registry's link, from whoever runs it (just Enter: this machine)",
            default=settings.registry,
            show_default=False,
            err=True,
        )
        if "://" not in link:
            link = f"p2p://{link}"
        try:
            parse_registry_url(link)
        except UsageError as error:
            echo(f"{error.what}: {error.likely or error.advice}", err=True)
        else:
            return link


def _register(us: "OurSide", credentials: Credentials, password: str) -> None:
    """Make the account, asking for an invitation where the registry wants one."""
    try:
        us.errands.register(credentials, password)
    except InviteNeeded:
        invite = click.prompt("It takes an invitation. The code you were given", err=True)
        us.errands.register(credentials, password, invite.strip())
