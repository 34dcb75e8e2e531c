"""Dials over TCP: names are resolved off the loop, and their addresses are tried in parallel.

Also configures every connected socket, dialled or accepted. Knows nothing of the data.
"""

import errno
import itertools
import os
import socket
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from p2pchat.errors import P2PError, Unreachable
from p2pchat.net.address import from_socket_name, is_ip, socket_name, with_zone_of
from p2pchat.net.loop import WRITE, Loop, Timer
from p2pchat.net.transport import TcpTransport, Wire
from p2pchat.net.worker import Worker
from p2pchat.protocol.address import Address

# These notice a half-open connection (a lost network, a sleeping laptop) in about 30 s; the system
# would wait for hours.
_KEEPALIVE_IDLE: Final = 10
_KEEPALIVE_INTERVAL: Final = 5
_KEEPALIVE_COUNT: Final = 3
_USER_TIMEOUT_MS: Final = 25_000

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds until the next address is tried in parallel (RFC 8305, 5)."""

_local_address = lru_cache(from_socket_name)  # one object for all connections to a listener


class TcpDial:
    """One attempt to connect to a host, by the address that answers first (RFC 8305).

    The next address is tried as soon as one has failed, and after a quarter of a second anyway.
    `accepts` returns whether an address may be dialled; a name can resolve to any address.
    `from_port`: see Network.dial.
    """

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        address: Address,
        timeout: float,
        on_transport: Callable[[Wire], None],
        on_failed: Callable[[P2PError], None],
        accepts: Callable[[str], bool] | None = None,
        *,
        from_port: int | None = None,
    ) -> None:
        self._loop = loop
        self._from_port = from_port
        self._address = address
        self._on_transport = on_transport
        self._on_failed = on_failed
        self._accepts = accepts or _anywhere
        self._candidates: list[Address] = []
        self._trying: dict[int, _Attempt] = {}
        self._why = "no answer"
        self._over = False
        self._deadline = loop.call_later(timeout, self._fail)
        self._next: Timer | None = None
        if is_ip(address.host):
            loop.call_soon(partial(self._resolved, [address]))
        elif not worker.submit(partial(_resolve, address), self._resolved, self._unresolved):
            self._why = "too many names are being looked up"
            loop.call_soon(self._fail)

    def close(self) -> None:
        """Abandon the attempt."""
        self._over = True
        self._deadline.cancel()
        self._stop_waiting()
        for attempt in tuple(self._trying.values()):
            attempt.close()
        self._trying.clear()

    def _resolved(self, candidates: list[Address]) -> None:
        self._candidates = [c for c in _alternating(candidates) if self._accepts(c.host)]
        if candidates and not self._candidates:
            self._why = "the address leads to this machine, or to its own network link"
        self._try_next()

    def _unresolved(self, error: P2PError) -> None:
        self._why = error.what
        self._fail()

    def _try_next(self) -> None:
        self._stop_waiting()
        if self._over:
            return
        if not self._candidates:
            if not self._trying:
                self._fail()
            return
        candidate = self._candidates.pop(0)
        try:
            attempt = _Attempt(self._loop, candidate, self._settled, self._from_port)
        except OSError as error:
            self._failed_one(error.errno)
            return
        self._trying[id(attempt)] = attempt
        if self._candidates:
            self._next = self._loop.call_later(_NEXT_ADDRESS_AFTER, self._try_next)

    def _settled(self, attempt: "_Attempt", sock: socket.socket | None, error: int) -> None:
        del self._trying[id(attempt)]
        if sock is None:
            self._failed_one(error)
            return
        self.close()
        self._on_transport(connected(self._loop, sock, attempt.remote))

    def _failed_one(self, error: int | None) -> None:
        self._why = os.strerror(error or errno.ECONNREFUSED)
        self._loop.call_soon(self._try_next)

    def _stop_waiting(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _fail(self) -> None:
        if not self._over:
            self.close()
            self._on_failed(self._unreachable())

    def _unreachable(self) -> Unreachable:
        why = self._why.lower()
        return Unreachable(f"cannot reach {self._address}: {why}", reason=why)


class _Attempt:
    """One address of a host; `settled(self, socket, 0)` or `settled(self, None, errno)` follows.

    Raise OSError if it fails at once.
    """

    def __init__(
        self,
        loop: Loop,
        remote: Address,
        settled: Callable[["_Attempt", socket.socket | None, int], None],
        from_port: int | None,
    ) -> None:
        self._loop = loop
        self._settled = settled
        self.remote = remote
        family = socket.AF_INET6 if ":" in remote.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            if from_port is not None:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                self._socket.bind(("", from_port))
            self._socket.connect(socket_name(remote))
        except BlockingIOError:
            pass
        except OSError:
            self._socket.close()
            raise
        loop.watch(self._socket.fileno(), WRITE, self._ready)
        loop.at_close.add(self.close)

    def close(self) -> None:
        """Abandon the attempt."""
        self._let_go()
        self._socket.close()

    def _ready(self, _: int) -> None:
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            if not error:
                remote = from_socket_name(self._socket.getpeername())
                self.remote = remote._replace(host=with_zone_of(remote.host, self.remote.host))
        except OSError as broken:  # connected and already broken
            error = broken.errno or errno.ENOTCONN
        if error:
            self.close()
            self._settled(self, None, error)
        else:
            self._let_go()
            self._settled(self, self._socket, 0)

    def _let_go(self) -> None:
        self._loop.unwatch(self._socket.fileno())
        self._loop.at_close.discard(self.close)


def _alternating(addresses: list[Address]) -> list[Address]:
    """Return the addresses in their order, but alternating between IPv6 and IPv4 (RFC 8305, 4)."""
    families: dict[bool, list[Address]] = {}
    for address in addresses:
        families.setdefault(":" in address.host, []).append(address)
    turns = itertools.zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]


def _anywhere(_: str) -> bool:
    """Return True: every address is accepted."""
    return True


def connected(loop: Loop, sock: socket.socket, remote: Address) -> TcpTransport:
    """Return the transport over a connected socket, which it then owns."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL),
        ("TCP_KEEPCNT", _KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        if hasattr(socket, name):  # macOS lacks some of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return TcpTransport(loop, sock, _local_address(sock.getsockname()), remote)


def _resolve(address: Address) -> list[Address]:
    """Return the host's addresses, for a worker thread. Raise Unreachable."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such host name"
        raise Unreachable(str(why or error)) from error
    return [Address(str(name[0]), int(name[1])) for *_, name in found]
