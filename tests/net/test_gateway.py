"""Where the router is, and UPnP without its library or without a router."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from p2pchat.errors import Unreachable
from p2pchat.net import gateway
from p2pchat.net.gateway import UpnpPort, default_gateway
from p2pchat.protocol.address import Address

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"


def table_of(*rows: str) -> Any:
    return SimpleNamespace(read_text=lambda: HEAD + "\n".join(rows))


def test_router_of_the_default_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has addresses as the machine keeps them: here, the last byte first."""
    local = "eth0\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF"
    half = "tun0\t00000000\t0100420A\t0003\t0\t0\t0\t00000080"  # a tunnel's 0.0.0.0/1
    default = "eth0\t00000000\tFE01000A\t0003\t0\t0\t0\t00000000"
    monkeypatch.setattr(gateway, "_ROUTES", table_of(local, half, default))
    assert default_gateway("10.0.1.2") == "10.0.1.254"
    monkeypatch.setattr(gateway, "_ROUTES", table_of(local))
    assert default_gateway("10.0.1.2") == "10.0.1.1"


def test_router_without_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux the first address of the network is the best guess."""

    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(gateway, "_ROUTES", SimpleNamespace(read_text=missing))
    assert default_gateway("192.168.7.99") == "192.168.7.1"


class FakeUpnp:
    """The library's object for a router at `url`."""

    lanaddr = "10.0.1.2"
    url = "http://10.0.1.1:5000/root.xml"

    def __init__(self) -> None:
        self.discoverdelay = 0
        self.ports: dict[int, int] = {}

    def discover(self) -> int:
        return 1

    def selectigd(self) -> str:
        return self.url

    def externalipaddress(self) -> str:
        return "5.5.5.10"

    def addportmapping(self, outside: int, *rest: Any) -> None:
        self.ports[outside] = rest[-1]

    def deleteportmapping(self, outside: int, _: str) -> None:
        del self.ports[outside]


@pytest.fixture
def upnp(monkeypatch: pytest.MonkeyPatch) -> FakeUpnp:
    router = FakeUpnp()
    monkeypatch.setitem(sys.modules, "miniupnpc", SimpleNamespace(UPnP=lambda: router))
    return router


def test_port_by_upnp(upnp: FakeUpnp) -> None:
    """The port is asked for with an end, and given back."""
    port = UpnpPort("10.0.1.1", 4000, 7200).open()
    assert port.external == Address("5.5.5.10", 4000)
    assert upnp.ports == {4000: 7200}
    port.remove()
    assert upnp.ports == {}
    port.remove()  # the router has forgotten it


def test_port_that_nobody_waits_for(upnp: FakeUpnp) -> None:
    """What was given up while the router was asked is given back at once."""
    port = UpnpPort("10.0.1.1", 4000, 7200)
    port.give_up()
    with pytest.raises(Unreachable, match="no longer wanted"):
        port.open()
    assert upnp.ports == {}


def test_no_upnp(upnp: FakeUpnp, monkeypatch: pytest.MonkeyPatch) -> None:
    """No library, no router, another machine and a refusal each have a reason."""

    def nothing() -> str:
        raise Exception("no UPnP device discovered")  # as the library does

    def refused(*_: Any) -> None:
        raise Exception("OnlyPermanentLeasesSupported")  # as the library does

    monkeypatch.setattr(upnp, "addportmapping", refused)
    with pytest.raises(Unreachable, match="OnlyPermanentLeasesSupported"):
        UpnpPort("10.0.1.1", 4000, 7200).open()
    monkeypatch.setattr(upnp, "url", "http://10.0.1.66:5000/root.xml")
    with pytest.raises(Unreachable, match="no router answers"):
        UpnpPort("10.0.1.1", 4000, 7200).open()
    monkeypatch.setattr(upnp, "selectigd", nothing)
    with pytest.raises(Unreachable, match="no router answers"):
        UpnpPort("10.0.1.1", 4000, 7200).open()
    monkeypatch.setitem(sys.modules, "miniupnpc", None)
    with pytest.raises(Unreachable, match="not installed"):
        UpnpPort("10.0.1.1", 4000, 7200).open()
