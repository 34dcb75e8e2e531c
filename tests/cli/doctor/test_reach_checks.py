"""What doctor says of the network, for networks that no test machine has.

Those that can be made of namespaces are in `tests/faults/test_homes.py`.
"""

from types import SimpleNamespace
from typing import Any

import pytest

from p2pchat.cli.doctor.reach_checks import ReachChecks
from p2pchat.errors import BindError, P2PError, TimedOut, Unreachable
from p2pchat.net.port_mapping import Method, PortMapping
from p2pchat.peer.registry_client.commands import Seen
from p2pchat.peer.registry_client.probes import Reached
from p2pchat.peer.registry_client.reach import Reach
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.protocol.address import Address

ONE, TWO = RegistryUrl("5.5.5.1", secure=True), RegistryUrl("5.5.5.2", secure=True)
CREDENTIALS: Any = object()


class Network:
    """A network as the checks see it: what the router grants, and what machines see."""

    def __init__(self) -> None:
        self.mapping: PortMapping | P2PError = Unreachable("no router answers")
        self.gateway: tuple[str, str] | None = ("192.168.0.1", "192.168.0.2")
        self.own_hosts = ["192.168.0.2"]
        self.machines = [ONE]
        self.lan: P2PError | None = None
        self.down: list[RegistryUrl] = []
        self.seen: dict[RegistryUrl, Seen | None] = {}

    def checks(self, reach: Reach = Reach()) -> ReachChecks:  # noqa: B008  # a frozen value
        us: Any = SimpleNamespace(
            network=SimpleNamespace(gateway=lambda: self.gateway, own_hosts=lambda: self.own_hosts),
            dialer=lambda _: SimpleNamespace(machines=self.machines),
            registry_commands=SimpleNamespace(seen_as=self._seen_as),
        )
        probes: Any = SimpleNamespace(
            reach=self._reach, router_port=self._router_port, local_network=self._local_network
        )
        return ReachChecks(us, probes, reach)

    def _local_network(self) -> None:
        if self.lan is not None:
            raise self.lan

    def _seen_as(self, _: Any, url: RegistryUrl = ONE, port: int = 0) -> Seen | None:
        if url in self.down:
            raise Unreachable("it is down")
        return self.seen.get(url)

    def _reach(self, address: Address) -> Reached:
        if address in [url.address for url in self.down]:
            raise Unreachable(f"cannot reach {address}")
        return Reached(0.001, "192.168.0.2")

    def _router_port(self, _: float) -> PortMapping:
        if isinstance(self.mapping, P2PError):
            raise self.mapping
        return self.mapping


def granted(method: Method, host: str) -> PortMapping:
    return PortMapping(method, 4000, Address(host, 4000), 3600)


@pytest.mark.parametrize(
    ("mapping", "mark", "words"),
    [
        (granted(Method.PCP, "5.5.5.10"), "ok", "opens ports by PCP, at 5.5.5.10"),
        (granted(Method.NAT_PMP, "100.64.3.4"), "warn", "behind another router, at 100.64.3.4"),
        (granted(Method.UPNP, "192.168.7.2"), "warn", "opens ports by UPnP, but"),
        (Unreachable("no router answers"), "ok", "192.168.0.1 opens no port on request"),
    ],
)
def test_what_the_router_does(mapping: PortMapping | P2PError, mark: str, words: str) -> None:
    """A port is only of use at a public address."""
    network = Network()
    network.mapping = mapping
    (finding,) = network.checks().router("192.168.0.2")
    assert finding.mark == mark
    assert words in finding.what


@pytest.mark.parametrize(
    ("gateway", "local", "maps_ports", "words"),
    [
        (("192.168.0.1", "192.168.0.2"), "127.0.0.1", True, "on this machine"),
        (None, "5.5.5.7", True, "none for IPv4"),
        (("5.5.5.254", "5.5.5.7"), "5.5.5.7", True, "5.5.5.7 is a public address"),
        (("192.168.0.1", "192.168.0.2"), "192.168.0.2", False, "as your settings say"),
    ],
)
def test_router_that_is_not_asked(
    gateway: tuple[str, str] | None, local: str, maps_ports: bool, words: str
) -> None:
    """Nothing is asked where it is needless or unwanted."""
    network = Network()
    network.gateway = gateway
    network.mapping = granted(Method.PCP, "5.5.5.10")
    (finding,) = network.checks(Reach(port_mapping=maps_ports)).router(local)
    assert finding.mark in {"ok", "skip"}
    assert words in finding.what


def see(local: str, host: str, port: int) -> Seen:
    return Seen(Address(local, 5000), Address(host, port))


@pytest.mark.parametrize(("port", "mark"), [(4000, "ok"), (4001, "warn")])
def test_kind_of_router(port: int, mark: str) -> None:
    """Two machines see the same port, or each another one."""
    network = Network()
    network.machines = [ONE, TWO]
    network.seen = {
        ONE: see("192.168.0.2", "5.5.5.10", 4000),
        TWO: see("192.168.0.2", "5.5.5.10", port),
    }
    checks = network.checks()
    nat, mapping = checks.nat(CREDENTIALS)
    assert (nat.mark, nat.what) == ("ok", "nat: the registry sees 192.168.0.2 as 5.5.5.10")
    assert mapping.mark == mark
    assert checks.is_behind_nat
    network.down = [TWO]
    assert [each.mark for each in network.checks().nat(CREDENTIALS)] == ["ok", "skip"]


def test_no_router_between() -> None:
    """The registry sees our own address; an older registry does not say."""
    network = Network()
    network.seen = {ONE: see("5.5.5.7", "5.5.5.7", 5000)}
    checks = network.checks()
    (nat,) = checks.nat(CREDENTIALS)
    assert "none; the registry sees this machine's own 5.5.5.7" in nat.what
    assert (checks.is_behind_nat, checks.seen_host) == (False, "5.5.5.7")
    network.seen = {}
    (nat,) = network.checks().nat(CREDENTIALS)
    assert nat.mark == "skip"


def test_machines_of_a_registry() -> None:
    """One that cannot be reached is named: each client must reach each machine."""
    network = Network()
    network.machines = [ONE, TWO]
    (finding,) = network.checks().machines(ONE)
    assert (finding.mark, finding.what) == ("ok", f"machines: {TWO.address} by TCP in 1.0 ms")
    network.down = [TWO]
    (finding,) = network.checks().machines(ONE)
    assert finding.mark == "warn"
    assert str(TWO.address) in finding.what
    network.machines = [ONE]
    assert list(network.checks().machines(ONE)) == []


@pytest.mark.parametrize(
    ("hosts", "local", "words"),
    [
        (["192.168.0.2"], "192.168.0.2", "none"),
        (["192.168.0.2", "fd00::7"], "192.168.0.2", "none"),
        (["192.168.0.2", "2001:4860::7"], "192.168.0.2", "reached by IPv4"),
        (["2001:4860::7"], "2001:4860::7", "reached by IPv6"),
    ],
)
def test_ipv6(hosts: list[str], local: str, words: str) -> None:
    """A local address is none for the world."""
    network = Network()
    network.own_hosts = hosts
    (finding,) = network.checks().ipv6(local)
    assert words in finding.what


@pytest.mark.parametrize(
    ("error", "mark", "words"),
    [
        (None, "ok", "found without the registry"),
        (TimedOut("no answer came within 4 s"), "warn", "port 7118 was not heard"),
        (BindError("cannot listen on udp 0.0.0.0:7118"), "warn", "cannot listen"),
    ],
)
def test_local_network(error: P2PError | None, mark: str, words: str) -> None:
    """A firewall and a taken port are told apart."""
    network = Network()
    network.lan = error
    (finding,) = network.checks().local_network()
    assert finding.mark == mark
    assert words in finding.what
    (finding,) = network.checks(Reach(lan=False)).local_network()
    assert finding.mark == "skip"
