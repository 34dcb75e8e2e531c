"""Doors in front, the service behind, the heartbeats' deadline between: the registry at work.

The only room of the registry that meets links. Decides nothing that a client is told; logs who
came, logged in and left, never a password or a message.
"""

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from p2pchat.errors import P2PError, RemoteProtocolError
from p2pchat.net.address import Address
from p2pchat.net.endpoints import Datagrams, Listener, Network
from p2pchat.net.link import Link
from p2pchat.net.loop import Loop, Timer
from p2pchat.net.transport import Transport
from p2pchat.net.worker import Worker
from p2pchat.protocol.connection import Connection
from p2pchat.protocol.messages import Logout, Message
from p2pchat.protocol.original import ORIGINAL, decode_hello
from p2pchat.protocol.states import REGISTRY_DIALOGUE, Speaker
from p2pchat.protocol.text import one_line
from p2pchat.registry.service import Service, Visitor, Work

STOP_TIMEOUT: Final = 4.0
"""Seconds that a stopping registry waits for open answers and for readers of the last bytes."""

_log = logging.getLogger(__name__)


class Door(NamedTuple):
    """A listening address with its dialect."""

    dialect: str
    tcp: Listener
    udp: Datagrams


class Server:
    """The registry: open its doors, run the loop, stop it."""

    def __init__(self, loop: Loop, network: Network, worker: Worker, service: Service) -> None:
        self._loop = loop
        self._network = network
        self._worker = worker
        self._service = service
        self._doors: list[Door] = []
        self._clients: set[_Client] = set()
        self._silence: Timer | None = None
        self._on_stopped: Callable[[], None] | None = None

    def open_original(self, tcp: Address, udp: Address) -> Door:
        """Open the original dialect's door; raises BindError."""
        listener = self._network.listen(tcp, self._came)
        try:
            datagrams = self._network.open_udp(udp, self._heard)
        except P2PError:
            listener.close()
            raise
        door = Door(ORIGINAL.name, listener, datagrams)
        self._doors.append(door)
        return door

    def stop(self, on_stopped: Callable[[], None]) -> None:
        """Let nobody in any more, send the open answers, then hang up and call `on_stopped`."""
        if self._on_stopped is not None:
            return
        self._on_stopped = on_stopped
        for door in self._doors:
            door.tcp.close()
            door.udp.close()
        if self._silence is not None:
            self._silence.cancel()
        self._loop.call_later(STOP_TIMEOUT, self._hang_up_on_all)
        for client in tuple(self._clients):
            client.close_when_answered()
        self._loop.call_soon(self._check_stopped)

    def attend_silence(self) -> None:
        """See to it that the silent are hung up on in time; called when somebody has logged in."""
        if self._silence is None:
            self._expire()

    def forget(self, client: "_Client") -> None:
        """The client's link has ended."""
        self._clients.discard(client)
        self._check_stopped()

    def _came(self, transport: Transport) -> None:
        connection = Connection(REGISTRY_DIALOGUE, ORIGINAL, Speaker.LISTENER)
        link = Link(self._loop, transport, connection)
        self._clients.add(_Client(self, self._service, self._worker, link))

    def _heard(self, datagram: bytes, remote: Address) -> None:
        try:
            hello = decode_hello(datagram)
        except RemoteProtocolError as error:
            _log.debug("datagram from %s ignored: %s", remote, one_line(error.what))
            return
        self._service.hear(hello, remote.host)

    def _expire(self) -> None:
        deadline = self._service.hang_up_on_the_silent()
        self._silence = None if deadline is None else self._loop.call_at(deadline, self._expire)

    def _hang_up_on_all(self) -> None:
        for client in tuple(self._clients):
            client.abort()

    def _check_stopped(self) -> None:
        if self._on_stopped is not None and not self._clients:
            on_stopped, self._on_stopped = self._on_stopped, _nothing
            on_stopped()


class _Client:
    """One link at a door: requests to the service, answers back in order."""

    __slots__ = (
        "_answering",
        "_link",
        "_name",
        "_server",
        "_service",
        "_stopping",
        "_visitor",
        "_why_left",
        "_worker",
    )

    def __init__(self, server: Server, service: Service, worker: Worker, link: Link) -> None:
        self._server = server
        self._service = service
        self._worker = worker
        self._link = link
        self._name = str(link.remote)
        self._visitor = Visitor(link.remote.host, self._leave)
        self._answering = False
        self._stopping = False
        self._why_left = ""
        link.on_message = self._asked
        link.on_closed = self._closed
        _log.info("%s came", self._name)

    def close_when_answered(self) -> None:
        """Hang up as soon as no answer is owed."""
        self._stopping = True
        if not self._answering:
            self._link.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._link.abort()

    def _asked(self, request: Message) -> None:
        if isinstance(request, Logout):
            self._leave("logged out")
            return
        answer = self._service.answer(self._visitor, request)
        if not isinstance(answer, Work):
            self._link.send(answer)
            return
        work = answer
        self._answering = True

        def done(result: object) -> None:
            self._answered(work.then(result))

        def failed(error: P2PError) -> None:
            _log.error("%s: %s", self._name, error.what)
            self._answered(work.failed)

        if not self._worker.submit(work.job, done, failed):
            _log.warning("%s turned away: too many logins are being checked", self._name)
            self._answered(work.failed)

    def _answered(self, answer: Message) -> None:
        self._answering = False
        self._link.send(answer)
        attendance = self._visitor.attendance
        if attendance is not None:
            self._name = f"{attendance.username} at {self._link.remote}"
            _log.info("%s logged in", self._name)
            self._server.attend_silence()
        else:
            _log.info("%s refused", self._name)
        if self._stopping:
            self._link.close()

    def _leave(self, why: str) -> None:
        """Put the user offline now; the last bytes may take a while."""
        self._service.leave(self._visitor)
        self._why_left = why
        self._link.close()

    def _closed(self, error: P2PError | None) -> None:
        self._service.leave(self._visitor)
        why = self._why_left or (one_line(error.what) if error is not None else "hung up")
        _log.info("%s left: %s", self._name, why)
        self._server.forget(self)


def _nothing() -> None:
    """Stand in for what was called already."""
