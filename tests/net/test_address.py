"""Addresses, as they are written and as the system says them."""

import pytest

from p2pchat.net.address import Address, from_socket_name, is_ip, is_loopback, is_this_machine


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


def test_ip_and_loopback() -> None:
    """What needs no look-up, and what nobody else can reach."""
    assert is_ip("::1")
    assert not is_ip("localhost")
    assert is_loopback("127.3.2.1")
    assert not is_loopback("10.0.0.1")
    assert is_this_machine("localhost")
    assert is_this_machine("::1")
    assert not is_this_machine("chat.example.org")
