"""The memory and TCP transports keep the contract, and TCP has some rules of its own."""

import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from p2pchat.errors import OnFailed, P2PError
from p2pchat.net.endpoints import SocketNetwork
from p2pchat.net.loop import Loop
from p2pchat.net.transport import TcpTransport, Transport, Wire
from p2pchat.protocol.address import Address
from tests.fakes import HERE, THERE, InlineWorker, advance, settle, wire
from tests.net.transport_contract import Pair, TransportContract


class TestMemoryTransport(TransportContract):
    """The memory transport of the tests keeps the same contract as the real ones."""

    @pytest.fixture
    def pair(self, loop: Loop) -> Pair:
        def run_until(condition: object) -> None:
            for _ in range(1000):
                if condition():  # type: ignore[operator]
                    return
                loop.run_once(0)
            raise AssertionError("never")

        return Pair(loop, *wire(loop), run_until)


class TestTcpTransport(TransportContract):
    """The TCP transport on loopback."""

    @pytest.fixture
    def pair(self, real_loop: Loop) -> Iterator[Pair]:
        accepted: list[Transport] = []
        network = SocketNetwork(real_loop, InlineWorker(real_loop))
        listener = network.listen(Address("127.0.0.1", 0), accepted.append)

        def dial(then: Callable[[Wire], None], failed: OnFailed) -> None:
            network.dial(listener.address, 5, then, failed)

        dialled = real_loop.wait_for(dial)
        real_loop.run_until(lambda: bool(accepted))
        listener.close()
        pair = Pair(real_loop, dialled, accepted[0], real_loop.run_until)
        yield pair
        pair.a.abort()
        pair.b.abort()

    def test_both_ends_know_their_addresses(self, pair: Pair) -> None:
        """Each end's local address is the other's remote address."""
        assert pair.a.local == pair.b.remote
        assert pair.a.remote == pair.b.local

    def test_lingering_close_delivers_everything(self, pair: Pair) -> None:
        """A lingering close delivers all written bytes although the remote is still sending."""
        pair.a.lingers = True
        pair.b.pause_reading()
        pair.a.pause_reading()
        for _ in range(100):
            if pair.a.queued or pair.b.queued:
                break
            pair.a.write(b"a" * 100_000)
            pair.b.write(b"b" * 100_000)
            pair.turns(1)
        pair.a.write(b"last words")
        pair.a.close()
        pair.turns()
        pair.b.resume_reading()
        pair.run_until(lambda: pair.ear_b.closed)
        assert pair.ear_b.data.endswith(b"last words")
        pair.run_until(lambda: pair.ear_a.closed)

    def test_lingering_close_waits_for_a_limited_time(self, loop: Loop) -> None:
        """The close is reported at once; a remote that does not close is dropped after a while."""
        left, right = socket.socketpair()
        left.setblocking(False)
        transport = TcpTransport(loop, left, HERE, THERE)
        closed: list[P2PError | None] = []
        transport.on_closed = closed.append
        transport.lingers = True
        transport.close()
        settle(loop)
        assert right.recv(1) == b""
        assert closed == [None]
        assert not loop.idle
        advance(loop, 5.0)
        assert loop.idle
        assert closed == [None]
        right.close()

    @pytest.mark.parametrize("when", ["in a turn", "at received bytes"])
    def test_ceiling_counts_only_what_the_system_refuses(self, pair: Pair, when: str) -> None:
        """Much that is written in one turn is sent, whatever the ceiling, if the remote reads."""
        pair.a.send_ceiling = 1000

        def write(_: object = None) -> None:
            for _ in range(48):  # each third exceeds the ceiling, and so does the last
                pair.a.write(b"x" * 400)

        pair.turns()
        drained = pair.ear_a.drained
        if when == "in a turn":
            write()
        else:
            pair.a.on_data = write
            pair.b.write(b"go")
        pair.run_until(lambda: len(pair.ear_b.data) == 48 * 400)
        pair.run_until(lambda: pair.ear_a.drained > drained)
        assert pair.ear_a.closed == []

    def test_reset_is_an_error(self, real_loop: Loop) -> None:
        """A reset connection is reported with an error, unlike one that was closed."""
        accepted: list[Transport] = []
        network = SocketNetwork(real_loop, InlineWorker(real_loop))
        listener = network.listen(Address("127.0.0.1", 0), accepted.append)
        caller = socket.create_connection(listener.address)
        real_loop.run_until(lambda: bool(accepted))
        listener.close()
        closed: list[P2PError | None] = []
        accepted[0].on_closed = closed.append
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()
        real_loop.run_until(lambda: bool(closed))
        assert closed[0] is not None
        assert "broke off the connection" in closed[0].what
