"""The circuits of a registry, each of which forwards the bytes between two connections.

The two ends speak mutual TLS through it, so the registry cannot read what it forwards. This module
knows no accounts; `service.meetings` decides which users may be joined.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, RemoteProtocolError
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import SEND_HIGH_WATER, Wire
from p2pchat.protocol.circuit import (
    CIRCUIT,
    CIRCUIT_DIALOGUE,
    MOST_EARLY,
    Join,
    Joined,
    NoCircuit,
)
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.meeting import TICKET_LIFETIME
from p2pchat.protocol.messages import Message, Reason
from p2pchat.protocol.states import Speaker
from p2pchat.registry.service.limits import Limits
from p2pchat.registry.service.meetings import UNLIMITED, Meetings, Pair, Seat, Terms

_SEND_CEILING: Final = 4 * SEND_HIGH_WATER
"""Above what a circuit queues before its sender is no longer read."""

_IDLE: Final = 60.0
"""Seconds without a byte after which a circuit may be closed to make room for another one."""

_log: Final = logging.getLogger(__name__)


class Relay:
    """All circuits of a registry."""

    def __init__(self, loop: Loop, meetings: Meetings, limits: Limits) -> None:
        self._loop = loop
        self._meetings = meetings
        self._limits = limits
        self._ends: set[_End] = set()
        self._waiting: dict[int, _End] = {}  # by the seat's number, oldest first
        self._circuits: dict[Pair, list[_End]] = {}  # the callers' ends, oldest first
        meetings.make_room = self._end_the_idlest
        self.bytes = 0
        """Bytes passed on so far."""

    def __len__(self) -> int:
        """Return the number of circuits."""
        return sum(map(len, self._circuits.values()))

    def reconfigure(self, limits: Limits) -> None:
        """Apply these limits from now on; open circuits stay."""
        self._limits = limits

    def take(self, transport: Wire, on_gone: Callable[[], None]) -> None:
        """Wait for the ticket of a new connection; `on_gone()` is called when it has ended."""
        transport.send_ceiling = _SEND_CEILING
        end = _End(self._loop, transport)
        self._ends.add(end)
        end.on_join = partial(self._came, end)
        end.on_bytes = partial(self._pass_on, end)
        end.on_closed = partial(self._gone, end, on_gone)
        end.expect(self._limits.login_timeout)

    def end_those_of(self, username: str) -> None:
        """End the circuits of a user who was logged out."""
        for end in tuple(self._ends):
            if end.seat is not None and username in end.seat.pair:
                end.transport.close()

    def close(self) -> None:
        """End all circuits at once."""
        for end in tuple(self._ends):
            end.transport.abort()

    def _came(self, end: "_End", ticket: bytes) -> None:
        seat = self._meetings.redeem(ticket, self._loop.now())
        if seat is None:
            end.refuse(Reason.BAD_TICKET)
            return
        end.seat = seat
        other = self._waiting.pop(seat.number, None)
        if other is not None:
            self._join(end, other)
            return
        self._waiting[seat.number] = end
        end.expect(TICKET_LIFETIME)
        if self._limits.waiting_circuits and len(self._waiting) > self._limits.waiting_circuits:
            self._waiting.pop(next(iter(self._waiting))).refuse(Reason.RELAY_FULL)

    def _join(self, end: "_End", other: "_End") -> None:
        assert end.seat is not None
        pair = end.seat.pair
        why = self._meetings.why_not(pair, self._loop.now())
        if why is not None:
            end.refuse(why)
            other.refuse(why)
            return
        circuits = self._circuits.setdefault(pair, [])
        terms = self._meetings.note_open(pair, self._loop.now())
        circuits.append(end if end.seat.is_caller else other)
        if self._limits.circuits_per_pair and len(circuits) > self._limits.circuits_per_pair:
            circuits[0].transport.close()
        _log.debug("%s and %s are joined by a circuit", pair.caller, pair.callee)
        end.join(other, terms)
        other.join(end, terms)
        end.begin()
        other.begin()

    def _end_the_idlest(self) -> bool:
        """End the circuit that has been idle for longest; return False if none is idle."""
        ends = [end for circuits in self._circuits.values() for end in circuits]
        idlest = min(ends, key=lambda end: end.active_at, default=None)
        if idlest is None or self._loop.now() - idlest.active_at < _IDLE:
            return False
        idlest.transport.close()
        return True

    def _pass_on(self, end: "_End", data: bytes) -> None:
        if end.seat is None or end.other is None:
            return  # the other end has just gone
        self.bytes += len(data)
        now = self._loop.now()
        end.active_at = end.other.active_at = now
        is_short = end.terms is not UNLIMITED
        pause = self._meetings.count_bytes(end.seat.username, len(data), now, is_short=is_short)
        if pause is None or not end.may_carry(len(data)):
            end.transport.close()
            return
        end.other.transport.write(data)
        if pause:
            end.rest(pause)
        if end.other.transport.queued > SEND_HIGH_WATER:
            end.wait_for_the_other()

    def _gone(self, end: "_End", on_gone: Callable[[], None]) -> None:
        self._ends.discard(end)
        seat, other = end.seat, end.other
        if seat is not None and other is None and self._waiting.get(seat.number) is end:
            del self._waiting[seat.number]
        if seat is not None and other is not None:
            end.other = other.other = None
            other.transport.close()
            caller = end if seat.is_caller else other
            circuits = self._circuits[seat.pair]
            circuits.remove(caller)
            if not circuits:
                del self._circuits[seat.pair]
            self._meetings.note_closed(seat.pair.caller)
        on_gone()


class _End:
    """One connection: first it shows a ticket, then its bytes are passed on."""

    def __init__(self, loop: Loop, transport: Wire) -> None:
        self._loop = loop
        self.transport = transport
        self.seat: Seat | None = None
        self.other: _End | None = None
        self.terms = UNLIMITED
        self._carried = 0
        self.on_join: Callable[[bytes], None] = ignore
        self.on_bytes: Callable[[bytes], None] = ignore
        self.on_closed: Callable[[], None] = ignore
        self._connection = Connection(CIRCUIT_DIALOGUE, CIRCUIT, Speaker.LISTENER)
        self.active_at = loop.now()
        self._deadline: Timer | None = None
        self._rest: Timer | None = None
        self._is_held = False  # until the other end has accepted what it was sent
        transport.on_data = self._greeted
        transport.on_closed = self._closed

    def expect(self, seconds: float) -> None:
        """End after so many seconds, unless this end is joined to another (0: never)."""
        self._stop_deadline()
        if seconds:
            self._deadline = self._loop.call_later(seconds, lambda: self.refuse(Reason.SILENT))

    def refuse(self, reason: Reason) -> None:
        """Say why there is no circuit, if that may be said now, and close."""
        if self._connection.may_send(NoCircuit):
            self._say(NoCircuit(reason))
        self.transport.close()

    def join(self, other: "_End", terms: Terms) -> None:
        """Connect this end to the other one, and send it the terms."""
        self._stop_deadline()
        self.other = other
        self.terms = terms
        if terms.seconds:
            self._deadline = self._loop.call_later(terms.seconds, self.transport.close)
        remote = self.transport.remote
        self._say(Joined(remote.host, remote.port, terms.bytes, terms.seconds))
        self.transport.on_data = self.on_bytes
        self.transport.on_drained = other.go_on

    def may_carry(self, count: int) -> bool:
        """Count bytes of this end; return whether the circuit may carry them, by its terms."""
        assert self.other is not None
        self._carried += count
        return not self.terms.bytes or self._carried + self.other._carried <= self.terms.bytes

    def begin(self) -> None:
        """Pass on what came after the ticket."""
        early = self._connection.leave()
        if early:
            self.on_bytes(early)

    def wait_for_the_other(self) -> None:
        """Read nothing until the other end has accepted everything."""
        self._is_held = True
        self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again, because the other end has accepted everything."""
        if self._is_held:
            self._is_held = False
            self._read_again()

    def rest(self, seconds: float) -> None:
        """Read nothing for so many seconds."""
        if self._rest is None:
            self.transport.pause_reading()
            self._rest = self._loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self._read_again()

    def _read_again(self) -> None:
        if not self._is_held and self._rest is None:
            self.transport.resume_reading()

    def _greeted(self, data: bytes) -> None:
        try:
            for message in self._connection.feed(data):
                assert isinstance(message, Join)
                self.on_join(message.ticket)
        except RemoteProtocolError as error:
            _log.info("%s hung up on: %s", self.transport.remote, error.what)
            self.transport.close()
            return
        if self.other is None and self._connection.frames.waiting > MOST_EARLY:
            _log.info("%s hung up on: it sends too much too early", self.transport.remote)
            self.transport.close()

    def _say(self, message: Message) -> None:
        self.transport.write(self._connection.send(message))

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _closed(self, _: P2PError | None) -> None:
        self._stop_deadline()
        if self._rest is not None:
            self._rest.cancel()
        on_closed = self.on_closed
        self.on_join, self.on_bytes, self.on_closed = ignore, ignore, ignore  # they refer to us
        on_closed()
