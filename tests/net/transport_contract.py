"""The contract that every transport keeps; subclass it and provide the `pair` fixture.

`net/transport.py` states the contract in words.
"""

from collections.abc import Callable
from typing import Any

from p2pchat.errors import LinkLost, P2PError
from p2pchat.net.loop import Loop
from p2pchat.net.transport import SEND_CEILING, Transport


class Recorder:
    """Record the callbacks of a transport."""

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
    """Two connected ends with a recorder each, and a way to run the loop."""

    def __init__(self, loop: Loop, a: Any, b: Any, run_until: Callable[..., None]) -> None:
        self.loop = loop
        self.a, self.b = a, b
        self.ear_a, self.ear_b = Recorder(a), Recorder(b)
        self.run_until = run_until

    def turns(self, count: int = 20) -> None:
        for _ in range(count):
            self.loop.run_once(0)


class TransportContract:
    """The tests that every transport passes."""

    def test_bytes_arrive_in_order_both_ways(self, pair: Pair) -> None:
        """Bytes arrive in order in both directions, however they were written."""
        pair.a.write(b"one ")
        pair.a.write(b"two")
        pair.b.write(b"three")
        pair.run_until(lambda: pair.ear_b.data == b"one two" and pair.ear_a.data == b"three")

    def test_no_callback_runs_within_a_call(self, pair: Pair) -> None:
        """Neither write() nor close() calls back within the same turn."""
        drained = pair.ear_a.drained
        pair.a.write(b"x")
        pair.a.close()
        pair.b.abort()
        assert pair.ear_a.drained == drained
        assert not pair.ear_b.data
        assert pair.ear_a.closed == pair.ear_b.closed == []
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)

    def test_close_sends_what_was_written(self, pair: Pair) -> None:
        """close() sends all written bytes; both ends then report one orderly close."""
        pair.a.write(b"x" * 100_000)
        pair.a.close()
        pair.a.write(b"too late")
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)
        assert pair.ear_b.data == b"x" * 100_000
        pair.turns()
        assert pair.ear_a.closed == [None]
        assert pair.ear_b.closed == [None]

    def test_nothing_is_received_after_close(self, pair: Pair) -> None:
        """An end that has called close() receives nothing more."""
        pair.b.write(b"unheard")
        pair.a.close()
        pair.run_until(lambda: pair.ear_a.closed)
        assert pair.ear_a.data == b""
        pair.b.abort()
        pair.run_until(lambda: pair.ear_b.closed)

    def test_abort_closes_at_once(self, pair: Pair) -> None:
        """abort() closes at once and is reported once, whatever else is called."""
        pair.a.abort()
        pair.a.abort()
        pair.a.close()
        pair.run_until(lambda: pair.ear_a.closed and pair.ear_b.closed)
        pair.turns()
        assert pair.ear_a.closed == [None]
        assert len(pair.ear_b.closed) == 1

    def test_paused_reading_holds_back_the_sender(self, pair: Pair) -> None:
        """A paused reader holds back the sender; resuming delivers everything."""
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

    def test_sender_closes_if_the_remote_never_reads(self, pair: Pair) -> None:
        """A sender keeps no more than its limit and then closes with LinkLost."""
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
