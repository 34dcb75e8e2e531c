"""`p2p serve`: run the registry until somebody ends it."""

import logging
import signal
from pathlib import Path

import click

from p2pchat.cli.settings import Settings

_PORT = click.IntRange(0, 65535)
_SECONDS = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option(
    "--original-host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Where the original dialect's door listens.",
)
@click.option(
    "--original-port",
    default=1235,
    show_default=True,
    type=_PORT,
    help="Its TCP port; 0: any free one.",
)
@click.option(
    "--original-udp-port",
    default=4322,
    show_default=True,
    type=_PORT,
    help="Its UDP port, for heartbeats; 0: any free one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the accounts are kept.  [default: below P2P_HOME]",
)
@click.option(
    "--hello-interval",
    default=60.0,
    show_default=True,
    type=_SECONDS,
    metavar="SECONDS",
    help="How often clients are to send their heartbeat.",
)
@click.option(
    "--hello-patience",
    default=150.0,
    show_default=True,
    type=_SECONDS,
    metavar="SECONDS",
    help="How long a client may be silent.",
)
@click.option("--verbose", "level", flag_value=logging.DEBUG, help="Log more.")
@click.option("--quiet", "level", flag_value=logging.WARNING, help="Log only what is wrong.")
@click.pass_obj
def serve(
    settings: Settings,
    original_host: str,
    original_port: int,
    original_udp_port: int,
    data_dir: Path | None,
    hello_interval: float,
    hello_patience: float,
    level: int | None,
) -> None:
    """Run a registry: accounts, logins, who is online at which address.

    \b
    p2p serve                            on this machine, for this machine
    p2p serve --original-host 0.0.0.0    for others too; names and passwords travel in clear

    Prints a line when it is ready, and logs to stderr. End it with Ctrl-C or SIGTERM.
    """
    from p2pchat.cli.assembly import RunningRegistry
    from p2pchat.net.address import Address, is_ip, is_loopback
    from p2pchat.net.loop import Loop

    logging.basicConfig(
        level=level or logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )
    log = logging.getLogger(__name__)
    loop = Loop()
    registry = RunningRegistry(loop, data_dir or settings.registry_folder, patience=hello_patience)
    try:
        door = registry.server.open_original(
            Address(original_host, original_port), Address(original_host, original_udp_port)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_from_thread(registry.stop))
        if hello_patience <= hello_interval:
            log.warning(
                "clients say HELLO every %g s but are hung up on after %g s of silence",
                hello_interval,
                hello_patience,
            )
        if not (is_ip(original_host) and is_loopback(original_host)):
            log.warning(
                "the original door is open to other machines: names, passwords and who talks to"
                " whom travel in clear"
            )
        tcp, udp = door.tcp.address, door.udp.address
        log.info(
            "people join with --registry 'original://%s?udp=%d&hello=%g'",
            tcp,
            udp.port,
            hello_interval,
        )
        click.echo(f"listening {door.dialect} tcp {tcp} udp {udp}")
        loop.run_until(lambda: registry.stopped)
    finally:
        registry.close()
        loop.close()
