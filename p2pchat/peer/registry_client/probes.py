"""Checks of the registry and of our own listener that need no node, each with a deadline.

Reports the results; the caller interprets them. Stores nothing and pins no key.
"""

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, RemoteProtocolError, Unreachable
from p2pchat.net.endpoints import ANY_PORT, Closable, Listener, Network
from p2pchat.net.loop import Loop
from p2pchat.net.port_mapping import PortMapping, Router
from p2pchat.net.tls.certificates import client_context
from p2pchat.net.tls.engine import CertificateNotTrusted, Engine, StandardEngine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Wire
from p2pchat.peer.registry_client.circuits import Circuits
from p2pchat.peer.registry_client.commands import TransientLogin
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.peer.registry_client.heartbeat import Heartbeat, sealed_hellos
from p2pchat.protocol.address import Address
from p2pchat.protocol.lan import LAN_PORT, NONCE_BYTES, write_question
from p2pchat.protocol.meeting import MeetResult
from p2pchat.protocol.secure import ALPN

_ANY_PLACE: Final = Address("0.0.0.0", ANY_PORT)  # noqa: S104  # a port that is free everywhere
_HELLO_INTERVAL: Final = 0.5  # a datagram may be lost


class Reached(NamedTuple):
    """The time that connecting took, in seconds, and our own address on that route."""

    seconds: float
    local_host: str


class Probes:
    """Each probe takes at most `timeout` seconds, then raises TimedOut."""

    def __init__(self, loop: Loop, network: Network, timeout: float) -> None:
        self._loop = loop
        self._network = network
        self._timeout = timeout

    def reach(self, address: Address) -> Reached:
        """Connect over TCP, and disconnect. Raise Unreachable."""
        begun = self._loop.now()
        wire = self._dial(address)
        wire.close()
        return Reached(self._loop.now() - begun, wire.local.host)

    def certificate(self, address: Address, *, checked: bool) -> bytes:
        """Return the certificate (DER) of a secure registry.

        `checked`: raise CertificateNotTrusted unless an authority of this machine vouches for it.
        Raise Unreachable, RemoteProtocolError.
        """
        engine = StandardEngine(client_context(checked=checked), server_name=address.host)
        tls = TlsTransport(self._loop, self._dial(address), engine)

        def shake(then: Callable[[Engine], None], failed: OnFailed) -> None:
            tls.on_secured = then
            tls.on_closed = lambda error: failed(error or Unreachable(f"{address} hung up"))

        try:
            secured = self._loop.wait_for(shake, self._timeout)
        except P2PError:
            tls.on_closed = ignore
            tls.abort()
            raise
        tls.on_closed = ignore
        tls.close()
        if secured.alpn != ALPN or secured.remote_certificate is None:
            raise RemoteProtocolError(f"{address} does not speak {ALPN}")
        return secured.remote_certificate

    def is_vouched_for(self, address: Address) -> bool:
        """Return whether an authority of this machine vouches for the secure registry."""
        try:
            self.certificate(address, checked=True)
        except CertificateNotTrusted:
            return False
        return True

    def hello(self, transient_login: TransientLogin) -> Address:
        """Send heartbeats until one is answered; return our address as the registry saw it."""
        hellos = sealed_hellos(transient_login.grant)
        heartbeat: Heartbeat | None = None

        def say(then: Callable[[Address], None], _: OnFailed) -> None:
            nonlocal heartbeat
            heartbeat = Heartbeat(
                self._loop, self._network, transient_login.heartbeats, _HELLO_INTERVAL, hellos, then
            )

        try:
            return self._loop.wait_for(say, self._timeout)
        finally:
            if heartbeat is not None:
                heartbeat.close()

    def circuit(self, dialer: RegistryDialer, username: str, met: MeetResult) -> tuple[float, bool]:
        """Open a circuit with a ticket, and close it.

        Return the seconds until it was open, and whether it was a short one.

        Raise Unreachable, NotTrusted.
        """
        begun = self._loop.now()

        def dial(then: Callable[[Wire], None], failed: OnFailed) -> None:
            circuits = Circuits(self._loop, dialer)
            circuits.dial(username, met.ticket, met.relay, then, failed)

        wire = self._loop.wait_for(dial, self._timeout)
        wire.close()
        is_short = wire.circuit is not None and wire.circuit.is_short
        return self._loop.now() - begun, is_short

    def router_port(self, timeout: float) -> PortMapping:
        """Ask the router for a port, and give it back; return what the router has granted.

        Raise Unreachable if there is no router that would, or none at all.
        """
        place = self._network.gateway()
        if place is None:
            raise Unreachable("this machine has no router for IPv4")
        router = Router(self._loop, self._network, *place)
        listener = self._network.listen(_ANY_PLACE, lambda wire: wire.abort())

        request: Closable | None = None

        def ask(then: Callable[[PortMapping], None], failed: OnFailed) -> None:
            nonlocal request
            request = router.ask(listener.address.port, then, failed)

        try:
            mapping = self._loop.wait_for(ask, timeout)
        finally:
            listener.close()
            if request is not None:
                request.close()
        router.remove(mapping)
        return mapping

    def local_network(self) -> None:
        """Send an unanswerable query to the local network; wait until it arrives here.

        Raise BindError if another program has the port, TimedOut if it is not heard.
        """
        question = write_question(os.urandom(NONCE_BYTES), (), os.urandom)
        heard: Callable[[None], None] = ignore

        def hear(datagram: bytes, _: Address) -> None:
            if datagram == question:
                heard(None)

        def ask(then: Callable[[None], None], _: OnFailed) -> None:
            nonlocal heard
            heard = then
            sockets.ask_all(question)

        sockets = self._network.open_lan(LAN_PORT, hear)
        try:
            self._loop.wait_for(ask, self._timeout)
        finally:
            sockets.close()

    def check_inbound(self, at: Address, host: str) -> Address:
        """Listen at `at` and return the address at which a connection to `host` arrived.

        Raise BindError, Unreachable; TimedOut if another program's listener answers there.
        """
        listener: Listener | None = None

        def meet(then: Callable[[Address], None], failed: OnFailed) -> None:
            """Listen, and dial that listener; `then` gets its address once a connection arrives."""
            nonlocal listener

            def came(wire: Wire) -> None:
                wire.abort()
                then(address)

            listener = self._network.listen(at, came)
            address = Address(host, listener.address.port)
            self._network.dial(address, self._timeout, lambda wire: wire.close(), failed)

        try:
            return self._loop.wait_for(meet, self._timeout)
        finally:
            if listener is not None:
                listener.close()

    def _dial(self, address: Address) -> Wire:
        def dial(then: Callable[[Wire], None], failed: OnFailed) -> None:
            self._network.dial(address, self._timeout, then, failed)

        return self._loop.wait_for(dial)
