"""What every transport must do, whatever it is made of: subclass, and give the `pair` fixture.

`net/transport.py` states the contract in words.
"""

from collections.abc import Callable
from typing import Any

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_CEILING, Transport


class Ear:
    """Record what a transport calls."""

    def __init__(self, transport: Transport) -> None:
        self.data = b""
        self.closed: list[P2PError | None] = []
        self.drained = 0
        transport.on_data = self._on_data
        transport.on_closed = self.closed.append
        transport.on_drained = self._on_drained

    def _on_data(self, data: bytes) -> None:
        assert data
        assert not self.closed
        self.data += data

    def _on_drained(self) -> None:
        self.drained += 1


class Pair:
    """Two connected ends, an ear on each, and how to let time pass."""

    def __init__(self, loop: Loop, a: Any, b: Any, run_until: Callable[..., None]) -> None:
        self.loop = loop
        self.a, self.b = a, b
        self.ear_a, self.ear_b = Ear(a), Ear(b)
        self.run_until = run_until

    def turns(self, count: int = 20) -> None:
        for _ in range(count):
            self.loop.run_once(0)


class TransportContract:
    """The contract."""

    def test_bytes_arrive_in_order_both_ways(self, pair: Pair) -> None:
        """However they were written."""
        pair.a.write(b"one ")
        pair.a.write(b"two")
        pair.b.write(b"three")
        pair.run_until(lambda: pair.ear_b.data == b"one two" and pair.ear_a.data == b"three")

    def test_no_callback_comes_from_within_a_call(self, pair: Pair) -> None:
        """A write never calls back in the same turn, nor does a close."""
        drained = pair.ear_a.drained
        pair.a.write(b"x")
        pair.a.close()
        pair.b.abort()
        assert pair.ear_a.drained == drained
        assert not pair.ear_b.data
        assert pair.ear_a.closed == pair.ear_b.closed == []
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)

    def test_close_sends_what_was_written(self, pair: Pair) -> None:
        """Then both ends end, in order, once."""
        pair.a.write(b"x" * 100_000)
        pair.a.close()
        pair.a.write(b"too late")
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)
        assert pair.ear_b.data == b"x" * 100_000
        pair.turns()
        assert pair.ear_a.closed == [None]
        assert pair.ear_b.closed == [None]

    def test_after_close_nothing_is_heard(self, pair: Pair) -> None:
        """Whoever closed has stopped listening."""
        pair.b.write(b"unheard")
        pair.a.close()
        pair.run_until(lambda: pair.ear_a.closed)
        assert pair.ear_a.data == b""
        pair.b.abort()
        pair.run_until(lambda: pair.ear_b.closed)

    def test_abort_ends_at_once(self, pair: Pair) -> None:
        """And only once, whatever else is called."""
        pair.a.abort()
        pair.a.abort()
        pair.a.close()
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)
        pair.turns()
        assert pair.ear_a.closed == [None]
        assert len(pair.ear_b.closed) == 1

    def test_paused_reading_holds_the_sender_back(self, pair: Pair) -> None:
        """And resuming lets everything through."""
        sent = 0
        pair.b.pause_reading()
        pair.turns()
        for _ in range(10_000):
            if pair.a.queued > SEND_CEILING // 2:
                break
            pair.a.write(b"x" * 10_000)
            sent += 10_000
            pair.turns(1)
        assert pair.ear_b.data == b""
        pair.b.resume_reading()
        pair.run_until(lambda: len(pair.ear_b.data) == sent)
        pair.run_until(lambda: pair.a.queued == 0)
        assert pair.ear_a.drained

    def test_a_reader_that_never_reads_ends_the_sender(self, pair: Pair) -> None:
        """More than the ceiling is not kept."""
        pair.b.pause_reading()
        for _ in range(10_000):
            pair.a.write(b"x" * 100_000)
            pair.turns(1)
            assert pair.a.queued <= SEND_CEILING + 100_000
            if pair.ear_a.closed:
                break
        pair.run_until(lambda: pair.ear_a.closed)
        assert isinstance(pair.ear_a.closed[0], LinkLost)
        assert "does not read" in pair.ear_a.closed[0].what
        pair.b.abort()
        pair.run_until(lambda: pair.ear_b.closed)
