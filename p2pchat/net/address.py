"""Kinds of hosts, and conversion between addresses and socket names. Resolves nothing."""

import ipaddress
import re
import socket
from enum import Enum, auto
from typing import Final

from p2pchat.protocol.address import Address

_PRIVATE: Final = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
)
_OF_A_CARRIER: Final = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_NO_DESTINATION: Final = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "198.18.0.0/15", "2001::/32", "fec0::/10"))
)
"""This network (RFC 1122), for benchmarks (RFC 2544), Teredo, whose addresses lead elsewhere (RFC
4380), and site-local (RFC 3879).
"""
_UNIQUE_LOCAL: Final = ipaddress.ip_network("fc00::/7")  # RFC 4193
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052

_HOST_NAME: Final = re.compile(r"\w([\w.-]*[\w.])?")


def from_socket_name(name: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Return the address for a socket name of the operating system.

    An IPv4-mapped IPv6 address is returned as IPv4, so that a remote has one address on every kind
    of socket.
    """
    host = name[0]
    if ":" in host:
        host = host.partition("%")[0]
        if host.startswith("::ffff:") and "." in host:
            host = host.removeprefix("::ffff:")
    return Address(host, name[1])


def from_socket_name_with_zone(
    name: tuple[str, int] | tuple[str, int, int, int],
) -> Address:
    """Return the address for a socket name; a link-local host with its zone, as a number."""
    address = from_socket_name(name)
    zone = name[3] if len(name) == 4 else 0
    return Address(f"{address.host}%{zone}", address.port) if zone else address


def socket_name(address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return the operating system's socket name for the address of an IP host.

    The zone of a link-local address (`fe80::1%eth0`, RFC 4007) names the network. Raise OSError if
    this machine has no such network.
    """
    host, has_zone, zone = address.host.partition("%")
    if not has_zone:
        return address
    try:
        index = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    except ValueError as error:
        raise OSError(f"{zone!r} is no network of this machine") from error
    return host, address.port, 0, index


def with_zone_of(host: str, near: str) -> str:
    """Return a link-local host with the zone of `near`; any other host unchanged."""
    zone = near.partition("%")[2]
    if not zone or "%" in host or not is_ip(host):
        return host
    address = ipaddress.ip_address(host)
    return f"{host}%{zone}" if address.version == 6 and address.is_link_local else host


def is_ip(host: str) -> bool:
    """Return whether the host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """Return whether the text is an IP address or a possible host name."""
    return is_ip(text) or _HOST_NAME.fullmatch(text) is not None


def leads_here(host: str) -> bool:
    """Return whether the IP address leads to the dialling machine, or only to its own link.

    Loopback, unspecified (which Linux treats as loopback), link-local and multicast addresses, also
    of IPv4 inside IPv6 (mapped or 6to4).
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return any(
        a.is_loopback or a.is_unspecified or a.is_link_local or a.is_multicast
        for a in (address, inner)
        if a is not None
    )


def is_this_machine(host: str) -> bool:
    """Return whether the host is a loopback name or address."""
    return host == "localhost" or (is_ip(host) and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the IP address."""
    return ipaddress.ip_address(host).is_loopback


def plain_host(host: str) -> str:
    """Return the usual spelling of an IP address, IPv4 inside IPv6 as IPv4, without a zone."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


class Kind(Enum):
    """The scope of an IP address."""

    NOWHERE = auto()
    """Not to be dialled: loopback, link-local, multicast or reserved."""
    PRIVATE = auto()
    CARRIER = auto()
    UNIQUE_LOCAL = auto()
    GLOBAL = auto()


def kind_of(host: str) -> Kind:
    """Return the kind of an IP address; IPv4 inside IPv6 counts as what is inside."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return kind_of(str(inner))
    is_none = any(address in network for network in _NO_DESTINATION)
    if is_none or leads_here(host) or address.is_reserved:
        return Kind.NOWHERE
    if any(address in network for network in _PRIVATE):
        return Kind.PRIVATE
    if address in _OF_A_CARRIER:
        return Kind.CARRIER
    return Kind.UNIQUE_LOCAL if address in _UNIQUE_LOCAL else Kind.GLOBAL


def is_local(host: str) -> bool:
    """Return whether the IP address is one of a local network: private, or of the own link."""
    is_link_local = ipaddress.ip_address(host.partition("%")[0]).is_link_local
    return is_link_local or kind_of(host) in {Kind.PRIVATE, Kind.UNIQUE_LOCAL}


def is_near(host: str) -> bool:
    """Return whether the IP address is of this machine or its own or a private network."""
    return kind_of(host) is not Kind.GLOBAL
