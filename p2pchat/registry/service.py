"""A request in, an answer out: what the registry decides. No socket, no thread, no clock.

What blocks is not done here but given as `Work`, which whoever asked runs where it may block.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    Hello,
    Login,
    LoginResult,
    Message,
    Outcome,
    Presence,
    Register,
    RegisterResult,
    Search,
    SearchResult,
)
from p2pchat.protocol.text import is_username
from p2pchat.registry.accounts import Accounts
from p2pchat.registry.presence import Attendance, PresenceBook

_OFFLINE: Final = SearchResult(Presence.OFFLINE)
_NOT_FOUND: Final = SearchResult(Presence.NOT_FOUND)


class Visitor:
    """Whoever is at the other end of one connection; logged in while `attendance` is set.

    `hang_up(why)` closes that connection; `gone` once it has ended.
    """

    __slots__ = ("attendance", "gone", "hang_up", "host")

    def __init__(self, host: str, hang_up: Callable[[str], None]) -> None:
        self.host = host
        self.hang_up = hang_up
        self.attendance: Attendance | None = None
        self.gone = False


class Work(NamedTuple):
    """An answer that takes blocking work first.

    Run `job` off the loop, and give its result to `then` on it, which gives the answer, even if
    the visitor has gone meanwhile. `failed` is the answer where the job cannot be run.
    """

    job: Callable[[], Any]
    then: Callable[[Any], Message]
    failed: Message


class Service:
    """The registry's decisions over its accounts and its presence book.

    `now` gives the loop's time in seconds. Which request is allowed when is the dialogue's table's
    to say: a request that comes here is in order.
    """

    def __init__(
        self, accounts: Accounts, presence: PresenceBook, now: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._presence = presence
        self._now = now
        self._handlers: dict[type[Message], Callable[[Visitor, Any], Message | Work]] = {
            Register: self._register,
            Login: self._login,
            AnnouncePort: self._announce_port,
            Search: self._search,
        }

    def answer(self, visitor: Visitor, request: Message) -> Message | Work:
        """Give the answer to the request, or the work that leads to it."""
        return self._handlers[type(request)](visitor, request)

    def hear(self, hello: Hello, host: str) -> None:
        """Take a heartbeat that came from `host`."""
        self._presence.hear(hello.username, host, self._now())

    def leave(self, visitor: Visitor) -> None:
        """Put the visitor offline; its connection has ended or is about to."""
        visitor.gone = True
        if visitor.attendance is not None:
            self._presence.leave(visitor.attendance)
            visitor.attendance = None

    def hang_up_on_the_silent(self) -> float | None:
        """Put offline and hang up on whoever was silent for too long; give the next deadline."""
        for attendance in self._presence.expire(self._now()):
            attendance.hang_up("no HELLO came in time")
        return self._presence.next_deadline()

    def _register(self, visitor: Visitor, request: Register) -> Message | Work:
        refused = RegisterResult(Outcome.FAIL)
        if not is_username(request.username) or not request.password:
            return refused
        if request.username in self._accounts:
            return refused

        def created(is_new: bool) -> Message:
            if not is_new:
                return refused
            self._accounts.admit(request.username)
            self._arrive(visitor, request.username)
            return RegisterResult(Outcome.OK)

        def create() -> bool:
            return self._accounts.create(request.username, request.password)

        return Work(create, created, refused)

    def _login(self, visitor: Visitor, request: Login) -> Work:
        refused = LoginResult(Outcome.FAIL)

        def verified(matches: bool) -> Message:
            if not matches:
                return refused
            self._arrive(visitor, request.username)
            return LoginResult(Outcome.OK)

        def verify() -> bool:
            return self._accounts.verify(request.username, request.password)

        return Work(verify, verified, refused)

    def _announce_port(self, visitor: Visitor, request: AnnouncePort) -> Message:
        attendance = visitor.attendance
        accepted = (
            attendance is not None
            and request.port is not None
            and self._presence.announce(attendance, request.port)
        )
        return AnnouncePortResult(Outcome.OK if accepted else Outcome.FAIL)

    def _search(self, _: Visitor, request: Search) -> Message:
        attendance = self._presence.find(request.username)
        if attendance is not None and attendance.port:
            return SearchResult(Presence.ONLINE, attendance.host, attendance.port)
        if attendance is not None or request.username in self._accounts:
            return _OFFLINE
        return _NOT_FOUND

    def _arrive(self, visitor: Visitor, username: str) -> None:
        if visitor.gone:
            return
        visitor.attendance = Attendance(username, visitor.host, self._now(), visitor.hang_up)
        replaced = self._presence.arrive(visitor.attendance)
        if replaced is not None:
            replaced.hang_up("the same user logged in again")
