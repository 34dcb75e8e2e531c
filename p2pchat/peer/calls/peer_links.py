"""Establishes links between peers, in either dialect.

In clear, a transport is a link at once, to an unproven remote. In the secure dialect, a link
follows a mutual TLS handshake and comes with the key that the remote proved. Whose key it is, is
decided elsewhere.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

from p2pchat.errors import OnFailed, P2PError, RemoteProtocolError
from p2pchat.net.endpoints import Closable, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.engine import Engine
from p2pchat.net.tls.peer_tls import PeerEngine, peer_context
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Wire
from p2pchat.peer.store.identity import Identity
from p2pchat.protocol.address import Address
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.secure import MAX_FRAME_BYTES, SECURE
from p2pchat.protocol.states import PEER_DIALOGUE, SECURE_PEER_DIALOGUE, Speaker

OnPeerLink = Callable[[Link, bytes | None], None]
"""Receives the link, and the remote's key if the dialect proves one."""


class PeerLinks(Protocol):
    """Establishes links in one dialect."""

    secure: bool

    def dial(
        self, address: Address, timeout: float, then: OnPeerLink, failed: OnFailed
    ) -> Closable:
        """Call `then` with a link to the listener at `address`, or `failed` with the reason."""

    def take(self, transport: Wire, then: OnPeerLink, failed: OnFailed) -> Closable:
        """Call `then` with the link of an incoming connection, or `failed` if it is not a peer."""


class ClearLinks:
    """Links of the original dialect."""

    secure = False

    def __init__(self, loop: Loop, network: Network) -> None:
        self._loop = loop
        self._network = network

    def dial(
        self, address: Address, timeout: float, then: OnPeerLink, failed: OnFailed
    ) -> Closable:
        """Connect, without any handshake."""
        connected = partial(self._link, then, Speaker.DIALLER)
        return self._network.dial(address, timeout, connected, failed)

    def take(self, transport: Wire, then: OnPeerLink, _: OnFailed) -> Closable:
        """Call `then` with the link at once."""
        self._link(then, Speaker.LISTENER, transport)
        return _Done()

    def _link(self, then: OnPeerLink, speaker: Speaker, transport: Wire) -> None:
        then(Link(self._loop, transport, Connection(PEER_DIALOGUE, ORIGINAL, speaker)), None)


class SecureLinks:
    """Links of the secure dialect, with our identity.

    A handshake may take at most `handshake_bytes`; 0: no limit.
    """

    secure = True

    def __init__(
        self, loop: Loop, network: Network, identity: Identity, handshake_bytes: int
    ) -> None:
        self._handshake_bytes = handshake_bytes or sys.maxsize
        self._loop = loop
        self._network = network
        self._context = peer_context(identity.key)

    def dial(
        self, address: Address, timeout: float, then: OnPeerLink, failed: OnFailed
    ) -> Closable:
        """Connect and perform the handshake."""
        under_way = _UnderWay()

        def connected(transport: Wire) -> None:
            under_way.inner = self._shake(transport, Speaker.DIALLER, then, failed)

        under_way.inner = self._network.dial(address, timeout, connected, failed)
        return under_way

    def take(self, transport: Wire, then: OnPeerLink, failed: OnFailed) -> Closable:
        """Begin the handshake on an accepted connection, which is closed if it fails."""
        return self._shake(transport, Speaker.LISTENER, then, failed)

    def shake_as_dialler(self, transport: Wire, then: OnPeerLink, failed: OnFailed) -> Closable:
        """Begin the handshake on a circuit that we have asked for."""
        return self._shake(transport, Speaker.DIALLER, then, failed)

    def _shake(
        self, transport: Wire, speaker: Speaker, then: OnPeerLink, failed: OnFailed
    ) -> Closable:
        engine = PeerEngine(self._context, dialling=speaker is Speaker.DIALLER)
        tls = TlsTransport(self._loop, transport, engine, handshake_bytes=self._handshake_bytes)

        def secured(_: Engine) -> None:
            connection = Connection(SECURE_PEER_DIALOGUE, SECURE, speaker)
            link = Link(self._loop, tls, connection, receive_ceiling=MAX_FRAME_BYTES)
            then(link, engine.remote_key)

        def ended(error: P2PError | None) -> None:
            failed(error or RemoteProtocolError(f"{tls.remote} hung up during the TLS handshake"))

        tls.on_secured = secured
        tls.on_closed = ended
        return _Handshake(tls)


class _Done:
    def close(self) -> None:
        """Do nothing: the link was handed over already."""


class _Handshake:
    def __init__(self, tls: TlsTransport) -> None:
        self._tls = tls

    def close(self) -> None:
        """Abandon the attempt; a link that was handed over stays open."""
        if not self._tls.secured:
            self._tls.on_closed = lambda _: None
            self._tls.abort()


class _UnderWay:
    inner: Closable

    def close(self) -> None:
        """Abandon the current step."""
        self.inner.close()
