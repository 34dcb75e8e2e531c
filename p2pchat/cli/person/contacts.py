"""`p2p contacts`, `p2p verify`, `p2p trust`: list contacts and check their keys."""

import sys
from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import Settings
from p2pchat.app.terminal import is_terminal
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json
from p2pchat.cli.tables import print_table

if TYPE_CHECKING:
    from p2pchat.protocol.client.orders import ListedContact


@click.group(
    invoke_without_command=True,
    help="""List your contacts: who is online, unread and queued lines, whether verified.

    \b
    p2p contacts
    p2p contacts --json
    p2p contacts files bob 100MB

    Your node knows who is online; without one, the list shows when each last wrote.
    """,
)
@options.registry
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per contact.")
@click.option("--keys", is_flag=True, help="Show the key fingerprints instead.")
@click.pass_context
def contacts(ctx: click.Context, registry: str | None, as_json: bool, keys: bool) -> None:
    """Run `p2p contacts`."""
    settings: Settings = ctx.obj
    ctx.obj = (settings, registry)
    if ctx.invoked_subcommand is None:
        _list(settings, registry, as_json=as_json, keys=keys)


@contacts.command(
    help="""Show or set how files from USER are treated.

    \b
    p2p contacts files bob          show the setting
    p2p contacts files bob 100MB    accept files up to that size without asking
    p2p contacts files bob ask      ask about each file
    p2p contacts files bob never    decline all files

    Without asking, at most 100 MB are accepted from a contact who is not verified, 10 MB through
    the registry, and ten times the size in a day.
    """
)
@click.argument("user", shell_complete=options.known_names)
@click.argument("what", required=False, metavar="[ask|never|SIZE]")
@click.pass_obj
def files(given: tuple[Settings, str | None], user: str, what: str | None) -> None:
    """Run `p2p contacts files`."""
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.peer.files.policy import check_accept, in_words

    settings, registry = given
    with open_profile_home(settings, registry) as us:
        username = us.named(user)
        if what is not None:
            us.contacts.set_files(username, check_accept(what))
        contact = us.contacts.get(username)
        default = str(settings.resolved["files.accept"][0])
        what_is_done = contact.files or check_accept(default)
        echo(in_words(what_is_done, username, is_verified=contact.verified))


def _list(settings: Settings, registry: str | None, *, as_json: bool, keys: bool) -> None:
    from p2pchat.ui.screen.contact_list import HEADERS, NO_CONTACTS, contact_cells, contact_object

    known, fingerprints = _listed(settings, registry)
    if as_json:
        for contact in known:
            fingerprint = fingerprints[contact.username]
            echo_json({**contact_object(contact), "fingerprint": fingerprint})
    elif keys:
        for contact in known:
            echo(f"{contact.username:<20} {fingerprints[contact.username]}".rstrip())
    else:
        print_table(HEADERS, contact_cells(known))
    if not known:
        echo(NO_CONTACTS.replace("/chat", "p2p chat"), err=True)


def _listed(
    settings: Settings, registry: str | None
) -> "tuple[list[ListedContact], dict[str, str]]":
    """Return the contacts, and the fingerprint of each contact's key."""
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.app.running_node import who_is_online
    from p2pchat.peer.calls.contact_list import listed_contacts

    with open_profile_home(settings, registry) as us:
        known = listed_contacts(us.contacts, us.history, who_is_online(settings, us))
        return known, {c.username: _fingerprint(c.key) for c in us.contacts.all()}


@click.command(
    help="""Show the safety number you share with USER, and mark USER as verified if it matches.

    Compare it through another channel: side by side, or on the phone.

    \b
    p2p verify bob
    """
)
@click.argument("user", shell_complete=options.known_names)
@options.registry
@click.option("--yes", is_flag=True, help="Do not ask: the numbers match.")
@click.pass_obj
def verify(settings: Settings, user: str, registry: str | None, yes: bool) -> None:
    """Run `p2p verify`."""
    from p2pchat.app.profile_home import open_profile_home

    with open_profile_home(settings, registry) as us:
        username = us.named(user)
        echo(us.contacts.safety_number(username))
        if not yes and is_terminal(sys.stdin):
            yes = click.confirm(f"Does {username} see the same number?", err=True)
        if yes:
            us.contacts.mark_verified(username)
            echo(f"{username} is verified", err=True)


@click.command(
    help="""Show the safety number for USER's new key, and accept that key.

    If the key belongs to USER, p2p verify shows USER the same number for you.

    \b
    p2p trust bob
    """
)
@click.argument("user", shell_complete=options.known_names)
@options.registry
@click.option("--yes", is_flag=True, help="Do not ask: accept the key.")
@click.pass_obj
def trust(settings: Settings, user: str, registry: str | None, yes: bool) -> None:
    """Run `p2p trust`."""
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.app.running_node import tell_trusted
    from p2pchat.protocol.counting import counted

    with open_profile_home(settings, registry) as us:
        username = us.named(user)
        echo(us.contacts.other_number(username))
        if not yes and is_terminal(sys.stdin):
            yes = click.confirm(f"Is this the number that {username} sees?", err=True)
        if yes:
            us.contacts.trust(username)
            failed = tell_trusted(settings, us, username)
            echo(f"the new key of {username} is accepted", err=True)
            if failed:
                waited = counted(failed)
                echo(
                    f"{waited} queued for the old key; to send: p2p outbox retry {username}",
                    err=True,
                )


def _fingerprint(key: bytes | None) -> str:
    from p2pchat.net.tls.certificates import fingerprint_of_key

    return "" if key is None else fingerprint_of_key(key)
