"""The registry at work on memory wires: listeners, order of answers, stopping, logs."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from p2pchat.errors import BindError, StorageError
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import client_context, server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.protocol.address import Address
from p2pchat.protocol.messages import (
    AnnouncePort,
    Login,
    Logout,
    Message,
    Register,
    Search,
)
from p2pchat.protocol.original import ORIGINAL
from p2pchat.registry.server.server import STOP_TIMEOUT, Server
from p2pchat.registry.service.directory import MemoryDirectory
from p2pchat.registry.service.limits import NO_LIMITS, Limits
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.service.service import Service
from p2pchat.registry.store.accounts import Accounts
from tests.accounts import OpenedAccounts
from tests.fakes import InlineWorker, MemoryInternet, MemoryTransport, advance, settle
from tests.world import certificate

TCP, UDP = Address("10.0.0.1", 1235), Address("10.0.0.1", 4322)


class Client:
    """A bare wire to the registry."""

    def __init__(self, world: "Registry", host: str, port: int) -> None:
        self.loop = world.loop
        self.heard = b""
        self.closed = False
        world.internet.machine(host).dial(TCP.at_port(port), 5, self._connected, lambda e: None)
        settle(self.loop)

    def _connected(self, transport: MemoryTransport) -> None:
        self.transport = transport
        transport.on_data = self._on_data
        transport.on_closed = self._on_closed

    def say(self, *messages: Message) -> bytes:
        self.heard = b""
        self.transport.write(b"".join(map(ORIGINAL.encode, messages)))
        settle(self.loop)
        return self.heard

    def _on_data(self, data: bytes) -> None:
        self.heard += data

    def _on_closed(self, _: object) -> None:
        self.closed = True


class Registry:
    """A registry on a memory internet."""

    def __init__(self, loop: Loop, accounts: Accounts, limits: Limits = NO_LIMITS) -> None:
        self.loop = loop
        self.accounts = accounts
        self.internet = MemoryInternet(loop)
        self.worker = InlineWorker(loop)
        service = Service(accounts, MemoryDirectory(), PresenceTable(150), loop.now, limits=limits)
        self.network = self.internet.machine(TCP.host)
        self.server = Server(loop, self.network, self.worker, service, limits)
        self.listener = self.server.open_original(TCP, UDP)
        context = server_context(*certificate())
        self.server.open_secure(TCP.at_port(7117), None, lambda: (StandardEngine(context), "key"))

    def client(self, host: str = "10.0.0.2", port: int = TCP.port) -> Client:
        return Client(self, host, port)


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[Registry]:
    """A registry with its listener open."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    yield Registry(loop, accounts)
    accounts.close()


def test_a_search_is_answered_at_once_while_logins_are_checked(world: Registry) -> None:
    """Argon2 and commits happen off the loop."""
    waiting, searching = world.client(), world.client()
    world.worker.hold()
    assert waiting.say(Register("alice", "pw"), AnnouncePort(4000), Search("bob")) == b""
    assert searching.say(Search("bob")).endswith(b"NOT_FOUND")
    world.worker.release()
    assert waiting.say() == b"".join(
        (
            b"2         REG_RESP       OK",
            b"2         PS_PORT_RESP   OK",
            b"9         SEARCH_RESP    NOT_FOUND",
        )
    )


def test_a_full_worker_is_no_wrong_password(world: Registry) -> None:
    """Not a queue without end; who cannot be answered is hung up on, and may come back."""
    client = world.client()
    world.worker.full = True
    assert client.say(Login("alice", "pw")) == b""
    assert client.closed
    world.worker.full = False
    assert world.client().say(Register("alice", "pw")) == b"2         REG_RESP       OK"


def test_a_database_that_fails_is_no_refusal(
    world: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the operator reads why; nobody else is touched."""

    def fail(*_: object, **__: object) -> bool:
        raise StorageError("the disk is full")

    monkeypatch.setattr(world.accounts, "create", fail)
    client = world.client()
    assert client.say(Register("alice", "pw")) == b""
    assert client.closed
    assert "the disk is full" in caplog.text
    assert world.client().say(Search("alice")).endswith(b"NOT_FOUND")


def test_logout_is_at_once(world: Registry) -> None:
    """Offline for the next search, and the registry closes the connection."""
    client, other = world.client(), world.client()
    client.say(Register("alice", "pw"), AnnouncePort(4000))
    assert other.say(Search("alice")).endswith(b"10.0.0.2 4000")
    client.say(Logout())
    assert client.closed
    assert other.say(Search("alice")).endswith(b"OFFLINE")


def test_silence_closes_the_connection_and_hello_keeps_it(world: Registry) -> None:
    """HELLO counts from the user's own host; garbage does nothing."""
    client, other = world.client("10.0.0.2"), world.client("10.0.0.3")
    client.say(Register("alice", "pw"), AnnouncePort(4000))
    friend = world.internet.machine("10.0.0.2").open_udp(Address("0.0.0.0", 0), lambda *_: None)
    enemy = world.internet.machine("10.0.0.3").open_udp(Address("0.0.0.0", 0), lambda *_: None)
    advance(world.loop, 140)
    friend.send(b"HELLO alice", UDP)
    for garbage in (b"", b"HELLO", b"HELLO ", b"HELLO \xff", b"HELLO a b", b"x" * 2000):
        enemy.send(garbage, UDP)
    advance(world.loop, 140)
    enemy.send(b"HELLO alice", UDP)
    assert not client.closed
    advance(world.loop, 9)
    assert not client.closed
    advance(world.loop, 2)
    assert client.closed
    assert other.say(Search("alice")).endswith(b"OFFLINE")


def test_heartbeats_that_wait_count_before_anybody_is_put_offline(world: Registry) -> None:
    """The process stood still, say, and its socket was not being read: they came in time."""
    alice, bob = world.client("10.0.0.2"), world.client("10.0.0.3")
    alice.say(Register("alice", "pw"), AnnouncePort(4000))
    bob.say(Register("bob", "pw"), AnnouncePort(4000))
    held = world.listener.udp.held  # type: ignore[attr-defined]
    hear = world.internet.sockets[UDP]
    held.append(partial(hear, b"HELLO alice", Address("10.0.0.2", 5000)))
    advance(world.loop, 151)
    assert (alice.closed, bob.closed) == (False, True)
    advance(world.loop, 148)
    assert not alice.closed
    advance(world.loop, 3)
    assert alice.closed


def test_a_stranger_loses_only_their_own_connection(world: Registry) -> None:
    """Whatever they send."""
    good, bad = world.client(), world.client()
    good.say(Register("alice", "pw"))
    bad.transport.write(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
    settle(world.loop)
    assert bad.closed
    assert good.say(Search("alice")).endswith(b"OFFLINE")


def test_stopping_sends_open_answers_and_lets_nobody_in(world: Registry) -> None:
    """Then it says that it has stopped."""
    waiting, idle = world.client(), world.client()
    world.worker.hold()
    waiting.say(Register("alice", "pw"))
    stopped: list[bool] = []
    world.server.stop(lambda: stopped.append(True))
    settle(world.loop)
    assert idle.closed
    assert not stopped
    assert TCP not in world.internet.listeners
    world.worker.release()
    assert waiting.say() == b"2         REG_RESP       OK"
    assert waiting.closed
    assert stopped == [True]


def test_stopping_does_not_wait_for_ever(world: Registry) -> None:
    """An answer that never comes is given up."""
    waiting = world.client()
    world.worker.hold()
    waiting.say(Register("alice", "pw"))
    stopped: list[bool] = []
    world.server.stop(lambda: stopped.append(True))
    advance(world.loop, STOP_TIMEOUT - 0.1)
    assert not stopped
    advance(world.loop, 0.2)
    assert stopped == [True]


def test_a_listener_opens_whole_or_not_at_all(world: Registry) -> None:
    """If the UDP port cannot be had, the TCP port is given back."""

    def taken(*_: object) -> None:
        raise BindError("taken")

    network = world.internet.machine("10.0.0.8")
    network.open_udp = taken  # type: ignore[method-assign,assignment]
    service = Service(world.accounts, MemoryDirectory(), PresenceTable(1), world.loop.now)
    server = Server(world.loop, network, world.worker, service)
    with pytest.raises(BindError):
        server.open_original(Address("10.0.0.8", 1235), UDP)
    assert Address("10.0.0.8", 1235) not in world.internet.listeners


def test_the_log_says_who_and_never_what(world: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """Who came, logged in and left; no password, and no control character of a stranger's."""
    caplog.set_level(logging.DEBUG)
    client = world.client()
    client.say(Register("alice", "hush-hush"), AnnouncePort(4000))
    client.say(Logout())
    stranger = world.client()
    stranger.transport.write(b"\x1b[31m     \x1b]52;c;aGk=\x07       ")
    settle(world.loop)
    assert "alice at 10.0.0.2" in caplog.text
    assert "left: logged out" in caplog.text
    assert "hush" not in caplog.text
    assert "\x1b" not in caplog.text


class TestLimits:
    """What the listeners do with budgets."""

    @pytest.fixture
    def limited(self, loop: Loop, tmp_path: Path) -> Iterator[Registry]:
        accounts = OpenedAccounts(tmp_path / "l.sqlite3")
        limits = Limits(connections_per_address=3, handshakes=2, anonymous_links=4)
        yield Registry(loop, accounts, limits)
        accounts.close()

    def test_one_address_has_its_few_connections(self, limited: Registry) -> None:
        """Whoever leaves makes room; others are not touched."""
        clients = [limited.client() for _ in range(5)]
        settle(limited.loop)
        assert [c.closed for c in clients] == [False] * 3 + [True] * 2
        assert limited.client("10.0.0.3").say(Search("x")).endswith(b"NOT_FOUND")
        clients[0].say(Logout())
        assert limited.client().say(Search("x")).endswith(b"NOT_FOUND")

    def test_of_too_many_who_have_not_logged_in_the_oldest_goes(self, limited: Registry) -> None:
        """At the original listener, where nothing hurries them; who has logged in stays."""
        user = limited.client("10.0.2.1")
        user.say(Register("alice", "password"))
        silent = [limited.client(f"10.0.3.{i}") for i in range(6)]
        settle(limited.loop)
        assert [c.closed for c in silent] == [True] * 2 + [False] * 4
        assert user.say(Search("x")).endswith(b"NOT_FOUND")

    def test_half_a_frame_has_a_deadline(self, limited: Registry) -> None:
        """From its first byte; silence between frames has none at this listener."""
        patient, slow = limited.client(), limited.client()
        slow.transport.write(b"3         SEARCH ")
        advance(limited.loop, 5)
        slow.transport.write(b"  ")
        advance(limited.loop, 6)
        assert slow.closed
        advance(limited.loop, 1000)
        assert patient.say(Search("x")).endswith(b"NOT_FOUND")

    def test_whoever_goes_on_talking_is_not_late(self, limited: Registry) -> None:
        """Even if every piece ends in the middle of a frame."""
        client = limited.client()
        frame = ORIGINAL.encode(Search("x"))
        client.transport.write(frame[:5])
        for _ in range(50):
            advance(limited.loop, 1)
            client.transport.write(frame[5:] + frame[:5])
        settle(limited.loop)
        assert not client.closed

    def test_silence_at_the_secure_listener_has_a_deadline(self, limited: Registry) -> None:
        """Before the handshake, and between it and the login."""
        silent = limited.client(port=7117)
        shaken = limited.client("10.0.0.3", port=7117)
        engine = StandardEngine(client_context(checked=False), server_name="r")
        tls = TlsTransport(limited.loop, shaken.transport, engine)
        ended: list[object] = []
        tls.on_closed = ended.append
        settle(limited.loop)
        assert tls.secured
        advance(limited.loop, 14)
        assert not silent.closed
        assert not ended
        advance(limited.loop, 2)
        assert silent.closed
        assert ended

    def test_handshakes_under_way_have_an_end(self, limited: Registry) -> None:
        """A flood of callers that say nothing keeps nobody out: the oldest of them goes."""
        flood = [limited.client(f"10.0.1.{i}", port=7117) for i in range(5)]
        settle(limited.loop)
        assert [c.closed for c in flood] == [True] * 3 + [False] * 2
        honest = limited.client("10.0.2.1", port=7117)
        engine = StandardEngine(client_context(checked=False), server_name="r")
        tls = TlsTransport(limited.loop, honest.transport, engine)
        settle(limited.loop)
        assert tls.secured
        assert [c.closed for c in flood] == [True] * 4 + [False]
        assert limited.client("10.0.1.0").say(Search("x")).endswith(b"NOT_FOUND")


def test_a_port_that_only_udp_cannot_have_is_chosen_again(
    world: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system chooses; a port that was asked for is that one or none."""
    open_udp = world.network.open_udp
    tried: list[int] = []

    def taken_twice(address: Address, *more: Any) -> Any:
        tried.append(address.port)
        if len(tried) < 3:
            raise BindError(f"cannot listen on udp {address}: address already in use")
        return open_udp(address, *more)

    monkeypatch.setattr(world.network, "open_udp", taken_twice)
    before = len(world.internet.listeners)
    listener = world.server.open_secure(TCP.at_port(0), None, lambda: (StandardEngine(None), ""))  # type: ignore[arg-type]
    assert listener.udp.address.port == listener.tcp.address.port == tried[2]
    assert len(set(tried)) == 3
    assert len(world.internet.listeners) == before + 1
    tried.clear()
    with pytest.raises(BindError):
        world.server.open_secure(TCP.at_port(7200), None, lambda: (StandardEngine(None), ""))  # type: ignore[arg-type]
    assert tried == [7200]
