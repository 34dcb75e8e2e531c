"""`p2p join`: go from an invitation or a registry's link to a chat or the prompt."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import Settings, from_environment
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.person import chat
from p2pchat.surrogates import without_surrogates

if TYPE_CHECKING:
    from p2pchat.peer.calls.invitations import Invitation


@click.command(
    help="""Join a registry with the LINK from a friend or its operator.

    \b
    p2p join 'p2p://chat.example.org/alice#...'
    p2p join 'p2p://chat.example.org/alice#...' --name bob

    Asks for a name and a password, and creates the account, or logs in if it is yours already.
    An invitation (p2p invite) also verifies the friend's key and opens a chat with the friend.
    """
)
@click.argument("link", type=without_surrogates)
@click.option("--name", metavar="NAME", help="Your name there.  [default: ask]")
@options.password_file
@click.pass_context
def join(ctx: click.Context, link: str, name: str | None, password_file: Path | None) -> None:
    """Run `p2p join`."""
    from p2pchat.cli.person.onboarding import join_by
    from p2pchat.peer.calls.invitations import is_invitation, parse_invitation, pasted_link
    from p2pchat.peer.registry_client.url import parse_registry_url

    settings: Settings = ctx.obj
    link = pasted_link(link)
    invitation = parse_invitation(link) if is_invitation(link) else None
    registry = link if invitation is None else invitation.registry.link
    parse_registry_url(registry)  # report a typo before asking anything
    given = options.given_password(settings, password_file)
    can_ask = is_terminal(sys.stdin) and is_terminal(sys.stderr)
    username = join_by(settings, registry, invitation, name=name, password=given, ask=can_ask)
    go_on(ctx, settings, username, registry, invitation)


def go_on(
    ctx: click.Context,
    settings: Settings,
    username: str,
    registry: str | None,
    invitation: "Invitation | None",
) -> None:
    """Run the user's node: in a chat with the friend who sent the invitation, or at the prompt."""
    ctx.obj = from_environment(profile=settings.profile)
    # click gives defaults only to the command that the user has named.
    ctx.default_map = dict.fromkeys(("login", "chat"), ctx.obj.option_defaults)
    if invitation is None:
        ctx.invoke(chat.login, user=username, registry=registry)
    else:
        ctx.invoke(chat.chat, user=invitation.contact, me=username, registry=registry)
