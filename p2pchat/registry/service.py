"""A request in, an answer out: what the registry decides. No socket, no thread, no clock.

What blocks is not done here but given as `Work`, which whoever asked runs where it may block. The
same decisions serve both doors; what the original dialect cannot say is not written there.
"""

import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from p2pchat.net.budgets import Budget, group_of
from p2pchat.protocol.heartbeat import KEY_BYTES, SESSION_BYTES, SealedHello
from p2pchat.protocol.messages import (
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    ChangePasswordResult,
    Grant,
    Hello,
    Login,
    LoginResult,
    Message,
    Outcome,
    Presence,
    Reason,
    Register,
    RegisterResult,
    RevokeTokens,
    RevokeTokensResult,
    Search,
    SearchResult,
    Sighting,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.protocol.text import is_plain_username, is_username
from p2pchat.registry.accounts import Accounts, Creation, Standing
from p2pchat.registry.limits import NO_LIMITS, Limits, LoginTries, Rank
from p2pchat.registry.presence import Attendance, PresenceBook, Seal

_NOT_CREATED: Final = {
    Creation.NAME_TAKEN: Reason.NAME_TAKEN,
    Creation.BAD_INVITE: Reason.INVITE_NEEDED,
}
_OFFLINE: Final = SearchResult(Presence.OFFLINE)
_NOT_FOUND: Final = SearchResult(Presence.NOT_FOUND)

MIN_PASSWORD: Final = 6
"""Characters that a password must have at a secure door, where guesses are counted; the original
door takes what its clients always could."""


class Registration(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    CLOSED = "closed"
    INVITE = "invite"


class Visitor:
    """Whoever is at the other end of one connection.

    Logged in as `username` if that is set, and online while `attendance` is. `secure`: it came by
    a secure door. `hang_up(reason)` closes that connection, `tell(news)` says something unasked on
    it; `gone` once it has ended. `group` is what its address counts as.
    """

    __slots__ = ("attendance", "gone", "group", "hang_up", "host", "secure", "tell", "username")

    def __init__(
        self,
        host: str,
        hang_up: Callable[[Reason], None],
        tell: Callable[[Message], None],
        *,
        secure: bool = False,
    ) -> None:
        self.host = host
        self.group = group_of(host)
        self.hang_up = hang_up
        self.tell = tell
        self.secure = secure
        self.username: str | None = None
        self.attendance: Attendance | None = None
        self.gone = False


class Work(NamedTuple):
    """An answer that takes blocking work first.

    Run `job` off the loop, and give its result to `then` on it, which gives the answer, even if
    the visitor has gone meanwhile. Of what waits, the lowest rank goes first.
    """

    job: Callable[[], Any]
    then: Callable[[Any], Message]
    rank: Rank


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
        self._hello_interval = hello_interval
        self._tries = LoginTries(limits)
        self._requests = Budget(limits.requests_per_second, limits.request_burst)
        self._searches = Budget.per_minute(limits.searches_per_minute)
        self._registration = registration
        self._registrations = Budget.per_hour(limits.registrations_per_hour)
        self._registrations_there = Budget.per_hour(limits.registrations_per_hour_and_address)
        self._handlers: dict[type[Message], Callable[[Visitor, Any], Message | Work]] = {
            Register: self._register,
            Login: self._login,
            AnnouncePort: self._announce_port,
            Search: self._search,
            Watch: self._watch,
            ChangePassword: self._change_password,
            RevokeTokens: self._revoke_tokens,
        }

    def answer(self, visitor: Visitor, request: Message) -> Message | Work:
        """Give the answer to the request, or the work that leads to it."""
        wait = self._requests.take(visitor.group, self._now())
        return SlowDown(wait) if wait else self._handlers[type(request)](visitor, request)

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
        if visitor.attendance is not None:
            self._presence.leave(visitor.attendance)
            visitor.attendance = None

    def hang_up_on_the_silent(self) -> float | None:
        """Put offline and hang up on whoever was silent for too long; give the next deadline."""
        for attendance in self._presence.expire(self._now()):
            attendance.hang_up(Reason.SILENT)
        return self._presence.next_deadline()

    def _register(self, visitor: Visitor, request: Register) -> Message | Work:
        username, password = request.username, request.password
        reason = self._why_not(visitor, request)
        if reason is not None:
            return RegisterResult(Outcome.FAIL, reason)
        now = self._now()
        wait = self._registrations_there.take(visitor.group, now) or self._registrations.take(
            "", now
        )
        if wait:
            return SlowDown(wait)
        standing = Standing(request.key, request.allow_original)
        invite = request.invite if self._registration is Registration.INVITE else None

        def create() -> tuple[Creation, str]:
            creation = self._accounts.create(username, password, invite)
            made = creation is Creation.MADE
            return creation, self._enrol(visitor, username, standing) if made else ""

        def created(result: tuple[Creation, str]) -> Message:
            creation, token = result
            if creation is not Creation.MADE:
                return RegisterResult(Outcome.FAIL, _NOT_CREATED[creation])
            self._accounts.admit(username, standing)
            grant = self._enter(visitor, username, token, errand=request.errand)
            return RegisterResult(Outcome.OK, grant=grant)

        return Work(create, created, self._tries.rank(username, visitor.host))

    def _why_not(self, visitor: Visitor, request: Register) -> Reason | None:
        """Give why such an account cannot be had, as far as can be told at once."""
        nameable = is_plain_username if visitor.secure else is_username
        if self._registration is Registration.CLOSED:
            return Reason.REGISTRATION_CLOSED
        if self._registration is Registration.INVITE and not request.invite:
            return Reason.INVITE_NEEDED
        if not nameable(request.username):
            return Reason.BAD_NAME
        if len(request.password) < (MIN_PASSWORD if visitor.secure else 1):
            return Reason.WEAK_PASSWORD
        return Reason.NAME_TAKEN if request.username in self._accounts else None

    def _login(self, visitor: Visitor, request: Login) -> Message | Work:
        wait = self._tries.wait(request.username, visitor.host, self._now())
        if wait:
            return SlowDown(wait)
        username, standing = request.username, Standing(request.key, request.allow_original)
        reason = Reason.BAD_TOKEN if request.token else Reason.WRONG_PASSWORD

        def check() -> str | None:
            if request.token:
                redeemed = self._accounts.redeem_token(request.token, username, request.key)
                return request.token if redeemed else None
            if not self._accounts.verify(username, request.password):
                return None
            return self._enrol(visitor, username, standing)

        def checked(token: str | None) -> Message:
            if token is None or not self._may_enter(visitor, username):
                self._tries.failed(username, visitor.host, self._now())
                return LoginResult(Outcome.FAIL, reason)
            self._tries.succeeded(username, visitor.host)
            if visitor.secure:
                self._accounts.admit(username, standing)
            grant = self._enter(visitor, username, token, errand=request.errand)
            return LoginResult(Outcome.OK, grant=grant)

        rank = Rank.QUICK if request.token else self._tries.rank(username, visitor.host)
        return Work(check, checked, rank)

    def _enrol(self, visitor: Visitor, username: str, standing: Standing) -> str:
        """Note the key of a login by password, and give its token; on a worker thread.

        The original dialect has neither, and gets an empty one.
        """
        if not visitor.secure:
            return ""
        self._accounts.enrol(username, standing)
        return self._accounts.issue_token(username, standing.key)

    def _may_enter(self, visitor: Visitor, username: str) -> bool:
        """Keep accounts with a key out of the door that anybody can listen at, unless allowed."""
        standing = self._accounts.standing(username)
        return visitor.secure or standing.key is None or standing.allows_original

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
        if username not in self._accounts:
            return _NOT_FOUND
        if not secure:
            return _found_in_clear(attendance)
        key = self._accounts.standing(username).key
        if attendance is None or not attendance.port:
            return SearchResult(Presence.OFFLINE, key=key)
        in_clear = attendance.seal is None
        return SearchResult(Presence.ONLINE, attendance.host, attendance.port, key, in_clear)

    def _change_password(self, visitor: Visitor, request: ChangePassword) -> Message | Work:
        username = visitor.username
        assert username is not None
        if len(request.new) < MIN_PASSWORD:
            return ChangePasswordResult(Outcome.FAIL, Reason.WEAK_PASSWORD)

        def change() -> bool:
            matches = self._accounts.verify(username, request.old)
            if matches:
                self._accounts.change_password(username, request.new)
            return matches

        def changed(done: bool) -> Message:
            if not done:
                return ChangePasswordResult(Outcome.FAIL, Reason.WRONG_PASSWORD)
            return ChangePasswordResult(Outcome.OK)

        return Work(change, changed, Rank.KNOWN)

    def _revoke_tokens(self, visitor: Visitor, request: RevokeTokens) -> Work:
        username = visitor.username
        assert username is not None

        def revoke() -> None:
            self._accounts.revoke_tokens(username, request.token or None)

        return Work(revoke, lambda _: RevokeTokensResult(Outcome.OK), Rank.QUICK)

    def _enter(self, visitor: Visitor, username: str, token: str, *, errand: bool) -> Grant | None:
        """Let the visitor in, and online unless for an errand; give what a secure login gives."""
        if visitor.gone:
            return None
        visitor.username = username
        seal = None
        if visitor.secure:
            seal = Seal(secrets.token_bytes(SESSION_BYTES), secrets.token_bytes(KEY_BYTES))
        if not errand:
            self._arrive(visitor, username, seal)
        if seal is None:
            return None
        return Grant(token, seal.session, seal.hello_key, self._hello_interval)

    def _arrive(self, visitor: Visitor, username: str, seal: Seal | None) -> None:
        visitor.attendance = Attendance(username, visitor.host, self._now(), visitor.hang_up, seal)
        replaced = self._presence.arrive(visitor.attendance)
        if replaced is not None:
            replaced.hang_up(Reason.REPLACED)


def _found_in_clear(attendance: Attendance | None) -> SearchResult:
    """Give what a searcher at the original door is told: only who can be talked to in clear."""
    if attendance is None:
        return _OFFLINE
    port = attendance.port if attendance.seal is None else attendance.clear_port
    return SearchResult(Presence.ONLINE, attendance.host, port) if port else _OFFLINE
