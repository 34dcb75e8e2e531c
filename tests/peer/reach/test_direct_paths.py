"""What is offered for a direct connection, and which offers are dialled."""

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.net.address import Kind, kind_of, leads_here
from p2pchat.peer.reach.direct_paths import DirectPaths, dialable
from p2pchat.protocol.address import Address
from p2pchat.protocol.talk import MOST_PATHS, Paths


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("8.8.8.8", Kind.GLOBAL),
        ("2a00::1", Kind.GLOBAL),
        ("10.1.2.3", Kind.PRIVATE),
        ("172.16.0.1", Kind.PRIVATE),
        ("172.32.0.1", Kind.GLOBAL),
        ("192.168.1.1", Kind.PRIVATE),
        ("100.64.0.1", Kind.CARRIER),
        ("fd12::1", Kind.UNIQUE_LOCAL),
        ("127.0.0.1", Kind.NOWHERE),
        ("::1", Kind.NOWHERE),
        ("0.0.0.0", Kind.NOWHERE),
        ("0.1.2.3", Kind.NOWHERE),
        ("169.254.1.1", Kind.NOWHERE),
        ("fe80::1", Kind.NOWHERE),
        ("224.0.0.1", Kind.NOWHERE),
        ("ff02::1", Kind.NOWHERE),
        ("240.0.0.1", Kind.NOWHERE),
        ("255.255.255.255", Kind.NOWHERE),
        ("::ffff:127.0.0.1", Kind.NOWHERE),
        ("::ffff:10.0.0.1", Kind.PRIVATE),
        ("64:ff9b::7f00:1", Kind.NOWHERE),
        ("64:ff9b::a00:1", Kind.PRIVATE),
        ("2002:7f00:1::", Kind.NOWHERE),
        ("fec0::1", Kind.NOWHERE),
        ("198.18.0.1", Kind.NOWHERE),
        ("198.19.255.255", Kind.NOWHERE),
        ("198.20.0.1", Kind.GLOBAL),
        ("2001:0:1::1", Kind.NOWHERE),
        ("2001:db8::1", Kind.GLOBAL),
    ],
)
def test_kind_of_an_address(host: str, kind: Kind) -> None:
    """An address inside another one counts as what is inside."""
    assert kind_of(host) is kind


def test_private_addresses_are_dialled_from_their_own_kind_only() -> None:
    """A contact cannot have us knock at hosts of a network that it is not in itself."""
    offers = [("10.0.0.9", 5000), ("100.64.0.9", 5000), ("fd00::9", 5000), ("5.5.5.9", 5000)]
    everywhere = Address("5.5.5.9", 5000)
    assert dialable(offers, ["7.7.7.7"]) == [everywhere]
    assert dialable(offers, ["192.168.0.2"]) == [Address("10.0.0.9", 5000), everywhere]
    assert dialable(offers, ["fd00::2"]) == [Address("fd00::9", 5000), everywhere]
    assert dialable([("5.5.5.9", 1)], ["5.5.5.9"]) == []


def test_own_addresses_are_recognised_in_every_spelling() -> None:
    """Our own machine is not dialled, however its address is written."""
    offers = [("::ffff:5.5.5.2", 5000), ("2A00::5", 5000), ("2a00:0::5", 5000), ("2a00::6", 5000)]
    assert dialable(offers, ["5.5.5.2", "2a00::5"]) == [Address("2a00::6", 5000)]


@given(st.lists(st.ip_addresses().map(str), max_size=20), st.lists(st.ip_addresses().map(str)))
def test_nothing_that_leads_here_is_ever_dialled(offered: list[str], ours: list[str]) -> None:
    """Whatever is offered, and whatever our addresses are."""
    for address in dialable([(host, 5000) for host in offered], ours):
        assert not leads_here(address.host)
        assert not ipaddress.ip_address(address.host).is_multicast
        assert address.host not in ours


@pytest.mark.parametrize(
    "places",
    [
        [("bob.example", 5000)],
        [("2a00::1%eth0", 5000)],
        [("2a00::1%a\0b", 5000)],
        [("5.5.5.5", 22)],
        [("5.5.5.5", 65536)],
        [("5.5.5.5", 5000 + n) for n in range(MOST_PATHS + 1)],
    ],
)
def test_invalid_offers_are_refused(places: list[tuple[str, int]]) -> None:
    """Names, low ports and long lists are not accepted from a contact."""
    with pytest.raises(ValueError, match=r"address|port|offered|zone"):
        Paths(tuple(places))
    with pytest.raises(ValueError, match=r"address|port|offered|zone"):
        Paths((), tuple(places))


def test_private_addresses_are_kept_on_request() -> None:
    """Neither our own nor the one by which a registry of the local network sees us."""
    circuit: Any = SimpleNamespace(
        local=Address("192.168.1.5", 5000), seen_as=Address("192.168.1.5", 5000)
    )
    network: Any = SimpleNamespace(own_hosts=lambda: ["192.168.1.5", "2a00::5"])
    unused: Any = None
    for lan in (True, False):
        paths = DirectPaths(unused, network, unused, lambda: 4000, lambda: None, lan=lan)
        offered = paths.offer(circuit)
        hosts = {host for host, _ in (*offered.punch, *offered.listens)}
        assert hosts == ({"192.168.1.5", "2a00::5"} if lan else {"2a00::5"})
