"""Moves a conversation or a data link from a circuit to a direct link (PROTOCOL,
"Leaving a circuit").

One end, the initiator, begins and chooses the link; the owner of the circuit then moves to it.
Handles neither lines nor files.
"""

import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.compartment import Scheduler
from p2pchat.net.endpoints import Closable
from p2pchat.net.link import Link
from p2pchat.net.loop import Timer
from p2pchat.peer.reach.direct_paths import DirectPaths
from p2pchat.protocol.files.messages import DataRequest
from p2pchat.protocol.messages import Message
from p2pchat.protocol.talk import ChatReply, ChatRequest, Go, Paths, Reply

_OFFER_TIMEOUT: Final = 10.0
_TRYING: Final = 8.0
_REPLY_TIMEOUT: Final = 8.0
_TOLERANCE: Final = 0.8
_AFTERGLOW: Final = 1.0
"""Seconds for which the unused links of a trial stay open after the move."""

_PAUSES: Final = (30.0, 120.0, 600.0)
_MOST_WAITING: Final = 4
"""Links on which the initiator may still call."""


class Rounds:
    """The times at which a contact and we may try again, across all circuits of a conversation.

    The first trial is due at once, then there are pauses. A contact who begins trials must keep
    them, too, so that it cannot have us dial without end.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last = -math.inf

    def wait(self, now: float) -> float:
        """Return the seconds until the next trial is due."""
        if not self._count:
            return 0.0
        return max(0.0, self._last + _PAUSES[min(self._count, len(_PAUSES)) - 1] - now)

    def is_due(self, now: float) -> bool:
        """Return whether a trial that the contact begins is due, as its clock may run faster."""
        if not self._count:
            return True
        return now - self._last >= _PAUSES[min(self._count, len(_PAUSES)) - 1] * _TOLERANCE

    def note(self, now: float) -> None:
        """Record that a trial begins."""
        self._count += 1
        self._last = now

    def reset(self) -> None:
        """Record that a direct link has lasted."""
        self._count = 0


class _State(Enum):
    """The state of an upgrade."""

    IDLE = auto()
    OFFERED = auto()
    """The initiator has sent PATHS."""
    READY = auto()
    """The responder has answered PATHS."""
    TRYING = auto()
    MOVED = auto()
    FAILED = auto()
    OVER = auto()


class Upgrade:
    """The upgrade of one circuit, from `begin` until `close` or `on_moved`.

    `on_moved(link, punched, asked)` receives the direct link, whether it comes from the port of the
    circuit, and whether we have called on it. `on_failed` is called when a round has found none;
    another one follows later, unless `close` is called. `request` is the first message on the link
    that takes the place of this one; the contact must prove `key`. Pass PATHS and GO to `hear`.
    """

    def __init__(
        self,
        loop: Scheduler,
        paths: DirectPaths,
        circuit: Link,
        key: bytes,
        request: ChatRequest | DataRequest,
        *,
        rounds: Rounds,
        is_initiator: bool,
        on_moved: Callable[[Link, bool, bool], None],
        on_failed: Callable[[], None] = ignore,
    ) -> None:
        self._loop = loop
        self._paths = paths
        self._circuit = circuit
        self._key = key
        self._request = request
        self._rounds = rounds
        self._is_initiator = is_initiator
        self._on_moved = on_moved
        self._on_failed = on_failed
        self._state = _State.IDLE
        self._timer: Timer | None = None
        self._trial: Closable | None = None
        self._theirs = Paths()
        self._asked: Link | None = None  # on which we have sent our call
        self._waiting: list[Link] = []  # on which the initiator may call
        self._offered_at = 0.0

    @property
    def has_decided(self) -> bool:
        """Whether the initiator, which we are, has chosen a link."""
        return self._is_initiator and (self._asked is not None or self._state is _State.MOVED)

    def begin(self) -> None:
        """Offer our paths, if we are the initiator, as soon as the next round is due."""
        is_at_rest = self._state in {_State.IDLE, _State.FAILED}
        if not (self._is_initiator and is_at_rest) or self._paths.is_hidden:
            return
        wait = self._rounds.wait(self._loop.now())
        if wait:
            self._stop_timer()
            self._timer = self._loop.call_later(wait, self.begin)
        else:
            self._offered_at = self._loop.now()
            self._circuit.send(self._paths.offer(self._circuit))
            self._enter(_State.OFFERED, _OFFER_TIMEOUT)

    def hear(self, message: Paths | Go) -> None:
        """Handle a message of the contact; one that is not expected now is ignored."""
        if isinstance(message, Paths):
            if self._is_initiator:
                self._answered(message)
            elif self._paths.is_hidden:
                self._circuit.send(self._paths.offer(self._circuit))
            elif self._may_answer:
                self._theirs = message
                self._circuit.send(self._paths.offer(self._circuit))
                self._enter(_State.READY, _OFFER_TIMEOUT)
        elif self._state is _State.READY and not self._is_initiator:
            self._try()

    @property
    def _may_answer(self) -> bool:
        is_at_rest = self._state in {_State.IDLE, _State.FAILED}
        return is_at_rest and self._rounds.is_due(self._loop.now())

    def close(self) -> None:
        """End the upgrade: the circuit or the conversation has ended."""
        self._stop_timer()
        self._drop_trial()
        self._drop_links()
        self._state = _State.OVER

    def moved(self) -> None:
        """Record that the conversation has moved to a link on which the contact has called."""
        self._stop_timer()
        self._state = _State.MOVED
        self._timer = self._loop.call_later(_AFTERGLOW, self.close)

    def _answered(self, theirs: Paths) -> None:
        if self._state is not _State.OFFERED:
            return
        self._theirs = theirs
        if not (theirs.punch or theirs.listens):
            self.close()  # the contact stays on the circuit, so asking again would be in vain
            self._on_failed()
            return
        round_trip = self._loop.now() - self._offered_at
        self._circuit.send(Go())
        self._stop_timer()
        self._timer = self._loop.call_later(round_trip / 2, self._try)

    def _try(self) -> None:
        self._rounds.note(self._loop.now())
        self._enter(_State.TRYING, _TRYING)
        self._trial = self._paths.try_all(
            self._circuit, self._theirs, self._linked, is_initiator=self._is_initiator
        )

    def _linked(self, link: Link, key: bytes | None, punched: bool) -> None:
        """Handle a direct link: ask on the first of those on which it is ours to ask."""
        may_ask = self._is_initiator or not punched
        if self._state is not _State.TRYING or key != self._key:
            _drop(link)
        elif not may_ask and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(link)
            link.on_message = lambda message: self._called(link, message)
            link.on_closed = ignore
            link.expect(_REPLY_TIMEOUT, "no call came")
        elif may_ask and self._asked is None:
            self._enter(_State.TRYING, _REPLY_TIMEOUT)
            self._asked = link
            link.on_message = lambda message: self._replied(link, punched, message)
            link.on_closed = lambda _: self._refused(link)
            link.send(self._request)
            link.expect(_REPLY_TIMEOUT, "no answer came")
        else:
            _drop(link)

    def _called(self, link: Link, message: Message) -> None:
        """Accept the initiator's call on a punched link."""
        if not self._is_expected(message) or self._state is not _State.TRYING:
            _drop(link)
            return
        link.relax()
        link.send(ChatReply(Reply.ACCEPT))
        self._waiting.remove(link)
        self._move(link, punched=True, asked=False)

    def _is_expected(self, message: Message) -> bool:
        """Return whether it is the contact's counterpart of our own request."""
        ours = self._request
        if not isinstance(message, ChatRequest | DataRequest) or type(message) is not type(ours):
            return False
        if getattr(message, "ticket", b"") != getattr(ours, "ticket", b""):
            return False  # both are on data links, but on different ones
        return (message.username, message.to, message.instead) == (ours.to, ours.username, True)

    def _replied(self, link: Link, punched: bool, message: Message) -> None:
        if not isinstance(message, ChatReply) or message.reply is not Reply.ACCEPT:
            _drop(link)
            self._refused(link)
        elif self._state is _State.TRYING:
            link.relax()
            self._asked = None
            self._move(link, punched=punched, asked=True)
        else:
            _drop(link)

    def _refused(self, link: Link) -> None:
        if self._asked is link:
            self._asked = None

    def _move(self, link: Link, *, punched: bool, asked: bool) -> None:
        self.moved()
        self._on_moved(link, punched, asked)

    def _fail(self) -> None:
        """Stay on the circuit; the initiator tries again later."""
        if self._state is _State.OFFERED:
            self._rounds.note(self._loop.now())
        self._drop_trial()
        self._drop_links()
        self._stop_timer()
        self._state = _State.FAILED
        self._on_failed()
        self.begin()

    def _enter(self, state: _State, seconds: float) -> None:
        self._stop_timer()
        self._state = state
        self._timer = self._loop.call_later(seconds, self._fail)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop_links(self) -> None:
        """Drop the links that were not chosen."""
        links, self._waiting = self._waiting, []
        if self._asked is not None:
            links.append(self._asked)
            self._asked = None
        for link in links:
            _drop(link)

    def _drop_trial(self) -> None:
        if self._trial is not None:
            self._trial.close()
            self._trial = None


def _drop(link: Link) -> None:
    link.on_message = link.on_closed = ignore
    link.abort()
