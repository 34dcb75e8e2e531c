"""The options of `p2p serve`: their names, types, defaults and help.

Knows neither where values come from (see `settings`) nor how they are used.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from p2pchat.cli import limit_option, options
from p2pchat.cli.serve.settings import FILE_NAME
from p2pchat.errors import UsageError
from p2pchat.protocol.sizes import size_of

if TYPE_CHECKING:
    from p2pchat.protocol.address import Address
    from p2pchat.registry.service.limits import Limits


def _registry_limits() -> "Limits":
    from p2pchat.registry.service.limits import Limits

    return Limits()


class _Seconds(click.ParamType[float]):
    """A duration from a tenth of a second to a day."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not 0.1 <= seconds <= 86400:
            self.fail(f"{value} is not a number of seconds from 0.1 to 86400", param, ctx)
        return seconds


class _Cost(click.ParamType[tuple[int, int]]):
    """Memory in KiB and passes, as Argon2id takes them."""

    name = "cost"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return memory and passes."""
        memory, _, passes = str(value).partition(":")
        if not (memory.isdecimal() and passes.isdecimal() and int(memory) >= 8 and int(passes)):
            self.fail(f"{value} is not a valid cost: KIB:PASSES, at least 8:1", param, ctx)
        return int(memory), int(passes)


class _Size(click.ParamType[int]):
    """A number of bytes, such as 500MB or 1GiB."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the bytes."""
        try:
            return size_of(str(value))
        except UsageError as error:
            self.fail(f"{error.what}: {error.advice}", param, ctx)


class _HostAndPort(click.ParamType["Address"]):
    """An address to listen on."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> "Address":
        """Return the address."""
        from p2pchat.protocol.address import Address

        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value} is not of the form HOST:PORT", param, ctx)
        return Address(host.strip("[]") or "127.0.0.1", int(port))


_PORT: Final = click.IntRange(0, 65535)
_SECONDS: Final = _Seconds()
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

_OPTIONS: Final = (
    click.option("--no-secure", is_flag=True, help="Do not serve the secure dialect."),
    click.option(
        "--host",
        metavar="HOST",
        help="Address of the secure listener.  [default: every address]",
    ),
    click.option(
        "--port", default=7117, show_default=True, type=_PORT, help="Its TCP port; 0: any free one."
    ),
    click.option(
        "--udp-port", type=_PORT, help="Its UDP port, for heartbeats.  [default: same as TCP]"
    ),
    click.option(
        "--join-host",
        metavar="NAME",
        help="Name in the join link by which others reach this machine.  [default: its own]",
    ),
    click.option(
        "--tls-cert", type=_FILE, help="Your own certificate (PEM).  [default: a generated one]"
    ),
    click.option("--tls-key", type=_FILE, help="The key of that certificate (PEM)."),
    click.option("--no-original", is_flag=True, help="Do not serve the original dialect."),
    click.option(
        "--original-host",
        default="127.0.0.1",
        show_default=True,
        metavar="HOST",
        help="Address of the original listener.",
    ),
    click.option(
        "--original-port",
        default=1235,
        show_default=True,
        type=_PORT,
        help="Its TCP port; 0: any free one.",
    ),
    click.option(
        "--original-udp-port",
        default=4322,
        show_default=True,
        type=_PORT,
        help="Its UDP port, for heartbeats; 0: any free one.",
    ),
    options.data_dir,
    options.database,
    click.option(
        "--lease",
        default=15.0,
        show_default=True,
        type=_SECONDS,
        metavar="SECONDS",
        help="How long before a dead node's users go offline.",
    ),
    click.option(
        "--registration",
        type=click.Choice(["open", "closed", "invite"]),
        default="open",
        show_default=True,
        help="Who may create an account; for invite see p2p users invite.",
    ),
    click.option(
        "--hello-interval",
        default=60.0,
        show_default=True,
        type=_SECONDS,
        metavar="SECONDS",
        help="How often clients send heartbeats.",
    ),
    click.option(
        "--hello-patience",
        default=150.0,
        show_default=True,
        type=_SECONDS,
        metavar="SECONDS",
        help="How long a client may be silent before it is disconnected.",
    ),
    click.option(
        "--limits",
        type=click.Choice(["default", "none"]),
        default="default",
        show_default=True,
        help="Whether to limit requests; none is for benchmarks.",
    ),
    limit_option.limit_of(_registry_limits),
    click.option(
        "--no-relay",
        is_flag=True,
        help="Pass next to nothing on: join users only for a minute, to find a direct link.",
    ),
    click.option(
        "--mailbox",
        type=_Size(),
        default=0,
        metavar="SIZE",
        help="Keep sealed lines for users who are offline, of all together at most SIZE, such as"
        " 1GB.  [default: 0, keep none]",
    ),
    click.option(
        "--mailbox-days",
        type=click.IntRange(1, 365),
        default=14,
        show_default=True,
        metavar="DAYS",
        help="How long to keep them.",
    ),
    click.option(
        "--password-cost",
        type=_Cost(),
        metavar="KIB:PASSES",
        help="Cost of a password hash.  [default: 19456:2; lower it only for benchmarks]",
    ),
    click.option(
        "--metrics",
        type=_HostAndPort(),
        metavar="HOST:PORT",
        help="Serve metrics for Prometheus at this address.  [default: off]",
    ),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Format of the log; json writes one object per line.",
    ),
    click.option("--verbose", is_flag=True, help="Log more."),
    click.option("--quiet", is_flag=True, help="Log only warnings and errors."),
    click.option(
        "--config",
        type=_FILE,
        metavar="FILE",
        help=f"Settings in TOML.  [default: {FILE_NAME} in the data folder, if it exists]",
    ),
    click.option("--check", is_flag=True, help="Check whether it could run; change nothing."),
)


def serve_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with the options that configure a registry."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
