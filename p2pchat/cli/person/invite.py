"""`p2p invite`: print a line with which a friend joins and becomes a verified contact."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import JOIN_LINK, Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo

if TYPE_CHECKING:
    from p2pchat.app.profile_home import ProfileHome
    from p2pchat.peer.registry_client.url import RegistryUrl


@click.command(
    help="""Print a command with which a friend joins your registry and chats with you.

    \b
    p2p invite
    p2p invite --qr
    p2p invite --code CODE    with a code from the registry's operator

    Send it through a channel that you trust: the first person to use it becomes your verified
    contact, under a name of their choice. It is valid once, for seven days. The registry does not
    learn its secret.
    """
)
@options.registry
@options.me
@click.option(
    "--code", default="", metavar="CODE", help="An invitation code from the registry's operator."
)
@click.option("--qr", is_flag=True, help="Print a QR code, too.")
@click.pass_obj
def invite(settings: Settings, registry: str | None, me: str | None, code: str, qr: bool) -> None:
    """Run `p2p invite`."""
    from p2pchat.app.profile_home import open_profile_home

    with open_profile_home(settings, registry) as us:
        url = _as_others_reach(_with_key(us), settings)
        account = us.profile.last_account(str(us.url)) if me is None else us.named(me)
        link = _link(us, url, account, code)
    for doubt in _doubts(url, account):
        echo(doubt, err=True)
    command = "join" if url.secure else "login --registry"
    echo(f"p2p {command} {shlex.quote(link)}")
    if qr:
        from p2pchat.ui.prompt.qr_code import draw

        echo(draw(link))


def _with_key(us: "ProfileHome") -> "RegistryUrl":
    """Return the registry's URL with the key that the profile has pinned."""
    from p2pchat.peer.registry_client.link import BY_AUTHORITY, due_key

    key = due_key(us.url, us.profile)
    return us.url.with_key(None if key == BY_AUTHORITY else key)


def _as_others_reach(url: "RegistryUrl", settings: Settings) -> "RegistryUrl":
    """Return the URL by which others reach a registry that runs on this machine.

    `p2p serve` leaves its join link beside its accounts; it is used if its key is the known one.
    """
    from p2pchat.errors import UsageError
    from p2pchat.net.address import is_this_machine
    from p2pchat.peer.registry_client.url import parse_registry_url

    file = settings.registry_folder / JOIN_LINK
    if not is_this_machine(url.host) or not file.exists():
        return url
    try:
        join = parse_registry_url(file.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, UsageError):
        return url
    if join.fingerprint != url.fingerprint:
        return url
    return replace(url, host=join.host, port=join.port, udp_port=join.udp_port)


def _link(us: "ProfileHome", url: "RegistryUrl", account: str | None, code: str) -> str:
    """Return the invitation; or the registry's link, if there is no account to verify.

    Raise LoginNeeded for another user's account: the friend would show that user our secret.
    """
    from p2pchat.errors import LoginNeeded
    from p2pchat.peer.calls.invitations import LIFETIME, Invitation

    if account is None or not url.secure or url.fingerprint is None:
        return url.link
    if not us.profile.has_account(str(us.url), account):
        raise LoginNeeded(
            f"{account} at {us.url} is not an account of yours", advice=f"p2p login {account}"
        )
    secret = us.contacts.invite(LIFETIME)
    return Invitation(url, account, us.identity.public, secret, code).link


def _doubts(url: "RegistryUrl", account: str | None) -> Iterator[str]:
    """Yield warnings: what may keep the friend from joining, or from being verified."""
    from p2pchat.net.address import is_this_machine

    if is_this_machine(url.host):
        yield (
            f"{url} means the machine on which it is typed; use the join link that p2p serve"
            " printed"
        )
    if not url.secure:
        yield "an original:// registry has no encryption: anyone on the way can read messages"
    elif url.fingerprint is None:
        yield (
            "the link contains no key, because your profile does not know this registry yet; run"
            " p2p login first, or pass --registry with the link that p2p serve printed"
        )
    elif account is None:
        yield "you have no account there, so the line leads to the registry, not to you"
