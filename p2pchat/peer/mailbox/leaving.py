"""Leaves waiting lines in the mailboxes of contacts, one run after another.

Each run needs a prekey of its own, which the registry gives to whoever shows the contact's pass,
and which must be signed by the contact's pinned key. Knows not when lines are due; see `mailbox`.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import NotTrusted, P2PError, SlowedDown
from p2pchat.net.loop import Loop
from p2pchat.peer.mailbox.left_lines import LeftLines
from p2pchat.peer.mailbox.own_box import Ask, OwnBox
from p2pchat.peer.mailbox.runs import Lines
from p2pchat.peer.mailbox.sealing import NoKem, check_prekey, seal
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.mailbox_store import KeptRun, MailboxStore
from p2pchat.protocol.client.events import Event, Left, Trouble
from p2pchat.protocol.mailbox import BoxKey, BoxKeyResult, BoxLeave, BoxLeaveResult
from p2pchat.protocol.messages import Message, Outcome, Reason
from p2pchat.protocol.prekeys import LONGEST_LIFE_S
from p2pchat.protocol.sealed import Position, Run

_REFUSED_FOR: Final = 3600.0
"""Seconds after which a mailbox that refused something is tried again."""

_NO_KEM: Final = "needs an encryption that this machine's OpenSSL lacks: p2p doctor"
_WHY: Final = {
    Reason.NO_PREKEY: "has no keys left until its owner is back",
    Reason.FULL: "is full",
    Reason.TOO_BIG: "does not take it",
}
"""What users are told of a refusal. That a pass is not accepted is not: it may be a block."""


class _Flight(NamedTuple):
    """A run that is being left; `serial` is that of its lines' numbers."""

    talk: Talk
    lines: Lines
    serial: int


class Leaving:
    """Leaves lines with contacts as the user `username`; one at a time.

    `ask` raises nothing. Methods raise StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        store: MailboxStore,
        left: LeftLines,
        own_box: OwnBox,
        identity: Identity,
        username: str,
        ask: Ask,
        wall: Callable[[], float],
        on_event: Callable[[Event], None],
        guarded: Callable[[Callable[[], None]], Callable[[], None]],
    ) -> None:
        self._loop = loop
        self._store = store
        self._left = left
        self._own_box = own_box
        self._identity = identity
        self._username = username
        self._ask = ask
        self._wall = wall
        self._on_event = on_event
        self._guarded = guarded
        self._registry: bytes | None = None
        self._queue: dict[str, Talk] = {}  # by contact, in order
        self._waiters: dict[str, list[Callable[[], None]]] = {}
        self._is_busy = False
        self._serials: dict[str, int] = {}
        self._refused: dict[str, tuple[str, float]] = {}  # why, and until when
        self.is_closing = False
        """Whether a registry that asks to slow down is not waited for."""

    def logged_in(self, registry: bytes) -> None:
        """Note the id of the registry, which keeps mailboxes."""
        self._registry = registry
        self._refused.clear()

    def offline(self) -> None:
        """Note that nothing can be left."""
        self._registry = None
        self._is_busy = False
        self._queue.clear()
        waiters, self._waiters = self._waiters, {}
        for each in waiters.values():
            for then in each:
                self._loop.call_soon(then)

    def refusal(self, contact: str) -> str:
        """Return why a contact's mailbox takes nothing now, for the user; empty if that is not so.

        That there is none, or no pass, is no reason to tell.
        """
        why, until = self._refused.get(contact, ("", 0.0))
        return f"{contact}'s mailbox {why}" if why and self._loop.now() < until else ""

    def may_leave(self, talk: Talk) -> bool:
        """Return whether a contact has given us a pass, and nothing speaks against using it."""
        passes = self._store.passes(talk.contact, talk.key)
        has_pass = self._registry is not None and passes.theirs is not None
        return has_pass and self._own_box.is_trusted(talk.contact, talk.key)

    def refused_until(self, talk: Talk) -> float:
        """Return until when a contact's mailbox is not tried again, by the loop's clock."""
        return self._refused.get(talk.contact, ("", 0.0))[1]

    def owes_answer(self, talk: Talk) -> bool:
        """Return whether the contact is to be told how far we have received."""
        return self._store.passes(talk.contact, talk.key).answer_due

    def has_work(self, talk: Talk) -> bool:
        """Return whether lines or an answer for the contact are to be left."""
        if talk.is_linked:
            return False
        return self.owes_answer(talk) or (
            talk.is_waiting and talk.waits_after(self._left.up_to(talk))
        )

    def leave(self, talk: Talk, then: Callable[[], None] = ignore) -> None:
        """Leave what waits for a contact; `then` follows, also if that is impossible."""
        if not self.may_leave(talk) or self._loop.now() < self.refused_until(talk):
            self._loop.call_soon(then)
            return
        self._queue.setdefault(talk.contact, talk)
        self._waiters.setdefault(talk.contact, []).append(then)
        self._next()

    def renumbered(self, contact: str) -> None:
        """Note that lines to a contact have other numbers now, or were cancelled."""
        self._serials[contact] = self._serials.get(contact, 0) + 1

    def try_again(self, contact: str) -> None:
        """Try a mailbox again that has refused something: there is a pass, or another key."""
        self._refused.pop(contact, None)

    def _next(self) -> None:
        while self._queue and not self._is_busy and self._registry is not None:
            talk = next(iter(self._queue.values()))
            passes = self._store.passes(talk.contact, talk.key)
            if passes.theirs is None or not self.has_work(talk):
                self._finish(talk)
                continue
            self._is_busy = True
            request = BoxKey(username=talk.contact, key=talk.key, permit=passes.theirs)
            self._ask(request, partial(self._got_key, talk), self._failed)

    def _work(self, talk: Talk) -> Lines | None:
        """Return what is to be left next: lines, or none of them if only an answer is due."""
        if talk.is_linked:
            return None
        lines = talk.run_after(self._left.up_to(talk))
        return lines or (Lines(Position(), ()) if self.owes_answer(talk) else None)

    def _got_key(self, talk: Talk, answer: Message) -> None:
        assert isinstance(answer, BoxKeyResult)
        self._is_busy = False
        if self._registry is None:
            return
        lines = self._work(talk)
        passes = self._store.passes(talk.contact, talk.key)
        if answer.prekey is None:
            self._refuse(talk, _WHY.get(answer.reason or Reason.NO_BOX, ""))
            return
        if lines is None or passes.theirs is None:
            self._finish(talk)
            self._next()
            return
        run = Run(
            self._username,
            self._identity.public,
            lines.after,
            talk.position,
            int(self._wall() * 1000),
            lines.lines,
            self._own_box.pass_for(talk.contact, talk.key),
        )
        try:
            box = check_prekey(answer.prekey, self._registry, talk.contact, talk.key, self._wall())
            sealed = seal(run, self._identity, box, answer.prekey)
        except NotTrusted as error:
            self._on_event(Trouble(error))
            self._refuse(talk, "")
            return
        except NoKem:
            self._refuse(talk, _NO_KEM)
            return
        self._is_busy = True
        flight = _Flight(talk, lines, self._serials.get(talk.contact, 0))
        request = BoxLeave(username=talk.contact, key=talk.key, permit=passes.theirs, sealed=sealed)
        self._ask(request, partial(self._has_left, flight), self._failed)

    def _has_left(self, flight: _Flight, answer: Message) -> None:
        assert isinstance(answer, BoxLeaveResult)
        self._is_busy = False
        talk, lines = flight.talk, flight.lines.lines
        if answer.outcome is not Outcome.OK:
            self._refuse(talk, _WHY.get(answer.reason or Reason.NO_BOX, ""))
            return
        self._note_answered(talk)
        if lines and flight.serial != self._serials.get(talk.contact, 0):
            self._left.take_back([answer.run])  # its lines are others now
        elif lines and lines[-1].seq > talk.delivered:
            first, last, now = flight.lines.after.number + 1, lines[-1].seq, int(self._wall())
            until = min(answer.until, now + LONGEST_LIFE_S)
            run = KeptRun(answer.run, talk.contact, talk.key, first, last, until, now)
            self._left.add(run)
            self._on_event(Left(talk.contact, last, until))
        self._next()

    def _note_answered(self, talk: Talk) -> None:
        passes = self._store.passes(talk.contact, talk.key)
        if passes.answer_due:
            passes = passes._replace(answer_due=False)
            self._store.keep_passes(talk.contact, talk.key, passes)

    def _refuse(self, talk: Talk, why: str) -> None:
        self._refused[talk.contact] = why, self._loop.now() + _REFUSED_FOR
        if why:
            error = P2PError(f"{self.refusal(talk.contact)}: what you write waits here meanwhile")
            self._on_event(Trouble(error))
        self._finish(talk)
        self._next()

    def _failed(self, error: P2PError) -> None:
        if isinstance(error, SlowedDown) and not self.is_closing:
            self._loop.call_later(error.seconds, self._guarded(self._go_on))
            return
        self._is_busy = False
        for talk in list(self._queue.values()):
            self._finish(talk)

    def _go_on(self) -> None:
        self._is_busy = False
        self._next()

    def _finish(self, talk: Talk) -> None:
        self._queue.pop(talk.contact, None)
        for then in self._waiters.pop(talk.contact, []):
            self._loop.call_soon(then)
