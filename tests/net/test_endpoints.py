"""Listening and dialling on real sockets: errors, several addresses, exhausted descriptors."""

import os
import resource
import socket

import pytest

from p2pchat.errors import BindError, P2PError, Unreachable
from p2pchat.net import endpoints
from p2pchat.net.bound_socket import try_to_bind
from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.loop import Loop
from p2pchat.net.transport import Transport
from p2pchat.net.worker import ThreadWorker
from p2pchat.protocol.address import Address
from tests.fakes import InlineWorker

ANY = Address("127.0.0.1", 0)
HERE = {"127.0.0.1", "::1"}


@pytest.fixture
def network(real_loop: Loop) -> SocketNetwork:
    """Return a network whose name lookups finish immediately."""
    return SocketNetwork(real_loop, InlineWorker(real_loop))


def dial(loop: Loop, network: SocketNetwork, address: Address, timeout: float = 5) -> Transport:
    def start(then: object, failed: object) -> None:
        network.dial(address, timeout, then, failed)  # type: ignore[arg-type]

    return loop.wait_for(start)


def test_port_in_use_is_named_in_the_error(network: SocketNetwork) -> None:
    """The error names the address and the likely cause."""
    listener = network.listen(ANY, lambda t: t.abort())
    with pytest.raises(BindError, match=f"tcp {listener.address}: address already in use") as e:
        network.listen(listener.address, lambda t: t.abort())
    assert "another program" in e.value.likely
    listener.close()


def test_address_of_another_machine_is_named_in_the_error(network: SocketNetwork) -> None:
    """Binding TCP or UDP to a foreign address raises an error that names it."""
    with pytest.raises(BindError, match=r"192\.0\.2\.1"):
        network.listen(Address("192.0.2.1", 0), lambda t: t.abort())
    with pytest.raises(BindError, match=r"udp 192\.0\.2\.1"):
        network.open_udp(Address("192.0.2.1", 0), lambda *_: None)


def test_refused_dial_fails_with_the_reason(real_loop: Loop, network: SocketNetwork) -> None:
    """The error of a refused connection names the address and the reason."""
    with socket.socket() as unused:
        unused.bind(ANY)
        address = Address(*unused.getsockname())
    with pytest.raises(Unreachable, match=f"{address}: connection refused"):
        dial(real_loop, network, address)


def test_every_address_of_a_name_is_tried(
    real_loop: Loop, network: SocketNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first address of a name refuses, the next one is tried."""
    accepted: list[Transport] = []
    listener = network.listen(ANY, accepted.append)
    port = listener.address.port
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ],
    )
    transport = dial(real_loop, network, Address("somewhere", port))
    assert transport.remote == listener.address
    real_loop.run_until(lambda: bool(accepted))
    transport.abort()
    accepted[0].abort()
    listener.close()


def test_unresponsive_address_does_not_delay_the_dial(
    real_loop: Loop, network: SocketNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next address is tried in parallel (RFC 8305) if the first does not answer."""
    accepted: list[Transport] = []
    listener = network.listen(ANY, accepted.append)
    port = listener.address.port
    silent = socket.create_server(("127.0.0.2", port), backlog=0)
    queued = [socket.socket() for _ in range(3)]  # fill the backlog: no SYN is answered
    for sock in queued:
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.2", port))
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in ("127.0.0.2", "127.0.0.1")
        ],
    )
    transport = dial(real_loop, network, Address("somewhere", port), timeout=3600)
    assert transport.remote == listener.address
    real_loop.run_until(lambda: bool(accepted))
    transport.abort()
    accepted[0].abort()
    listener.close()
    for sock in (silent, *queued):
        sock.close()


def test_addresses_rejected_by_the_filter_are_not_dialled(
    real_loop: Loop, network: SocketNetwork
) -> None:
    """A name that resolves to this machine is not dialled if the caller's filter rejects it."""
    accepted: list[Transport] = []
    listener = network.listen(ANY, accepted.append)
    failed: list[P2PError] = []
    address = Address("localhost", listener.address.port)
    network.dial(address, 5, accepted.append, failed.append, lambda host: host not in HERE)
    real_loop.run_until(lambda: bool(failed))
    assert "leads to this machine" in failed[0].what
    assert accepted == []
    listener.close()


def test_unknown_hostname_raises_unreachable(real_loop: Loop) -> None:
    """A lookup in a thread that fails raises Unreachable with the address."""
    worker = ThreadWorker(real_loop, threads=1)
    network = SocketNetwork(real_loop, worker)
    with pytest.raises(Unreachable, match=r"cannot reach a..b:1: "):
        dial(real_loop, network, Address("a..b", 1))
    worker.close()


def test_dial_times_out_during_the_lookup(loop: Loop) -> None:
    """A dial ends at its deadline, once, even if the name lookup never finishes."""
    worker = InlineWorker(loop)
    worker.hold()
    errors: list[P2PError] = []
    SocketNetwork(loop, worker).dial(Address("slow", 1), 10, lambda _: None, errors.append)
    from tests.fakes import advance

    advance(loop, 9.9)
    assert not errors
    advance(loop, 0.2)
    assert "no answer" in errors[0].what
    worker.release()
    advance(loop, 1)
    assert len(errors) == 1


def test_datagrams_travel_both_ways(real_loop: Loop, network: SocketNetwork) -> None:
    """Datagrams arrive in both directions with the sender's address."""
    heard: list[tuple[bytes, Address]] = []
    server = network.open_udp(ANY, lambda d, a: heard.append((d, a)))
    client = network.open_udp(ANY, lambda d, a: heard.append((d, a)))
    client.send(b"hello", server.address)
    real_loop.run_until(lambda: len(heard) == 1)
    server.send(b"back", heard[0][1])
    real_loop.run_until(lambda: len(heard) == 2)
    assert heard == [(b"hello", client.address), (b"back", server.address)]
    client.send(b"x" * 70_000, server.address)
    client.close()
    server.close()


def test_loop_does_not_spin_without_free_descriptors(
    real_loop: Loop, network: SocketNetwork
) -> None:
    """Without free descriptors new connections are closed, accepted ones are kept, and the listener
    pauses and then recovers.
    """
    accepted: list[Transport] = []
    listener = network.listen(ANY, accepted.append)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    callers = [socket.create_connection(listener.address) for _ in range(3)]
    real_loop.run_until(lambda: len(accepted) == 3)
    late = [socket.socket() for _ in range(3)]
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        for caller in late:
            caller.connect(listener.address)
        real_loop.run_once(0)
        assert len(accepted) == 3
        turns = 0
        resting_until = real_loop.next_deadline()
        assert resting_until is not None, "nobody was hung up on"
        while real_loop.now() < resting_until:
            real_loop.run_once()
            turns += 1
        assert turns <= 3, "the loop spins"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    again = socket.create_connection(listener.address)
    real_loop.run_until(lambda: any(t.remote == again.getsockname() for t in accepted))
    for sock in (*callers, *late, again):
        sock.close()
    for transport in accepted:
        transport.abort()
    listener.close()


def test_catch_up_reads_pending_datagrams_at_once(real_loop: Loop, network: SocketNetwork) -> None:
    """catch_up() reads pending datagrams although the socket pauses after a read."""
    heard: list[bytes] = []
    server = network.open_udp(ANY, lambda d, _: heard.append(d))
    client = network.open_udp(ANY, lambda _, __: None)
    client.send(b"one", server.address)
    real_loop.run_until(lambda: heard == [b"one"])
    client.send(b"two", server.address)
    real_loop.run_once(0)
    assert heard == [b"one"], "it does not rest"
    server.catch_up()
    assert heard == [b"one", b"two"]
    client.send(b"three", server.address)
    real_loop.run_until(lambda: len(heard) == 3)
    server.close()
    server.catch_up()
    client.close()


def test_try_to_bind_reports_the_error_of_a_listener(network: SocketNetwork) -> None:
    """A used TCP or UDP port raises BindError; a free one stays free."""
    pid = os.getpid()
    ours = Address(f"127.1.{pid // 250 % 250}.{pid % 250 + 1}", 0)  # unused by other tests
    listener = network.listen(ours, lambda t: t.abort())
    udp = network.open_udp(ours, lambda _, __: None)
    with pytest.raises(BindError, match=f"tcp {listener.address}: address already in use"):
        try_to_bind(listener.address, 0)
    with pytest.raises(BindError, match=f"udp {udp.address}: address already in use"):
        try_to_bind(ours, udp.address.port)
    with pytest.raises(BindError, match=f"udp {udp.address}: address already in use"):
        try_to_bind(udp.address, None)
    listener.close()
    udp.close()
    for _ in range(2):
        try_to_bind(listener.address, None)


@pytest.mark.parametrize(("router", "is_asked"), [("127.0.0.1", False), ("192.0.2.9", True)])
def test_router_must_be_on_the_way_out(
    network: SocketNetwork, monkeypatch: pytest.MonkeyPatch, router: str, is_asked: bool
) -> None:
    """Behind a tunnel, another address of ours leads to the router: it is not asked for a port."""
    own = network.own_hosts()
    if not any("." in host for host in own):
        pytest.skip("this machine has no way to the internet")
    monkeypatch.setattr(endpoints, "default_gateway", lambda _: router)
    assert (network.gateway() is not None) is is_asked
