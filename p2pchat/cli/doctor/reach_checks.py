"""The checks of `p2p doctor` that find out who can connect to this machine, and how.

They need a login at a reachable registry, so `network_checks` runs them last.
"""

from collections.abc import Iterator
from typing import Final

from p2pchat.app.session import UserSession
from p2pchat.cli.report import Finding
from p2pchat.errors import BindError, P2PError, TimedOut, Unreachable
from p2pchat.net.address import Kind, is_ip, is_loopback, kind_of
from p2pchat.peer.registry_client.commands import Seen
from p2pchat.peer.registry_client.credentials import Credentials
from p2pchat.peer.registry_client.probes import Probes
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.lan import LAN_PORT

_ROUTER_PATIENCE: Final = 12.0
"""Seconds for all methods of asking a router."""

_BEHIND: Final = (Kind.PRIVATE, Kind.CARRIER)


class ReachChecks:
    """The checks of the network around this machine.

    `probes` are those of the checkup, `reach` is what the user has chosen.
    """

    def __init__(self, us: UserSession, probes: Probes, reach: Reach) -> None:
        self._us = us
        self._probes = probes
        self._reach = reach
        self._seen: Seen | None = None

    @property
    def seen_host(self) -> str:
        """The address from which the registry sees us come; empty if it was not asked."""
        return "" if self._seen is None else self._seen.seen.host

    @property
    def is_behind_nat(self) -> bool:
        """Whether a router translates our address."""
        return self._seen is not None and self._seen.local.host != self._seen.seen.host

    def machines(self, reached: RegistryUrl | None) -> Iterator[Finding]:
        """Report whether each machine of the registry can be reached, as it must be."""
        others = [url for url in self._us.dialer(_ignored).machines if url != reached]
        if reached is None or not others:
            return
        for url in others:
            try:
                took = self._probes.reach(url.address).seconds
            except (Unreachable, TimedOut) as error:
                yield Finding(
                    "warn",
                    f"machines: {error.what}",
                    "it is down, or a firewall blocks it; users there cannot be joined with you",
                    "tell the registry's operator: every client must reach every machine",
                )
            else:
                yield Finding("ok", f"machines: {url.address} by TCP in {took * 1e3:.1f} ms")

    def nat(self, credentials: Credentials | None) -> Iterator[Finding]:
        """Report whether a router translates our address, and whether that can be punched."""
        if credentials is None:
            yield Finding("skip", "nat: not tried without a login")
            return
        self._seen = self._us.registry_commands.seen_as(credentials)
        if self._seen is None:
            yield Finding(
                "skip", "nat: the registry does not tell from where it sees us; it is older"
            )
            return
        local, seen = self._seen
        if not self.is_behind_nat:
            yield Finding("ok", f"nat: none; the registry sees this machine's own {seen.host}")
            return
        yield Finding("ok", f"nat: the registry sees {local.host} as {seen.host}")
        yield from self._mapping(credentials, self._seen)

    def _mapping(self, credentials: Credentials, first: Seen) -> Iterator[Finding]:
        """Report whether the router uses one port for every destination."""
        commands = self._us.registry_commands
        machines = self._us.dialer(_ignored).machines
        seen: list[Seen] = []
        for url in machines:
            try:
                again = commands.seen_as(credentials, url, seen[0].local.port if seen else 0)
            except P2PError:
                continue  # `machines` reports it
            if again is not None and again.local.host == first.local.host:
                seen.append(again)
            if len(seen) == 2:
                break
        if len(seen) < 2:
            yield Finding("skip", "mapping: only a registry with two machines can tell")
        elif seen[0].seen == seen[1].seen:
            yield Finding(
                "ok",
                "mapping: the router keeps one port for all destinations, so links are direct"
                " with most people",
            )
        else:
            yield Finding(
                "warn",
                "mapping: the router takes another port for each destination, so links to people"
                " behind other routers are relayed",
                "it is a symmetric NAT, as in many companies and mobile networks",
                "let the router open ports (UPnP or PCP in its settings), or forward one and choose"
                " it: p2p login --peer-port PORT",
            )

    def ipv6(self, local_host: str) -> Iterator[Finding]:
        """Report whether this machine has IPv6, which needs no translation."""
        own = [host for host in self._us.network.own_hosts() if ":" in host]
        if not own or kind_of(own[0]) is not Kind.GLOBAL:
            yield Finding("ok", "ipv6: none; with contacts who have only IPv6, links are relayed")
        elif ":" in local_host:
            yield Finding("ok", f"ipv6: {own[0]}; the registry was reached by IPv6")
        else:
            yield Finding("ok", f"ipv6: {own[0]}; the registry was reached by IPv4")

    def router(self, local_host: str) -> Iterator[Finding]:
        """Report whether the router opens a port on request."""
        place = self._us.network.gateway()
        if not is_ip(local_host) or is_loopback(local_host):
            yield Finding("skip", "router: not asked for a port; the registry is on this machine")
            return
        if place is None:
            yield Finding("ok", "router: none for IPv4, so none that would open a port")
            return
        if kind_of(place[1]) not in _BEHIND:
            yield Finding("ok", f"router: none is needed; {place[1]} is a public address")
            return
        if not self._reach.maps_ports:
            yield Finding("skip", "router: not asked for a port, as your settings say")
            return
        try:
            mapping = self._probes.router_port(_ROUTER_PATIENCE)
        except (Unreachable, TimedOut):
            yield Finding(
                "ok",
                f"router: {place[0]} opens no port on request; links are punched or relayed",
                advice="for more direct links: switch on PCP or UPnP in the router; UPnP needs"
                " pip install 'p2pchat[upnp]'",
            )
            return
        host = mapping.external.host
        if kind_of(host) is not Kind.GLOBAL:
            yield Finding(
                "warn",
                f"router: it opens ports by {mapping.method.value}, but is itself behind another"
                f" router, at {host}",
                "the provider translates addresses, too, or you have two routers",
                "make the first router a bridge if it is yours; otherwise links are punched or"
                " relayed",
            )
            return
        yield Finding("ok", f"router: opens ports by {mapping.method.value}, at {host}")

    def local_network(self) -> Iterator[Finding]:
        """Report whether a datagram to the whole local network arrives."""
        if not self._reach.uses_lan:
            yield Finding("skip", "lan: not used, as your settings say")
            return
        try:
            self._probes.local_network()
        except BindError as error:
            yield Finding(
                "warn",
                f"lan: {error.what}",
                "another program uses that port",
                "end it, if contacts in this network are to be found without the registry",
            )
        except TimedOut:
            yield Finding(
                "warn",
                f"lan: a question by UDP to port {LAN_PORT} was not heard",
                "there is no network, or a firewall on this machine blocks that port",
                f"allow UDP to port {LAN_PORT}, if contacts in this network are to be found without"
                " the registry",
            )
        else:
            yield Finding("ok", "lan: contacts in this network are found without the registry")


def _ignored(_: str) -> None:
    """Ignore a key that is trusted on first use: the checkup reports it."""
