"""The registry over memory transports: listeners, order of answers, stopping, logs."""

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
    """A raw connection to the registry."""

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
    """A registry on a memory network."""

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
    """Yield a registry with its listeners open."""
    accounts = OpenedAccounts(tmp_path / "a.sqlite3")
    yield Registry(loop, accounts)
    accounts.close()


def test_search_is_answered_while_logins_are_checked(world: Registry) -> None:
    """Searches do not wait for Argon2id or commits, which run off the loop."""
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


def test_full_worker_is_not_reported_as_a_wrong_password(world: Registry) -> None:
    """If the worker is full, the client is disconnected and may return."""
    client = world.client()
    world.worker.full = True
    assert client.say(Login("alice", "pw")) == b""
    assert client.closed
    world.worker.full = False
    assert world.client().say(Register("alice", "pw")) == b"2         REG_RESP       OK"


def test_failing_database_is_not_a_refusal(
    world: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database error is logged and closes that connection only."""

    def fail(*_: object, **__: object) -> bool:
        raise StorageError("the disk is full")

    monkeypatch.setattr(world.accounts, "create", fail)
    client = world.client()
    assert client.say(Register("alice", "pw")) == b""
    assert client.closed
    assert "the disk is full" in caplog.text
    assert world.client().say(Search("alice")).endswith(b"NOT_FOUND")


def test_logout_takes_effect_at_once(world: Registry) -> None:
    """After LOGOUT the user is offline and the connection is closed."""
    client, other = world.client(), world.client()
    client.say(Register("alice", "pw"), AnnouncePort(4000))
    assert other.say(Search("alice")).endswith(b"10.0.0.2 4000")
    client.say(Logout())
    assert client.closed
    assert other.say(Search("alice")).endswith(b"OFFLINE")


def test_silent_client_is_disconnected_and_hello_keeps_it(world: Registry) -> None:
    """HELLO from the user's own host keeps a client online; malformed datagrams do nothing."""
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


def test_queued_heartbeats_are_read_before_clients_expire(world: Registry) -> None:
    """Heartbeats that were queued while the process stood still are read first."""
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


def test_malformed_bytes_close_only_their_own_connection(world: Registry) -> None:
    """Malformed bytes close only the connection that sent them."""
    good, bad = world.client(), world.client()
    good.say(Register("alice", "pw"))
    bad.transport.write(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
    settle(world.loop)
    assert bad.closed
    assert good.say(Search("alice")).endswith(b"OFFLINE")


def test_stopping_sends_open_answers_and_accepts_nothing(world: Registry) -> None:
    """Stopping closes the listeners, sends open answers, and then reports that it has stopped."""
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


def test_stopping_has_a_timeout(world: Registry) -> None:
    """An answer that never comes does not prevent the stop."""
    waiting = world.client()
    world.worker.hold()
    waiting.say(Register("alice", "pw"))
    stopped: list[bool] = []
    world.server.stop(lambda: stopped.append(True))
    advance(world.loop, STOP_TIMEOUT - 0.1)
    assert not stopped
    advance(world.loop, 0.2)
    assert stopped == [True]


def test_listener_opens_completely_or_not_at_all(world: Registry) -> None:
    """If the UDP port is taken, the TCP port is closed again."""

    def taken(*_: object) -> None:
        raise BindError("taken")

    network = world.internet.machine("10.0.0.8")
    network.open_udp = taken  # type: ignore[method-assign,assignment]
    service = Service(world.accounts, MemoryDirectory(), PresenceTable(1), world.loop.now)
    server = Server(world.loop, network, world.worker, service)
    with pytest.raises(BindError):
        server.open_original(Address("10.0.0.8", 1235), UDP)
    assert Address("10.0.0.8", 1235) not in world.internet.listeners


def test_log_has_users_but_no_secrets(world: Registry, caplog: pytest.LogCaptureFixture) -> None:
    """The log names users and outcomes; it has no passwords and no control characters."""
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
    """Limits that the listeners enforce."""

    @pytest.fixture
    def limited(self, loop: Loop, tmp_path: Path) -> Iterator[Registry]:
        accounts = OpenedAccounts(tmp_path / "l.sqlite3")
        limits = Limits(connections_per_address=3, handshakes=2, anonymous_links=4)
        yield Registry(loop, accounts, limits)
        accounts.close()

    def test_connections_per_address_are_limited(self, limited: Registry) -> None:
        """A closed connection makes room; other addresses are not affected."""
        clients = [limited.client() for _ in range(5)]
        settle(limited.loop)
        assert [c.closed for c in clients] == [False] * 3 + [True] * 2
        assert limited.client("10.0.0.3").say(Search("x")).endswith(b"NOT_FOUND")
        clients[0].say(Logout())
        assert limited.client().say(Search("x")).endswith(b"NOT_FOUND")

    def test_oldest_anonymous_connection_gives_way(self, limited: Registry) -> None:
        """At the original listener the oldest anonymous connection gives way; logged-in clients
        stay.
        """
        user = limited.client("10.0.2.1")
        user.say(Register("alice", "password"))
        silent = [limited.client(f"10.0.3.{i}") for i in range(6)]
        settle(limited.loop)
        assert [c.closed for c in silent] == [True] * 2 + [False] * 4
        assert user.say(Search("x")).endswith(b"NOT_FOUND")

    def test_partial_frame_has_a_deadline(self, limited: Registry) -> None:
        """A frame must be complete in time; silence between frames is allowed at this listener."""
        patient, slow = limited.client(), limited.client()
        slow.transport.write(b"3         SEARCH ")
        advance(limited.loop, 5)
        slow.transport.write(b"  ")
        advance(limited.loop, 6)
        assert slow.closed
        advance(limited.loop, 1000)
        assert patient.say(Search("x")).endswith(b"NOT_FOUND")

    def test_continuous_sender_is_not_timed_out(self, limited: Registry) -> None:
        """A client that keeps sending is not timed out, even if each read ends within a frame."""
        client = limited.client()
        frame = ORIGINAL.encode(Search("x"))
        client.transport.write(frame[:5])
        for _ in range(50):
            advance(limited.loop, 1)
            client.transport.write(frame[5:] + frame[:5])
        settle(limited.loop)
        assert not client.closed

    def test_silence_at_the_secure_listener_has_a_deadline(self, limited: Registry) -> None:
        """A client must complete the handshake and then log in, each in time."""
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

    def test_pending_handshakes_are_limited(self, limited: Registry) -> None:
        """The oldest pending handshake gives way, so a flood keeps no client out."""
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


def test_automatic_port_is_chosen_again_if_udp_is_taken(
    world: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port chosen by the system is chosen again; a requested port raises an error."""
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
