"""`p2p status`: how your node stands, quickly enough for a status bar."""

import json

import click

from p2pchat.cli import options
from p2pchat.cli.settings import Settings


@click.command()
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(settings: Settings, registry: str | None, me: str | None, as_json: bool) -> None:
    """Tell whether your node is running, who is online, what is unread and what waits.

    \b
    p2p status
    p2p status --json
    """
    from p2pchat.cli.node_access import ask_status

    fields = ask_status(settings, registry, me)
    if as_json:
        click.echo(json.dumps(fields, ensure_ascii=False))
        return
    running = fields["standing"] or "no node is running"
    click.echo(f"{fields['user']} at {fields['registry']}: {running}")
    online = fields["online"]
    assert isinstance(online, list)
    if online:
        click.echo(f"online: {', '.join(online)}")
    links = fields["links"]
    assert isinstance(links, dict)
    for contact, path in links.items():
        click.echo(f"link: {contact} {path}")
    for name in ("unread", "waiting"):
        counts = fields[name]
        assert isinstance(counts, dict)
        for contact, count in counts.items():
            click.echo(f"{name}: {count} {'from' if name == 'unread' else 'for'} {contact}")
