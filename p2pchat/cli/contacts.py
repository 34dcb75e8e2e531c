"""`p2p contacts`, `p2p verify`, `p2p trust`: who we know, and how far we trust them."""

import base64
import hashlib
import sys

import click

from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json
from p2pchat.cli.settings import Settings


@click.command()
@options.registry
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each.")
@click.pass_obj
def contacts(settings: Settings, registry: str | None, as_json: bool) -> None:
    """List whom you have met at the registry: name, trust, fingerprint of the key.

    \b
    p2p contacts
    p2p contacts --json
    """
    from p2pchat.cli.our_files import our_files

    with our_files(settings, registry) as us:
        for contact in us.contacts.all():
            trust = "no key yet"
            if contact.key is not None:
                trust = "verified" if contact.verified else "unverified"
            fields = {
                "user": contact.username,
                "trust": trust,
                "blocked": contact.blocked,
                "fingerprint": _fingerprint(contact.key),
            }
            if as_json:
                echo_json(fields)
            else:
                marks = f"{trust}{', blocked' if contact.blocked else ''}"
                echo(f"{contact.username:<20} {marks:<22} {fields['fingerprint']}".rstrip())


@click.command()
@click.argument("user", shell_complete=options.known_names)
@options.registry
@click.option("--yes", is_flag=True, help="The numbers are the same: do not ask.")
@click.pass_obj
def verify(settings: Settings, user: str, registry: str | None, yes: bool) -> None:
    """Show the safety number of you and USER, and mark USER verified if both see the same.

    Compare it by another way than this chat: side by side, or on the phone.

    \b
    p2p verify bob
    """
    from p2pchat.cli.our_files import our_files

    with our_files(settings, registry) as us:
        username = us.named(user)
        echo(us.contacts.safety_number(username))
        if not yes and options.is_terminal(sys.stdin):
            yes = click.confirm(f"Does {username} see the same number?", err=True)
        if yes:
            us.contacts.mark_verified(username)
            echo(f"{username} is verified", err=True)


@click.command()
@click.argument("user", shell_complete=options.known_names)
@options.registry
@click.option("--yes", is_flag=True, help="Take it: do not ask.")
@click.pass_obj
def trust(settings: Settings, user: str, registry: str | None, yes: bool) -> None:
    """Show the safety number of the new key that was refused as USER's, and take that key.

    USER sees the same number for you, with p2p verify, if the key is theirs.

    \b
    p2p trust bob
    """
    from p2pchat.cli.our_files import our_files
    from p2pchat.cli.running_node import tell_trusted

    with our_files(settings, registry) as us:
        username = us.named(user)
        echo(us.contacts.other_number(username))
        if not yes and options.is_terminal(sys.stdin):
            yes = click.confirm(f"Is this the number that {username} sees?", err=True)
        if yes:
            us.contacts.trust(username)
            failed = tell_trusted(settings, us, username)
            echo(f"the new key of {username} is taken", err=True)
            if failed:
                echo(
                    f"{failed} lines waited for the old one: p2p outbox retry {username}", err=True
                )


def _fingerprint(key: bytes | None) -> str:
    if key is None:
        return ""
    return base64.b32encode(hashlib.sha256(key).digest()).decode().rstrip("=").lower()
