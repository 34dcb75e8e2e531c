"""Datagrams of the local network: the port is shared, and senders have their zone.

That a question reaches other machines is tested in `tests/faults/test_homes.py`.
"""

import socket
from collections.abc import Callable

import pytest

from p2pchat.errors import BindError
from p2pchat.net.lan_socket import LanSocket
from p2pchat.net.loop import Loop
from p2pchat.protocol.address import Address

Heard = list[tuple[bytes, Address]]


@pytest.fixture
def port() -> int:
    """Return a UDP port that is free for both kinds of IP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        return int(sock.getsockname()[1])


def run_until(loop: Loop, done: Callable[[], bool]) -> None:
    while not done():
        loop.run_once(0.1)


def test_answers_come_to_the_asker_alone(real_loop: Loop, port: int) -> None:
    """Two processes share the port; what one sends comes from a port of its own."""
    heard: tuple[Heard, Heard] = [], []
    one = LanSocket(real_loop, port, lambda *datagram: heard[0].append(datagram))
    two = LanSocket(real_loop, port, lambda *datagram: heard[1].append(datagram))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("127.0.0.1", 0))
        asker.settimeout(20)
        here = Address(*asker.getsockname())
        one.send(b"answer", here)
        answer, sender = asker.recvfrom(100)
        assert (answer, sender[0]) == (b"answer", "127.0.0.1")
        assert sender[1] != port
        asker.sendto(b"back", sender)
        run_until(real_loop, lambda: bool(heard[0]))
    assert heard == ([(b"back", here)], [])
    one.close()
    two.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_kinds_of_ip_are_heard(real_loop: Loop, port: int, host: str) -> None:
    """Each at a socket of its own; an IPv4 sender has an IPv4 address."""
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    heard: Heard = []
    lan = LanSocket(real_loop, port, lambda *datagram: heard.append(datagram))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"question", (host, port))
        run_until(real_loop, lambda: bool(heard))
        ((datagram, address),) = heard
        assert (datagram, address.host) == (b"question", host)
        lan.send(b"answer", address)
        sender.settimeout(20)
        assert sender.recv(100) == b"answer"
    lan.close()


def test_asking_never_fails(real_loop: Loop, port: int) -> None:
    """An interface that is down, or no network at all, loses the question."""
    lan = LanSocket(real_loop, port, lambda *_: None)
    lan.ask_all(b"question")
    lan.close()


def test_port_of_a_program_that_does_not_share_it(real_loop: Loop) -> None:
    """The reason is told."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", 0))
        with pytest.raises(BindError, match="address already in use"):
            LanSocket(real_loop, taken.getsockname()[1], lambda *_: None)
