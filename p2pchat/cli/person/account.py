"""`p2p register`, `p2p passwd`, `p2p logout`: manage the account at the registry."""

from pathlib import Path

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo
from p2pchat.errors import UsageError
from p2pchat.surrogates import without_surrogates


@click.command(
    help="""Create an account named USER at the registry.

    \b
    p2p register alice
    p2p register alice --registry 'p2p://chat.example.org#FINGERPRINT'
    """
)
@click.argument("user")
@options.registry
@options.password_file
@click.option(
    "--invite",
    type=without_surrogates,
    default="",
    metavar="CODE",
    help="Invitation code, if the registry requires one.",
)
@click.pass_obj
def register(
    settings: Settings, user: str, registry: str | None, password_file: Path | None, invite: str
) -> None:
    """Run `p2p register`."""
    from p2pchat.app.session import open_session

    with open_session(settings, registry) as us:
        username = us.named(user)
        password = options.get_password(settings, password_file, username, twice=True)
        us.registry_commands.register(us.credentials(username, password), password, invite)
        us.profile.note_account(str(us.url), username)
    echo(f"registered {username} at {us.url}")


@click.command(
    help="""Change the password of USER (default: the account used last); ends all logins.

    \b
    p2p passwd
    """
)
@click.argument("user", required=False)
@options.registry
@options.password_file
@click.option(
    "--new-password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read the new password from the first line of FILE.",
)
@click.pass_obj
def passwd(
    settings: Settings,
    user: str | None,
    registry: str | None,
    password_file: Path | None,
    new_password_file: Path | None,
) -> None:
    """Run `p2p passwd`."""
    from p2pchat.app.session import open_session

    with open_session(settings, registry) as us:
        if not us.url.secure:
            raise UsageError("the original dialect cannot change a password")
        username = us.own_account(user)
        old = options.get_password(settings, password_file, username, twice=False)
        new = None
        if new_password_file is not None:
            new = options.given_password(settings, new_password_file)
        if new is None:
            new = options.ask_password(f"New password of {username}", twice=True)
        us.registry_commands.change_password(us.credentials(username, old), old, new)
    echo(f"changed the password of {username}; log in again everywhere")


@click.command(
    help="""Log USER out (default: the account used last); the next login needs the password.

    \b
    p2p logout
    p2p logout --everywhere
    """
)
@click.argument("user", required=False)
@options.registry
@click.option(
    "--everywhere", is_flag=True, help="End all logins of the account, not only this one."
)
@click.pass_obj
def logout(settings: Settings, user: str | None, registry: str | None, everywhere: bool) -> None:
    """Run `p2p logout`."""
    from p2pchat.app.session import open_session

    with open_session(settings, registry) as us:
        username = us.own_account(user)
        credentials = us.credentials(username, settings.password)
        if us.url.secure and not credentials.token and not everywhere:
            raise UsageError(f"{username} is not logged in from here", advice="p2p logout NAME")
        if us.url.secure:
            us.registry_commands.log_out(credentials, everywhere=everywhere)
    echo(f"logged {username} out{' everywhere' if everywhere else ''}")
