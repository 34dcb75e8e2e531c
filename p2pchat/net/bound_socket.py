"""Binding of sockets to addresses, with an explanation if it fails."""

import errno
import socket

from p2pchat.errors import BindError
from p2pchat.net.address import from_socket_name, socket_name
from p2pchat.protocol.address import Address


def listening(address: Address, backlog: int, *, shared: bool = False) -> socket.socket:
    """Return a socket that accepts TCP connections at an address. Raise BindError.

    `shared`: see `bound`; a port may be taken even after it was bound.
    """
    sock = bound(socket.SOCK_STREAM, address, shared=shared)
    try:
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _bind_error("tcp", address, error) from error
    return sock


def bound(
    kind: int, address: Address, *, shared: bool = False, only_ipv6: bool = False
) -> socket.socket:
    """Return a socket of that kind at an address; `only_ipv6`: [::] does not cover IPv4.

    `shared`: other sockets may have the same address. Raise BindError.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    name = "tcp" if kind == socket.SOCK_STREAM else "udp"
    try:
        sock = socket.socket(family, kind)
    except OSError as error:  # no IPv6 on this machine
        raise _bind_error(name, address, error) from error
    try:
        if kind == socket.SOCK_STREAM or shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:  # [::] must cover IPv4 as well
            alone = only_ipv6 or address.host != "::"
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, alone)
        sock.setblocking(False)
        sock.bind(socket_name(address))
    except OSError as error:
        sock.close()
        raise _bind_error(name, address, error) from error
    except OverflowError as error:
        sock.close()
        raise BindError(
            f"cannot listen on {address}: {address.port} is not a valid port"
        ) from error
    return sock


def _bind_error(kind: str, address: Address, error: OSError) -> BindError:
    likely, advice = {
        errno.EADDRINUSE: ("another program listens there", "choose another port, or 0 for any"),
        errno.EACCES: ("ports below 1024 need privileges", "choose a port above 1023"),
        errno.EADDRNOTAVAIL: ("this machine has no such address", "choose one of its addresses"),
    }.get(error.errno or 0, ("", ""))
    why = (error.strerror or str(error)).lower()
    return BindError(f"cannot listen on {kind} {address}: {why}", likely=likely, advice=advice)


def try_to_bind(tcp: Address, udp_port: int | None) -> None:
    """Raise BindError if the addresses cannot be bound; no connection is accepted.

    `udp_port` None: the TCP port.
    """
    with bound(socket.SOCK_STREAM, tcp) as listening:
        port = from_socket_name(listening.getsockname()).port if udp_port is None else udp_port
        bound(socket.SOCK_DGRAM, tcp.at_port(port)).close()
