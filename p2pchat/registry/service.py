"""A request in, an answer out: what the registry decides. No socket, no thread, no clock.

Who gets in is for `entrance` to say. The same decisions serve both doors; what the original dialect
cannot say is not written there.
"""

from collections.abc import Callable
from typing import Any, Final

from p2pchat.net.budgets import Budget
from p2pchat.protocol.heartbeat import SealedHello
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    Hello,
    Login,
    Message,
    Outcome,
    Presence,
    Reason,
    Register,
    RevokeTokens,
    Search,
    SearchResult,
    Sighting,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.registry.accounts import Accounts
from p2pchat.registry.entrance import Entrance, Registration, Work
from p2pchat.registry.limits import NO_LIMITS, Limits
from p2pchat.registry.presence import OFFLINE, PresenceBook
from p2pchat.registry.visitor import Visitor

_STOOD_STILL: Final = 1.0
"""Seconds by which a deadline must be missed for heartbeats to be missing too."""

_NOT_FOUND: Final = SearchResult(Presence.NOT_FOUND)


class Service:
    """The registry's decisions over its accounts and its presence book.

    `now` gives the loop's time in seconds, `hello_interval` is what secure clients are told. Which
    request is allowed when is the dialogue's table's to say: a request that comes here is in order.
    What is over a budget is answered with SlowDown, whether or not the dialect can say it.
    """

    def __init__(
        self,
        accounts: Accounts,
        presence: PresenceBook,
        now: Callable[[], float],
        hello_interval: float = 60.0,
        limits: Limits = NO_LIMITS,
        registration: Registration = Registration.OPEN,
    ) -> None:
        self._accounts = accounts
        self._presence = presence
        self._now = now
        self._entrance = Entrance(accounts, presence, now, hello_interval, limits, registration)
        self._requests = Budget(limits.requests_per_second, limits.request_burst)
        self._searches = Budget.per_minute(limits.searches_per_minute)
        self._handlers: dict[type[Message], Callable[[Visitor, Any], Message | Work]] = {
            Register: self._entrance.register,
            Login: self._entrance.log_in,
            AnnouncePort: self._announce_port,
            Search: self._search,
            Watch: self._watch,
            ChangePassword: self._entrance.change_password,
            RevokeTokens: self._entrance.revoke_tokens,
        }

    def answer(self, visitor: Visitor, request: Message) -> Message | Work:
        """Give the answer to the request, or the work that leads to it."""
        if self._requests.limited:
            wait = self._requests.take(visitor.group, self._now())
            if wait:
                return SlowDown(wait)
        return self._handlers[type(request)](visitor, request)

    def hear(self, hello: Hello, host: str) -> None:
        """Take a heartbeat in clear that came from `host`."""
        self._presence.hear(hello.username, host, self._now())

    def hear_sealed(self, hello: SealedHello, host: str) -> bool:
        """Take a sealed heartbeat that came from `host`; tell whether it deserves an answer."""
        return self._presence.hear_sealed(hello, host, self._now())

    def leave(self, visitor: Visitor) -> None:
        """Put the visitor offline; its connection has ended or is about to."""
        visitor.gone = True
        self._presence.unwatch(visitor)
        self._entrance.leave(visitor)

    def hang_up_on_the_silent(self, late: float = 0.0) -> float | None:
        """Put offline and hang up on whoever was silent for too long; give the next deadline.

        `late` is how long ago the last one was. By much, and the registry stood still: who knows
        whose heartbeats the system could not keep meanwhile.
        """
        now = self._now()
        if late > _STOOD_STILL:
            self._presence.begin_anew(now)
        for attendance in self._presence.expire(now):
            attendance.hang_up(Reason.SILENT)
        return self._presence.next_deadline()

    def _announce_port(self, visitor: Visitor, request: AnnouncePort) -> Message:
        attendance = visitor.attendance
        accepted = (
            attendance is not None
            and request.port is not None
            and self._presence.announce(attendance, request.port, request.clear_port or 0)
        )
        if accepted:
            return AnnouncePortResult(Outcome.OK)
        return AnnouncePortResult(Outcome.FAIL, Reason.PORT_TAKEN)

    def _search(self, visitor: Visitor, request: Search) -> Message:
        if self._searches.limited:
            wait = self._searches.take(visitor.username or (visitor.group,), self._now())
            if wait:
                return SlowDown(wait)
        return self._look_up(request.username, secure=visitor.secure)

    def _watch(self, visitor: Visitor, request: Watch) -> Message:
        def sighting(username: str) -> Sighting:
            return Sighting(username, self._look_up(username, secure=True))

        self._presence.watch(visitor, request.usernames, lambda n: visitor.tell(sighting(n)))
        return WatchResult(tuple(map(sighting, request.usernames)))

    def _look_up(self, username: str, *, secure: bool) -> SearchResult:
        attendance = self._presence.find(username)
        if attendance is not None:
            return attendance.found if secure else attendance.found_in_clear
        if username not in self._accounts:
            return _NOT_FOUND
        key = self._accounts.standing(username).key if secure else None
        return SearchResult(Presence.OFFLINE, key=key) if key else OFFLINE
