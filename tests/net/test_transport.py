"""The transports keep the contract; what only TCP has."""

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
    """The tests' own wire is worth what it shares with the real one."""

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
    """Real sockets on loopback."""

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

    def test_the_two_ends_know_their_addresses(self, pair: Pair) -> None:
        """Each end's local is the other's remote."""
        assert pair.a.local == pair.b.remote
        assert pair.a.remote == pair.b.local

    def test_a_lingering_close_loses_nothing_while_both_talk(self, pair: Pair) -> None:
        """What the remote was saying must not reset away what it has not read yet of ours."""
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

    def test_a_lingering_close_waits_for_the_remotes_end_only_so_long(self, loop: Loop) -> None:
        """It is over for us at once; a remote that neither talks nor ends is left after a while."""
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

    def test_a_reset_is_an_error(self, real_loop: Loop) -> None:
        """A remote that breaks off is told from one that ends."""
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
