"""One client's link at a listener of the registry.

Passes requests to the service, and sends the answers back in order.
Logs connections, logins and disconnections, never a password or a message.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from p2pchat.errors import P2PError
from p2pchat.net.link import Link
from p2pchat.net.worker import Worker
from p2pchat.protocol.messages import Goodbye, Logout, Message, Reason, Request, Search, SlowDown
from p2pchat.protocol.text import one_line
from p2pchat.registry.server.look_ups import LookUps
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.pending import BlockingJob
from p2pchat.registry.service.service import Service

_BUSY_PAUSE: Final = 5.0
"""Seconds after which a client should retry when the queue or the disk was full."""

_log = logging.getLogger(__name__)


_WHY_HUNG_UP: Final = {
    Reason.REPLACED: "hung up on, another login replaced it",
    Reason.LOGGED_OUT: "hung up on, its user was logged out",
    Reason.SILENT: (
        "hung up on, no HELLO came by UDP (if that happens to all, open the UDP port too: in the"
        " firewall, with docker -p PORT:PORT/udp)"
    ),
}


class Client:
    """One link; calls `on_login(client)` after each login, `on_gone(client)` at the end.

    `look_ups` answers searches directly.
    """

    __slots__ = (
        "_answering",
        "_is_in",
        "_link",
        "_on_gone",
        "_on_login",
        "_request_id",
        "_service",
        "_session",
        "_stopping",
        "_why_left",
        "_worker",
        "host",
    )

    def __init__(
        self,
        service: Service,
        worker: Worker,
        link: Link,
        *,
        secure: bool,
        on_login: Callable[["Client"], None],
        on_gone: Callable[["Client"], None],
        look_ups: LookUps | None = None,
    ) -> None:
        self._on_login = on_login
        self._on_gone = on_gone
        self._service = service
        self._worker = worker
        self._link = link
        self.host = link.remote.host
        self._session = ClientSession(
            link.remote, self._hang_up, self._tell, secure=secure, channel=link.channel
        )
        self._answering = False
        self._is_in = False
        self._request_id: int | None = None
        self._stopping = False
        self._why_left = ""
        link.on_message = self._asked
        link.on_closed = self._closed
        if look_ups is not None:
            link.answer_directly(Search, partial(look_ups.answer, self._session))
        _log.info("%s came", self)

    def __str__(self) -> str:
        username, remote = self._session.username, self._link.remote
        return str(remote) if username is None else f"{username} at {remote}"

    def close_when_answered(self) -> None:
        """Close the connection once all pending answers are sent."""
        self._stopping = True
        if not self._answering:
            self._link.close()

    def make_room(self) -> None:
        """Close a connection that has not logged in, to make room for others."""
        self._leave("hung up on, too many have not logged in")

    def abort(self) -> None:
        """Close the connection at once."""
        self._link.abort()

    def _asked(self, request: Message) -> None:
        if TYPE_CHECKING:  # the dialogue ensures it; isinstance costs more than a dictionary
            assert isinstance(request, Request)
        if type(request) is Logout:
            self._leave("logged out")
            return
        answer = self._service.answer(self._session, request)
        self._request_id = request.id
        if isinstance(answer, Message):
            self._send(answer)
            return
        self._answering = True
        if isinstance(answer, BlockingJob):
            self._do(answer)
        else:
            answer.begin(self._answered)

    def _do(self, work: BlockingJob) -> None:
        """Run the job on a worker thread, where it may block."""

        def done(result: object) -> None:
            self._answered(work.then(result))

        def failed(error: P2PError) -> None:
            _log.error("%s: %s", self, error.what)
            self._service.counters.refusals["storage"] += 1
            self._answered(SlowDown(_BUSY_PAUSE))

        if not self._worker.submit(work.job, done, failed, rank=work.rank, patient=work.certain):
            _log.warning("%s turned away: too much work waits", self)
            self._service.counters.refusals["password-queue"] += 1
            self._answered(SlowDown(_BUSY_PAUSE))

    def _answered(self, answer: Message) -> None:
        self._answering = False
        self._send(answer)
        if not self._link.open:
            return
        if self._session.username is None:
            _log.info("%s refused", self)
        elif not self._is_in:
            self._is_in = True
            self._link.relax()
            _log.info("%s logged in", self)
            self._on_login(self)
        if self._stopping:
            self._link.close()

    def _send(self, answer: Message) -> None:
        if self._service.counters.counts_answers:
            self._service.counters.answered(answer)
        if type(answer) is SlowDown and not self._session.secure:
            # The original dialect has no SlowDown, and a FAIL would mean a wrong password.
            self._leave("hung up on, it asks for too much")
            return
        if self._request_id is not None:
            answer = msgspec.structs.replace(answer, id=self._request_id)
        self._link.send(answer)

    def _tell(self, news: Message) -> None:
        if self._link.may_send(type(news)):
            self._link.send(news)

    def _hang_up(self, reason: Reason) -> None:
        if self._link.may_send(Goodbye):
            self._link.send(Goodbye(reason))
        self._leave(_WHY_HUNG_UP.get(reason, reason.lower()))

    def _leave(self, why: str) -> None:
        """Put the user offline now; sending the last bytes may take a while."""
        self._service.leave(self._session)
        self._why_left = why
        self._link.close()

    def _closed(self, error: P2PError | None) -> None:
        self._service.leave(self._session)
        why = self._why_left or (one_line(error.what) if error is not None else "hung up")
        _log.info("%s left: %s", self, why)
        self._session.forget()
        self._on_gone(self)
