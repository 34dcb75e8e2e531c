"""A link to the registry in the dialect of its URL, after checking the registry's key.

The key of a secure registry is the one in its join link, else the one seen before. Else the
certificate may be vouched for by an authority of this machine. Otherwise the key is trusted on
first use, reported, and pinned.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import (
    NotTrusted,
    OnFailed,
    P2PError,
    RemoteProtocolError,
    TimedOut,
    Unreachable,
)
from p2pchat.net.endpoints import Closable, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop
from p2pchat.net.tls.certificates import client_context, fingerprint
from p2pchat.net.tls.engine import CertificateNotTrusted, Engine, StandardEngine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Transport, Wire
from p2pchat.peer.registry_client.url import RegistryUrl
from p2pchat.peer.store.profile import Profile
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import SearchResult
from p2pchat.protocol.original import ORIGINAL
from p2pchat.protocol.proofs import Channel
from p2pchat.protocol.secure import ALPN, SECURE
from p2pchat.protocol.states import REGISTRY_DIALOGUE, SECURE_REGISTRY_DIALOGUE, Speaker

DIAL_TIMEOUT: Final = 10.0

BY_AUTHORITY: Final = "vouched for by an authority"
"""Kept instead of a fingerprint: the registry may change its key while it is vouched for."""

OnLink = Callable[[Link], None]

OnTls = Callable[[TlsTransport, Channel], None]
"""Receives the connection with the right registry, and what a login on it is bound to."""

SearchUser = Callable[[str, Callable[[SearchResult], None], OnFailed], None]
"""Asks the registry for a user's address and key."""


def due_key(url: RegistryUrl, profile: Profile) -> str | None:
    """Return the fingerprint that the registry must have, or BY_AUTHORITY; None: any."""
    return url.fingerprint or profile.pinned_registry(str(url))


def pinned_key(url: RegistryUrl, profile: Profile) -> str | None:
    """Return the fingerprint that the registry is pinned to, if any."""
    due = due_key(url, profile)
    return None if due == BY_AUTHORITY else due


def check_link(url: RegistryUrl, profile: Profile) -> None:
    """Raise NotTrusted if a join link names a different key from the pinned one.

    Anyone can write a join link: it introduces an unknown registry, but does not replace the key of
    a known one.
    """
    pinned = profile.pinned_registry(str(url))
    if url.fingerprint is not None and pinned is not None and pinned != url.fingerprint:
        raise NotTrusted(
            f"the link names a different key for the registry at {url.address}",
            likely="the registry was set up again, or the link is not from its operator",
            advice="ask its operator through another channel; at a terminal, the command then asks"
            " whether to trust the new key",
        )


class MachineDialer:
    """Dials one machine of a registry, any number of times.

    `on_first_use(fingerprint)` is called when a key is trusted on first use. `pins`: pin its key as
    the registry's. `accepts`, `from_port`: see Network.dial.
    """

    def __init__(
        self,
        loop: Loop,
        network: Network,
        url: RegistryUrl,
        profile: Profile,
        on_first_use: Callable[[str], None],
        *,
        pins: bool = True,
        accepts: Callable[[str], bool] | None = None,
        from_port: int | None = None,
    ) -> None:
        self._pins = pins
        self._from_port = from_port
        self._accepts = accepts
        self.url = url
        self._loop = loop
        self._network = network
        self._profile = profile
        self._on_first_use = on_first_use

    def dial(self, then: OnLink, failed: OnFailed) -> Closable:
        """Call `then` with a link, or `failed` with an error, in a later turn of the loop."""
        if not self.url.secure:
            return self._reach(lambda transport: then(self._link(transport)), failed)

        def secured(tls: TlsTransport, channel: Channel) -> None:
            link = self._link(tls)
            link.channel = channel
            then(link)

        return self.dial_tls(ALPN, secured, failed, from_port=self._from_port)

    def dial_tls(
        self, alpn: str, then: OnTls, failed: OnFailed, *, from_port: int | None = None
    ) -> Closable:
        """Call `then` with a connection of that ALPN protocol, or `failed`, in a later turn.

        `from_port`: see Network.dial.
        """
        attempt = _SecureAttempt(due_key(self.url, self._profile))
        try:
            if self._pins:
                check_link(self.url, self._profile)
        except NotTrusted as error:
            self._loop.call_soon(partial(attempt.fail, failed, error))
            return attempt

        def connected(transport: Wire) -> None:
            attempt.transport = self._shake(transport, attempt, alpn, then, failed)

        def again() -> None:
            attempt.dial = self._reach(connected, failed, from_port)

        attempt.again = again
        again()
        return attempt

    def _reach(
        self,
        connected: Callable[[Wire], None],
        failed: OnFailed,
        from_port: int | None = None,
    ) -> Closable:
        def unreachable(error: P2PError) -> None:
            why = isinstance(error, Unreachable) and error.reason
            failed(
                Unreachable(
                    f"cannot reach the registry at {self.url.address}: {why or error.what}",
                    likely="no registry is running there, or a firewall blocks it",
                    advice="start one with p2p serve, or name another one with --registry",
                )
            )

        return self._network.dial(
            self.url.address,
            DIAL_TIMEOUT,
            connected,
            unreachable,
            self._accepts,
            from_port=from_port,
        )

    def _shake(
        self,
        transport: Wire,
        attempt: "_SecureAttempt",
        alpn: str,
        then: OnTls,
        failed: OnFailed,
    ) -> TlsTransport:
        engine = StandardEngine(
            client_context(checked=attempt.by_authority, alpn=alpn), server_name=self.url.host
        )
        tls = TlsTransport(self._loop, transport, engine)

        def secured(engine: Engine) -> None:
            """Pass on the connection if it is the registry that we know, otherwise fail."""
            try:
                channel = self._check(engine, attempt, alpn)
            except P2PError as error:
                tls.on_closed = lambda _: None
                tls.abort()
                failed(error)
                return
            then(tls, channel)

        def ended(error: P2PError | None) -> None:
            if not isinstance(error, CertificateNotTrusted):
                failed(self._no_handshake(error))
            elif attempt.was_vouched_for:
                failed(self._another_key())
            else:
                attempt.by_authority = False  # no authority vouches for it: trust on first use
                attempt.again()

        tls.on_secured = secured
        tls.on_closed = ended
        return tls

    def _check(self, engine: Engine, attempt: "_SecureAttempt", alpn: str) -> Channel:
        """Return what a login is bound to. Raise NotTrusted if it is another registry."""
        if engine.alpn != alpn or engine.remote_certificate is None:
            raise RemoteProtocolError(f"{self.url.address} does not speak {alpn}")
        shown = fingerprint(engine.remote_certificate)
        channel = Channel(shown, engine.binding)
        if attempt.by_authority:
            self._pin(BY_AUTHORITY)
            return channel
        if attempt.pinned is None:
            self._on_first_use(shown)
        elif shown != attempt.pinned:
            raise self._another_key()
        self._pin(shown)
        return channel

    def _pin(self, key: str) -> None:
        if self._pins:
            self._profile.pin_registry(str(self.url), key)

    def _another_key(self) -> NotTrusted:
        return NotTrusted(
            f"the registry at {self.url.address} presents a different key from the one we know",
            likely="it was set up again, or another machine is between you and it",
            advice="ask its operator for the join link, and pass it as --registry",
        )

    def _link(self, transport: Transport) -> Link:
        dialogue = SECURE_REGISTRY_DIALOGUE if self.url.secure else REGISTRY_DIALOGUE
        dialect = SECURE if self.url.secure else ORIGINAL
        return Link(self._loop, transport, Connection(dialogue, dialect, Speaker.DIALLER))

    def _no_handshake(self, error: P2PError | None) -> P2PError:
        if isinstance(error, TimedOut):
            return Unreachable(
                f"the registry at {self.url.address} does not answer",
                likely="it hangs or is overloaded",
                advice="try again in a minute",
            )
        why = error.what if error is not None else "it hung up"
        return Unreachable(
            f"no secure connection to the registry at {self.url.address}: {why}",
            likely="another program listens there, or a registry's original listener",
            advice=f"check the port; an original listener is original://{self.url.host}",
        )


class _SecureAttempt:
    """The state of a dial: which key is required, and whether an authority is asked."""

    def __init__(self, known: str | None) -> None:
        self.was_vouched_for = known == BY_AUTHORITY
        self.pinned = None if self.was_vouched_for else known
        self.by_authority = self.pinned is None
        self.dial: Closable | None = None
        self.transport: TlsTransport | None = None
        self.again: Callable[[], None] = ignore
        self.given_up = False

    def fail(self, failed: OnFailed, error: P2PError) -> None:
        """Report why there is no link, unless the attempt was cancelled."""
        if not self.given_up:
            failed(error)

    def close(self) -> None:
        """Abandon the attempt; a link that was handed over stays open."""
        self.given_up = True
        if self.dial is not None:
            self.dial.close()
        if self.transport is not None and not self.transport.secured:
            self.transport.on_closed = ignore
            self.transport.abort()
