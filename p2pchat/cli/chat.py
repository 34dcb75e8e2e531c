"""`p2p login` and `p2p chat`: be online, and talk."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from p2pchat.cli import options
from p2pchat.cli.settings import Settings
from p2pchat.errors import LoginNeeded


def _online_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            options.registry,
            options.password_file,
            click.option("--plain", is_flag=True, help="Plain lines instead of the prompt."),
            click.option(
                "--peer-host",
                metavar="HOST",
                help="Where contacts reach us.  [default: this machine alone for a registry on"
                " it, else every interface]",
            ),
            click.option(
                "--peer-port",
                default=0,
                type=click.IntRange(0, 65535),
                help="The port for it.  [default: any free one]",
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("user", required=False)
@_online_options
@click.pass_context
def login(ctx: click.Context, /, user: str | None, **online: Any) -> None:
    """Be online as USER (else the account that was used last), with a prompt.

    \b
    p2p login alice
    p2p login --registry original://chat.example.org

    Type /help there. Without a terminal, or with --plain, it speaks plain lines.
    """
    _be_online(ctx, user, call=None, **online)


@click.command()
@click.argument("user", shell_complete=options.known_names)
@click.option("--as", "me", metavar="ME", help="Who you are.  [default: the account used last]")
@_online_options
@click.pass_context
def chat(ctx: click.Context, /, user: str, me: str | None, **online: Any) -> None:
    """Log in, and ask USER for a chat; leave when it ends.

    \b
    p2p chat bob
    p2p chat bob --as alice
    echo "dinner is ready" | p2p chat bob

    Exit code: 5 no such user, 6 offline, 7 rejected, 8 busy.
    """
    _be_online(ctx, me, call=user, **online)


def _be_online(
    ctx: click.Context,
    me: str | None,
    *,
    call: str | None,
    registry: str | None,
    password_file: Path | None,
    plain: bool,
    peer_host: str | None,
    peer_port: int,
) -> None:
    from random import Random

    from p2pchat.cli.assembly import (
        client_side,
        converse_at_prompt,
        converse_in_lines,
        make_folder,
        open_profile,
    )
    from p2pchat.peer.events import Event
    from p2pchat.peer.node import Node, check_username
    from p2pchat.peer.registry_url import parse_registry_url

    settings: Settings = ctx.obj
    url = parse_registry_url(registry or settings.registry)
    with open_profile(settings) as profile, client_side() as (loop, network):
        username = me or profile.last_account(str(url))
        if username is None:
            raise LoginNeeded(
                f"you have no account at {url} yet",
                advice="p2p register NAME, or say which: p2p login NAME",
            )
        for name in filter(None, (username, call)):
            check_username(name)
        password = options.get_password(settings, password_file, username, twice=False)

        node = partial(
            Node,
            loop,
            network,
            url,
            username,
            password,
            profile=profile,
            rng=Random(),
            peer_host=peer_host,
            peer_port=peer_port,
        )

        def make_node(on_event: Callable[[Event], None]) -> Node:
            return node(on_event=on_event)

        if plain or not (options.is_terminal(sys.stdin) and options.is_terminal(sys.stdout)):
            app = converse_in_lines(make_node, loop, call=call)
        else:
            make_folder(settings.state_home)
            history_file = settings.input_history_file
            app = converse_at_prompt(make_node, loop, call=call, history_file=history_file)
    if app.error is not None:
        raise app.error
    ctx.exit(app.exit_code)
