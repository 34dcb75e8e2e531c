"""The rules for mailboxes: permissions, rate limits and notifications.

Blocking work is returned as `BlockingJob`. Without mailboxes, the default, every request is
answered as if no user had one.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from p2pchat.errors import StorageError
from p2pchat.net.rate_limit import RateLimit
from p2pchat.protocol.mailbox import (
    CAN_MAILBOX,
    BoxDone,
    BoxDoneResult,
    BoxGet,
    BoxHas,
    BoxHasResult,
    BoxKey,
    BoxKeyResult,
    BoxKeys,
    BoxKeysResult,
    BoxLeave,
    BoxLeaveResult,
    BoxList,
    BoxListResult,
    BoxNews,
    BoxRun,
    BoxUndo,
    BoxUndoResult,
)
from p2pchat.protocol.messages import (
    Login,
    LoginResult,
    Message,
    Outcome,
    Reason,
    Register,
    RegisterResult,
    SlowDown,
)
from p2pchat.protocol.prekeys import LONGEST_LIFE_S, MailboxGrant, Prekey
from p2pchat.protocol.sealed import SEALED_SIZES
from p2pchat.registry.service.client_session import ClientSession
from p2pchat.registry.service.counters import Counters
from p2pchat.registry.service.directory import Directory
from p2pchat.registry.service.identity_proof import UNPROVEN
from p2pchat.registry.service.limits import Limits, Rank
from p2pchat.registry.service.pending import BlockingJob
from p2pchat.registry.service.presence import PresenceTable
from p2pchat.registry.store.accounts import Creation
from p2pchat.registry.store.mailboxes import Left, Mailboxes, Owner, Quotas

_KEYS_PER_MINUTE: Final = 30
_RUNS_PER_MINUTE: Final = 30
"""Of one pass: what is asked for, and what is left."""

_QUESTIONS_PER_MINUTE: Final = 10
_CHANGES_PER_MINUTE: Final = 20
_ASKS_PER_MINUTE: Final = 600
"""Of one user: which runs are still there; changes of the own box; requests about others' boxes."""


class MailboxSettings(NamedTuple):
    """What the operator has chosen: bytes of all boxes (0: there are none), and days to keep."""

    bytes: int = 0
    days: int = 14

    def quotas(self, limits: Limits) -> Quotas:
        """Return the quotas of boxes under these limits."""
        return Quotas(
            self.bytes,
            limits.box_bytes,
            limits.box_runs,
            limits.pass_bytes_per_day,
            limits.pass_runs,
            self.days,
        )


class MailboxService:
    """Handles the requests about mailboxes; `wall` returns seconds since the epoch."""

    def __init__(
        self,
        boxes: Mailboxes | None,
        presence: PresenceTable,
        directory: Directory,
        now: Callable[[], float],
        wall: Callable[[], float],
        counters: Counters,
    ) -> None:
        self.boxes = boxes
        self._presence = presence
        self._directory = directory
        self._now = now
        self._wall = wall
        self._refusals = counters.refusals
        self._keys = RateLimit.per_minute(_KEYS_PER_MINUTE)
        self._runs = RateLimit.per_minute(_RUNS_PER_MINUTE)
        self._questions = RateLimit.per_minute(_QUESTIONS_PER_MINUTE)
        self._changes = RateLimit.per_minute(_CHANGES_PER_MINUTE)
        self._asks = RateLimit.per_minute(_ASKS_PER_MINUTE)
        self._registry_id: bytes | None = None
        self.handlers: dict[
            type[Message], Callable[[ClientSession, Any], Message | BlockingJob]
        ] = {
            BoxKeys: self._publish,
            BoxKey: self._take_prekey,
            BoxLeave: self._leave,
            BoxHas: self._has,
            BoxUndo: self._undo,
            BoxList: self._list,
            BoxGet: self._get,
            BoxDone: self._done,
        }

    def beside(
        self, request: Register | Login, login: Message | BlockingJob
    ) -> Message | BlockingJob:
        """Return the login with what its answer tells of the box, read in the same job."""
        boxes, key = self.boxes, request.key
        is_wanted = CAN_MAILBOX in request.can and key is not None
        if boxes is None or not is_wanted or not isinstance(login, BlockingJob):
            return login
        owner = Owner(request.username, key or b"")

        def both() -> tuple[Any, MailboxGrant | None]:
            """Return the login's result with the grant of the box, None if it is refused."""
            result = login.job()
            if result in {None, UNPROVEN, Creation.NAME_TAKEN, Creation.BAD_INVITE}:
                # A refused login tells nothing of the box, not even by the time it takes.
                return result, None
            try:
                return result, self._grant(boxes, owner)
            except (StorageError, ValueError):
                return result, None  # the login does not depend on it

        def answer(done: tuple[Any, MailboxGrant | None]) -> Message:
            result, box = done
            message = login.then(result)
            if isinstance(message, LoginResult | RegisterResult) and message.grant is not None:
                return replace(message, grant=replace(message.grant, mailbox=box))
            return message

        return login._replace(job=both, then=answer)

    def _grant(self, boxes: Mailboxes, owner: Owner) -> MailboxGrant:
        if self._registry_id is None:
            self._registry_id = boxes.registry_id()
        now = int(self._wall())
        return MailboxGrant(
            self._registry_id,
            boxes.quotas.days,
            tuple(boxes.numbers(owner, now)),
            boxes.waiting(owner, now),
        )

    def _publish(self, client_session: ClientSession, request: BoxKeys) -> Message | BlockingJob:
        owner = _owner(client_session)
        if self.boxes is None or owner is None:
            return BoxKeysResult(Outcome.FAIL, Reason.NO_BOX)
        if wait := self._changes.take(owner.username, self._now()):
            return self._slow_down(wait)
        latest = int(self._wall()) + LONGEST_LIFE_S
        if any(prekey.expires_at > latest for prekey in request.prekeys):
            return BoxKeysResult(Outcome.FAIL, Reason.TOO_BIG)
        job = partial(
            self.boxes.publish,
            owner,
            request.prekeys,
            request.passes,
            replace=request.replace,
            now=int(self._wall()),
        )

        def answer(fits: bool) -> Message:
            if fits:
                return BoxKeysResult(Outcome.OK)
            return BoxKeysResult(Outcome.FAIL, Reason.FULL)

        return BlockingJob(job, answer, Rank.KNOWN)

    def _take_prekey(self, client_session: ClientSession, request: BoxKey) -> Message | BlockingJob:
        if self.boxes is None:
            return BoxKeyResult(Outcome.FAIL, Reason.NO_BOX)
        if wait := self._asks.take(client_session.username, self._now()):
            return self._slow_down(wait)
        if wait := self._keys.take((request.username, request.permit), self._now()):
            return self._slow_down(wait)
        owner = Owner(request.username, request.key)

        def answer(found: Prekey | Reason) -> Message:
            if isinstance(found, Prekey):
                return BoxKeyResult(Outcome.OK, prekey=found)
            return BoxKeyResult(Outcome.FAIL, found)

        job = partial(self.boxes.take_prekey, owner, request.permit, int(self._wall()))
        return BlockingJob(job, answer, Rank.QUICK)

    def _leave(self, client_session: ClientSession, request: BoxLeave) -> Message | BlockingJob:
        boxes = self.boxes
        if boxes is None:
            return BoxLeaveResult(Outcome.FAIL, Reason.NO_BOX)
        if wait := self._asks.take(client_session.username, self._now()):
            return self._slow_down(wait)
        if len(request.sealed) not in SEALED_SIZES:
            return BoxLeaveResult(Outcome.FAIL, Reason.TOO_BIG)
        if wait := self._runs.take((request.username, request.permit), self._now()):
            return self._slow_down(wait)
        owner, now = Owner(request.username, request.key), int(self._wall())

        def answer(left: Left | Reason) -> Message:
            if not isinstance(left, Left):
                self._refusals["mailbox"] += 1
                return BoxLeaveResult(Outcome.FAIL, left)
            self._tell(owner, left.waiting)
            return BoxLeaveResult(Outcome.OK, run=left.run, until=left.until)

        job = partial(boxes.leave, owner, request.permit, request.sealed, now)
        return BlockingJob(job, answer, Rank.QUICK)

    def _has(self, client_session: ClientSession, request: BoxHas) -> Message | BlockingJob:
        if self.boxes is None:
            return BoxHasResult()
        if wait := self._questions.take(client_session.username, self._now()):
            return self._slow_down(wait)
        job = partial(self.boxes.still_there, request.runs, int(self._wall()))
        return BlockingJob(job, lambda there: BoxHasResult(tuple(there)), Rank.QUICK)

    def _undo(self, _: ClientSession, request: BoxUndo) -> Message | BlockingJob:
        if self.boxes is None:
            return BoxUndoResult()
        job = partial(self.boxes.take_back, request.runs, int(self._wall()))
        return BlockingJob(job, lambda there: BoxUndoResult(tuple(there)), Rank.QUICK)

    def _list(self, client_session: ClientSession, request: BoxList) -> Message | BlockingJob:
        owner = _owner(client_session)
        if self.boxes is None or owner is None:
            return BoxListResult()
        job = partial(self.boxes.listed, owner, request.after, int(self._wall()))
        return BlockingJob(job, lambda runs: BoxListResult(tuple(runs)), Rank.QUICK)

    def _get(self, client_session: ClientSession, request: BoxGet) -> Message | BlockingJob:
        owner = _owner(client_session)
        if self.boxes is None or owner is None:
            return BoxRun()
        job = partial(self.boxes.get, owner, request.run)
        return BlockingJob(job, lambda sealed: BoxRun(sealed=sealed), Rank.QUICK)

    def _done(self, client_session: ClientSession, request: BoxDone) -> Message | BlockingJob:
        owner = _owner(client_session)
        if self.boxes is None or owner is None:
            return BoxDoneResult()
        job = partial(self.boxes.forget, owner, request.runs)
        return BlockingJob(job, lambda _: BoxDoneResult(), Rank.QUICK)

    def tell_here(self, owner: Owner, waiting: int) -> bool:
        """Notify a user that runs were left; return False if the user is not online here."""
        session = self._presence.find(owner.username)
        if session is None:
            return False
        if session.on_box_news is not None and session.key == owner.key:
            session.on_box_news(BoxNews(waiting))
        return True

    def _tell(self, owner: Owner, waiting: int) -> None:
        if not self.tell_here(owner, waiting):
            self._directory.tell_box_news(owner, waiting)

    def _slow_down(self, wait: float) -> Message:
        self._refusals["mailbox"] += 1
        return SlowDown(wait)


def _owner(client_session: ClientSession) -> Owner | None:
    """Return the owner of the client's own box; None without an identity key."""
    if client_session.username is None or client_session.key is None:
        return None
    return Owner(client_session.username, client_session.key)
