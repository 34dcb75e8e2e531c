"""`p2p invite`: one line by which a friend joins and finds us, from the profile alone."""

import shlex
from typing import TYPE_CHECKING

import click

from p2pchat.cli import options
from p2pchat.cli.echo import echo
from p2pchat.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from p2pchat.peer.registry_url import RegistryUrl


@click.command(
    help="""Print the line that a friend types to join your registry, and to chat with you.

    \b
    p2p invite
    p2p invite --qr
    p2p invite --code CODE    for a registry that wants one: p2p users invite

    Nobody is asked. The link carries the registry's key, as your profile knows it.
    """
)
@options.registry
@options.me
@click.option(
    "--code", metavar="CODE", help="Put an invitation of the registry's operator into it."
)
@click.option("--qr", is_flag=True, help="Draw the registry's join link as a QR code too.")
@click.pass_obj
def invite(
    settings: Settings, registry: str | None, me: str | None, code: str | None, qr: bool
) -> None:
    """Run `p2p invite`."""
    from p2pchat.cli.our_files import our_files
    from p2pchat.peer.registry_link import BY_AUTHORITY, due_key

    with our_files(settings, registry) as us:
        account = us.profile.last_account(str(us.url)) if me is None else us.named(me)
        key = due_key(us.url, us.profile)
    url = us.url.with_key(None if key == BY_AUTHORITY else key)
    for doubt in _doubts(url, is_known=key is not None):
        echo(doubt, err=True)
    if code is None and url.secure:
        echo("if the registry wants an invitation: p2p invite --code CODE", err=True)
    line = ["p2p", "register", "NAME", "--registry", url.link]
    if code is not None:
        line += ["--invite", code]
    said = shlex.join(line)
    if account is not None:
        # The friend's profile knows the key by then, so the short name will do.
        where = str(url) if url.secure else url.link
        said += f" && {shlex.join(['p2p', 'chat', account, '--registry', where])}"
    echo(said)
    if qr:
        from p2pchat.ui.qr_code import draw

        echo(draw(url.link))


def _doubts(url: "RegistryUrl", *, is_known: bool) -> "Iterator[str]":
    """Warn of options that may be a mistake."""
    from p2pchat.net.address import is_this_machine

    if is_this_machine(url.host):
        yield (
            f"{url} is this machine to whoever types it: name the registry as others reach it,"
            " by the link that p2p serve printed"
        )
    if not url.secure:
        yield "everybody on the way can read what is said at an original:// registry"
    elif not is_known:
        yield (
            "the link carries no key: your profile has not met this registry yet; p2p login first,"
            " or give --registry the link that p2p serve printed"
        )
