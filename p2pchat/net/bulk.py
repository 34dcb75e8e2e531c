"""A blocking connection for bulk data, used by a thread outside the event loop.

The loop connects, completes the handshake and verifies the remote's key. It then hands over the
socket and its TLS engines (`Transport.detach`), so that blocking here does not delay chats.
OpenSSL, hashing and disk I/O release the interpreter lock meanwhile.
"""

import select
import socket
import time
from contextlib import suppress
from typing import Final, NamedTuple

from p2pchat.errors import LinkLost, RemoteProtocolError, TimedOut
from p2pchat.net.tls.engine import Engine

_RECEIVE_BYTES: Final = 128 * 1024
_LINGER_TIMEOUT: Final = 5.0
_STOP_WITHIN: Final = 0.5
_UNSENT_BYTES: Final = 128 * 1024
_LOWER_EFFORT: Final = 1 << 2
"""DSCP LE (RFC 8622), shifted to its place in the traffic class byte."""


class Detached(NamedTuple):
    """The parts of a transport that was detached from the loop.

    `engines`: the TLS sessions around the data, that of our own end first. `data`: decrypted bytes
    that were received and not read yet.
    """

    socket: socket.socket
    engines: tuple[Engine, ...]
    remote: str
    data: bytes = b""


class BulkConnection:
    """Sends and receives bytes on such a connection, which it owns; use it in one thread.

    A call fails with TimedOut if the remote neither sends nor accepts data for `patience`
    seconds, with LinkLost if the connection breaks, and with RemoteProtocolError if TLS does.
    """

    def __init__(self, detached: Detached, patience: float) -> None:
        self._socket = detached.socket
        self._engines = detached.engines
        self._remote = detached.remote
        self._data = detached.data
        self._is_stopped = False
        self._buffer = bytearray(_RECEIVE_BYTES)
        self._socket.settimeout(patience)
        self._give_way()

    def send(self, *parts: bytes | memoryview) -> None:
        """Send these bytes, in order; return once the operating system has accepted them."""
        data: bytes | memoryview = b""
        for engine in self._engines[:1]:
            for part in parts:
                engine.write(part)
            data = engine.give()
        for engine in self._engines[1:]:
            engine.write(data)
            data = engine.give()
        try:
            self._socket.sendall(data if self._engines else b"".join(parts))
        except TimeoutError:
            raise TimedOut(f"{self._remote} no longer accepts data") from None
        except OSError as error:
            raise self._lost(error) from error

    def receive(self) -> bytes:
        """Return received bytes; empty once the remote has closed the connection properly."""
        while True:
            if self._data:
                data, self._data = self._data, b""
                return data
            if self._engines and self._engines[0].ended:
                return b""
            data = self._all_decrypted()
            if data:
                return data
            if self._engines and self._engines[0].ended:
                return b""
            if not self._take_more():
                if self._engines:
                    raise LinkLost(f"{self._remote} broke off the connection")
                return b""

    def receive_now(self) -> bytes:
        """Return the bytes that can be read without waiting; empty if there are none.

        A readable socket need not hold data, as TLS has messages of its own; `receive` would block.
        """
        while True:
            data, self._data = self._data or self._decrypted(0), b""
            if data or not select.select([self._socket], [], [], 0)[0]:
                return data
            if not self._take_more():
                raise LinkLost(f"{self._remote} broke off the connection")

    def pause(self, seconds: float) -> None:
        """Sleep for so many seconds. Raise LinkLost after `stop`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            select.select([], [], [], min(left, _STOP_WITHIN))

    def check(self) -> None:
        """Raise LinkLost after `stop`."""
        if self._is_stopped:
            raise LinkLost(f"the connection to {self._remote} was ended")

    def stop(self) -> None:
        """Make the current call fail. Thread-safe."""
        self._is_stopped = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """Close at once; the remote sees that the connection broke."""
        self._socket.close()

    def close(self) -> None:
        """Announce the end, wait briefly for the remote to do the same, and close."""
        with suppress(LinkLost, TimedOut, RemoteProtocolError, OSError):
            data = b""
            for engine in self._engines:
                engine.write(data)
                engine.close()
                data = engine.give()
            deadline = time.monotonic() + _LINGER_TIMEOUT
            self._socket.settimeout(_LINGER_TIMEOUT)
            self._socket.sendall(data)
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv_into(self._buffer):
                    break
        self._socket.close()

    def _give_way(self) -> None:
        """Limit unsent data in the kernel, and mark the packets as low priority."""
        # Where the system or the kind of socket has no such option, it is merely less polite.
        for level, option, value in (
            (socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", None), _UNSENT_BYTES),
            (socket.IPPROTO_IP, getattr(socket, "IP_TOS", None), _LOWER_EFFORT),
            (socket.IPPROTO_IPV6, getattr(socket, "IPV6_TCLASS", None), _LOWER_EFFORT),
        ):
            if option is not None:
                with suppress(OSError):
                    self._socket.setsockopt(level, option, value)

    def _all_decrypted(self) -> bytes:
        """Return all data that can be decrypted now; reading record by record is slower."""
        records = []
        while data := self._decrypted(0):
            records.append(data)
        return b"".join(records)

    def _decrypted(self, level: int) -> bytes:
        """Return what the engine at that level can decrypt now; the last one is the outermost."""
        if level >= len(self._engines):
            return b""
        while not (data := self._engines[level].read()):
            outer = self._decrypted(level + 1)
            if not outer:
                return b""
            self._engines[level].take(outer)
        return data

    def _take_more(self) -> bool:
        """Receive bytes from the socket; return False at its end."""
        try:
            count = self._socket.recv_into(self._buffer)
        except TimeoutError:
            raise TimedOut(f"{self._remote} no longer sends data") from None
        except OSError as error:
            raise self._lost(error) from error
        data = memoryview(self._buffer)[:count]
        if not self._engines:
            self._data = bytes(data)
        elif count:
            self._engines[-1].take(data)
        return bool(count)

    def _lost(self, error: OSError) -> LinkLost:
        return LinkLost(f"the connection to {self._remote} broke: {error.strerror or error}")
