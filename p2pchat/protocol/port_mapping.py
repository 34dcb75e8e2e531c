"""Requests to a router to pass a TCP port on to us: PCP (RFC 6887) and NAT-PMP (RFC 6886).

Both are spoken over UDP to the router's port 5351. Knows no socket and no clock.
"""

import ipaddress
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from p2pchat.errors import RemoteProtocolError

ROUTER_PORT: Final = 5351
"""The UDP port of the router (RFC 6887, section 19.1)."""

NONCE_BYTES: Final = 12

_PCP: Final = 2
_NAT_PMP: Final = 0
_MAP: Final = 1
_TCP: Final = 6
_ANSWER: Final = 0x80

_ANY_IPV4: Final = bytes(10) + b"\xff\xff" + bytes(4)

_REQUEST: Final = struct.Struct("!BBxxI16s")
_REPLY: Final = struct.Struct("!BBxBII12x")
_MAPPING: Final = struct.Struct("!12sBxxxHH16s")

_OWN_ADDRESS: Final = 0
_MAP_TCP: Final = 2
_OLD_REQUEST: Final = struct.Struct("!BBxxHHI")
_OLD_REPLY: Final = struct.Struct("!BBHI")
_OLD_MAPPING: Final = struct.Struct("!HHI")


class Result(IntEnum):
    """The result codes that we tell apart (RFC 6887, section 7.4; RFC 6886, section 3.5)."""

    SUCCESS = 0
    UNSUPPORTED_VERSION = 1
    ADDRESS_MISMATCH = 12


class Mapped(NamedTuple):
    """A router's answer about a port.

    `result` is one of its codes; 0: the router passes `external_port` on to `port` for `lifetime`
    seconds. `host` is the router's external address; empty if the answer has none. `epoch`: the
    seconds since the router has lost its mappings, by its own clock.
    """

    result: int
    epoch: int
    port: int = 0
    external_port: int = 0
    lifetime: int = 0
    host: str = ""


def pcp_request(
    nonce: bytes, client: str, port: int, lifetime: int, *, wanted: tuple[str, int] = ("", 0)
) -> bytes:
    """Return a PCP request to pass a TCP port on to the host `client` (RFC 6887, section 11.1).

    `lifetime` is in seconds; 0 ends the mapping. `wanted` are the external host and port that the
    client would like to have, such as those that it had.
    """
    head = _REQUEST.pack(_PCP, _MAP, lifetime, _packed(client))
    host, external_port = wanted
    wanted_host = _packed(host) if host else _ANY_IPV4
    return head + _MAPPING.pack(nonce, _TCP, port, external_port, wanted_host)


def read_pcp(datagram: bytes, nonce: bytes, port: int) -> Mapped:
    """Return the router's answer to `pcp_request` with that nonce and port.

    A router that knows only NAT-PMP answers UNSUPPORTED_VERSION (RFC 6886, section 3.5). Raise
    RemoteProtocolError if the datagram is not an answer to it.
    """
    if len(datagram) >= _OLD_REPLY.size and datagram[0] == _NAT_PMP:
        _, _, result, epoch = _OLD_REPLY.unpack_from(datagram)
        return Mapped(result or Result.UNSUPPORTED_VERSION, epoch)
    if len(datagram) < _REPLY.size:
        raise RemoteProtocolError("the answer of a router is too short")
    version, operation, result, lifetime, epoch = _REPLY.unpack_from(datagram)
    if version != _PCP or operation != _ANSWER | _MAP:
        raise RemoteProtocolError("the answer of a router is not one to our request")
    if result != Result.SUCCESS:
        return Mapped(result, epoch)
    if len(datagram) < _REPLY.size + _MAPPING.size:
        raise RemoteProtocolError("the answer of a router is too short")
    echoed, kind, inside, outside, host = _MAPPING.unpack_from(datagram, _REPLY.size)
    if (echoed, kind, inside) != (nonce, _TCP, port):
        raise RemoteProtocolError("the answer of a router is to another request")
    return Mapped(result, epoch, inside, outside, lifetime, _unpacked(host))


def nat_pmp_address_request() -> bytes:
    """Return a NAT-PMP request for the router's external address (RFC 6886, section 3.2)."""
    return bytes((_NAT_PMP, _OWN_ADDRESS))


def nat_pmp_request(port: int, lifetime: int, *, wanted: int = 0) -> bytes:
    """Return a NAT-PMP request to pass a TCP port on to us (RFC 6886, section 3.3).

    `lifetime` is in seconds; 0 ends the mapping. `wanted` is the external port that we would like.
    """
    return _OLD_REQUEST.pack(_NAT_PMP, _MAP_TCP, port, wanted, lifetime)


def read_nat_pmp(datagram: bytes, port: int) -> Mapped:
    """Return the router's answer to one of the two NAT-PMP requests.

    `port` is the one of the answer expected; an answer about the external address has `host` alone.
    Raise RemoteProtocolError if the datagram is not an answer to them.
    """
    if len(datagram) < _OLD_REPLY.size:
        raise RemoteProtocolError("the answer of a router is too short")
    version, operation, result, epoch = _OLD_REPLY.unpack_from(datagram)
    rest = datagram[_OLD_REPLY.size :]
    if version != _NAT_PMP or operation not in {_ANSWER | _OWN_ADDRESS, _ANSWER | _MAP_TCP}:
        raise RemoteProtocolError("the answer of a router is not one to our request")
    if result != Result.SUCCESS:
        return Mapped(result, epoch)
    if operation == _ANSWER | _OWN_ADDRESS and len(rest) >= 4:
        return Mapped(result, epoch, host=str(ipaddress.IPv4Address(rest[:4])))
    if operation == _ANSWER | _MAP_TCP and len(rest) >= _OLD_MAPPING.size:
        inside, outside, lifetime = _OLD_MAPPING.unpack_from(rest)
        if inside == port:
            return Mapped(result, epoch, inside, outside, lifetime)
    raise RemoteProtocolError("the answer of a router is not one to our request")


def _packed(host: str) -> bytes:
    """Return the 16 bytes of an IP address, IPv4 as mapped IPv6."""
    address = ipaddress.ip_address(host)
    if address.version == 4:
        address = ipaddress.IPv6Address(f"::ffff:{address}")
    return address.packed


def _unpacked(host: bytes) -> str:
    address = ipaddress.IPv6Address(host)
    return str(address.ipv4_mapped or address)
