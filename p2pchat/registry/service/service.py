"""The registry's decisions: a request in, an answer out. No socket, no thread, no clock.

`auth` handles logins. Both listeners share the same decisions; the writer of the original dialect
drops what that dialect cannot express.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from p2pchat.net.rate_limit import MINUTE, RateLimit
from p2pchat.protocol.heartbeat import SealedHello
from p2pchat.protocol.meeting import CAN_MEET, Meet, Meeting, MeetResult, Ping, Pong
from p2pchat.protocol.messages import (
    Abilities,
    AnnouncePort,
    AnnouncePortResult,
    ChangePassword,
    Hello,
    Login,
    Message,
    Outcome,
    Presence,
    PresenceUpdate,
    Reason,
    Register,
    RevokeTokens,
    Search,
    SearchResult,
    SlowDown,
    Watch,
    WatchResult,
)
from p2pchat.registry.service.auth import Authentication, Registration
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.counters import Counters
from p2pchat.registry.service.directory import NOT_FOUND, Directory
from p2pchat.registry.service.limits import NO_LIMITS, Limits
from p2pchat.registry.service.mailbox_service import MailboxService
from p2pchat.registry.service.meetings import Meetings, Pair
from p2pchat.registry.service.pending import BlockingJob, Deferred
from p2pchat.registry.service.presence import Audience, OnlineSession, PresenceTable, told
from p2pchat.registry.store.accounts import Accounts
from p2pchat.registry.store.mailboxes import Mailboxes

_STOOD_STILL: Final = 1.0
"""Seconds by which a deadline must be missed before heartbeats may have been lost too."""


class Service:
    """The registry's decisions over its accounts and its presence table.

    `now` returns the loop's time in seconds, `wall` the time since the epoch; `hello_interval` and
    `can`, what the registry can do, are sent to secure clients. `boxes`: the mailboxes, if there
    are any. The dialogue's table decides which request is allowed when, so every request that
    arrives here is allowed. Requests over a limit are answered with SlowDown, even if the dialect
    cannot express it.
    """

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        presence: PresenceTable,
        now: Callable[[], float],
        hello_interval: float = 60.0,
        limits: Limits = NO_LIMITS,
        registration: Registration = Registration.OPEN,
        counters: Counters | None = None,
        wall: Callable[[], float] = time.time,
        can: Abilities = (CAN_MEET,),
        boxes: Mailboxes | None = None,
    ) -> None:
        self._directory = directory
        self._presence = presence
        self._now = now
        self.counters = counters or Counters()
        self._auth = Authentication(
            accounts,
            directory,
            presence,
            now,
            hello_interval,
            limits,
            registration,
            self.counters,
            wall,
            can,
        )
        self._requests = RateLimit(limits.requests_per_second, limits.request_burst)
        self._searches = RateLimit.per_minute(limits.searches_per_minute)
        self._announcements = RateLimit.per_minute(limits.announcements_per_minute)
        self.meetings = Meetings(limits)
        self.mailbox = MailboxService(boxes, presence, directory, now, wall, self.counters)
        self._handlers: dict[
            type[Message], Callable[[ClientSession, Any], Message | BlockingJob | Deferred]
        ] = {
            Register: self._log_in,
            Login: self._log_in,
            AnnouncePort: self._announce_port,
            Search: self._search,
            Watch: self._watch,
            ChangePassword: self._auth.change_password,
            RevokeTokens: self._auth.revoke_tokens,
            Meet: self._meet,
            Ping: self._ping,
            **self.mailbox.handlers,
        }

    def reconfigure(self, limits: Limits, registration: Registration) -> None:
        """Apply these limits and registration rules from now on."""
        self._requests.change(limits.requests_per_second, limits.request_burst)
        searches = limits.searches_per_minute
        self._searches.change(searches / MINUTE, searches)
        announcements = limits.announcements_per_minute
        self._announcements.change(announcements / MINUTE, announcements)
        self.meetings.reconfigure(limits)
        self._auth.reconfigure(limits, registration)

    def answer(
        self, client_session: ClientSession, request: Message
    ) -> Message | BlockingJob | Deferred:
        """Return the answer to the request, or a job or deferral that yields it."""
        if self._requests.limited:
            wait = self._requests.take(client_session.group, self._now())
            if wait:
                self.counters.refusals["requests-per-second"] += 1
                return SlowDown(wait)
        return self._handlers[type(request)](client_session, request)

    def ready_answers(self, *, secure: bool) -> dict[bytes, bytes]:
        """Return a listener's answers that can be sent as they are; see PresenceTable."""
        return self._presence.ready[secure]

    def find(self, username: str, audience: Audience) -> SearchResult | None:
        """Return the search result of a user for that audience; None if not online here."""
        online_session = self._presence.find(username)
        return None if online_session is None else online_session.told(audience)

    def take_searches(self, client_session: ClientSession, count: int) -> bool:
        """Count `count` searches for online users, against the limits and in the metrics.

        Return False, and count none, if a limit admits fewer.
        """
        requests, searches = self._requests, self._searches
        if requests.limited or searches.limited:
            now, group = self._now(), client_session.group
            searcher = client_session.username or (group,)
            if searches.take(searcher, now, count):
                return False
            if requests.take(group, now, count):
                searches.give_back(searcher, count)
                return False
        if self.counters.counts_answers:
            self.counters.answers["Search", Presence.ONLINE.value] += count
        return True

    def hear(self, hello: Hello, host: str) -> None:
        """Handle a plain heartbeat that came from `host`."""
        self._presence.hear(hello.username, host, self._now())

    def hear_sealed(self, hello: SealedHello) -> bool:
        """Handle a sealed heartbeat; return whether to answer it."""
        return self._presence.hear_sealed(hello, self._now())

    def leave(self, client_session: ClientSession) -> None:
        """Put the client offline; its connection has ended or is about to."""
        client_session.gone = True
        self._presence.unwatch(client_session)
        self._auth.leave(client_session)

    def when_logged_out(self, callback: Callable[[str], None]) -> None:
        """Call the function with each user whose logins at this node are ended."""
        self._auth.on_log_out = callback

    def log_out(self, username: str) -> int:
        """End the user's logins at this node; return how many there were."""
        return self._auth.log_out_here(username)

    def hang_up_on_the_silent(self, late: float = 0.0) -> float | None:
        """Put silent users offline and close their connections; return the next deadline.

        `late` is by how many seconds the deadline was missed. If by much, the registry was stopped
        meanwhile and the system may have dropped heartbeats, so all users get a new deadline.
        """
        now = self._now()
        if late > _STOOD_STILL:
            self._presence.begin_anew(now)
        for online_session in self._presence.expire(now):
            online_session.hang_up(Reason.SILENT)
        return self._presence.next_deadline()

    def _log_in(
        self, client_session: ClientSession, request: Register | Login
    ) -> Message | BlockingJob:
        if isinstance(request, Register):
            login = self._auth.register(client_session, request)
        else:
            login = self._auth.log_in(client_session, request)
        return self.mailbox.beside(request, login)

    def _announce_port(
        self, client_session: ClientSession, request: AnnouncePort
    ) -> Message | Deferred:
        online_session = client_session.online_session
        wait = self._announcements.take(client_session.username, self._now())
        if wait:  # each announcement is sent to all watchers
            self.counters.refusals["announcements-per-minute"] += 1
            return SlowDown(wait)

        def answer(accepted: bool) -> Message:
            if accepted:
                return AnnouncePortResult(Outcome.OK)
            return AnnouncePortResult(
                Outcome.FAIL, None if request.port is None else Reason.PORT_TAKEN
            )

        if online_session is None or not self._accepts(online_session, request):
            return answer(False)
        return self._directory.announced(online_session, answer)

    def _accepts(self, online_session: OnlineSession, request: AnnouncePort) -> bool:
        """Put a user online as announced; return whether that is possible."""
        if request.hidden and online_session.on_meeting is not None:
            return self._presence.announce(online_session, 0, hidden=True)
        return request.port is not None and self._presence.announce(
            online_session, request.port, request.clear_port or 0
        )

    def _search(self, client_session: ClientSession, request: Search) -> Message | BlockingJob:
        if self._searches.limited:
            wait = self._searches.take(
                client_session.username or (client_session.group,), self._now()
            )
            if wait:
                self.counters.refusals["searches-per-minute"] += 1
                return SlowDown(wait)
        found = self.find(request.username, client_session.audience)
        if found is not None:
            return found
        return self._directory.look_up(request.username, client_session.audience)

    def _meet(self, client_session: ClientSession, request: Meet) -> Message | BlockingJob:
        """Issue a circuit ticket to both users, if the callee can be reached."""
        caller, now = client_session.username, self._now()
        assert caller is not None
        wait = self.meetings.wait(caller, now)
        if wait:
            self.counters.refusals["meets-per-minute"] += 1
            return SlowDown(wait)
        pair = Pair(caller, request.username)
        why_not = self.meetings.why_not(pair, now)
        if why_not is not None:
            self.counters.refusals["circuits"] += 1
            return MeetResult(Outcome.FAIL, why_not)
        ours, theirs = self.meetings.arrange(pair, now)

        def answer(told: bool) -> Message:
            if told:
                return MeetResult(Outcome.OK, ticket=ours)
            self.meetings.redeem(ours, now)
            self.meetings.redeem(theirs, now)
            return MeetResult(Outcome.FAIL, Reason.OFFLINE)

        meeting = Meeting(caller, theirs)
        callee = self._presence.find(request.username)
        if callee is None:
            return self._directory.tell_meeting(request.username, meeting, answer)
        if callee.on_meeting is not None:
            callee.on_meeting(meeting)
        return answer(callee.on_meeting is not None)

    def _ping(self, client_session: ClientSession, _: Ping) -> Message:
        """Count a heartbeat over TCP; answer with the address that it came from."""
        session = client_session.online_session
        if session is not None:
            self._presence.note_alive(session, self._now())
        remote = client_session.remote
        return Pong(remote.host, remote.port)

    def _watch(self, client_session: ClientSession, request: Watch) -> Message | BlockingJob:
        def answer(elsewhere: Mapping[str, SearchResult]) -> Message:
            return WatchResult(tuple(sighting(n, elsewhere) for n in request.usernames))

        def sighting(username: str, elsewhere: Mapping[str, SearchResult]) -> PresenceUpdate:
            here = self._presence.find(username)
            if here is not None:
                return PresenceUpdate(username, here.told(audience))
            found = elsewhere.get(username, left_since.get(username, NOT_FOUND))
            return PresenceUpdate(username, told(found, audience))

        audience = client_session.audience
        if not request.add:
            self._presence.unwatch(client_session)
        self._presence.watch(client_session, request.usernames, audience, client_session.tell)
        here = {n: self._presence.find(n) for n in request.usernames}
        absent = [n for n, online_session in here.items() if online_session is None]
        left_since = {
            n: SearchResult(Presence.OFFLINE, key=online_session.key)
            for n, online_session in here.items()
            if online_session is not None
        }
        return self._directory.look_up_all(absent, answer)
