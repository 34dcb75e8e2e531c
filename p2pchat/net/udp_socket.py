"""A UDP socket on the loop. Knows nothing of the data."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from p2pchat.net.address import (
    from_socket_name,
    from_socket_name_with_zone,
    socket_name,
)
from p2pchat.net.loop import READ, Loop, Timer
from p2pchat.protocol.address import Address

OnDatagram = Callable[[bytes, Address], None]

_DATAGRAMS_PER_TURN: Final = 512
_UDP_REST: Final = 0.05  # seconds
_UDP_BUFFER: Final = 4 * 1024 * 1024


class UdpSocket:
    """A UDP socket that is read in batches, with a pause after each.

    Ten thousand separate heartbeats thus do not wake the loop ten thousand times; meanwhile, the
    system buffers them. `with_zone`: a link-local sender's host has its zone (RFC 4007).
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        on_datagram: OnDatagram,
        *,
        with_zone: bool = False,
    ) -> None:
        self._sender = from_socket_name_with_zone if with_zone else from_socket_name
        self._loop = loop
        self._socket = sock
        self._on_datagram = on_datagram
        self._open = True
        self._rest: Timer | None = None
        self.address = from_socket_name(sock.getsockname())
        with suppress(OSError):  # the system may grant less
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
        loop.watch(sock.fileno(), READ, self._ready)
        loop.at_close.add(self.close)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send one datagram; it may be lost without an error."""
        if self._socket.family == socket.AF_INET6 and ":" not in to.host:
            to = Address(f"::ffff:{to.host}", to.port)
        with suppress(OSError):
            self._socket.sendto(datagram, socket_name(to))

    def close(self) -> None:
        """Stop reading."""
        self._open = False
        self._loop.at_close.discard(self.close)
        if self._rest is None:
            self._loop.unwatch(self._socket.fileno())
        else:
            self._rest.cancel()
        self._socket.close()

    def catch_up(self) -> None:
        """Handle the datagrams that have arrived, now instead of in a later turn."""
        self._read()

    def _ready(self, _: int) -> None:
        if self._read():
            return
        self._loop.unwatch(self._socket.fileno())
        self._rest = self._loop.call_later(_UDP_REST, self._go_on)

    def _read(self) -> bool:
        """Read one turn's share; return whether there may be more, or the socket is closed."""
        for _ in range(_DATAGRAMS_PER_TURN):
            if not self._open:
                return True
            try:
                datagram, name = self._socket.recvfrom(2048)
            except OSError:
                return False  # nothing left, or the ICMP error of an earlier datagram
            try:
                self._on_datagram(datagram, self._sender(name))
            except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                self._loop.contain(error, f"a datagram of {from_socket_name(name)}")
        return True

    def _go_on(self) -> None:
        self._rest = None
        self._loop.watch(self._socket.fileno(), READ, self._ready)
