"""Stores the pending lines for one contact in that contact's mailbox, in runs, until none remain.

Each run needs a prekey of its own, which the registry gives to whoever shows the contact's pass,
and which must be signed by the contact's pinned key. Does not know when lines are due; see
`leaving`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from p2pchat.errors import NotTrusted, P2PError, SlowedDown, StorageError
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
from p2pchat.protocol.prekeys import LONGEST_LIFE_S, Prekey
from p2pchat.protocol.sealed import Position, Run

_REFUSED_FOR: Final = 3600.0
_UNABLE_FOR: Final = 24 * 3600.0
_AFTER_DISK: Final = 60.0
"""Seconds after which a mailbox is tried again that has refused something, that needs what this
machine lacks, or for which our disk has failed.
"""

_NO_KEM: Final = "needs an encryption that this machine's OpenSSL lacks: p2p doctor"
_SLOW: Final = "takes only so much in a minute"
_WHY: Final = {
    Reason.NO_PREKEY: "has no keys left until its owner is back",
    Reason.FULL: "is full, or your share of it is",
    Reason.TOO_BIG: "does not take it",
}
"""What users are told of a refusal. That a pass is not accepted is not: it may be a block."""


@dataclass(slots=True)
class Desk:
    """What all errands of the user `username` share.

    `ask` does not raise. `is_closing`: whether links are being closed and will deliver no more.
    """

    store: MailboxStore
    left: LeftLines
    own_box: OwnBox
    identity: Identity
    username: str
    ask: Ask
    wall: Callable[[], float]
    on_event: Callable[[Event], None]
    is_closing: bool = False

    def may_leave(self, talk: Talk) -> bool:
        """Return whether a contact has given us a pass, and is still one."""
        passes = self.store.passes(talk.contact, talk.key)
        return passes.theirs is not None and self.own_box.is_trusted(talk.contact, talk.key)

    def owes_answer(self, talk: Talk) -> bool:
        """Return whether the contact is to be told how far we have received."""
        return self.store.passes(talk.contact, talk.key).answer_due

    def has_work(self, talk: Talk) -> bool:
        """Return whether lines or an answer for the contact are to be left."""
        if talk.is_linked and not self.is_closing:
            return False
        has_lines = talk.is_waiting and talk.waits_after(self.left.up_to(talk))
        return has_lines or self.owes_answer(talk)


class End(NamedTuple):
    """Why an errand ended, and for how many seconds the mailbox need not be tried again.

    `is_slow`: whether it is enough to wait and try again.
    """

    why: str = ""
    pause: float = 0.0
    is_slow: bool = False


class _Flight(NamedTuple):
    """A run that is being left, with the position in it."""

    lines: Lines
    ack: Position
    serial: int


class Errand:
    """One errand to the registry with that id; `on_end(end)` is called once.

    `renumbered` and `hold` may be called meanwhile.
    """

    def __init__(
        self, desk: Desk, talk: Talk, registry: bytes, on_end: Callable[["Errand", End], None]
    ) -> None:
        self.talk = talk
        self._desk = desk
        self._registry = registry
        self._on_end = on_end
        self._serial = 0
        self._is_held = False
        self._is_over = False

    def begin(self) -> None:
        """Leave the first run."""
        self._careful(lambda _: self._step())(None)

    def renumbered(self) -> None:
        """Record that lines have other numbers now: a run under way is taken back."""
        self._serial += 1

    def hold(self) -> None:
        """Leave nothing more after the run that is under way."""
        self._is_held = True

    def cancel(self) -> None:
        """Stop making callbacks: the registry is lost."""
        self._is_over = True

    def _step(self) -> None:
        desk, talk = self._desk, self.talk
        permit = desk.store.passes(talk.contact, talk.key).theirs
        if self._is_held or permit is None or not desk.may_leave(talk) or not desk.has_work(talk):
            self._end(End())
            return
        request = BoxKey(username=talk.contact, key=talk.key, permit=permit)
        desk.ask(request, self._careful(self._got_key), self._failed)

    def _got_key(self, answer: Message) -> None:
        assert isinstance(answer, BoxKeyResult)
        desk, talk = self._desk, self.talk
        permit = desk.store.passes(talk.contact, talk.key).theirs
        if answer.prekey is None:
            self._refused(answer.reason)
            return
        lines = None if self._is_held else self._work()
        if lines is None or permit is None or not desk.may_leave(talk):
            self._end(End())
            return
        ack = talk.position
        sealed = self._sealed(lines, ack, answer.prekey)
        if sealed is not None:
            flight = _Flight(lines, ack, self._serial)
            request = BoxLeave(username=talk.contact, key=talk.key, permit=permit, sealed=sealed)
            desk.ask(
                request, self._careful(lambda left: self._has_left(flight, left)), self._failed
            )

    def _work(self) -> Lines | None:
        """Return what is to be left next: lines, or none of them if only an answer is due."""
        if not self._desk.has_work(self.talk):
            return None
        lines = self.talk.run_after(self._desk.left.up_to(self.talk))
        return lines or (Lines(Position(), ()) if self._desk.owes_answer(self.talk) else None)

    def _sealed(self, lines: Lines, ack: Position, prekey: Prekey) -> bytes | None:
        """Return the run; None if that is impossible, which ends the errand."""
        desk, talk = self._desk, self.talk
        run = Run(
            desk.username,
            desk.identity.public,
            lines.after,
            ack,
            int(desk.wall() * 1000),
            lines.lines,
            desk.own_box.pass_for(talk.contact, talk.key),
        )
        try:
            box = check_prekey(prekey, self._registry, talk.contact, talk.key, desk.wall())
            return seal(run, desk.identity, box, prekey)
        except NotTrusted as error:
            desk.on_event(Trouble(error))
            self._end(End(pause=_REFUSED_FOR))
        except NoKem:
            self._end(End(_NO_KEM, _UNABLE_FOR))
        return None

    def _has_left(self, flight: _Flight, answer: Message) -> None:
        assert isinstance(answer, BoxLeaveResult)
        if answer.outcome is not Outcome.OK:
            self._refused(answer.reason)
            return
        desk, talk, lines = self._desk, self.talk, flight.lines.lines
        passes = desk.store.passes(talk.contact, talk.key)
        if passes.answer_due and flight.ack == talk.position:
            answered = passes._replace(answer_due=False)
            desk.store.keep_passes(talk.contact, talk.key, answered)
        is_current = flight.serial == self._serial and desk.may_leave(talk)
        if lines and is_current and lines[-1].seq > talk.delivered:
            first, last, now = flight.lines.after.number + 1, lines[-1].seq, int(desk.wall())
            until = min(answer.until, now + LONGEST_LIFE_S)
            run = KeptRun(answer.run, talk.contact, talk.key, first, last, until, now)
            desk.left.add(run)
            desk.on_event(Left(talk.contact, last, until))
        elif lines:
            desk.left.take_back([answer.run])  # they are delivered, or others now
        self._step()

    def _refused(self, reason: Reason | None) -> None:
        self._end(End(_WHY.get(reason or Reason.NO_BOX, ""), _REFUSED_FOR))

    def _failed(self, error: P2PError) -> None:
        if isinstance(error, SlowedDown):
            self._end(End(_SLOW, error.seconds, is_slow=True))
        else:
            self._end(End())

    def _end(self, end: End) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_end(self, end)

    def _careful(self, step: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return a function that ends the errand if our disk fails."""

        def take(value: Any) -> None:
            if self._is_over:
                return
            try:
                step(value)
            except StorageError as error:
                self._desk.on_event(Trouble(error))
                self._end(End(pause=_AFTER_DISK))

        return take
