"""`p2p search`: look up a user."""

from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json
from p2pchat.errors import ContactOffline, NoSuchUser, P2PError, TimedOut
from p2pchat.protocol.address import Address

if TYPE_CHECKING:
    from p2pchat.app.session import UserSession
    from p2pchat.protocol.client.orders import Whereabouts


@click.command(
    help="""Show whether USER is online, and where.

    \b
    p2p search bob
    p2p search bob --json

    Exit code: 0 online, 5 no such user, 6 offline.
    """
)
@click.argument("user", shell_complete=options.known_names)
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def search(
    ctx: click.Context, user: str, registry: str | None, me: str | None, as_json: bool
) -> None:
    """Run `p2p search`."""
    from p2pchat.app.session import open_session
    from p2pchat.protocol.messages import Presence

    settings: Settings = ctx.obj
    with open_session(settings, registry) as us:
        user = us.contact_named(user, me)
        credentials = None
        if us.url.secure:
            credentials = us.credentials(us.own_account(me), settings.password)
        result = _through_node(settings, us, me, user) or us.registry_commands.search(
            user, credentials
        )
        if result.presence is not Presence.NOT_FOUND:
            us.contacts.note(user)
        meant = us.meant(user)
    said, exit_code = {
        Presence.ONLINE: (_online(user, result.host, result.port), 0),
        Presence.OFFLINE: (f"{user} is offline", ContactOffline.exit_code),
        Presence.NOT_FOUND: (f"there is no user named {user}", NoSuchUser.exit_code),
    }[result.presence]
    if as_json:
        found: dict[str, object] = {"user": user, "presence": result.presence.lower()}
        if result.presence is Presence.ONLINE:
            found |= {"host": result.host or None, "port": result.port or None}
        echo_json(found)
    else:
        echo(said)
    if meant and result.presence is Presence.NOT_FOUND:
        echo(f"  likely: {meant}", err=True)
    ctx.exit(exit_code)


def _online(user: str, host: str, port: int) -> str:
    return (
        f"{user} is online at {Address(host, port)}"
        if port
        else f"{user} is online, address hidden"
    )


def _through_node(
    settings: Settings, us: "UserSession", me: str | None, user: str
) -> "Whereabouts | None":
    """Ask the running node, to avoid a second login; return None if none answers."""
    from p2pchat.app.running_node import running_node
    from p2pchat.client.client import REGISTRY_TIMEOUT
    from p2pchat.protocol.client.orders import Search

    if not us.url.secure:
        return None
    with running_node(us.loop, settings, us, us.own_account(me)) as running:
        if running is None:
            return None
        try:
            return running.ask(Search(user, quietly=True), REGISTRY_TIMEOUT)
        except TimedOut:
            raise
        except P2PError:
            return None  # it has ended, or cannot reach the registry
