"""`p2p listen`: print your node's events, one per line, for scripts that only listen."""

from typing import TYPE_CHECKING, Any

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.node_options import node_maker, node_options, refuse_node_options

if TYPE_CHECKING:
    from p2pchat.client.client import Client


@click.command(
    help="""Print events as they happen, until interrupted.

    \b
    p2p listen
    p2p listen --from bob | while read -r line; do notify-send "$line"; done
    p2p listen --json --seen | jq -r 'select(.event == "message") | .text'

    Attaches to your node, or runs it if none is running. What it prints stays unread. With --seen
    it starts with unread messages, and marks what it has printed as seen; a message that could
    not be printed stays unread, and is printed the next time.
    """
)
@options.registry
@options.me
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option(
    "--from",
    "only",
    metavar="NAME",
    shell_complete=options.known_names,
    help="Print only events of NAME.",
)
@click.option(
    "--seen",
    is_flag=True,
    help="Start with unread messages, and mark printed ones as seen.",
)
@node_options
@click.pass_context
def listen(
    ctx: click.Context,
    /,
    registry: str | None,
    me: str | None,
    as_json: bool,
    only: str | None,
    seen: bool,
    **how_the_node_is: Any,
) -> None:
    """Run `p2p listen`."""
    from p2pchat.app.run import Following, Talk, follow, other_node, own_node
    from p2pchat.app.running_node import at_a_node
    from p2pchat.app.session import open_session

    settings: Settings = ctx.obj
    with open_session(settings, registry) as us:
        username = us.own_account(me)
        following = Following(as_json, "" if only is None else us.named(only), seen, orders=False)

        def use(client: "Client") -> Talk:
            refuse_node_options(ctx)
            return follow(other_node(client), us.loop, None, following)

        def be_the_node() -> Talk:
            make_node = node_maker(settings, us, username, **how_the_node_is)
            return follow(own_node(make_node, us.loop, following.hello), us.loop, None, following)

        talk = at_a_node(us.loop, settings, us, username, following.hello, use, be_the_node)
    if talk.error is not None:
        raise talk.error
    ctx.exit(talk.exit_code)
