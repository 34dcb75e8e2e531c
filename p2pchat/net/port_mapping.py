"""Asks the local network's router to pass a TCP port on to us: by PCP, NAT-PMP or UPnP.

One question at a time; how long the answer is of use is for the caller to see.
"""

import secrets
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import BindError, OnFailed, P2PError, RemoteProtocolError, Unreachable
from p2pchat.net.endpoints import Datagrams, Network
from p2pchat.net.gateway import UpnpPort
from p2pchat.net.loop import Loop, Timer
from p2pchat.protocol.address import Address
from p2pchat.protocol.port_mapping import (
    NONCE_BYTES,
    ROUTER_PORT,
    Mapped,
    Result,
    nat_pmp_address_request,
    nat_pmp_request,
    pcp_request,
    read_nat_pmp,
    read_pcp,
)

_FIRST_TIMEOUT: Final = 0.25
_TRIES: Final = 4
"""The timeout doubles with each (RFC 6886, section 3.1)."""

_LIFETIME: Final = 7200
_ANY: Final = Address("0.0.0.0", 0)  # noqa: S104  # only sends


class Method(Enum):
    """The protocol in which a router is asked for a port."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


class PortMapping(NamedTuple):
    """A port that the router passes on to us for `lifetime` seconds.

    `external` is the router's address, as it says itself; `by_upnp` is set if UPnP was used.
    """

    method: Method
    port: int
    external: Address
    lifetime: float
    by_upnp: UpnpPort | None = None


class Router:
    """The router at the address `host`, for our machine's address `own_host`."""

    def __init__(self, loop: Loop, network: Network, host: str, own_host: str) -> None:
        self.host = host
        self._loop = loop
        self._network = network
        self._own_host = own_host
        self._nonce = secrets.token_bytes(NONCE_BYTES)  # the same for each renewal

    def ask(
        self,
        port: int,
        then: Callable[[PortMapping], None],
        failed: OnFailed,
        *,
        before: PortMapping | None = None,
    ) -> "PortRequest":
        """Ask for a port; `then` or `failed` is called in a later turn.

        `before` is what the router has agreed to earlier: its method is tried first.
        """
        return PortRequest(
            self._loop,
            self._network,
            self.host,
            partial(self._datagrams, port, before),
            port,
            then,
            failed,
            nonce=self._nonce,
            first=Method.PCP if before is None else before.method,
        )

    def remove(self, mapping: PortMapping) -> None:
        """Ask the router to close the port, without waiting for its answer."""
        if mapping.by_upnp is not None:
            self._network.run(mapping.by_upnp.remove, ignore, ignore)
            return
        try:
            socket = self._network.open_udp(_ANY, lambda *_: None)
        except BindError:
            return  # it ends by itself
        for datagram in self._datagrams(mapping.port, None, mapping.method, lifetime=0):
            socket.send(datagram, Address(self.host, ROUTER_PORT))
        socket.close()

    def _datagrams(
        self, port: int, before: PortMapping | None, method: Method, lifetime: int = _LIFETIME
    ) -> list[bytes]:
        """Return the requests of a method."""
        if method is Method.PCP:
            wanted = ("", 0) if before is None else before.external
            return [pcp_request(self._nonce, self._own_host, port, lifetime, wanted=wanted)]
        wanted_port = before.external.port if before is not None else port if lifetime else 0
        request = nat_pmp_request(port, lifetime, wanted=wanted_port)
        return [nat_pmp_address_request(), request] if lifetime else [request]


class PortRequest:
    """A request to a router under way, until `close` or a callback."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        router: str,
        datagrams: Callable[[Method], list[bytes]],
        port: int,
        then: Callable[[PortMapping], None],
        failed: OnFailed,
        *,
        nonce: bytes,
        first: Method,
    ) -> None:
        self._loop = loop
        self._network = network
        self._router = Address(router, ROUTER_PORT)
        self._datagrams = datagrams
        self._port = port
        self._then = then
        self._failed = failed
        self._nonce = nonce
        self._method = first
        self._tries = 0
        self._external_host = ""
        self._mapped: Mapped | None = None
        self._timer: Timer | None = None
        self._socket: Datagrams | None = None
        self._upnp: UpnpPort | None = None
        self._open = True
        loop.call_soon(self._begin)

    def close(self) -> None:
        """Abandon the request; no callback follows."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        if self._upnp is not None:
            self._upnp.give_up()
        self._close_socket()

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _begin(self) -> None:
        if not self._open:
            return
        if self._method is Method.UPNP:
            self._by_upnp()
            return
        try:
            self._socket = self._network.open_udp(_ANY, self._heard)
        except BindError as error:
            self._end(partial(self._failed, error))
            return
        self._send()

    def _send(self) -> None:
        if self._tries == _TRIES:
            self._next()
            return
        assert self._socket is not None
        for datagram in self._datagrams(self._method):
            self._socket.send(datagram, self._router)
        self._timer = self._loop.call_later(_FIRST_TIMEOUT * 2**self._tries, self._send)
        self._tries += 1

    def _heard(self, datagram: bytes, sender: Address) -> None:
        if sender != self._router:
            return
        try:
            self._read(datagram)
        except RemoteProtocolError:
            return  # not an answer to this request, or a late one

    def _read(self, datagram: bytes) -> None:
        if self._method is Method.PCP:
            mapped = read_pcp(datagram, self._nonce, self._port)
        else:
            mapped = read_nat_pmp(datagram, self._port)
        if mapped.result == Result.ADDRESS_MISMATCH:
            # It sees us by another address than we do: the way to the internet is another one.
            self._end(partial(self._failed, Unreachable("the router is not on our way out")))
            return
        if mapped.result != Result.SUCCESS:
            self._next()
            return
        self._external_host = mapped.host or self._external_host
        if mapped.port:
            self._mapped = mapped
        if self._mapped is not None and self._external_host:
            external = Address(self._external_host, self._mapped.external_port)
            found = PortMapping(self._method, self._port, external, self._mapped.lifetime)
            self._end(partial(self._then, found))

    def _next(self) -> None:
        """Try the next method, as this one was refused or not answered."""
        if self._timer is not None:
            self._timer.cancel()
        self._tries = 0
        if self._method is Method.PCP:
            self._method = Method.NAT_PMP
            self._send()
        else:
            self._by_upnp()

    def _by_upnp(self) -> None:
        self._method = Method.UPNP
        self._close_socket()  # what comes late by the other methods counts no more
        self._upnp = UpnpPort(self._router.host, self._port, _LIFETIME)
        if not self._network.run(self._upnp.open, self._found_by_upnp, self._not_found):
            self._not_found(Unreachable("too busy for UPnP"))

    def _found_by_upnp(self, found: UpnpPort) -> None:
        self._upnp = None
        mapping = PortMapping(Method.UPNP, self._port, found.external, found.lifetime, found)
        if self._open:
            self._end(partial(self._then, mapping))
        else:  # it was given up between the worker and us
            self._network.run(found.remove, ignore, ignore)

    def _not_found(self, error: P2PError) -> None:
        self._upnp = None
        if self._open:
            self._end(partial(self._failed, error))

    def _end(self, tell: Callable[[], None]) -> None:
        self.close()
        tell()
