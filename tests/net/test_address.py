"""Addresses as users write them and as the operating system reports them."""

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
def test_address_is_written_with_ipv6_in_brackets(address: Address, text: str) -> None:
    """An address is written as HOST:PORT, with an IPv6 host in brackets."""
    assert str(address) == text


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("127.0.0.1", 5), Address("127.0.0.1", 5)),
        (("::ffff:10.0.0.1", 5, 0, 0), Address("10.0.0.1", 5)),
        (("fe80::1%eth0", 5, 0, 2), Address("fe80::1", 5)),
    ],
)
def test_socket_name_becomes_one_canonical_address(name: tuple[str, int], address: Address) -> None:
    """An IPv4-mapped IPv6 address becomes IPv4, and a zone is dropped."""
    assert from_socket_name(name) == address


def test_zone_becomes_an_interface_number() -> None:
    """A zone by name or number (RFC 4007) becomes the interface number; an unknown zone is an
    error.
    """
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
def test_link_local_host_takes_the_zone_of_the_other_address(
    host: str, near: str, where: str
) -> None:
    """A link-local IPv6 host without a zone takes the zone of the address it was received from."""
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
def test_valid_and_invalid_hosts(text: str, is_one: bool) -> None:
    """Hostnames and IP addresses are valid hosts; a wildcard is not, since it cannot be dialled."""
    assert is_host(text) is is_one


def test_ip_and_loopback_hosts_are_recognized() -> None:
    """IP addresses need no lookup; loopback hosts and `localhost` are this machine."""
    assert is_ip("::1")
    assert not is_ip("localhost")
    assert is_loopback("127.3.2.1")
    assert not is_loopback("10.0.0.1")
    assert is_this_machine("localhost")
    assert is_this_machine("::1")
    assert not is_this_machine("chat.example.org")
