"""Probes of the registry and of our own listener, over a memory network."""

import datetime as dt

import pytest

from p2pchat.errors import TimedOut, Unreachable
from p2pchat.net.port_mapping import Method
from p2pchat.net.tls.certificates import fingerprint, lifetime
from p2pchat.peer.registry_client.probes import Probes
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import Presence
from tests.routers import FakeRouter
from tests.world import ORIGINAL_URL, World

HERE = "10.0.0.5"


@pytest.fixture
def probes(secure_world: World) -> Probes:
    """Return probes from a machine beside the registry."""
    return Probes(secure_world.loop, secure_world.internet.machine(HERE), 3)


def test_reach_reports_our_own_address(secure_world: World, probes: Probes) -> None:
    """reach() reports the local address and leaves no connection."""
    reached = probes.reach(secure_world.url.address)
    assert (reached.seconds, reached.local_host) == (0, HERE)
    secure_world.settle()
    assert all(end.ended for pair in secure_world.internet.wires for end in pair)
    with pytest.raises(Unreachable, match=r"10\.9\.9\.9"):
        probes.reach(Address("10.9.9.9", 7117))


def test_certificate_is_returned_without_pinning(secure_world: World, probes: Probes) -> None:
    """certificate() returns the unverified certificate and pins nothing."""
    certificate = probes.certificate(secure_world.url.address, checked=False)
    assert fingerprint(certificate) == secure_world.url.fingerprint
    since, until = lifetime(certificate)
    assert since < dt.datetime.now(dt.UTC) < until
    assert not probes.is_vouched_for(secure_world.url.address)
    with pytest.raises(Unreachable):
        probes.certificate(ORIGINAL_URL.address, checked=False)


def test_heartbeat_probe_does_not_disturb_the_node(secure_world: World, probes: Probes) -> None:
    """The probe reports the seen address; a running node stays online."""
    world = secure_world
    alice = world.person("alice", "10.0.0.4")
    registry_commands = world.registry_commands(HERE, world.home("alice"))
    with registry_commands.transient_login(world.credentials("alice", None)) as transient_login:
        assert transient_login.local_host == HERE
        assert probes.hello(transient_login).host == HERE
    found = world.registry_commands(HERE, world.home("alice")).search(
        "alice", world.credentials("alice")
    )
    assert (found.presence, found.host) == (Presence.ONLINE, "10.0.0.4")
    assert [type(event).__name__ for event in alice.told()] == ["LoggedIn"]


def test_heartbeat_probe_times_out(secure_world: World, probes: Probes) -> None:
    """Several heartbeats are sent before the probe times out and closes its socket."""
    world = secure_world
    world.make_account("alice")
    said: list[bytes] = []

    def lose(datagram: bytes, _: Address) -> None:
        said.append(datagram)
        world.loop.now.time += 1  # type: ignore[attr-defined]

    with world.registry_commands(HERE, world.home("alice")).transient_login(
        world.credentials("alice")
    ) as transient_login:
        world.internet.sockets[transient_login.heartbeats] = lose
        with pytest.raises(TimedOut):
            probes.hello(transient_login)
    assert len(said) > 1
    assert HERE not in {address.host for address in world.internet.sockets}


def test_inbound_probe_dials_our_own_listener(secure_world: World, probes: Probes) -> None:
    """The listener is closed afterwards; an address that cannot be dialled is an error."""
    assert probes.check_inbound(Address(HERE, 0), HERE).host == HERE
    with pytest.raises(Unreachable):
        probes.check_inbound(Address(HERE, 0), "203.0.113.5")
    secure_world.settle()
    assert HERE not in {address.host for address in secure_world.internet.listeners}


def test_router_probe_gives_the_port_back(secure_world: World, probes: Probes) -> None:
    """What the router grants is told and given back, and no socket stays open."""
    internet = secure_world.internet
    internet.routers[HERE] = "10.0.0.254"
    device = FakeRouter(internet, "10.0.0.254", "5.5.5.10", Method.PCP)
    granted = probes.router_port(3)
    secure_world.settle()
    assert (granted.method, granted.external.host) == (Method.PCP, "5.5.5.10")
    assert device.ports == {}
    assert [address.host for address in internet.sockets if address.host == HERE] == []
