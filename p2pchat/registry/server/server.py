"""The registry at work: its listeners, its service, and the deadlines of heartbeats.

Makes no decisions about answers.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError, RemoteProtocolError
from p2pchat.net.endpoints import Datagrams, Listener, Network, OnTransport
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.rate_limit import MINUTE, RateLimit, group_of
from p2pchat.net.tls.engine import CertificateLookedAt, Engine
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Transport, Wire
from p2pchat.net.worker import Worker
from p2pchat.protocol.address import Address
from p2pchat.protocol.circuit import CIRCUIT_ALPN
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.dialects import Dialect
from p2pchat.protocol.heartbeat import open_hello, write_answer
from p2pchat.protocol.original import ORIGINAL, decode_hello
from p2pchat.protocol.proofs import Channel
from p2pchat.protocol.secure import ALPN, SECURE
from p2pchat.protocol.states import REGISTRY_DIALOGUE, SECURE_REGISTRY_DIALOGUE, Speaker
from p2pchat.protocol.text import one_line
from p2pchat.registry.server.connection_handler import Client
from p2pchat.registry.server.look_ups import LookUps
from p2pchat.registry.server.relay import Relay
from p2pchat.registry.service.limits import NO_LIMITS, ConnectionCount, Limits
from p2pchat.registry.service.service import Service

_TRIES: Final = 10

STOP_TIMEOUT: Final = 3.5
"""Seconds that a stopping registry waits for pending answers to be completed and read."""

_log = logging.getLogger(__name__)


class DialectListener(NamedTuple):
    """Where one dialect is served: connections by `tcp`, heartbeats by `udp`."""

    dialect: str
    tcp: Listener
    udp: Datagrams


class Server:
    """The registry: open its listeners, run the loop, stop it."""

    def __init__(
        self,
        loop: Loop,
        network: Network,
        worker: Worker,
        service: Service,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._loop = loop
        self._network = network
        self._worker = worker
        self._service = service
        self._look_ups = LookUps(service, secure=False), LookUps(service, secure=True)
        self._limits = limits
        self.relay = Relay(loop, service.meetings, limits)
        service.when_logged_out(self.relay.end_those_of)
        self._connections = ConnectionCount(limits.connections_per_address)
        self._new_connections = RateLimit.per_minute(limits.new_connections_per_minute)
        self._listeners: list[DialectListener] = []
        self._clients: set[Client] = set()
        self._anonymous: dict[Client, None] = {}  # not logged in, at the original listener
        self._handshakes: dict[TlsTransport, None] = {}  # oldest first
        self._on_login, self._on_gone = self._logged_in, self._forget  # the same for every client
        self._silence: Timer | None = None
        self._on_stopped: Callable[[], None] | None = None

    def __len__(self) -> int:
        """Return the number of connections that have finished their handshake."""
        return len(self._clients)

    @property
    def handshakes(self) -> int:
        """The number of handshakes in progress."""
        return len(self._handshakes)

    def open_original(self, tcp: Address, udp: Address) -> DialectListener:
        """Open the original dialect's listener. Raise BindError."""
        return self._open(ORIGINAL, tcp, udp, partial(self._came, ORIGINAL), self._heard)

    def open_secure(
        self,
        tcp: Address,
        udp_port: int | None,
        new_engine: Callable[[], tuple[Engine, str]],
        handshakes: Worker | None = None,
    ) -> DialectListener:
        """Open the secure dialect's listener. Raise BindError.

        `new_engine()` returns a TLS engine for a client, and the fingerprint of the key that it
        presents. If `udp_port` is None, UDP uses the port of TCP, as clients expect by default.
        `handshakes` runs TLS handshakes; None: the loop does.
        """
        came = partial(self._came_to_tls, new_engine, handshakes)
        return self._open(
            SECURE,
            tcp,
            None if udp_port is None else tcp.at_port(udp_port),
            came,
            self._heard_sealed,
        )

    def reconfigure(self, limits: Limits) -> None:
        """Apply these limits from now on; open connections stay."""
        self._limits = limits
        self.relay.reconfigure(limits)
        self._connections.per_address = limits.connections_per_address
        new = limits.new_connections_per_minute
        self._new_connections.change(new / MINUTE, new)

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Stop accepting, send the pending answers and close everything; then call `on_stopped`.

        Connections that are still open after STOP_TIMEOUT are closed without their answers.
        """
        if self._on_stopped is not None:
            return
        self._on_stopped = on_stopped
        self._close_listeners()
        self._loop.call_later(STOP_TIMEOUT, self._hang_up_on_all)
        for tls in tuple(self._handshakes):
            tls.abort()
        self.relay.close()
        for client in tuple(self._clients):
            client.close_when_answered()
        self._loop.call_soon(self._check_stopped)

    def close(self) -> None:
        """Close everything that is still open, at once: after an error, or after `stop`."""
        self._close_listeners()
        for tls in tuple(self._handshakes):
            tls.abort()
        self.relay.close()
        self._hang_up_on_all()

    def _close_listeners(self) -> None:
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.tcp.close()
            listener.udp.close()
        if self._silence is not None:
            self._silence.cancel()

    def _logged_in(self, client: Client) -> None:
        """Schedule the check for silent users, because a user has logged in."""
        self._anonymous.pop(client, None)
        if self._silence is None:
            self._expire()

    def _forget(self, client: Client) -> None:
        """Forget a client after its link has ended."""
        self._clients.discard(client)
        self._anonymous.pop(client, None)
        self._connections.close(client.host)
        self._check_stopped()

    def _open(
        self,
        dialect: Dialect,
        tcp: Address,
        udp: Address | None,
        on_transport: OnTransport,
        on_datagram: Callable[[Datagrams, bytes, Address], None],
        tries: int = _TRIES,
    ) -> DialectListener:
        listener = self._network.listen(tcp, partial(self._admit, on_transport))
        try:
            datagrams = self._network.open_udp(
                udp or listener.address, lambda d, a: on_datagram(datagrams, d, a)
            )
        except P2PError:
            listener.close()
            if tcp.port or udp is not None or not tries:
                raise
            # The port that the system chose is in use for UDP: let it choose another.
            return self._open(dialect, tcp, udp, on_transport, on_datagram, tries - 1)
        opened = DialectListener(dialect.name, listener, datagrams)
        self._listeners.append(opened)
        return opened

    def _admit(self, on_transport: OnTransport, transport: Wire) -> None:
        """Accept a connection, and count it until `_forget` or a failed handshake."""
        host = transport.remote.host
        too_fast = self._new_connections.take(group_of(host), self._loop.now())
        if too_fast or not self._connections.open(host):
            limit = "new-connections-per-minute" if too_fast else "connections-per-address"
            self._service.counters.refusals[limit] += 1
            _log.info("%s turned away: too many connections from there", transport.remote)
            transport.abort()
            return
        if self._limits.send_queue:
            transport.send_ceiling = self._limits.send_queue
        on_transport(transport)

    def _came(self, dialect: Dialect, transport: Transport, channel: Channel | None = None) -> None:
        secure = dialect is SECURE
        dialogue = SECURE_REGISTRY_DIALOGUE if secure else REGISTRY_DIALOGUE
        link = Link(
            self._loop,
            transport,
            Connection(dialogue, dialect, Speaker.LISTENER),
            frame_timeout=self._limits.frame_timeout,
            answers_to_the_end=True,
        )
        link.channel = channel
        if secure and self._limits.login_timeout:
            link.expect(self._limits.login_timeout, "no login came")
        client = Client(
            self._service,
            self._worker,
            link,
            secure=secure,
            on_login=self._on_login,
            on_gone=self._on_gone,
            look_ups=self._look_ups[secure],
        )
        self._clients.add(client)
        if not secure:
            self._anonymous[client] = None
            if self._limits.anonymous_links < len(self._anonymous) and self._limits.anonymous_links:
                oldest = next(iter(self._anonymous))
                del self._anonymous[oldest]  # ends only in a later turn, after more arrived
                self._service.counters.refusals["anonymous-links"] += 1
                oldest.make_room()

    def _came_to_tls(
        self,
        new_engine: Callable[[], tuple[Engine, str]],
        handshakes: Worker | None,
        transport: Wire,
    ) -> None:
        if self._limits.handshakes and len(self._handshakes) >= self._limits.handshakes:
            # An honest handshake takes one round trip, so the oldest are the silent ones.
            oldest = next(iter(self._handshakes))
            _log.info("%s hung up on: too many handshakes are under way", oldest.remote)
            self._service.counters.refusals["handshakes"] += 1
            del self._handshakes[oldest]
            oldest.abort()
        new, own_key = new_engine()
        timeout = self._limits.login_timeout
        tls = TlsTransport(self._loop, transport, new, handshake_timeout=timeout, worker=handshakes)
        self._handshakes[tls] = None

        def secured(engine: Engine) -> None:
            self._handshakes.pop(tls, None)
            if engine.alpn == ALPN:
                self._came(SECURE, tls, Channel(own_key, engine.binding))
            elif engine.alpn == CIRCUIT_ALPN:
                self.relay.take(tls, partial(self._connections.close, tls.remote.host))
            else:
                _log.info("%s hung up on: it does not speak %s", tls.remote, ALPN)
                tls.abort()

        def ended(error: P2PError | None) -> None:
            self._handshakes.pop(tls, None)
            self._connections.close(tls.remote.host)
            level = logging.DEBUG if isinstance(error, CertificateLookedAt) else logging.INFO
            why = one_line(error.what) if error else "hung up"
            _log.log(level, "%s left: %s", tls.remote, why)

        tls.on_secured = secured
        tls.on_closed = ended

    def _heard_sealed(self, datagrams: Datagrams, datagram: bytes, remote: Address) -> None:
        """Answer a valid heartbeat with the address it came from; ignore any other."""
        try:
            hello = open_hello(datagram)
        except RemoteProtocolError as error:
            _log.debug("datagram from %s ignored: %s", remote, error.what)
            return
        if self._service.hear_sealed(hello):
            datagrams.send(write_answer(hello.counter, remote.host, remote.port), remote)

    def _heard(self, _: Datagrams, datagram: bytes, remote: Address) -> None:
        try:
            hello = decode_hello(datagram)
        except RemoteProtocolError as error:
            _log.debug("datagram from %s ignored: %s", remote, one_line(error.what))
            return
        self._service.hear(hello, remote.host)

    def _expire(self) -> None:
        late = 0.0 if self._silence is None else self._loop.now() - self._silence.deadline
        for listener in self._listeners:
            listener.udp.catch_up()  # after a pause, handle heartbeats that came in time
        deadline = self._service.hang_up_on_the_silent(late)
        self._silence = None if deadline is None else self._loop.call_at(deadline, self._expire)

    def _hang_up_on_all(self) -> None:
        for client in tuple(self._clients):
            client.abort()

    def _check_stopped(self) -> None:
        if self._on_stopped is not None and not self._clients:
            on_stopped, self._on_stopped = self._on_stopped, ignore
            on_stopped()
