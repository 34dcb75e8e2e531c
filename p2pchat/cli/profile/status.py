"""`p2p status`: show your node's state, quickly enough for a status bar."""

import sys
from contextlib import closing, suppress
from typing import Final

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo, echo_json
from p2pchat.cli.profile.status_format import formatted
from p2pchat.errors import UsageError
from p2pchat.surrogates import without_surrogates

_LOOK_EVERY: Final = 1.0  # seconds


@click.command(
    help="""Show whether your node is running, who is online, and unread and queued lines.

    \b
    p2p status
    p2p status --json
    p2p status --format '{unread} unread, {waiting} wait'
    p2p status --watch --format '{unread}'

    Exits 0 even if no node is running: unread and queued lines are on your disk.
    """
)
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--format",
    "template",
    type=without_surrogates,
    metavar="TEXT",
    help="Print TEXT, with {unread}, {waiting}, {online}, {standing}, {user} and so on replaced.",
)
@click.option("--watch", is_flag=True, help="Keep running, and print again on every change.")
@click.pass_obj
def status(
    settings: Settings,
    registry: str | None,
    me: str | None,
    as_json: bool,
    template: str | None,
    watch: bool,
) -> None:
    """Run `p2p status`."""
    if as_json and template is not None:
        raise UsageError("--json and --format exclude each other", advice="use only one of them")
    before = None
    while True:
        fields = _status(settings, registry, me)
        if fields != before:
            before = fields
            _print(settings, fields, as_json=as_json, template=template)
            sys.stdout.flush()
        if not watch:
            return
        _pause()


def _pause() -> None:
    from p2pchat.net.loop import Loop

    with closing(Loop()) as loop:
        loop.run_for(_LOOK_EVERY)


def _print(
    settings: Settings, fields: dict[str, object], *, as_json: bool, template: str | None
) -> None:
    if as_json:
        echo_json(fields)
        return
    if template is not None:
        echo(formatted(template, fields))
        return
    running = fields["standing"] or "no node is running"
    echo(f"{fields['user']} at {fields['registry']}: {running}")
    online = fields["online"]
    assert isinstance(online, list)
    if online:
        echo(f"online: {', '.join(online)}")
    links = fields["links"]
    assert isinstance(links, dict)
    for contact, path in links.items():
        echo(f"link: {contact} {path}")
    for name in ("unread", "waiting"):
        counts = fields[name]
        assert isinstance(counts, dict)
        for contact, count in counts.items():
            echo(f"{name}: {count} {'from' if name == 'unread' else 'for'} {contact}")
    if fields["internal_errors"]:
        echo(f"internal errors: {fields['internal_errors']}, see {settings.log_file}")


def _status(settings: Settings, registry: str | None, me: str | None) -> dict[str, object]:
    """Ask the node, or read the profile if none is running."""
    from p2pchat.app.profile_home import open_profile_home
    from p2pchat.app.running_node import running_node
    from p2pchat.errors import LinkLost
    from p2pchat.net.loop import Loop
    from p2pchat.protocol.client.orders import GetStatus

    with open_profile_home(settings, registry) as us, closing(Loop()) as loop:
        username = us.own_account(me)
        # A node that ends now is not running any more.
        with suppress(LinkLost), running_node(loop, settings, us, username) as running:
            if running is not None:
                answer = running.ask(GetStatus())
                return {
                    "user": answer.username,
                    "registry": answer.registry,
                    "standing": answer.standing,
                    "online": list(answer.online),
                    "unread": answer.unread,
                    "waiting": answer.waiting,
                    "links": answer.links,
                    "internal_errors": answer.internal_errors,
                }
        return {
            "user": username,
            "registry": str(us.url),
            "standing": None,
            "online": [],
            "unread": us.history.unread(),
            "waiting": us.history.waiting(),
            "links": {},
            "internal_errors": 0,
        }
