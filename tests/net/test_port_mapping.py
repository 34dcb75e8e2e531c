"""Asking a router for a port: repeated, by the next method if need be, and given back."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

from p2pchat.errors import P2PError
from p2pchat.net import port_mapping
from p2pchat.net.gateway import UpnpPort
from p2pchat.net.loop import Loop
from p2pchat.net.port_mapping import Method, PortMapping, Router
from p2pchat.protocol.address import Address
from p2pchat.protocol.port_mapping import ROUTER_PORT
from tests.fakes import MemoryInternet, MemoryNetwork, advance, settle
from tests.routers import FakeRouter

HOME, ROUTER, OUTSIDE = "192.168.0.2", "192.168.0.1", "5.5.5.10"


class Asking:
    """A home whose router speaks these methods, and what was answered."""

    def __init__(self, loop: Loop, *methods: Method) -> None:
        internet = MemoryInternet(loop)
        self.loop = loop
        self.network = MemoryNetwork(internet, HOME)
        self.device = FakeRouter(internet, ROUTER, OUTSIDE, *methods)
        self.router = Router(loop, self.network, ROUTER, HOME)
        self.found: list[PortMapping] = []
        self.errors: list[P2PError] = []

    def ask(self, **how: Any) -> Any:
        return self.router.ask(4000, self.found.append, self.errors.append, **how)


Begin = Callable[..., Asking]


@pytest.fixture
def begin(loop: Loop) -> Begin:
    return lambda *methods: Asking(loop, *methods)


@pytest.mark.parametrize(
    ("methods", "used"),
    [
        ((Method.PCP, Method.NAT_PMP), Method.PCP),
        ((Method.PCP,), Method.PCP),
        ((Method.NAT_PMP,), Method.NAT_PMP),
    ],
)
def test_port_is_asked_for_and_given_back(
    begin: Begin, methods: tuple[Method, ...], used: Method
) -> None:
    """PCP comes first; a router that knows only NAT-PMP says so at once."""
    home = begin(*methods)
    home.ask()
    settle(home.loop)
    (found,) = home.found
    assert found[:4] == (used, 4000, Address(OUTSIDE, 44000), 3600)
    assert home.device.ports == {4000: 44000}
    home.ask(before=found)  # a renewal
    settle(home.loop)
    assert home.found[1] == found
    home.router.remove(found)
    settle(home.loop)
    assert home.device.ports == {}


def test_lost_datagrams_are_sent_again(begin: Begin) -> None:
    """Three of four requests may be lost; the pauses double."""
    home = begin(Method.PCP)
    home.device.deaf = 3
    home.ask()
    advance(home.loop, 1.7)
    assert home.found == []
    advance(home.loop, 0.1)
    assert [found.method for found in home.found] == [Method.PCP]


def test_silent_router(begin: Begin) -> None:
    """Each method has its time; then the request fails, and nothing is left open."""
    home = begin()
    home.ask()
    advance(home.loop, 7)
    assert home.errors == []
    assert len(home.device.heard) == 4 + 2 * 4
    advance(home.loop, 1)
    assert len(home.errors) == 1
    assert home.network._internet.sockets.keys() == {Address(ROUTER, ROUTER_PORT)}


def test_refusals_lead_to_the_next_method(begin: Begin) -> None:
    """A router that refuses by PCP (2: not authorized) may still agree by NAT-PMP."""
    home = begin(Method.PCP, Method.NAT_PMP)
    home.device.refusals[Method.PCP] = 2
    home.ask()
    settle(home.loop)
    assert [found.method for found in home.found] == [Method.NAT_PMP]


def test_only_the_router_is_heard(begin: Begin) -> None:
    """Datagrams of others, and those that answer nothing of ours, change nothing."""
    home = begin()
    home.ask()
    settle(home.loop)
    (ours,) = [a for a in home.network._internet.sockets if a.host == HOME]
    forged = home.device.pcp_answer(home.device.heard[0])
    liar = MemoryNetwork(home.network._internet, "192.168.0.66").open_udp(
        Address("192.168.0.66", ROUTER_PORT), lambda *_: None
    )
    liar.send(forged, ours)
    for noise in (b"", b"x" * 70, struct.pack("!BBHI", 2, 0x81, 0, 0)):
        home.device.send(noise, ours)
    settle(home.loop)
    assert home.found == []
    home.device.send(forged, ours)
    settle(home.loop)
    assert [found.external for found in home.found] == [Address(OUTSIDE, 44000)]


def test_abandoned_request(begin: Begin) -> None:
    """No callback follows, and no datagram is sent any more."""
    home = begin(Method.PCP)
    home.ask().close()
    settle(home.loop)
    request = home.ask()
    home.loop.run_once(0)
    request.close()
    advance(home.loop, 10)
    assert (home.found, home.errors) == ([], [])


class SlowUpnp:
    """UPnP jobs of a machine, run when the test says so."""

    def __init__(self, home: Asking, patch: pytest.MonkeyPatch) -> None:
        self.ports: list[str] = []
        self.jobs: list[tuple[Any, Any, Any]] = []
        upnp = self

        class Port(UpnpPort):
            def _discover(self) -> Any:
                return upnp

        patch.setattr(port_mapping, "UpnpPort", Port)
        patch.setattr(home.network, "run", self._run)

    lanaddr = HOME

    def externalipaddress(self) -> str:
        return OUTSIDE

    def addportmapping(self, outside: int, *_: Any) -> None:
        self.ports.append(f"+{outside}")

    def deleteportmapping(self, outside: int, _: str) -> None:
        self.ports.append(f"-{outside}")

    def _run(self, job: Any, then: Any, failed: Any) -> bool:
        self.jobs.append((job, then, failed))
        return True

    def work(self) -> None:
        """Run the jobs so far."""
        jobs, self.jobs = self.jobs, []
        for job, then, failed in jobs:
            try:
                result = job()
            except P2PError as error:
                failed(error)
            else:
                then(result)


def test_upnp_is_asked_once(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two refusals of one method, and what comes late by it, lead to one job."""
    home = begin(Method.NAT_PMP)
    home.device.refusals[Method.NAT_PMP] = 2
    upnp = SlowUpnp(home, monkeypatch)
    home.ask()
    settle(home.loop)
    assert len(upnp.jobs) == 1
    assert [a.host for a in home.network._internet.sockets] == [ROUTER]
    upnp.work()
    assert [found.method for found in home.found] == [Method.UPNP]
    assert upnp.ports == ["+4000"]


def test_upnp_that_is_given_up(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port that the router opens nevertheless is given back by the job itself."""
    home = begin()
    upnp = SlowUpnp(home, monkeypatch)
    request = home.ask()
    advance(home.loop, 10)
    request.close()
    upnp.work()
    assert upnp.ports == ["+4000", "-4000"]
    assert (home.found, home.errors) == ([], [])


def test_router_that_is_not_on_our_way(begin: Begin) -> None:
    """It sees us by another address (12), as behind a tunnel: it is asked by no other method."""
    home = begin(Method.PCP, Method.NAT_PMP)
    home.device.refusals[Method.PCP] = 12
    home.ask()
    settle(home.loop)
    assert (home.found, len(home.errors)) == ([], 1)
    assert home.device.ports == {}
