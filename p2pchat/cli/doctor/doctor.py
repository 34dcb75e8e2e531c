"""`p2p doctor`: check whether this machine can be online and be reached."""

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options


@click.command(
    help="""Find out why you cannot be online, or others cannot reach you.

    \b
    p2p doctor
    p2p doctor --json

    Prints a line for each finding: ok, warn, wrong with what to do, or skip. Your running node
    is asked but not changed; no user is put online.

    Exit code: 1 if anything is wrong.
    """
)
@options.registry
@options.me
@click.option(
    "--peer-port",
    default=0,
    type=click.IntRange(0, 65535),
    help="The port that your node will use for calls.  [default: any free one]",
)
@click.option(
    "--timeout",
    default=4.0,
    show_default=True,
    type=options.NumberRange(0, 60, min_open=True),
    metavar="SECONDS",
    help="How long to wait for each answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each finding.")
@click.pass_context
def doctor(
    ctx: click.Context,
    registry: str | None,
    me: str | None,
    peer_port: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Run `p2p doctor`."""
    from p2pchat.cli.doctor.network_checks import check_up

    settings: Settings = ctx.obj
    ctx.exit(check_up(settings, registry, me, peer_port, timeout, as_json=as_json))
