"""A port of the router while we are online: renewed, followed to other networks, given back."""

import pytest

from p2pchat.net.loop import Loop
from p2pchat.net.port_mapping import Method
from p2pchat.peer.reach.port_mapper import PortMapper
from p2pchat.protocol.address import Address
from tests.fakes import MemoryInternet, MemoryNetwork, advance, settle
from tests.routers import FakeRouter

HOME, ROUTER, OUTSIDE, REGISTRY = "192.168.0.2", "192.168.0.1", "5.5.5.10", "5.5.5.1"
LISTENING = Address("0.0.0.0", 4000)
EXTERNAL = Address(OUTSIDE, 44000)


class Home:
    """A machine behind a router, and the changes that were reported."""

    def __init__(self, loop: Loop, host: str = HOME, outside: str = OUTSIDE) -> None:
        self.loop = loop
        self.internet = MemoryInternet(loop)
        self.internet.routers[host] = ROUTER
        self.network = MemoryNetwork(self.internet, host)
        self.device = FakeRouter(self.internet, ROUTER, outside, Method.PCP)
        self.changes: list[Address | None] = []
        self.mapper = PortMapper(loop, self.network, self.changes.append)

    def begin(self) -> None:
        self.mapper.begin(LISTENING, REGISTRY)
        settle(self.loop)


def test_port_is_renewed_and_given_back(loop: Loop) -> None:
    """Each half of the granted time, the router is asked again; a new login asks at once."""
    home = Home(loop)
    home.begin()
    assert (home.changes, home.mapper.external) == ([EXTERNAL], EXTERNAL)
    advance(loop, 1799)
    assert len(home.device.heard) == 1
    advance(loop, 2)
    assert len(home.device.heard) == 2
    home.begin()
    assert len(home.device.heard) == 3
    assert home.changes == [EXTERNAL]
    home.mapper.close()
    settle(loop)
    assert (home.changes, home.device.ports) == ([EXTERNAL, None], {})
    advance(loop, 10_000)
    assert len(home.device.heard) == 4


def test_router_that_restarts_with_another_address(loop: Loop) -> None:
    """The change is reported; a router that has gone is asked again later."""
    home = Home(loop)
    home.begin()
    home.device.outside = "5.5.5.11"
    advance(loop, 1801)
    home.device.methods = ()
    advance(loop, 1810)
    assert home.changes == [EXTERNAL, Address("5.5.5.11", 44000), None]
    home.device.methods = (Method.NAT_PMP,)
    advance(loop, 901)
    assert home.changes[-1] == Address("5.5.5.11", 44000)


def test_another_network(loop: Loop) -> None:
    """The first router is told that it may close the port; the second one is asked."""
    home = Home(loop)
    home.begin()
    other = FakeRouter(home.internet, "192.168.0.254", "6.6.6.6", Method.PCP)
    home.internet.routers[HOME] = "192.168.0.254"
    home.begin()
    assert home.device.ports == {}
    assert other.ports == {4000: 44000}
    assert home.changes == [EXTERNAL, None, Address("6.6.6.6", 44000)]


@pytest.mark.parametrize("outside", ["100.64.1.2", "10.0.0.7", "127.0.0.1", "0.0.0.0"])
def test_router_behind_another_router(loop: Loop, outside: str) -> None:
    """Its address means nothing to the world, so nobody is told it."""
    home = Home(loop, outside=outside)
    home.begin()
    assert home.changes == []


@pytest.mark.parametrize(
    ("host", "listening", "registry"),
    [
        ("5.5.5.20", "0.0.0.0", REGISTRY),
        (HOME, "127.0.0.1", REGISTRY),
        (HOME, "0.0.0.0", "192.168.0.9"),
        (HOME, "0.0.0.0", "127.0.0.1"),
    ],
    ids=["public host", "closed to others", "registry in the same network", "registry here"],
)
def test_where_no_port_is_needed(loop: Loop, host: str, listening: str, registry: str) -> None:
    """The router is not even asked, and a port that it had opened before is given back."""
    home = Home(loop, host)
    home.mapper.begin(Address(listening, 4000), registry)
    advance(loop, 20)
    assert home.device.heard == []


def test_port_that_is_no_longer_needed(loop: Loop) -> None:
    """After a move to a network without a router, the earlier router gets its port back."""
    home = Home(loop)
    home.begin()
    del home.internet.routers[HOME]
    home.begin()
    assert home.device.ports == {}
    assert home.changes == [EXTERNAL, None]


def test_second_login_while_the_router_is_asked(loop: Loop) -> None:
    """The first request goes on: two of one port would be in each other's way."""
    home = Home(loop)
    home.device.deaf = 2
    home.mapper.begin(LISTENING, REGISTRY)
    advance(loop, 0.3)
    home.begin()
    assert len(home.device.heard) == 2
    advance(loop, 5)
    assert home.changes == [EXTERNAL]
