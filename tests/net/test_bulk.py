"""A connection that was taken out of the loop carries what both ends give it, and nothing else."""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from p2pchat.errors import LinkLost, P2PError, TimedOut
from p2pchat.net.bulk import BulkConnection, Detached
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.peer_tls import PeerEngine, peer_context
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import TcpTransport
from p2pchat.protocol.address import Address
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Message
from p2pchat.protocol.secure import SECURE
from p2pchat.protocol.states import SECURE_PEER_DIALOGUE, Speaker
from p2pchat.protocol.talk import ChatReply, ChatRequest, Reply

CONTEXTS = [peer_context(Ed25519PrivateKey.generate()) for _ in range(2)]
PATIENCE = 20.0


class Pair:
    """Two links of the loop over real sockets, until `detach`; `layers`: TLS within TLS."""

    def __init__(self, loop: Loop, layers: int) -> None:
        self.loop = loop
        self.heard: list[Message] = []
        socks = socket.socketpair()
        self.links: list[Link] = []
        where = Address("127.0.0.1", 1)
        tops: list[TlsTransport] = []
        for end, sock in enumerate(socks):
            sock.setblocking(False)
            transport: Any = TcpTransport(loop, sock, where, where)
            for _ in range(layers):
                engine = PeerEngine(CONTEXTS[end], dialling=end == 0)
                transport = TlsTransport(loop, transport, engine)
            tops.append(transport)
        loop.run_until(lambda: all(top.secured for top in tops))
        for top, speaker in zip(tops, (Speaker.DIALLER, Speaker.LISTENER), strict=True):
            link = Link(loop, top, Connection(SECURE_PEER_DIALOGUE, SECURE, speaker))
            link.on_message = self.heard.append
            self.links.append(link)

    def detach(self) -> list[BulkConnection]:
        """Exchange messages by the loop, then take both ends out of it."""
        self.links[0].send(ChatRequest("alice"))
        self.loop.run_until(lambda: len(self.heard) == 1)
        self.links[1].send(ChatReply(Reply.ACCEPT))
        self.loop.run_until(lambda: len(self.heard) == 2)
        return [BulkConnection(link.detach(), PATIENCE) for link in self.links]


@pytest.fixture(params=[1, 2], ids=["TLS", "TLS in TLS"])
def pair(request: pytest.FixtureRequest, real_loop: Loop) -> Pair:
    return Pair(real_loop, request.param)


class WatchedEngine(PeerEngine):
    """An engine that must not be used by the loop once it was handed over."""

    is_given = False

    def __getattribute__(self, name: str) -> Any:
        if name in {"take", "give", "read", "write", "close"}:
            assert not object.__getattribute__(self, "is_given"), f"{name} was called by the loop"
        return object.__getattribute__(self, name)


def test_loop_does_not_touch_what_it_has_handed_over(real_loop: Loop) -> None:
    """Also if that happens while a message is handled: a thread may use it at once."""
    where = Address("127.0.0.1", 1)
    engines = [WatchedEngine(CONTEXTS[end], dialling=end == 0) for end in (0, 1)]
    tops: list[TlsTransport] = []
    for sock, engine in zip(socket.socketpair(), engines, strict=True):
        sock.setblocking(False)
        tops.append(TlsTransport(real_loop, TcpTransport(real_loop, sock, where, where), engine))
    real_loop.run_until(lambda: all(top.secured for top in tops))
    caller = Link(real_loop, tops[0], Connection(SECURE_PEER_DIALOGUE, SECURE, Speaker.DIALLER))
    callee = Link(real_loop, tops[1], Connection(SECURE_PEER_DIALOGUE, SECURE, Speaker.LISTENER))
    detached: list[Detached] = []

    def hand_over(_: Message) -> None:
        callee.send(ChatReply(Reply.ACCEPT))
        detached.append(callee.detach())
        engines[1].is_given = True

    callee.on_message = hand_over
    answers: list[Message] = []
    caller.on_message = answers.append
    caller.send(ChatRequest("alice"))
    real_loop.run_until(lambda: bool(answers and detached))
    engines[1].is_given = False
    caller.abort()
    BulkConnection(detached[0], PATIENCE).close()


class Work:
    """A call on a thread; `outcome()` waits for it, and returns or raises what it did."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._outcome: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except P2PError as error:
            self._outcome = error

    def outcome(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if isinstance(self._outcome, P2PError):
            raise self._outcome
        return self._outcome


def receive_all(end: BulkConnection, size: int) -> bytes:
    total, count = hashlib.sha256(), 0
    while count < size:
        data = end.receive()
        assert data
        total.update(data)
        count += len(data)
    assert count == size
    return total.digest()


def test_bytes_arrive_in_both_directions(pair: Pair) -> None:
    """While each end is a thread of its own, and the loop goes on."""
    left, right = pair.detach()
    blocks = [os.urandom(65536) for _ in range(8)]
    whole = hashlib.sha256(b"".join(blocks * 40)).digest()
    size = 65536 * 320

    def send() -> None:
        for _ in range(40):
            for block in blocks:
                left.send(memoryview(block)[:1000], block[1000:])

    sending, receiving = Work(send), Work(lambda: receive_all(right, size))
    assert receiving.outcome() == whole
    sending.outcome()
    answering = Work(lambda: right.send(b"thanks"))
    assert left.receive() == b"thanks"
    answering.outcome()
    closing = Work(left.close)
    assert right.receive() == b""
    right.close()
    closing.outcome()
    assert not pair.loop.contained


def test_bytes_that_came_before_are_not_lost(pair: Pair) -> None:
    """What follows the last message may have been received with it."""
    pair.links[0].send(ChatRequest("alice"))
    pair.loop.run_until(lambda: len(pair.heard) == 1)
    pair.links[1].on_message = pair.heard.append
    left = BulkConnection(pair.links[0].detach(), PATIENCE)
    left.send(b"too early, perhaps")
    for _ in range(20):
        pair.loop.run_once(0)  # the loop receives it, as it is no turn of that end
    right = BulkConnection(pair.links[1].detach(), PATIENCE)
    assert right.receive() == b"too early, perhaps"
    left.stop()
    left.close()
    right.close()


def test_end_without_a_close_notification(pair: Pair) -> None:
    """Is no proper end: something may be missing."""
    left, right = pair.detach()
    left.stop()
    with pytest.raises(LinkLost, match="broke"):
        right.receive()
    left.close()
    right.close()


def test_stop_ends_a_call_on_another_thread(pair: Pair) -> None:
    """So that a transfer can be cancelled."""
    left, right = pair.detach()
    waiting = Work(left.receive)
    left.stop()
    with pytest.raises(LinkLost):
        waiting.outcome()
    left.close()
    right.close()


@pytest.fixture
def impatient(pair: Pair) -> Iterator[tuple[BulkConnection, BulkConnection]]:
    left, right = (
        BulkConnection(Detached(end._socket, end._engines, "bob"), 0.05) for end in pair.detach()
    )
    yield left, right
    left.stop()
    left.close()
    right.close()


def test_silent_remote(impatient: tuple[BulkConnection, BulkConnection]) -> None:
    """A remote that neither sends nor takes holds a thread only so long."""
    left, _ = impatient
    with pytest.raises(TimedOut, match="bob no longer sends"):
        left.receive()
    with pytest.raises(TimedOut, match="bob no longer accepts"):
        send_much(left)


def send_much(end: BulkConnection) -> None:
    for _ in range(1000):
        end.send(bytes(65536))


def test_whether_there_is_data(pair: Pair) -> None:
    """So that a sender can look without waiting."""
    left, right = pair.detach()
    assert left.receive_now() == b""
    right.send(b"x")
    while not (data := left.receive_now()):
        pass
    assert data == b"x"
    left.stop()
    left.close()
    right.close()
