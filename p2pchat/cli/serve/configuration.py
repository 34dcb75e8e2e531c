"""The configuration of a registry, built from the options of `p2p serve`.

Opens nothing, and knows option names only for error messages.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from p2pchat.app.settings import Settings
from p2pchat.cli import limit_option
from p2pchat.errors import UsageError
from p2pchat.net.address import is_host, is_ip, is_loopback
from p2pchat.net.endpoints import every_host
from p2pchat.protocol.address import Address
from p2pchat.registry.service.auth import Registration
from p2pchat.registry.service.limits import NO_LIMITS, Limits
from p2pchat.registry.service.mailbox_service import MailboxSettings
from p2pchat.registry.store.passwords import STANDARD_COST, Cost


class OriginalListener(NamedTuple):
    """The address of the original dialect's listener."""

    tcp: Address
    udp_port: int


class SecureListener(NamedTuple):
    """The address of the secure dialect's listener, and the host in join links (None: this
    machine's).
    """

    tcp: Address
    udp_port: int | None
    join_host: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration of a registry.

    `certificate` is None for a self-signed one, `database` for the file in the registry's folder.
    """

    folder: Path
    database: str | None
    lease: float
    metrics: Address | None
    original: OriginalListener | None
    secure: SecureListener | None
    certificate: tuple[Path, Path] | None
    registration: Registration
    hello_interval: float
    hello_patience: float
    limits: Limits
    relays: bool
    mailbox: MailboxSettings
    cost: Cost

    def doubts(self) -> list[str]:
        """Return warnings about settings that may be mistakes."""
        doubts = []
        if self.hello_patience <= self.hello_interval:
            doubts.append(
                f"clients send heartbeats every {self.hello_interval:g} s, but are disconnected"
                f" after {self.hello_patience:g} s of silence"
            )
        host = self.original.tcp.host if self.original else ""
        if host and not (is_ip(host) and is_loopback(host)):
            doubts.append(
                "the original listener is open to other machines: it transmits names, passwords and"
                " contacts in clear"
            )
        return doubts


def configure(
    settings: Settings,
    *,
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
    metrics: Address | None,
    registration: str,
    hello_interval: float,
    hello_patience: float,
    limits: str,
    settings_of_limits: tuple[limit_option.Given, ...],
    no_relay: bool,
    mailbox: int,
    mailbox_days: int,
    password_cost: tuple[int, int] | None,
) -> Configuration:
    """Return the configuration for the options of `p2p serve`. Raise UsageError if they
    conflict.
    """
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together", advice="use both, or neither")
    if no_original and no_secure:
        raise UsageError(
            "there is nothing to listen on", advice="use only one of --no-secure and --no-original"
        )
    join_host = join_host and join_host.removeprefix("[").removesuffix("]")
    if join_host and not is_host(join_host):
        raise UsageError(
            f"--join-host: {join_host!r} is not a host",
            advice="give the name or address by which others reach this machine",
        )
    original = OriginalListener(Address(original_host, original_port), original_udp_port)
    secure = SecureListener(Address(host or every_host(), port), udp_port, join_host)
    return Configuration(
        folder=data_dir or settings.registry_folder,
        database=database,
        lease=lease,
        metrics=metrics,
        original=None if no_original else original,
        secure=None if no_secure else secure,
        certificate=(tls_cert, tls_key) if tls_cert and tls_key else None,
        registration=Registration(registration),
        hello_interval=hello_interval,
        hello_patience=hello_patience,
        limits=limit_option.apply(NO_LIMITS if limits == "none" else Limits(), settings_of_limits),
        relays=not no_relay,
        mailbox=MailboxSettings(mailbox, mailbox_days),
        cost=Cost(*password_cost) if password_cost else STANDARD_COST,
    )
