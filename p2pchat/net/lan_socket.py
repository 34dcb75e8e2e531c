"""UDP datagrams to and from all machines of the local networks.

IPv4 uses broadcast, IPv6 the multicast address of all nodes of a link (RFC 4291, section 2.7.1).
This module knows nothing of the data.
"""

import fcntl
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

from p2pchat.errors import BindError
from p2pchat.net.bound_socket import bound
from p2pchat.net.loop import Loop
from p2pchat.net.udp_socket import OnDatagram, UdpSocket
from p2pchat.protocol.address import Address

_EVERYBODY: Final = "255.255.255.255"
_ALL_NODES: Final = "ff02::1"
_ANY: Final = ("0.0.0.0", "::")  # noqa: S104  # whoever is in the local network

_SIOCGIFBRDADDR: Final = 0x8919
"""Linux: ask for the broadcast address of an interface (netdevice(7))."""


class LanSocket:
    """Exchange datagrams with all machines on the local network. Raise BindError.

    The port is shared with other processes, each of which receives every datagram. Ours are sent
    from a second port, whose answers reach this process alone.
    """

    def __init__(self, loop: Loop, port: int, on_datagram: OnDatagram) -> None:
        self._port = port
        self._hearing: list[UdpSocket] = []
        self._asking: list[tuple[UdpSocket, socket.socket]] = []
        why: BindError | None = None
        for host in _ANY:
            try:
                sock = bound(socket.SOCK_DGRAM, Address(host, port), shared=True, only_ipv6=True)
                self._hearing.append(UdpSocket(loop, sock, on_datagram, with_zone=True))
                sock = bound(socket.SOCK_DGRAM, Address(host, 0), only_ipv6=True)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                self._asking.append((UdpSocket(loop, sock, on_datagram, with_zone=True), sock))
            except BindError as error:
                why = error  # there may be no IPv6
        if not self._hearing and why is not None:
            raise why

    def ask_all(self, datagram: bytes) -> None:
        """Send a datagram to all machines of the local networks; it may be lost."""
        for _, sock in self._asking:
            targets = _to_all_ipv6 if sock.family == socket.AF_INET6 else _to_all_ipv4
            for target in targets(self._port):
                with suppress(OSError):  # an interface may be down
                    sock.sendto(datagram, target)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send a datagram to one machine."""
        is_ipv6 = ":" in to.host
        for udp, sock in self._asking:
            if (sock.family == socket.AF_INET6) == is_ipv6:
                udp.send(datagram, to)

    def close(self) -> None:
        """Stop hearing."""
        for udp in (*self._hearing, *(udp for udp, _ in self._asking)):
            udp.close()


def _to_all_ipv6(port: int) -> list[tuple[str, int, int, int]]:
    return [(_ALL_NODES, port, 0, index) for index, _ in socket.if_nameindex()]


def _to_all_ipv4(port: int) -> list[tuple[str, int]]:
    """Return the broadcast address of each interface, which needs no default route."""
    found = {_broadcast_of(name) for _, name in socket.if_nameindex()} - {""}
    return [(host, port) for host in found or {_EVERYBODY}]


def _broadcast_of(interface: str) -> str:
    """Return the broadcast address of an interface; empty if there is none, or none is told."""
    if not sys.platform.startswith("linux"):
        return ""
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock.fileno(), _SIOCGIFBRDADDR, request)
        except OSError:
            return ""
    host = socket.inet_ntoa(answer[20:24])
    return "" if host == "0.0.0.0" else host  # noqa: S104  # compared
