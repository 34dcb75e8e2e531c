"""Dial over TCP: a name is looked up off the loop, each of its addresses tried until a deadline.

Also what every connected socket is made into, whoever dialled. Knows nothing of what travels.
"""

import errno
import os
import socket
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from p2pchat.errors import P2PError, Unreachable
from p2pchat.net.address import Address, from_socket_name, is_ip
from p2pchat.net.loop import WRITE, Loop
from p2pchat.net.transport import TcpTransport, Wire
from p2pchat.net.worker import Worker

# A link that is half open (a machine that lost its network, a laptop that sleeps) is noticed in
# about 30 s; without these the system waits for hours.
_KEEPALIVE_IDLE: Final = 10
_KEEPALIVE_INTERVAL: Final = 5
_KEEPALIVE_COUNT: Final = 3
_USER_TIMEOUT_MS: Final = 25_000

_local_address = lru_cache(from_socket_name)  # one object for all that come to the same door


class TcpDial:
    """One attempt to connect: resolve, then try each address in turn until the deadline."""

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        address: Address,
        timeout: float,
        on_transport: Callable[[Wire], None],
        on_failed: Callable[[P2PError], None],
    ) -> None:
        self._loop = loop
        self._address = address
        self._on_transport = on_transport
        self._on_failed = on_failed
        self._socket: socket.socket | None = None
        self._candidates: list[Address] = []
        self._why = "no answer"
        self._over = False
        self._deadline = loop.call_later(timeout, self._fail)
        if is_ip(address.host):
            self._candidates = [address]
            loop.call_soon(self._try_next)
        elif not worker.submit(partial(_resolve, address), self._resolved, self._unresolved):
            self._why = "too many names are being looked up"
            loop.call_soon(self._fail)

    def close(self) -> None:
        """Give the attempt up."""
        self._over = True
        self._deadline.cancel()
        self._drop_socket()

    def _resolved(self, candidates: list[Address]) -> None:
        self._candidates = candidates
        self._try_next()

    def _unresolved(self, error: P2PError) -> None:
        self._why = error.what
        self._fail()

    def _try_next(self) -> None:
        if self._over:
            return
        if not self._candidates:
            self._fail()
            return
        candidate = self._candidates.pop(0)
        family = socket.AF_INET6 if ":" in candidate.host else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            self._socket = sock
            self._loop.at_close.add(self.close)
            self._loop.watch(sock.fileno(), WRITE, self._connected)
            sock.connect(candidate)
        except BlockingIOError:
            pass
        except OSError as error:
            self._failed_one(error.errno)

    def _connected(self, _: int) -> None:
        sock = self._socket
        assert sock is not None
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._failed_one(error)
            return
        self._over = True
        self._deadline.cancel()
        self._loop.unwatch(sock.fileno())
        self._loop.at_close.discard(self.close)
        self._socket = None
        try:
            remote = from_socket_name(sock.getpeername())
        except OSError as broken:  # connected and broken off again, before we looked
            sock.close()
            self._why = os.strerror(broken.errno or errno.ENOTCONN)
            self._on_failed(self._unreachable())
            return
        self._on_transport(connected(self._loop, sock, remote))

    def _failed_one(self, error: int | None) -> None:
        self._why = os.strerror(error or errno.ECONNREFUSED)
        self._drop_socket()
        self._loop.call_soon(self._try_next)

    def _fail(self) -> None:
        if not self._over:
            self.close()
            self._on_failed(self._unreachable())

    def _unreachable(self) -> Unreachable:
        return Unreachable(f"cannot reach {self._address}: {self._why.lower()}")

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._loop.unwatch(self._socket.fileno())
            self._loop.at_close.discard(self.close)
            self._socket.close()
            self._socket = None


def connected(loop: Loop, sock: socket.socket, remote: Address) -> TcpTransport:
    """Give the transport over a connected socket, which it then owns."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL),
        ("TCP_KEEPCNT", _KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        if hasattr(socket, name):  # not all of them are on macOS
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return TcpTransport(loop, sock, _local_address(sock.getsockname()), remote)


def _resolve(address: Address) -> list[Address]:
    """Give the host's addresses, for a worker thread; raises Unreachable."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such host name"
        raise Unreachable(str(why or error)) from error
    return [Address(str(name[0]), int(name[1])) for *_, name in found]
