"""Authentication: creates accounts; checks, changes and revokes passwords, tokens and identities.

No socket, no thread, no clock: blocking work is returned as `BlockingJob`. At a secure listener
every login proves the identity key, so that a token or a password alone is useless; an account's
permissions are bound to its key.
"""

import secrets
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.rate_limit import HOUR, RateLimit
from p2pchat.protocol.heartbeat import KEY_BYTES, SESSION_BYTES
from p2pchat.protocol.mailbox import CAN_MAILBOX
from p2pchat.protocol.meeting import CAN_MEET
from p2pchat.protocol.messages import (
    Abilities,
    ChangePassword,
    ChangePasswordResult,
    Grant,
    Login,
    LoginResult,
    Message,
    Outcome,
    Reason,
    Register,
    RegisterResult,
    RevokeTokens,
    RevokeTokensResult,
    SlowDown,
)
from p2pchat.protocol.names import is_plain_username, is_username
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.counters import Counters
from p2pchat.registry.service.directory import Directory
from p2pchat.registry.service.identity_proof import once_proven, why_unproven
from p2pchat.registry.service.limits import Limits, LoginTries, Rank
from p2pchat.registry.service.log_outs import LogOuts
from p2pchat.registry.service.pending import BlockingJob
from p2pchat.registry.service.presence import OnlineSession, PresenceTable, Seal
from p2pchat.registry.store.accounts import (
    NO_KEY,
    AccountPolicy,
    Accounts,
    Creation,
    Match,
    new_token,
)

MIN_PASSWORD: Final = 6
"""The fewest characters of a new password at a secure listener, where guesses are limited. The
original listener accepts any length, as its clients expect.
"""

_AGAIN: Final = 1.0

_NOT_CREATED: Final = {
    Creation.NAME_TAKEN: Reason.NAME_TAKEN,
    Creation.BAD_INVITE: Reason.INVITE_NEEDED,
}


_UNPROVEN: Final = LoginResult(Outcome.FAIL, Reason.BAD_PROOF)


class Registration(StrEnum):
    """Who may create an account."""

    OPEN = "open"
    CLOSED = "closed"
    INVITE = "invite"


class Authentication:
    """The decisions about accounts. Requests over a limit are answered with SlowDown.

    `wall` returns seconds since the epoch; `can` is what the registry can do.
    """

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        presence: PresenceTable,
        now: Callable[[], float],
        hello_interval: float,
        limits: Limits,
        registration: Registration,
        counters: Counters,
        wall: Callable[[], float] = time.time,
        can: Abilities = (),
    ) -> None:
        self._can = can
        self.on_log_out: Callable[[str], None] = ignore
        """Called with each user whose logins here were ended."""
        self._wall = wall
        self._accounts = accounts
        self._directory = directory
        self._presence = presence
        self._now = now
        self._hello_interval = hello_interval
        self._tries = LoginTries(limits)
        self._registration = registration
        self._refusals = counters.refusals
        self._registrations = RateLimit.per_hour(limits.registrations_per_hour)
        self._registrations_there = RateLimit.per_hour(limits.registrations_per_hour_and_address)
        self._transient_logins: dict[str, list[ClientSession]] = {}
        self._max_transient_logins = limits.transient_logins
        self._log_outs = LogOuts()

    def reconfigure(self, limits: Limits, registration: Registration) -> None:
        """Apply these limits and registration rules from now on."""
        self._registration = registration
        self._max_transient_logins = limits.transient_logins
        self._tries.limits = limits
        self._registrations.change(
            limits.registrations_per_hour / HOUR, limits.registrations_per_hour
        )
        there = limits.registrations_per_hour_and_address
        self._registrations_there.change(there / HOUR, there)

    def register(self, client_session: ClientSession, request: Register) -> Message | BlockingJob:
        """Create an account, and log the client in."""
        username, password, now = request.username, request.password, self._now()
        reason = self._why_not(client_session, request) or why_unproven(
            client_session, request, self._wall()
        )
        if reason is not None:
            return RegisterResult(Outcome.FAIL, reason)
        wait = self._registrations.wait("", now) or self._registrations_there.take(
            client_session.group, now
        )
        if wait:
            self._refusals["registrations-per-hour"] += 1
            return SlowDown(wait)
        standing = _standing(client_session, request)
        invite = request.invite if self._registration is Registration.INVITE else None
        token = new_token() if client_session.secure else ""

        def create() -> Creation:
            return self._accounts.create(username, password, standing, invite=invite, token=token)

        def created(creation: Creation) -> Message:
            if creation is not Creation.MADE:
                return RegisterResult(Outcome.FAIL, _NOT_CREATED[creation])
            self._registrations.take("", self._now())
            self._directory.admit(username, standing)
            self._tries.note_known(username, client_session.remote.host)
            grant = self._enter(client_session, request, standing, token)
            return RegisterResult(Outcome.OK, grant=grant)

        rank = self._tries.rank(username, client_session.remote.host, now)
        refusal = RegisterResult(Outcome.FAIL, Reason.BAD_PROOF)
        return once_proven(client_session, request, refusal, BlockingJob(create, created, rank))

    def log_in(self, client_session: ClientSession, request: Login) -> Message | BlockingJob:
        """Log the client in, by password or token."""
        if client_session.secure and not is_plain_username(request.username):
            return LoginResult(Outcome.FAIL, Reason.BAD_NAME)
        reason = why_unproven(client_session, request, self._wall())
        if reason is not None:
            return LoginResult(Outcome.FAIL, reason)
        under_way = len(self._transient_logins.get(request.username, ()))
        if request.errand and 0 < self._max_transient_logins <= under_way:
            self._refusals["transient-logins"] += 1
            return SlowDown(_AGAIN)
        return (
            self._by_token(client_session, request)
            if request.token
            else self._by_password(client_session, request)
        )

    def change_password(
        self, client_session: ClientSession, request: ChangePassword
    ) -> Message | BlockingJob:
        """Set a new password, and end all other logins of the account."""
        username, now = client_session.username, self._now()
        assert username is not None
        if len(request.new) < MIN_PASSWORD:
            return ChangePasswordResult(Outcome.FAIL, Reason.WEAK_PASSWORD)
        rank = self._tries.rank(username, client_session.remote.host, now)
        wait = self._tries.begin(username, client_session.remote.host, now)
        if wait:
            self._refusals["login-tries"] += 1
            return SlowDown(wait)

        def change() -> bool:
            if self._accounts.verify(username, request.old) is None:
                return False
            self._accounts.change_password(username, request.new)
            return True

        def changed(done: bool) -> Message:
            if not done:
                return ChangePasswordResult(Outcome.FAIL, Reason.WRONG_PASSWORD)
            self._tries.succeeded(username, client_session.remote.host, self._now())
            self._log_out_others(client_session, username)
            return ChangePasswordResult(Outcome.OK)

        return BlockingJob(change, changed, rank, certain=True)

    def revoke_tokens(self, client_session: ClientSession, request: RevokeTokens) -> BlockingJob:
        """Revoke one token; or all, which also ends all other logins of the account."""
        username = client_session.username
        assert username is not None

        def revoke() -> None:
            self._accounts.revoke_tokens(username, request.token or None)

        def revoked(_: None) -> Message:
            if not request.token:
                self._log_out_others(client_session, username)
            return RevokeTokensResult(Outcome.OK)

        return BlockingJob(revoke, revoked, Rank.QUICK, certain=True)

    def leave(self, client_session: ClientSession) -> None:
        """Forget the client after its connection has ended."""
        if client_session.online_session is not None:
            self._presence.leave(client_session.online_session)
            client_session.online_session = None
        elif client_session.username is not None and client_session in self._transient_logins.get(
            client_session.username, ()
        ):
            self._transient_logins[client_session.username].remove(client_session)
            if not self._transient_logins[client_session.username]:
                del self._transient_logins[client_session.username]
            if client_session.transient is not None:
                self._presence.leave(client_session.transient)

    def _why_not(self, client_session: ClientSession, request: Register) -> Reason | None:
        """Return why the account cannot be created, as far as known without blocking work."""
        nameable = is_plain_username if client_session.secure else is_username
        if self._registration is Registration.CLOSED:
            return Reason.REGISTRATION_CLOSED
        if self._registration is Registration.INVITE and not request.invite:
            return Reason.INVITE_NEEDED
        if not nameable(request.username):
            return Reason.BAD_NAME
        if len(request.password) < (MIN_PASSWORD if client_session.secure else 1):
            return Reason.WEAK_PASSWORD
        return Reason.NAME_TAKEN if self._directory.knows(request.username) else None

    def _by_token(self, client_session: ClientSession, request: Login) -> Message | BlockingJob:
        username, token, before = request.username, request.token, self._log_outs.count
        if not client_session.secure:
            return LoginResult(Outcome.FAIL, Reason.BAD_TOKEN)
        standing = _standing(client_session, request)

        def check() -> str | None:
            return self._accounts.redeem_token(token, username, standing)

        def checked(found: str | None) -> Message:
            """Return the answer; `found` is the token for the next login, None if refused."""
            if found is None:
                return LoginResult(Outcome.FAIL, Reason.BAD_TOKEN)
            if self._log_outs.has(username, since=before):
                return SlowDown(_AGAIN)
            self._directory.admit(username, standing)
            grant = self._enter(client_session, request, standing, found)
            return LoginResult(Outcome.OK, grant=grant)

        return once_proven(
            client_session, request, _UNPROVEN, BlockingJob(check, checked, Rank.QUICK)
        )

    def _by_password(self, client_session: ClientSession, request: Login) -> Message | BlockingJob:
        username, now = request.username, self._now()
        rank = self._tries.rank(username, client_session.remote.host, now)
        wait = self._tries.begin(username, client_session.remote.host, now)
        if wait:
            self._refusals["login-tries"] += 1
            return SlowDown(wait)
        token, before = new_token() if client_session.secure else "", self._log_outs.count

        def check() -> Match | None:
            match = self._accounts.verify(username, request.password)
            if match is None or match.disabled or not client_session.secure:
                return match
            match = match._replace(standing=_standing(client_session, request))
            kept = self._accounts.enrol(username, match.password_hash, match.standing, token)
            return match if kept else None

        def checked(match: Match | None) -> Message:
            """Return the answer; `match` is None if name and password do not match."""
            if match is None or not (client_session.secure or _may_be_in_clear(match.standing)):
                return LoginResult(Outcome.FAIL, Reason.WRONG_PASSWORD)
            self._tries.succeeded(username, client_session.remote.host, self._now())
            if match.disabled:
                return LoginResult(Outcome.FAIL, Reason.DISABLED)
            if self._log_outs.has(username, since=before):
                return SlowDown(_AGAIN)
            self._directory.admit(username, match.standing)
            grant = self._enter(client_session, request, match.standing, token)
            return LoginResult(Outcome.OK, grant=grant)

        return once_proven(client_session, request, _UNPROVEN, BlockingJob(check, checked, rank))

    def _enter(
        self,
        client_session: ClientSession,
        request: Register | Login,
        standing: AccountPolicy,
        token: str,
    ) -> Grant | None:
        """Log the client in, and put it online unless it runs one command; return its grant."""
        if client_session.gone:
            return None
        username = client_session.username = request.username
        client_session.meets = CAN_MEET in request.can
        client_session.mailbox = CAN_MAILBOX in request.can
        client_session.key = standing.key
        seal = None
        if client_session.secure:
            seal = Seal(secrets.token_bytes(SESSION_BYTES), secrets.token_bytes(KEY_BYTES))
        if request.errand:
            self._transient_logins.setdefault(username, []).append(client_session)
            if seal is not None:  # it may test UDP with heartbeats, which are answered
                client_session.transient = self._online_session(
                    client_session, request, standing, seal
                )
                self._presence.hear_heartbeats(client_session.transient)
        else:
            self._arrive(client_session, request, standing, seal)
        if seal is None:
            return None
        nodes = self._directory.nodes_vouched_by(request.vouched_by)
        return Grant(token, seal.session, seal.hello_key, self._hello_interval, nodes, self._can)

    def _arrive(
        self,
        client_session: ClientSession,
        request: Register | Login,
        standing: AccountPolicy,
        seal: Seal | None,
    ) -> None:
        session = self._online_session(client_session, request, standing, seal)
        client_session.online_session = session
        replaced = self._presence.arrive(session)
        if replaced is not None:
            replaced.hang_up(Reason.REPLACED)

    def _online_session(
        self,
        client_session: ClientSession,
        request: Register | Login,
        standing: AccountPolicy,
        seal: Seal | None,
    ) -> OnlineSession:
        return OnlineSession(
            request.username,
            client_session.remote.host,
            self._now(),
            client_session.hang_up,
            seal,
            standing.key,
            client_session.tell if client_session.meets else None,
            client_session.tell if client_session.mailbox else None,
        )

    def log_out_here(self, username: str, but: ClientSession | None = None) -> int:
        """End the account's logins at this node, except `but`; return how many there were."""
        self._log_outs.note(username)
        online = self._presence.find(username)
        hang_ups = []
        if online is not None and (but is None or online is not but.online_session):
            hang_ups.append(online.hang_up)
        hang_ups += [v.hang_up for v in self._transient_logins.get(username, ()) if v is not but]
        for hang_up in hang_ups:
            hang_up(Reason.LOGGED_OUT)
        self.on_log_out(username)
        return len(hang_ups)

    def _log_out_others(self, client_session: ClientSession, username: str) -> None:
        """End the account's other logins, which may be an intruder's."""
        self.log_out_here(username, but=client_session)
        self._directory.log_out(username)


def _standing(client_session: ClientSession, request: Register | Login) -> AccountPolicy:
    """Return the account's policy from the request; the original dialect has none."""
    return AccountPolicy(request.key, request.allow_original) if client_session.secure else NO_KEY


def _may_be_in_clear(standing: AccountPolicy) -> bool:
    """Return whether the account may log in unencrypted: it has no key, or its owner allows it."""
    return standing.key is None or standing.allows_original
