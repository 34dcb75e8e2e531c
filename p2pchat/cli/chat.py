"""`p2p login` and `p2p chat`: be online, and talk."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from p2pchat.cli import limit_option, options
from p2pchat.cli.settings import Settings, make_folder

_DAY_MS = 24 * 3600 * 1000


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
            click.option(
                "--allow-original",
                is_flag=True,
                help="Be found and called by users of the original system too, in clear.",
            ),
            limit_option.limit,
            click.option(
                "--keep-days",
                type=click.FloatRange(0, min_open=True),
                metavar="DAYS",
                help="Forget lines that are done and older than that.  [default: keep them]",
            ),
            click.option(
                "--no-history",
                is_flag=True,
                help="Keep lines only until they are delivered or seen.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("user", required=False)
@click.option("--headless", is_flag=True, help="No screen: for systemd, or behind p2p send.")
@_online_options
@click.pass_context
def login(ctx: click.Context, /, user: str | None, **online: Any) -> None:
    """Be online as USER (else the account that was used last), with a prompt.

    \b
    p2p login alice
    p2p login --registry 'p2p://chat.example.org#FINGERPRINT'

    Type /help there. Without a terminal, or with --plain, it speaks plain lines.
    """
    _be_online(ctx, user, call=None, **online)


@click.command()
@click.argument("user", shell_complete=options.known_names)
@options.me
@click.option(
    "--in-clear", is_flag=True, help="Call a user of the original system, for everybody to read."
)
@_online_options
@click.pass_context
def chat(ctx: click.Context, /, user: str, me: str | None, **online: Any) -> None:
    """Log in, and ask USER for a chat; leave when it ends.

    \b
    p2p chat bob
    p2p chat bob --as alice
    echo "dinner is ready" | p2p chat bob

    Exit code: 5 no such user, 6 offline, 7 rejected, 8 busy, 10 not trusted.
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
    allow_original: bool,
    settings_of_limits: tuple[str, ...],
    no_history: bool,
    keep_days: float | None,
    in_clear: bool = False,
    headless: bool = False,
) -> None:
    from p2pchat.cli.assembly import converse_at_prompt, converse_in_lines, stay_online
    from p2pchat.cli.node_access import node_of_ours
    from p2pchat.cli.our_side import our_side
    from p2pchat.peer.events import Event
    from p2pchat.peer.history import now_ms
    from p2pchat.peer.limits import PeerLimits
    from p2pchat.peer.node import Node
    from p2pchat.ui.chat_app import Call

    settings: Settings = ctx.obj
    limits = limit_option.apply(PeerLimits(), settings_of_limits)
    with our_side(settings, registry) as us:
        username = us.who_am_i(me)
        if keep_days is not None:
            us.profile.history().forget_before(now_ms() - int(keep_days * _DAY_MS))
        to_call = None if call is None else Call(us.named(call), in_clear=in_clear)
        password = options.given_password(settings, password_file)
        credentials = us.credentials(username, password, allow_original=allow_original)
        if password is None and not credentials.token:
            password = options.get_password(settings, password_file, username, twice=False)
            credentials = us.credentials(username, password, allow_original=allow_original)

        @contextmanager
        def make_node(on_event: Callable[[Event], None]) -> Iterator[Node]:
            with node_of_ours(
                settings,
                us,
                credentials,
                on_event,
                peer_host=peer_host,
                peer_port=peer_port,
                limits=limits,
                keep_history=not no_history,
            ) as node:
                yield node

        terminal = options.is_terminal(sys.stdin) and options.is_terminal(sys.stdout)
        if headless:
            stay_online(make_node, us.loop)
            return
        if plain or settings.dumb_terminal or not terminal:
            app = converse_in_lines(make_node, us.loop, call=to_call)
        else:
            make_folder(settings.state_home)
            history_file = settings.input_history_file
            app = converse_at_prompt(make_node, us.loop, call=to_call, history_file=history_file)
    if app.error is not None:
        raise app.error
    ctx.exit(app.exit_code)
