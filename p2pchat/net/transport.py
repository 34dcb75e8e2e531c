"""Moves bytes over TCP, buffered and bounded. Defines the contract of all transports.

`tests/net/transport_contract.py` tests the contract:

- Callbacks are never called from within a call.
- `on_data` is called with the bytes in order.
- After `close`, only `on_closed` is called, once, when everything written has been sent or cannot
  be sent any more. After `abort`, it is called as soon as possible.
- `on_end` is called when the remote sends no more. By default it is `close`; an owner that may
  still have an answer to send replaces it.
- `on_closed(None)` is an orderly end, by either side.

A wire that `lingers` stays open in the background after that, until the remote has closed too:
closing a socket with unread bytes resets the connection, and the remote loses what it has not read.
"""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from typing import Final, NamedTuple, Protocol

from p2pchat.callbacks import ignore
from p2pchat.errors import InternalError, LinkLost, P2PError
from p2pchat.net.bulk import Detached
from p2pchat.net.loop import READ, WRITE, Loop, Timer
from p2pchat.protocol.address import Address

_MOST_LINGERING: Final = 128
"""Closed connections that wait for their remotes to close; no other limit includes them."""

SEND_CEILING: Final = 512 * 1024
"""The default limit on bytes that a remote leaves unread; the largest message fits."""

SEND_HIGH_WATER: Final = 64 * 1024
"""With more than this queued, code that answers requests should wait for `on_drained`."""

_RECEIVE_BYTES: Final = 65536
_LINGER_TIMEOUT: Final = 5.0  # for a remote that has stopped reading or does not close


class _State(Enum):
    """The life of a TcpTransport; it only moves down this list, and may skip states."""

    OPEN = auto()
    CLOSING = auto()
    """The owner has closed it; bytes that were written before are still being sent."""
    LINGERING = auto()
    """Our direction is shut down and the owner has been told; the remote has not ended yet."""
    CLOSED = auto()


class Circuit(NamedTuple):
    """A connection through a registry, which sees our end of it come from `seen_as`.

    `is_short`: it ends soon, as the registry passes nothing on for long.
    """

    seen_as: Address
    is_short: bool


class Transport(Protocol):
    """The interface of a transport."""

    local: Address
    remote: Address
    origin: str
    """What limits count the remote by: its host, or a name that only one remote has."""
    circuit: "Circuit | None"
    """The circuit that carries the bytes, if a registry forwards them."""
    on_data: Callable[[bytes], None]
    on_drained: Callable[[], None]
    on_end: Callable[[], None]
    on_closed: Callable[[P2PError | None], None]

    @property
    def queued(self) -> int:
        """Bytes written and not yet accepted by the system."""

    def write(self, data: bytes) -> None:
        """Send data, in order, at the end of this turn; ignored after `close` or the end.

        If more than `send_ceiling` bytes are queued, the transport ends with LinkLost.
        """

    def pause_reading(self) -> None:
        """Leave incoming data in the system's buffers; the end is not noticed either."""

    def resume_reading(self) -> None:
        """Read again."""

    def close(self) -> None:
        """Send what was written, then end."""

    def abort(self) -> None:
        """End at once; what was not sent is lost."""

    def detach(self) -> Detached:
        """Hand over the connection for use outside the loop; no callback follows.

        Pending bytes are sent first, which may block briefly.
        """


class Wire(Transport, Protocol):
    """A transport of the operating system, not one around another; see above for `lingers`."""

    lingers: bool
    send_ceiling: int


class TcpTransport:
    """A connected, non-blocking TCP socket, which it owns."""

    circuit: "Circuit | None" = None

    __slots__ = (
        "_events",
        "_flush_due",
        "_linger",
        "_loop",
        "_out",
        "_reading",
        "_rest",
        "_socket",
        "_state",
        "lingers",
        "local",
        "on_closed",
        "on_data",
        "on_drained",
        "on_end",
        "origin",
        "queued",
        "remote",
        "send_ceiling",
    )

    def __init__(self, loop: Loop, sock: socket.socket, local: Address, remote: Address) -> None:
        self._loop = loop
        self._socket = sock
        self._state = _State.OPEN
        self.local = local
        self.remote = remote
        self.origin = remote.host
        self.on_data: Callable[[bytes], None] = ignore
        self.on_drained: Callable[[], None] = ignore
        self.on_end: Callable[[], None] = self.close
        self.on_closed: Callable[[P2PError | None], None] = ignore
        self.queued = 0
        self.lingers = False
        self.send_ceiling = SEND_CEILING
        self._out: list[bytes] = []
        self._rest: memoryview | None = None  # of a short send; it precedes _out
        self._flush_due = False
        self._reading = True
        self._linger: Timer | None = None
        self._events = READ
        loop.watch(sock.fileno(), READ, self._ready)
        loop.at_close.add(self.abort)

    def write(self, data: bytes) -> None:
        """Send at the end of this turn."""
        if self._state is not _State.OPEN:
            return
        self._out.append(data)
        self.queued += len(data)
        if self.queued > self.send_ceiling:
            self._send_before_the_flush()
        elif not self._flush_due:
            self._flush_soon()

    def pause_reading(self) -> None:
        """Leave incoming data in the system's buffers."""
        self._reading = False
        self._watch()

    def resume_reading(self) -> None:
        """Read again."""
        self._reading = self._state is _State.OPEN
        self._watch()

    def close(self) -> None:
        """Send what was written, then end."""
        if self._state is not _State.OPEN:
            return
        self._state = _State.CLOSING
        self._reading = False
        self._watch()
        self._linger = self._loop.call_later(_LINGER_TIMEOUT, self._give_up)
        self._flush_soon()

    def abort(self) -> None:
        """End at once."""
        self._end(None)

    def detach(self) -> Detached:
        """Hand over the socket, in blocking mode."""
        unsent = b"".join([self._rest or b"", *self._out])
        self._out, self._rest, self.queued = [], None, 0
        self._loop.at_close.discard(self.abort)
        if self._events:
            self._loop.unwatch(self._socket.fileno())
            self._events = 0
        self._state, self._reading = _State.CLOSED, False
        self.on_data, self.on_closed = ignore, ignore
        self.on_drained = self.on_end = ignore
        self._socket.setblocking(True)
        with suppress(OSError):  # whoever uses it notices
            self._socket.settimeout(_LINGER_TIMEOUT)
            self._socket.sendall(unsent)
        return Detached(self._socket, (), str(self.remote))

    def _ready(self, events: int) -> None:
        try:
            if events & WRITE:
                self._flush()
            if events & READ and self._reading:
                self._receive()
            elif self._state is _State.LINGERING:
                self._wait_for_the_end()
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            self._loop.contain(error, f"the connection with {self.remote}")
            self._end(InternalError(f"the connection with {self.remote} was closed"))

    def _receive(self) -> None:
        """Pass on received bytes; the answers are sent at once, not in a later turn."""
        data = self._read()
        if data is None:
            return
        if not data:
            self.on_end()
            return
        if self._flush_due or self._events & WRITE:
            self.on_data(data)
            return
        self._flush_due = True
        self.on_data(data)
        self._flush_due = False
        if self._out or self._state is _State.CLOSING:
            self._flush()

    def _read(self) -> bytes | None:
        """Return received bytes, b"" at the end; None if nothing arrived or the wire is broken."""
        try:
            return self._socket.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self._end(_lost(self.remote, error))
            return None

    def _wait_for_the_end(self) -> None:
        """Discard what arrives after we have closed, until the remote has closed too."""
        if self._read() == b"":
            self._end(None)

    def _send_before_the_flush(self) -> None:
        """Send now, because much is queued; end if the remote has left too much unread.

        What was never offered to the system says nothing about the remote.
        """
        self._send()
        if self.queued > self.send_ceiling:
            self._end(LinkLost(f"{self.remote} does not read its data"))
        else:
            self._loop.call_soon(self._flush)  # watches for room, or reports that there is some

    def _flush_soon(self) -> None:
        if not self._flush_due and not self._events & WRITE:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._state is _State.CLOSED or not self._send():
            return
        if self._events & WRITE:
            self._watch()
        if self._state is _State.OPEN:
            self.on_drained()
        elif self.lingers:
            self._drain()
        else:
            self._end(None)

    def _send(self) -> bool:
        """Send what is queued; return whether all of it was sent.

        The rest of a short send is never joined with what was written later: that would copy a
        large frame once for each part of it that the system takes.
        """
        while self._rest is not None or self._out:
            if self._rest is not None:
                data: bytes | memoryview = self._rest
            else:
                data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
                self._out = []
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._end(_lost(self.remote, error))
                return False
            self.queued -= sent
            if sent < len(data):
                self._rest = memoryview(data)[sent:]
                self._watch()
                return False
            self._rest = None
        return True

    def _drain(self) -> None:
        """Shut down our direction, and discard what arrives until the remote closes its own."""
        if self._state is not _State.CLOSING:
            return
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._end(_lost(self.remote, error))
            return
        self._state = _State.LINGERING
        self._watch()
        self._tell_closed(None)
        lingering = self._loop.lingering
        lingering[self] = self.abort
        if len(lingering) > _MOST_LINGERING:
            lingering.popitem(last=False)[1]()

    def _watch(self) -> None:
        """Wait for writability only after a partial send."""
        if self._state is _State.CLOSED:
            return
        wants_read = self._reading or self._state is _State.LINGERING
        unsent = (self._rest is not None or self._out) and not self._flush_due
        events = (READ if wants_read else 0) | (WRITE if unsent else 0)
        if events == self._events:
            return
        descriptor = self._socket.fileno()
        if not events:
            self._loop.unwatch(descriptor)
        elif not self._events:
            self._loop.watch(descriptor, events, self._ready)
        else:
            self._loop.rewatch(descriptor, events, self._ready)
        self._events = events

    def _give_up(self) -> None:
        self._end(LinkLost(f"{self.remote} does not read the last bytes"))

    def _end(self, error: P2PError | None) -> None:
        if self._state is _State.CLOSED:
            return
        if isinstance(error, LinkLost):
            error.unsent = self.queued
        told = self._state is _State.LINGERING
        self._loop.at_close.discard(self.abort)
        self._loop.lingering.pop(self, None)
        self._out, self._rest, self.queued = [], None, 0
        if self._events:
            self._loop.unwatch(self._socket.fileno())
            self._events = 0
        self._state, self._reading = _State.CLOSED, False
        self._socket.close()
        if self._linger is not None:
            self._linger.cancel()
        if not told:
            self._tell_closed(error)

    def _tell_closed(self, error: P2PError | None) -> None:
        self._loop.call_soon(partial(self._closed, error))

    def _closed(self, error: P2PError | None) -> None:
        """Call the owner once, and drop its callbacks: a reference cycle would stay in memory."""
        on_closed = self.on_closed
        self.on_data, self.on_closed = ignore, ignore
        self.on_drained = self.on_end = ignore
        on_closed(error)


def _lost(remote: Address, error: OSError) -> LinkLost:
    if error.errno in {errno.ECONNRESET, errno.EPIPE}:
        return LinkLost(f"{remote} broke off the connection")
    why = os.strerror(error.errno) if error.errno else str(error)
    return LinkLost(f"the connection to {remote} broke: {why}")
