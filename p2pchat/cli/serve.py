"""`p2p serve`: run the registry until somebody ends it."""

import logging
import math
import platform
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from p2pchat.cli import limit_option, options
from p2pchat.cli.settings import Settings
from p2pchat.errors import UsageError

_PORT = click.IntRange(0, 65535)


if TYPE_CHECKING:
    from p2pchat.cli.running_registry import RunningRegistry
    from p2pchat.net.address import Address


class _Seconds(click.ParamType[float]):
    """A time between heartbeats: at least a tenth of a second, at most a day."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not 0.1 <= seconds <= 86400:
            self.fail(f"{value} is no number of seconds from 0.1 to 86400", param, ctx)
        return seconds


class _Cost(click.ParamType[tuple[int, int]]):
    """Memory in KiB and passes, as Argon2id takes them."""

    name = "cost"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read it."""
        memory, _, passes = str(value).partition(":")
        if not (memory.isdecimal() and passes.isdecimal() and int(memory) >= 8 and int(passes)):
            self.fail(f"{value} is no cost: KIB:PASSES, at least 8:1", param, ctx)
        return int(memory), int(passes)


_SECONDS = _Seconds()


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--no-secure", is_flag=True, help="Shut the secure dialect's door.")
@click.option(
    "--host", metavar="HOST", help="Where the secure door listens.  [default: every address]"
)
@click.option(
    "--port", default=7117, show_default=True, type=_PORT, help="Its TCP port; 0: any free one."
)
@click.option(
    "--udp-port", type=_PORT, help="Its UDP port, for heartbeats.  [default: as the TCP port]"
)
@click.option(
    "--join-host",
    metavar="NAME",
    help="By which name others reach this machine.  [default: its own]",
)
@click.option(
    "--tls-cert", type=_FILE, help="Your own certificate (PEM).  [default: made and kept]"
)
@click.option("--tls-key", type=_FILE, help="The key of that certificate (PEM).")
@click.option("--no-original", is_flag=True, help="Shut the original dialect's door.")
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
@options.data_dir
@options.database
@click.option(
    "--lease",
    default=15.0,
    show_default=True,
    type=_SECONDS,
    metavar="SECONDS",
    help="How long a node of a shared database counts that has died.",
)
@click.option(
    "--registration",
    type=click.Choice(["open", "closed", "invite"]),
    default="open",
    show_default=True,
    help="Who may make an account; for invite see p2p users invite.",
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
@click.option(
    "--limits",
    type=click.Choice(["default", "none"]),
    default="default",
    show_default=True,
    help="How much strangers may ask; none is for benchmarks.",
)
@limit_option.limit
@click.option(
    "--password-cost",
    type=_Cost(),
    metavar="KIB:PASSES",
    help="What checking a password costs.  [default: 19456:2; less is for benchmarks]",
)
@click.option("--verbose", "level", flag_value=logging.DEBUG, help="Log more.")
@click.option("--quiet", "level", flag_value=logging.WARNING, help="Log only what is wrong.")
@click.pass_obj
def serve(
    settings: Settings,
    no_secure: bool,
    host: str | None,
    port: int,
    udp_port: int | None,
    join_host: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    no_original: bool,
    original_host: str,
    original_port: int,
    original_udp_port: int,
    data_dir: Path | None,
    database: str | None,
    lease: float,
    registration: str,
    hello_interval: float,
    hello_patience: float,
    limits: str,
    settings_of_limits: tuple[str, ...],
    password_cost: tuple[int, int] | None,
    level: int | None,
) -> None:
    """Run a registry: accounts, logins, who is online at which address.

    \b
    p2p serve                            encrypted, for everybody who has the link that it prints
    p2p serve --registration invite      for whom you gave a code: p2p users invite
    p2p serve --original-host 0.0.0.0    for the original system's users too, in clear

    Prints a line for each door when it is ready, and logs to stderr. End it with Ctrl-C or SIGTERM.
    """
    from p2pchat.cli.running_registry import RunningRegistry
    from p2pchat.net.address import Address
    from p2pchat.net.endpoints import every_host
    from p2pchat.net.loop import Loop
    from p2pchat.registry.entrance import Registration
    from p2pchat.registry.limits import NO_LIMITS, Limits
    from p2pchat.registry.passwords import STANDARD_COST, Cost

    logging.basicConfig(
        level=level or logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s"
    )
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together", advice="give both, or neither")
    if no_original and no_secure:
        raise UsageError("no door is left to open", advice="shut one of the two")
    numbers = limit_option.apply(NO_LIMITS if limits == "none" else Limits(), settings_of_limits)
    loop = Loop()
    registry = RunningRegistry(
        loop,
        data_dir or settings.registry_folder,
        hello_interval=hello_interval,
        patience=hello_patience,
        cost=Cost(*password_cost) if password_cost else STANDARD_COST,
        limits=numbers,
        registration=Registration(registration),
        database=database,
        lease=lease,
    )
    try:
        lines: list[str] = []
        join = ""
        if not no_original:
            tcp = Address(original_host, original_port)
            lines += _open_original(registry, tcp, original_udp_port, hello_interval)
        if not no_secure:
            certificate = (tls_cert, tls_key) if tls_cert and tls_key else None
            here = Address(host or every_host(), port)
            line, join = _open_secure(registry, here, udp_port, certificate, join_host)
            lines += [line, f"join {join}"]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_from_thread(registry.stop))
        registry.begin(join)
        _warn(hello_interval, hello_patience, None if no_original else original_host)
        click.echo("\n".join(lines))
        loop.run_until(lambda: registry.stopped)
    finally:
        registry.close()
        loop.close()


def _open_original(
    registry: "RunningRegistry", tcp: "Address", udp_port: int, hello_interval: float
) -> list[str]:
    """Open the original door; give its ready line. The log tells how others name it."""
    door = registry.server.open_original(tcp, tcp.at_port(udp_port))
    tcp, udp = door.tcp.address, door.udp.address
    host = platform.node() if tcp.host in {"0.0.0.0", "::"} else tcp.host  # noqa: S104  # compared
    url = f"original://{tcp._replace(host=host)}?udp={udp.port}&hello={hello_interval:g}"
    logging.getLogger(__name__).debug("the original door is --registry '%s'", url)
    return [f"listening {door.dialect} tcp {tcp} udp {udp}"]


def _open_secure(
    registry: "RunningRegistry",
    tcp: "Address",
    udp_port: int | None,
    certificate: tuple[Path, Path] | None,
    join_host: str | None,
) -> tuple[str, str]:
    """Open the secure door; give its ready line, and the link by which others join."""
    door, fingerprint = registry.open_secure(tcp, udp_port, certificate)
    join = door.tcp.address._replace(host=join_host or platform.node() or "localhost")
    return (
        f"listening {door.dialect} tcp {door.tcp.address} udp {door.udp.address}",
        f"p2p://{join}#{fingerprint}",
    )


def _warn(hello_interval: float, hello_patience: float, original_host: str | None) -> None:
    """Say in plain words what the operator may not have meant."""
    from p2pchat.net.address import is_ip, is_loopback

    log = logging.getLogger(__name__)
    if hello_patience <= hello_interval:
        log.warning(
            "clients say HELLO every %g s but are hung up on after %g s of silence",
            hello_interval,
            hello_patience,
        )
    if original_host and not (is_ip(original_host) and is_loopback(original_host)):
        log.warning(
            "the original door is open to other machines: names, passwords and who talks to whom"
            " travel there in clear"
        )
