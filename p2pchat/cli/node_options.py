"""Options that configure the user's node when this process runs it, and its creation."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from p2pchat.app.settings import Settings
from p2pchat.cli import limit_option, options
from p2pchat.errors import UsageError

if TYPE_CHECKING:
    from p2pchat.app.run import MakeNode
    from p2pchat.app.session import UserSession
    from p2pchat.peer.calls.limits import PeerLimits


def _peer_limits() -> "PeerLimits":
    from p2pchat.peer.calls.limits import PeerLimits

    return PeerLimits()


_OPTIONS: Final = (
    options.password_file,
    click.option(
        "--peer-host",
        metavar="HOST",
        help="Where to accept calls.  [default: loopback for a registry on this machine,"
        " else every interface]",
    ),
    click.option(
        "--peer-port",
        default=0,
        type=click.IntRange(0, 65535),
        help="The port for calls.  [default: any free one]",
    ),
    click.option(
        "--allow-original",
        is_flag=True,
        help="Also accept calls from users of the original system, in clear.",
    ),
    limit_option.limit_of(_peer_limits),
    click.option(
        "--hook",
        "hooks",
        multiple=True,
        metavar="EVENT='COMMAND ...'",
        help="Run COMMAND on EVENT: message, request, delivered, ...  It runs without a shell; the"
        " event is in P2P_FROM, P2P_TEXT, ... and on stdin.",
    ),
    click.option(
        "--keep-days",
        type=options.DAYS,
        metavar="DAYS",
        help="Delete finished lines that are older.  [default: keep them]",
    ),
    click.option(
        "--no-history",
        is_flag=True,
        help="Keep lines only until they are delivered or seen.",
    ),
    click.option(
        "--no-relay",
        is_flag=True,
        help="Never connect through the registry: directly or not at all.",
    ),
    click.option(
        "--hide-address",
        "--no-direct",
        "hide_address",
        is_flag=True,
        help="Always connect through the registry, so that no contact sees your address.",
    ),
    click.option(
        "--no-portmap",
        is_flag=True,
        help="Do not ask the router to open a port for callers.",
    ),
    click.option(
        "--no-lan",
        is_flag=True,
        help="Do not look for contacts in the local network, nor be found there.",
    ),
    click.option(
        "--once",
        is_flag=True,
        help="Exit if the registry is unreachable at the start.  [default: wait for it]",
    ),
)

_NAMES: Final = {
    "password_file",
    "peer_host",
    "peer_port",
    "allow_original",
    "settings_of_limits",
    "hooks",
    "keep_days",
    "no_history",
    "no_relay",
    "hide_address",
    "no_portmap",
    "no_lan",
}


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the options that configure its node."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_node_options(ctx: click.Context) -> None:
    """Raise UsageError if an option would configure the node, although one is already running."""
    for parameter in ctx.command.params:
        name = parameter.name
        if name in _NAMES and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(
                f"your node is already running; {parameter.opts[0]} applies only when it starts",
                likely="p2p login is running in another terminal, or p2p login --headless",
                advice=f"leave the option out, or end that process and start it with"
                f" {parameter.opts[0]}",
            )


def node_maker(
    settings: Settings,
    us: "UserSession",
    username: str,
    *,
    password_file: Path | None,
    peer_host: str | None,
    peer_port: int,
    allow_original: bool,
    settings_of_limits: tuple[limit_option.Given, ...],
    hooks: tuple[str, ...],
    keep_days: float | None,
    no_history: bool,
    no_relay: bool,
    hide_address: bool,
    no_portmap: bool,
    no_lan: bool,
    once: bool,
) -> "MakeNode":
    """Return a factory for the account's node, which asks for the password if necessary."""
    from p2pchat.app.local_node import whole_node
    from p2pchat.app.node_options import NodeOptions, files_policy
    from p2pchat.peer.calls.limits import PeerLimits
    from p2pchat.peer.registry_client.reach import Reach
    from p2pchat.ui.program.hooks import parse_hooks

    settings = replace(settings, hooks={**settings.hooks, **dict(map(_hook, hooks))})
    parse_hooks(settings.hooks)  # report errors before asking for a password
    node_options = NodeOptions(
        peer_host=peer_host,
        peer_port=peer_port,
        allow_original=allow_original,
        keep_days=keep_days,
        keep_history=not no_history,
        reach=Reach(
            relay=not no_relay,
            direct=not hide_address,
            port_mapping=not no_portmap,
            lan=not no_lan,
        ),
        limits=limit_option.apply(PeerLimits(), settings_of_limits),
        files=files_policy(settings),
    )
    password = options.given_password(settings, password_file)
    credentials = us.credentials(username, password, node_options)
    if password is None and not credentials.token:
        password = options.get_password(settings, password_file, username, twice=False)
        credentials = us.credentials(username, password, node_options)

    return partial(
        whole_node,
        settings,
        us,
        credentials,
        node_options,
        wait_for_registry=not once,
    )


def _hook(given: str) -> tuple[str, str]:
    event, sign, command = given.partition("=")
    if not sign:
        raise UsageError(
            f"--hook {given!r} is not of the form EVENT='COMMAND ...'",
            advice="--hook message='notify-send p2pchat'",
        )
    return event, command
