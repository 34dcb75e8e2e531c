"""Listens and dials, TCP and UDP. Sockets are created only here, and their errors explained.

Knows nothing of the data.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from p2pchat.errors import OnFailed
from p2pchat.net.address import from_socket_name
from p2pchat.net.bound_socket import bound, listening
from p2pchat.net.gateway import default_gateway
from p2pchat.net.lan_socket import LanSocket
from p2pchat.net.loop import READ, Loop, Timer
from p2pchat.net.tcp_dial import TcpDial, connected
from p2pchat.net.transport import Wire
from p2pchat.net.udp_socket import OnDatagram, UdpSocket
from p2pchat.net.worker import Worker
from p2pchat.protocol.address import Address

T = TypeVar("T")

ANY_PORT: Final = 0

OnTransport = Callable[[Wire], None]

_FAR_IPV4: Final = "192.0.2.1"
_FAR_IPV6: Final = "2001:db8::1"
"""Addresses for documentation (RFC 5737, RFC 3849): routed as any other, and never dialled."""

_BACKLOG: Final = 4096
_ACCEPTS_PER_TURN: Final = 64  # so that a flood of connections does not delay others
_OUT_OF_DESCRIPTORS_PAUSE: Final = 0.1
# The errors of accept(2) on Linux for connections that are broken already.
_BROKEN_ALREADY: Final = frozenset(
    {errno.ECONNABORTED, errno.ENETDOWN, errno.EPROTO, errno.ENOPROTOOPT, errno.EHOSTDOWN}
    | {errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EPERM}
)
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Closable(Protocol):
    """A listener, a dial under way, or a UDP socket."""

    def close(self) -> None:
        """Stop it; no callback follows."""


class Listener(Closable, Protocol):
    """A listening TCP socket."""

    address: Address


class Datagrams(Closable, Protocol):
    """An open UDP socket."""

    address: Address

    def send(self, datagram: bytes, to: Address) -> None:
        """Send one datagram; it may be lost without an error."""

    def catch_up(self) -> None:
        """Handle the datagrams that have arrived, now instead of in a later turn."""


class LanDatagrams(Closable, Protocol):
    """Datagrams to and from all machines of the local networks."""

    def ask_all(self, datagram: bytes) -> None:
        """Send a datagram to all of them; it may be lost without an error."""

    def send(self, datagram: bytes, to: Address) -> None:
        """Send a datagram to one of them."""


class Network(Protocol):
    """Creates transports; tests use one that works in memory."""

    def listen(
        self, address: Address, on_transport: OnTransport, *, shared: bool = False
    ) -> Listener:
        """Accept connections. Raise BindError. `shared`: on a port that we also dial from."""

    def dial(
        self,
        address: Address,
        timeout: float,
        on_transport: OnTransport,
        on_failed: OnFailed,
        accepts: Callable[[str], bool] | None = None,
        *,
        from_port: int | None = None,
    ) -> Closable:
        """Connect within `timeout` seconds; one of the two callbacks follows in a later turn.

        `accepts` returns whether to connect to one of the host's IP addresses; None: to any.
        `from_port`: connect from that port, or from any one (ANY_PORT) that may be used again.
        """

    def own_hosts(self) -> list[str]:
        """Return this machine's addresses on the way to the internet, for each kind of IP."""

    def gateway(self) -> tuple[str, str] | None:
        """Return the IPv4 addresses of the router and of this machine; None if there is none."""

    def open_udp(self, address: Address, on_datagram: OnDatagram) -> Datagrams:
        """Open a UDP socket. Raise BindError."""

    def open_lan(self, port: int, on_datagram: OnDatagram) -> LanDatagrams:
        """Receive what is sent to all machines of the local networks. Raise BindError.

        Other processes on this machine may listen on the same port.
        """

    def run(self, job: Callable[[], T], then: Callable[[T], None], failed: OnFailed) -> bool:
        """Run a job that blocks on the network off the loop; see Worker.submit."""


class SocketNetwork:
    """The operating system's network."""

    def __init__(self, loop: Loop, worker: Worker) -> None:
        self._loop = loop
        self._worker = worker

    def listen(
        self, address: Address, on_transport: OnTransport, *, shared: bool = False
    ) -> "TcpListener":
        """Accept connections at the address. Raise BindError."""
        sock = listening(address, _BACKLOG, shared=shared)
        return TcpListener(self._loop, sock, on_transport)

    def dial(
        self,
        address: Address,
        timeout: float,
        on_transport: OnTransport,
        on_failed: OnFailed,
        accepts: Callable[[str], bool] | None = None,
        *,
        from_port: int | None = None,
    ) -> "TcpDial":
        """Connect to the first of the host's addresses that answers."""
        return TcpDial(
            self._loop,
            self._worker,
            address,
            timeout,
            on_transport,
            on_failed,
            accepts,
            from_port=from_port,
        )

    def own_hosts(self) -> list[str]:
        """Return the addresses from which we would send to the internet; nothing is sent."""
        return _sources([(socket.AF_INET, _FAR_IPV4), (socket.AF_INET6, _FAR_IPV6)])

    def gateway(self) -> tuple[str, str] | None:
        """Return the IPv4 addresses of the router and of this machine."""
        own = next((host for host in self.own_hosts() if ":" not in host), None)
        if own is None:
            return None
        router = default_gateway(own)
        # Behind a tunnel, the router is not on the way to the internet: it must not be asked.
        return (router, own) if own in _sources([(socket.AF_INET, router)]) else None

    def open_lan(self, port: int, on_datagram: OnDatagram) -> LanDatagrams:
        """Open the sockets for the local networks. Raise BindError."""
        return LanSocket(self._loop, port, on_datagram)

    def run(self, job: Callable[[], T], then: Callable[[T], None], failed: OnFailed) -> bool:
        """Run the job on a worker thread."""
        return self._worker.submit(job, then, failed)

    def open_udp(self, address: Address, on_datagram: OnDatagram) -> "UdpSocket":
        """Open a UDP socket at the address. Raise BindError."""
        return UdpSocket(self._loop, bound(socket.SOCK_DGRAM, address), on_datagram)


class TcpListener:
    """A listening socket. Out of descriptors, it pauses briefly instead of spinning."""

    def __init__(self, loop: Loop, sock: socket.socket, on_transport: OnTransport) -> None:
        self._loop = loop
        self._socket = sock
        self._on_transport = on_transport
        self._pause: Timer | None = None
        self._open = True
        self._spare: int | None = None
        self._open_spare()
        self.address = from_socket_name(sock.getsockname())
        loop.watch(sock.fileno(), READ, self._ready)
        loop.at_close.add(self.close)

    def close(self) -> None:
        """Stop accepting; accepted connections are not affected."""
        self._open = False
        self._loop.at_close.discard(self.close)
        if self._pause is None:
            self._loop.unwatch(self._socket.fileno())
        else:
            self._pause.cancel()
        self._socket.close()
        self._close_spare()

    def _ready(self, _: int) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            if not self._open:
                return
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._turn_one_away()
                    return
                if error.errno not in _BROKEN_ALREADY:
                    raise
                continue
            self._accept(sock, from_socket_name(name))

    def _accept(self, sock: socket.socket, remote: Address) -> None:
        try:
            transport = connected(self._loop, sock, remote)
        except OSError:  # broken since accept(), or no memory for its options
            sock.close()
            return
        try:
            self._on_transport(transport)
        except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
            transport.abort()
            self._loop.contain(error, f"accepting the connection of {remote}")

    def _turn_one_away(self) -> None:
        """Use the spare descriptor to accept and close one connection, then pause.

        Otherwise the caller would wait in the backlog, and the selector would wake us for it again
        and again.
        """
        self._close_spare()
        with suppress(OSError):  # the remote is gone or the descriptor was used
            self._socket.accept()[0].close()
        self._open_spare()
        self._loop.unwatch(self._socket.fileno())
        self._pause = self._loop.call_later(_OUT_OF_DESCRIPTORS_PAUSE, self._go_on)

    def _open_spare(self) -> None:
        with suppress(OSError):  # another thread used the descriptor
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _close_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    def _go_on(self) -> None:
        self._pause = None
        self._loop.watch(self._socket.fileno(), READ, self._ready)


def _sources(targets: Iterable[tuple[int, str]]) -> list[str]:
    """Return our addresses on the ways to these hosts, each with its family; nothing is sent."""
    hosts = []
    for family, host in targets:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, 9))
            hosts.append(from_socket_name(sock.getsockname()).host)
    return hosts


def every_host() -> str:
    """Return the wildcard host: `::` if the system has IPv6, where it covers IPv4 as well."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104  # intended
