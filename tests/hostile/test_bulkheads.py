"""A bug costs only the part in which it happens: it is logged with a traceback and counted.

The bugs are injected by hand. Unlike in other tests, the loops are not strict here.
"""

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pchat.errors import InternalError, P2PError
from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.http_page import PageListener
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import server_context
from p2pchat.net.tls.engine import StandardEngine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Wire
from p2pchat.net.unix_socket import UnixListener, dial_unix
from p2pchat.net.worker import ThreadWorker
from p2pchat.peer.chat.conversation import Conversation
from p2pchat.protocol.address import Address
from p2pchat.protocol.client.events import Called, Event
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Search, SearchResult
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.states import REGISTRY_DIALOGUE, Speaker
from p2pchat.registry.service.service import Service
from tests.fakes import FakeClock, MemoryTransport, settle, wire
from tests.peer.chat.test_conversations import A, B, friends, texts
from tests.world import World, certificate

LOOPBACK = Address("127.0.0.1", 0)


def bug(*_: object) -> None:
    raise LookupError("a bug")


@pytest.fixture
def memory_loop() -> Iterator[Loop]:
    """Yield a loop on a fake clock that contains exceptions."""
    loop = Loop(FakeClock())
    yield loop
    loop.close()


@pytest.fixture
def socket_loop(caplog: pytest.LogCaptureFixture) -> Iterator[Loop]:
    """Yield a loop on the machine's clock that contains exceptions."""
    caplog.set_level(logging.ERROR)
    loop = Loop()
    yield loop
    loop.close()


def is_logged(caplog: pytest.LogCaptureFixture) -> bool:
    """Return whether the log has the traceback of the bug."""
    return any(r.exc_info and r.exc_info[0] is LookupError for r in caplog.records)


def link_over(loop: Loop) -> tuple[Link, MemoryTransport]:
    """Return the registry's end as a link and the client's as a raw transport."""
    left, right = wire(loop)
    return Link(loop, right, Connection(REGISTRY_DIALOGUE, ORIGINAL, Speaker.LISTENER)), left


@pytest.mark.parametrize("where", ["decoding", "handling"])
def test_bug_in_a_link_closes_that_link(
    memory_loop: Loop,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A bug in decoding or handling a message closes its link and no other."""
    broken, client = link_over(memory_loop)
    fine, other = link_over(memory_loop)
    closed: list[P2PError | None] = []
    heard: list[object] = []
    broken.on_closed = closed.append
    broken.on_message = bug if where == "handling" else heard.append
    fine.on_message = heard.append
    frame = ORIGINAL.encode(Search("bob"))
    with monkeypatch.context() as patched:
        if where == "decoding":
            patched.setattr(type(ORIGINAL), "decode", bug)
        client.write(frame)
        settle(memory_loop)
    other.write(frame)
    settle(memory_loop)
    assert [type(error) for error in closed] == [InternalError]
    assert (fine.open, heard) == (True, [Search("bob")])
    assert memory_loop.contained == 1
    assert is_logged(caplog)


def test_bug_in_accepting_closes_that_connection(
    socket_loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is closed, and the next one is accepted."""
    network = SocketNetwork(socket_loop, ThreadWorker(socket_loop))
    came: list[Wire] = []

    def take(wire: Wire) -> None:
        came.append(wire)
        if len(came) == 1:
            bug()

    listener = network.listen(LOOPBACK, take)
    for n in (1, 2):
        with socket.create_connection(listener.address) as caller:
            socket_loop.run_until(lambda n=n: len(came) == n)
            if n == 1:
                assert caller.recv(1) == b""
    listener.close()
    assert socket_loop.contained == 1
    assert is_logged(caplog)


def test_bug_in_on_data_closes_that_connection(
    socket_loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug below any link, as in a page, closes the connection."""
    network = SocketNetwork(socket_loop, ThreadWorker(socket_loop))
    closed: list[P2PError | None] = []

    def take(wire: Wire) -> None:
        wire.on_data = bug
        wire.on_closed = closed.append

    listener = network.listen(LOOPBACK, take)
    with socket.create_connection(listener.address) as caller:
        caller.sendall(b"hello")
        socket_loop.run_until(lambda: bool(closed))
        assert caller.recv(1) == b""
    listener.close()
    assert isinstance(closed[0], InternalError)
    assert socket_loop.contained == 1
    assert is_logged(caplog)


def test_bug_in_a_page_closes_that_connection(socket_loop: Loop) -> None:
    """The client is disconnected and may ask again."""
    network = SocketNetwork(socket_loop, ThreadWorker(socket_loop))
    page = PageListener(socket_loop, network, LOOPBACK, "/", "text/plain", bug)  # type: ignore[arg-type]
    for n in (1, 2):
        with socket.create_connection(page.address) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\n\r\n")
            socket_loop.run_until(lambda n=n: socket_loop.contained == n)
            assert caller.recv(1) == b""
    page.close()


def test_bug_in_a_datagram_costs_that_datagram(
    socket_loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    """The next datagram is handled."""
    network = SocketNetwork(socket_loop, ThreadWorker(socket_loop))
    heard: list[bytes] = []

    def take(datagram: bytes, _: Address) -> None:
        heard.append(datagram)
        if datagram == b"one":
            bug()

    udp = network.open_udp(LOOPBACK, take)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in (b"one", b"two"):
            sender.sendto(datagram, udp.address)
        socket_loop.run_until(lambda: heard == [b"one", b"two"])
    udp.close()
    assert socket_loop.contained == 1
    assert is_logged(caplog)


def test_bug_in_a_unix_listener_closes_that_connection(socket_loop: Loop, tmp_path: Path) -> None:
    """The next connection to the control socket is accepted."""
    came: list[Wire] = []

    def take(wire: Wire) -> None:
        came.append(wire)
        if len(came) == 1:
            bug()

    listener = UnixListener(socket_loop, tmp_path / "control.sock", take)
    for n in (1, 2):
        dial_unix(socket_loop, tmp_path / "control.sock")
        socket_loop.run_until(lambda n=n: len(came) == n)
    listener.close()
    assert socket_loop.contained == 1


def test_bug_in_a_handshake_closes_that_connection(
    memory_loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing TLS engine closes its connection."""
    left, right = wire(memory_loop)
    tls = TlsTransport(memory_loop, right, StandardEngine(server_context(*certificate())))
    closed: list[P2PError | None] = []
    tls.on_closed = closed.append
    monkeypatch.setattr(StandardEngine, "handshake", bug)
    left.write(b"hello")
    settle(memory_loop)
    assert [type(error) for error in closed] == [InternalError]


@pytest.mark.parametrize("where", ["job", "then"])
def test_bug_in_a_job_costs_that_job(socket_loop: Loop, where: str) -> None:
    """The caller gets InternalError, and the thread takes the next job."""
    worker = ThreadWorker(socket_loop, threads=1)
    done: list[object] = []
    with closing(worker), socket_loop.containing():
        job = bug if where == "job" else (lambda: 1)
        then = bug if where == "then" else done.append
        worker.submit(job, then, done.append)
        worker.submit(lambda: 2, done.append, done.append)
        socket_loop.run_until(lambda: 2 in done)
    if where == "job":
        assert isinstance(done[0], InternalError)
    assert socket_loop.contained == 1
    assert worker.waiting == 0


def test_bug_in_a_client_of_the_node_costs_that_event(
    memory_loop: Loop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other clients, and later events, are not affected."""
    with closing(World(memory_loop, tmp_path, secure=True)) as world:
        alice = world.person("alice", "10.0.0.2")
        told: list[Event] = []
        broken: list[str] = []
        one, two = alice.client(), alice.client()
        one.on_event = bug
        one.on_bug = lambda: broken.append("told")
        two.on_event = told.append
        alice.clients.on_event(Called("bob"))
        alice.clients.on_event(Called("carol"))
        world.settle()
    assert told == [Called("bob"), Called("carol")]
    assert broken == ["told", "told"]
    assert "bug in a client of the node" in caplog.text


def test_bug_in_a_conversation_renews_its_link(
    memory_loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is renewed from what is on disk; other conversations are not affected."""
    with closing(World(memory_loop, tmp_path, secure=True)) as world:
        alice, bob = friends(world)
        alice.node.call("bob")
        world.settle()
        with monkeypatch.context() as patched:
            patched.setattr(Conversation, "on_kept", bug)
            alice.say("one")
            world.settle()
        assert memory_loop.contained > 0
        world.advance(120)
        assert texts(bob.told()) == ["one"]
        alice.node.call("bob")
        world.settle()
        alice.say("two")
        world.settle()
        assert texts(bob.told()) == ["two"]
        assert not alice.node.history.waiting()


def test_bug_in_a_request_closes_that_connection(
    memory_loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other clients are served, and the one that asked may return."""
    with closing(World(memory_loop, tmp_path, secure=True)) as world:
        alice = world.person("alice", A)
        with monkeypatch.context() as patched:
            patched.setattr(Service, "answer", bug)
            world.person("bob", B)
        assert memory_loop.contained == 1
        assert world.presence.find("alice") is not None
        found: list[SearchResult] = []
        alice.node.registry.search("bob", found.append, bug)
        world.settle()
        assert found
        world.person("bob", B)
        assert world.presence.find("bob") is not None


@pytest.mark.parametrize("how", ["soon", "timer", "descriptor", "thread"])
def test_bug_in_a_callback_is_contained_in_a_long_running_process(
    socket_loop: Loop, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback is lost and not repeated; in a one-shot command it is raised."""
    left, right = socket.socketpair()

    def provoke() -> None:
        match how:
            case "soon":
                socket_loop.call_soon(bug)
            case "timer":
                socket_loop.call_later(0, bug)
            case "descriptor":
                socket_loop.watch(left.fileno(), 1, bug)
            case "thread":
                socket_loop.call_from_thread(bug)

    with left, right:
        right.sendall(b"x")
        provoke()
        with socket_loop.containing():
            socket_loop.run_until(lambda: socket_loop.contained == 1)
            for _ in range(5):
                socket_loop.run_once(0)
        assert socket_loop.contained == 1
        assert is_logged(caplog)
        provoke()
        with pytest.raises(LookupError):
            socket_loop.run_until(lambda: False)
        if how == "descriptor":
            socket_loop.unwatch(left.fileno())


def test_strict_loop_raises_bugs(loop: Loop) -> None:
    """With the strict loop of the tests, the bug is raised."""
    link, client = link_over(loop)
    link.on_message = bug
    client.write(ORIGINAL.encode(Search("bob")))
    with pytest.raises(LookupError):
        settle(loop)
