"""Addresses, as they are written and as the system says them."""

import socket

import pytest

from p2pchat.net.address import (
    from_socket_name,
    is_host,
    is_ip,
    is_loopback,
    is_this_machine,
    socket_name,
    with_zone_of,
)
from p2pchat.protocol.address import Address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("127.0.0.1", 5), "127.0.0.1:5"),
        (Address("::1", 5), "[::1]:5"),
        (Address("a.b", 0), "a.b:0"),
    ],
)
def test_written_as_people_write_it(address: Address, text: str) -> None:
    """IPv6 in brackets."""
    assert str(address) == text


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("127.0.0.1", 5), Address("127.0.0.1", 5)),
        (("::ffff:10.0.0.1", 5, 0, 0), Address("10.0.0.1", 5)),
        (("fe80::1%eth0", 5, 0, 2), Address("fe80::1", 5)),
    ],
)
def test_one_remote_has_one_name(name: tuple[str, int], address: Address) -> None:
    """IPv4 in IPv6 clothes is IPv4."""
    assert from_socket_name(name) == address


def test_a_zone_is_the_number_of_a_network_of_this_machine() -> None:
    """By name or number (RFC 4007); without one the name is what the system takes as it is."""
    assert socket_name(Address("fe80::1%lo", 5)) == ("fe80::1", 5, 0, socket.if_nametoindex("lo"))
    assert socket_name(Address("fe80::1%7", 5)) == ("fe80::1", 5, 0, 7)
    assert socket_name(Address("fe80::1", 5)) == ("fe80::1", 5)
    with pytest.raises(OSError, match="no interface"):
        socket_name(Address("fe80::1%nowhere", 5))


@pytest.mark.parametrize(
    ("host", "near", "where"),
    [
        ("fe80::2", "fe80::1%eth0", "fe80::2%eth0"),
        ("fe80::2%eth1", "fe80::1%eth0", "fe80::2%eth1"),
        ("fe80::2", "fe80::1", "fe80::2"),
        ("fd00::2", "fe80::1%eth0", "fd00::2"),
        ("10.0.0.2", "fe80::1%eth0", "10.0.0.2"),
        ("169.254.0.2", "fe80::1%eth0", "169.254.0.2"),
        ("bob.example.org", "fe80::1%eth0", "bob.example.org"),
    ],
)
def test_who_is_named_from_a_zone_is_in_it(host: str, near: str, where: str) -> None:
    """If the address counts on one network alone."""
    assert with_zone_of(host, near) == where


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("chat.example.org", True),
        ("my_server-2", True),
        ("bücher.example", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("*", False),
        ("", False),
        ("a b", False),
        ("-x", False),
        ("a/b", False),
        ("[::1", False),
    ],
)
def test_what_could_be_a_host(text: str, is_one: bool) -> None:
    """A star is none: nobody can join by such a link."""
    assert is_host(text) is is_one


def test_ip_and_loopback() -> None:
    """What needs no look-up, and what nobody else can reach."""
    assert is_ip("::1")
    assert not is_ip("localhost")
    assert is_loopback("127.3.2.1")
    assert not is_loopback("10.0.0.1")
    assert is_this_machine("localhost")
    assert is_this_machine("::1")
    assert not is_this_machine("chat.example.org")
