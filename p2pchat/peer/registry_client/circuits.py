"""Circuits: connections to the registry that it joins to those of other users.

What the registry passes on is meant for the other user's program alone: the links inside are
encrypted between the two (`calls.peer_links`).
"""

from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, P2PError, RemoteProtocolError, TimedOut, Unreachable
from p2pchat.net.endpoints import ANY_PORT, Closable
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.tls.transport import TlsTransport
from p2pchat.net.transport import Circuit, Wire
from p2pchat.peer.registry_client.dialer import RegistryDialer
from p2pchat.protocol.address import Address
from p2pchat.protocol.circuit import (
    CIRCUIT,
    CIRCUIT_ALPN,
    CIRCUIT_DIALOGUE,
    Join,
    Joined,
    NoCircuit,
)
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.meeting import TICKET_LIFETIME
from p2pchat.protocol.messages import Reason
from p2pchat.protocol.proofs import Channel
from p2pchat.protocol.states import Speaker

_TIMEOUT: Final = TICKET_LIFETIME + 2.0
"""Seconds for everything; the registry ends a wait for the other user itself."""

_WHY: Final = {
    Reason.SILENT: "the other program did not come",
    Reason.RELAY_FULL: "the registry has no room for another circuit",
    Reason.BAD_TICKET: "the ticket has expired",
}


class Circuits:
    """Dials circuits at the registry that `dialer` reaches."""

    def __init__(self, loop: Loop, dialer: RegistryDialer) -> None:
        self._loop = loop
        self._dialer = dialer

    def dial(
        self,
        username: str,
        ticket: bytes,
        relay: str,
        then: Callable[[Wire], None],
        failed: OnFailed,
    ) -> Closable:
        """Call `then` with a wire to the user's program, or `failed`, in a later turn.

        `ticket` and `relay` are those that the registry gave for it.
        """
        return _Joining(self._loop, self._dialer, username, ticket, relay, then, failed)


class _Joining:
    """The way to one circuit, until it is open."""

    def __init__(
        self,
        loop: Loop,
        dialer: RegistryDialer,
        username: str,
        ticket: bytes,
        relay: str,
        then: Callable[[Wire], None],
        failed: OnFailed,
    ) -> None:
        self._loop = loop
        self._username = username
        self._ticket = ticket
        self._then = then
        self._failed = failed
        self._tls: TlsTransport | None = None
        self._connection = Connection(CIRCUIT_DIALOGUE, CIRCUIT, Speaker.DIALLER)
        self._dial: Closable | None = None
        self._deadline: Timer = loop.call_later(_TIMEOUT, self._too_late)
        machine = dialer.machine_at(relay)
        if machine is None:
            error = Unreachable("the registry names a machine that is none of its own")
            loop.call_soon(lambda: self._fail(error))
        else:
            self._dial = machine.dial_tls(
                CIRCUIT_ALPN, self._secured, self._fail, from_port=ANY_PORT
            )

    def close(self) -> None:
        """Abandon the attempt; a wire that was handed over stays open."""
        self._deadline.cancel()
        self._failed = ignore
        if self._dial is not None:
            self._dial.close()
        if self._tls is not None:
            self._tls.on_closed = ignore
            self._tls.abort()
            self._tls = None

    def _secured(self, tls: TlsTransport, _: Channel) -> None:
        self._tls = tls
        tls.on_data = self._heard
        tls.on_closed = self._ended
        tls.write(self._connection.send(Join(self._ticket)))

    def _heard(self, data: bytes) -> None:
        try:
            for message in self._connection.feed(data):
                if isinstance(message, NoCircuit):
                    why = _WHY.get(message.reason, message.reason.value)
                    self._fail(Unreachable(f"no circuit: {why}", reason=why))
                    return
                assert isinstance(message, Joined)
                is_short = bool(message.bytes or message.seconds)
                self._joined(Circuit(Address(message.host, message.port), is_short))
        except RemoteProtocolError as error:
            self._fail(error)

    def _joined(self, circuit: Circuit) -> None:
        self._deadline.cancel()
        tls, self._tls = self._tls, None
        assert tls is not None
        tls.origin = f"circuit of {self._username}"
        tls.circuit = circuit
        tls.on_data, tls.on_closed = ignore, ignore
        self._then(tls)
        early = self._connection.leave()
        if early:
            tls.on_data(early)  # we are within on_data, and more may follow in this turn

    def _ended(self, error: P2PError | None) -> None:
        self._fail(error or Unreachable("no circuit: the registry hung up"))

    def _too_late(self) -> None:
        self._fail(TimedOut("no circuit came about in time"))

    def _fail(self, error: P2PError) -> None:
        failed = self._failed
        self.close()
        failed(error)
