"""Listen and dial, TCP and UDP: the only place where sockets are born, and their errors named.

Knows nothing of what travels.
"""

import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from p2pchat.errors import BindError, P2PError, Unreachable
from p2pchat.net.address import Address, from_socket_name, is_ip
from p2pchat.net.loop import READ, WRITE, Loop, Timer
from p2pchat.net.transport import TcpTransport, Transport
from p2pchat.net.worker import Worker

OnTransport = Callable[[Transport], None]
OnDatagram = Callable[[bytes, Address], None]
OnFailed = Callable[[P2PError], None]

_BACKLOG: Final = 4096
_ACCEPTS_PER_TURN: Final = 64  # a flood of callers must not keep the others waiting
_DATAGRAMS_PER_TURN: Final = 512
_OUT_OF_DESCRIPTORS_PAUSE: Final = 0.1
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

# A link that is half open (a machine that lost its network, a laptop that sleeps) is noticed in
# about 30 s; without these the system waits for hours.
_KEEPALIVE_IDLE: Final = 15
_KEEPALIVE_INTERVAL: Final = 5
_KEEPALIVE_COUNT: Final = 3
_USER_TIMEOUT_MS: Final = 30_000


class Closable(Protocol):
    """A listener, a dial under way, a UDP socket."""

    def close(self) -> None:
        """Stop it; nothing is called any more."""


class Listener(Closable, Protocol):
    """An open door."""

    address: Address


class Datagrams(Closable, Protocol):
    """An open UDP socket."""

    address: Address

    def send(self, datagram: bytes, to: Address) -> None:
        """Send one datagram, or lose it, as UDP may."""


class Network(Protocol):
    """Where wires come from; tests hand in one that is made of memory."""

    def listen(self, address: Address, on_transport: OnTransport) -> Listener:
        """Accept connections; raises BindError."""

    def dial(
        self, address: Address, timeout: float, on_transport: OnTransport, on_failed: OnFailed
    ) -> Closable:
        """Connect within `timeout` seconds; exactly one of the two is called, in a later turn."""

    def open_udp(self, address: Address, on_datagram: OnDatagram) -> Datagrams:
        """Open a UDP socket; raises BindError."""


class SocketNetwork:
    """The operating system's network."""

    def __init__(self, loop: Loop, worker: Worker) -> None:
        self._loop = loop
        self._worker = worker

    def listen(self, address: Address, on_transport: OnTransport) -> "TcpListener":
        """Accept connections at the address; raises BindError."""
        sock = _bound(socket.SOCK_STREAM, address)
        sock.listen(_BACKLOG)
        return TcpListener(self._loop, sock, on_transport)

    def dial(
        self, address: Address, timeout: float, on_transport: OnTransport, on_failed: OnFailed
    ) -> "TcpDial":
        """Connect to the first of the host's addresses that answers."""
        return TcpDial(self._loop, self._worker, address, timeout, on_transport, on_failed)

    def open_udp(self, address: Address, on_datagram: OnDatagram) -> "UdpSocket":
        """Open a UDP socket at the address; raises BindError."""
        return UdpSocket(self._loop, _bound(socket.SOCK_DGRAM, address), on_datagram)


class TcpListener:
    """A listening socket. Out of descriptors, it rests a moment instead of spinning."""

    def __init__(self, loop: Loop, sock: socket.socket, on_transport: OnTransport) -> None:
        self._loop = loop
        self._socket = sock
        self._on_transport = on_transport
        self._pause: Timer | None = None
        self._open = True
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.address = from_socket_name(sock.getsockname())
        loop.watch(sock.fileno(), READ, self._ready)

    def close(self) -> None:
        """Accept no more; what was accepted goes on."""
        self._open = False
        if self._pause is None:
            self._loop.unwatch(self._socket.fileno())
        else:
            self._pause.cancel()
        self._socket.close()
        os.close(self._spare)

    def _ready(self, _: int) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            if not self._open:
                return
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # the caller has gone again
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    raise
                self._turn_one_away()
                return
            self._on_transport(_transport(self._loop, sock, from_socket_name(name)))

    def _turn_one_away(self) -> None:
        """Give the spare descriptor for hanging up on one caller, then rest.

        Without it the caller would wait unseen in the backlog, and the selector would wake us for
        it again and again.
        """
        os.close(self._spare)
        with suppress(OSError):  # gone, or the descriptor was taken: all that is left is to rest
            self._socket.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._loop.unwatch(self._socket.fileno())
        self._pause = self._loop.call_later(_OUT_OF_DESCRIPTORS_PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.watch(self._socket.fileno(), READ, self._ready)


class TcpDial:
    """One attempt to connect: resolve, then try each address in turn until the deadline."""

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        address: Address,
        timeout: float,
        on_transport: OnTransport,
        on_failed: OnFailed,
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
        self._socket = None
        try:
            remote = from_socket_name(sock.getpeername())
        except OSError as broken:  # connected and broken off again, before we looked
            sock.close()
            self._why = os.strerror(broken.errno or errno.ENOTCONN)
            self._on_failed(self._unreachable())
            return
        self._on_transport(_transport(self._loop, sock, remote))

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
            self._socket.close()
            self._socket = None


class UdpSocket:
    """A UDP socket, read in batches."""

    def __init__(self, loop: Loop, sock: socket.socket, on_datagram: OnDatagram) -> None:
        self._loop = loop
        self._socket = sock
        self._on_datagram = on_datagram
        self._open = True
        self.address = from_socket_name(sock.getsockname())
        loop.watch(sock.fileno(), READ, self._ready)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send one datagram; what cannot be sent is lost, as UDP may lose it anyway."""
        host = to.host
        if self._socket.family == socket.AF_INET6 and ":" not in host:
            host = f"::ffff:{host}"
        with suppress(OSError):
            self._socket.sendto(datagram, (host, to.port))

    def close(self) -> None:
        """Read no more."""
        self._open = False
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()

    def _ready(self, _: int) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            if not self._open:
                return
            try:
                datagram, name = self._socket.recvfrom(2048)
            except OSError:
                return  # nothing left, or an earlier datagram's refusal, which UDP tells here
            self._on_datagram(datagram, from_socket_name(name))


def every_host() -> str:
    """Give the host that stands for every address of this machine, IPv6's too where it has them."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104  # that is what it says


def _bound(kind: int, address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    name = "tcp" if kind == socket.SOCK_STREAM else "udp"
    try:
        sock = socket.socket(family, kind)
    except OSError as error:  # a machine without IPv6
        raise _bind_error(name, address, error) from error
    try:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # [::] is every address of this machine, IPv4's too
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "::")
        sock.setblocking(False)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise _bind_error(name, address, error) from error
    except OverflowError as error:
        sock.close()
        raise BindError(f"cannot listen on {address}: {address.port} is no port") from error
    return sock


def _bind_error(kind: str, address: Address, error: OSError) -> BindError:
    likely, advice = {
        errno.EADDRINUSE: ("another program listens there", "choose another port, or 0 for any"),
        errno.EACCES: ("ports below 1024 need privileges", "choose a port above 1023"),
        errno.EADDRNOTAVAIL: ("this machine has no such address", "choose one of its own"),
    }.get(error.errno or 0, ("", ""))
    why = (error.strerror or str(error)).lower()
    return BindError(f"cannot listen on {kind} {address}: {why}", likely=likely, advice=advice)


def _transport(loop: Loop, sock: socket.socket, remote: Address) -> TcpTransport:
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
    return TcpTransport(loop, sock, from_socket_name(sock.getsockname()), remote)


def _resolve(address: Address) -> list[Address]:
    """Give the host's addresses, for a worker thread; raises Unreachable."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such host name"
        raise Unreachable(str(why or error)) from error
    return [Address(str(name[0]), int(name[1])) for *_, name in found]
