"""Mailboxes, for the node: our own one, and lines left for contacts who are offline.

Decides when lines are left: after a contact was offline for a while, or could not be reached for
long, and at the end. Everything else is done by the other modules of this room.
"""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.errors import OnFailed, StorageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.mailbox.errand import Desk
from p2pchat.peer.mailbox.inbox import Inbox
from p2pchat.peer.mailbox.leaving import Leaving
from p2pchat.peer.mailbox.left_lines import LeftLines
from p2pchat.peer.mailbox.own_box import Ask, OwnBox
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.mailbox_store import MailboxStore
from p2pchat.protocol.client.events import Event, MailboxWaiting, Trouble
from p2pchat.protocol.mailbox import BoxNews
from p2pchat.protocol.messages import Message
from p2pchat.protocol.prekeys import MailboxGrant

_PATIENCE: Final = 20.0
_PATIENCE_WITH_ONLINE: Final = 600.0
"""Seconds for which lines wait for a link to a contact who is offline, or cannot be reached."""

_CHECK_EVERY: Final = 3600.0
_LAST_ANSWERS: Final = 1.0
"""Seconds at the end in which links may still acknowledge lines."""

_LONGEST_END: Final = 5.0
"""The most seconds for which the end of the node waits until lines are left."""


class MailboxState(NamedTuple):
    """The state of our mailbox. `is_kept`: the registry keeps mailboxes."""

    is_on: bool
    is_kept: bool
    waiting: int
    unreadable: int


class Mailbox:
    """The mailboxes of one account. `ask` sends a request to the registry.

    A failure of our disk is reported as Trouble. `wall` returns seconds since the epoch.
    """

    def __init__(
        self,
        loop: Loop,
        store: MailboxStore,
        contacts: Contacts,
        identity: Identity,
        username: str,
        ask: Ask,
        *,
        on_event: Callable[[Event], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._store = store
        self._registry_ask = ask
        self._on_event = on_event
        self._talks: Callable[[], Iterable[Talk]] = tuple
        self._talk_with: Callable[[str], Talk | None] = ignore
        self._own_box = OwnBox(store, contacts, identity, username, self._ask, wall, self._later)
        self._left = LeftLines(store, self._ask, wall)
        self._desk = Desk(
            store, self._left, self._own_box, identity, username, self._ask, wall, on_event
        )
        self._leaving = Leaving(loop, self._desk, self.look)
        self._inbox = Inbox(
            loop,
            store,
            self._own_box,
            contacts,
            identity,
            username,
            self._ask,
            wall,
            self._guarded,
            talk_with=self._find_talk,
            on_taken=self.look,
            on_pass=self._leaving.try_again,
            on_event=on_event,
        )
        self._since: dict[str, float] = {}  # when there was first something to leave, by contact
        self._timer: Timer | None = None
        self._check: Timer | None = None
        self._is_to_look = False
        self._is_kept = False
        self._is_closed = False
        self._unanswered = 0
        self._on_quiet: Callable[[], None] = ignore
        self._then: Callable[[], None] = ignore
        self._deadline: Timer

    def open(
        self, talks: Callable[[], Iterable[Talk]], talk_with: Callable[[str], Talk | None]
    ) -> None:
        """Set where conversations are: all of them, and the one with a contact."""
        self._talks, self._talk_with = talks, talk_with

    @property
    def state(self) -> MailboxState:
        """The state of our own mailbox."""
        inbox = self._inbox
        return MailboxState(self._own_box.is_on, self._is_kept, inbox.waiting, inbox.unreadable)

    def online(self, grant: MailboxGrant | None) -> None:
        """Record that we are logged in, and what the registry says about our mailbox."""
        self.offline()
        if grant is None:
            self._guarded(self._left.forget_all)()
            return
        self._is_kept = True
        self._guarded(partial(self._logged_in, grant))()

    def offline(self) -> None:
        """Record that we are logged out."""
        self._is_kept = False
        for timer in (self._timer, self._check):
            if timer is not None:
                timer.cancel()
        self._timer = self._check = None
        self._own_box.offline()
        self._inbox.offline()
        self._leaving.offline()

    def hear_news(self, news: BoxNews) -> None:
        """Handle the registry's report that something was left for us."""
        self._on_event(MailboxWaiting(news.waiting))
        self._guarded(partial(self._inbox.note_waiting, news.waiting))()

    def turn(self, *, on: bool) -> None:
        """Set whether contacts may leave lines for us. Raise StorageError."""
        self._own_box.turn(on=on)

    def trust_changed(self, contact: str, key: bytes | None) -> None:
        """Record that a contact was blocked or unblocked, or has that other key: passes end.

        What was left for another key is withdrawn.
        """
        self._leaving.try_again(contact)
        self._guarded(self._own_box.publish_passes)()
        self._guarded(partial(self._left.keep_only, contact, key))()

    def pass_for(self, talk: Talk) -> bytes:
        """Return the pass to our mailbox for a contact; empty if there is none."""
        with suppress(StorageError):  # the next link brings it
            return self._own_box.pass_for(talk.contact, talk.key)
        return b""

    def take_pass(self, talk: Talk, permit: bytes) -> None:
        """Keep the pass to a contact's mailbox that was given to us."""

        def keep() -> None:
            passes = self._store.passes(talk.contact, talk.key)
            if passes.theirs != permit:
                new = passes._replace(theirs=permit)
                self._store.keep_passes(talk.contact, talk.key, new)
            self._leaving.try_again(talk.contact)

        self._guarded(keep)()

    def linked(self, talk: Talk) -> None:
        """Record a new link: the position sent on it is the answer to what was left."""

        def note() -> None:
            passes = self._store.passes(talk.contact, talk.key)
            if passes.answer_due:
                no_longer = passes._replace(answer_due=False)
                self._store.keep_passes(talk.contact, talk.key, no_longer)

        self._since.pop(talk.contact, None)
        self._guarded(note)()

    def look_again(self) -> None:
        """Retry runs that could not be received before, as a link has ended or there is room."""
        self._guarded(self._inbox.look_again)()
        self.look()

    def delivered(self, talk: Talk) -> None:
        """Record that lines of ours are delivered."""
        self._guarded(partial(self._left.delivered, talk))()

    def renumbered(self, talk: Talk) -> None:
        """Record that waiting lines have other numbers."""
        self._leaving.renumbered(talk.contact)
        self._guarded(partial(self._left.renumbered, talk))()
        self.look()

    def left_up_to(self, talk: Talk) -> int:
        """Return the number up to which waiting lines are left or delivered."""
        return self._left.up_to(talk)

    def refusal(self, contact: str) -> str:
        """Return why a contact's mailbox takes nothing now, for the user; empty if it may."""
        return self._leaving.refusal(contact)

    def leave_now(self, talk: Talk, then: Callable[[], None]) -> None:
        """Leave what waits for a contact; `then` follows, also if that is impossible."""
        if talk.is_linked and not self._desk.is_closing:
            self._loop.call_soon(then)
        else:
            self._leaving.try_again(talk.contact)
            self._guarded(partial(self._leaving.leave, talk, then))()

    def pause_of(self, talk: Talk) -> float:
        """Return for how many seconds a contact's mailbox is known to accept nothing."""
        return max(0.0, self._leaving.refused_until(talk) - self._loop.now())

    def take_back(self, talk: Talk, then: Callable[[int], None]) -> None:
        """Withdraw what was left for a contact permanently.

        `then` gets the number up to which lines may have been fetched already, 0 if none; until it
        has returned, nothing is left. It may raise StorageError.
        """

        def taken_back(fetched: int) -> None:
            try:
                then(fetched)
            finally:
                self._leaving.release(talk.contact)
                self.look()

        take = partial(self._left.take_back_all, talk, taken_back)
        self._leaving.hold(talk.contact, self._guarded(take))

    def look(self) -> None:
        """Look at the end of the turn for what is to be left, and when."""
        if self._is_kept and not self._is_to_look:
            self._is_to_look = True
            self._loop.call_soon(self._guarded(self._look))

    def close(self, then: Callable[[], None]) -> None:
        """Wait for answers of the registry, leave what waits, and then call `then`.

        That takes only so long; the rest waits on our disk, or at the registry.
        """
        self._is_closed = True
        self._then = then
        self._deadline = self._loop.call_later(_LONGEST_END, self._end)
        if any(talk.is_linked and talk.is_waiting for talk in self._talks()):
            self._loop.call_later(_LAST_ANSWERS, partial(self._when_quiet, self._leave_all))
        else:
            self._when_quiet(self._leave_all)

    def _leave_all(self) -> None:
        """Leave what waits; what a link has not brought in a moment is left, too."""
        self._desk.is_closing = True
        if self._is_kept:
            with suppress(StorageError):
                for talk in self._talks():
                    if self._desk.has_work(talk) and self._desk.may_leave(talk):
                        self.leave_now(talk, ignore)
        self._when_quiet(self._end)

    def _end(self) -> None:
        self._on_quiet = ignore
        self._deadline.cancel()
        self.offline()
        then, self._then = self._then, ignore
        then()

    def _when_quiet(self, then: Callable[[], None]) -> None:
        """Call `then` once no request is unanswered, perhaps now."""
        if self._unanswered:
            self._on_quiet = then
        else:
            then()

    def _find_talk(self, contact: str) -> Talk | None:
        return self._talk_with(contact)

    def _logged_in(self, grant: MailboxGrant) -> None:
        if grant.waiting:  # later, as the event of the login comes first
            self._loop.call_soon(partial(self._on_event, MailboxWaiting(grant.waiting)))
        self._leaving.logged_in(grant.registry)
        self._own_box.logged_in(grant)
        self._inbox.logged_in(grant.registry, grant.waiting)
        for contact, _ in self._store.answers_due():
            self._talk_with(contact)
        self._check_what_is_left()
        self.look()

    def _check_what_is_left(self) -> None:
        self._check = self._loop.call_later(_CHECK_EVERY, self._guarded(self._check_what_is_left))
        self._left.check()
        self._own_box.renew()
        self.look()

    def _look(self) -> None:
        self._is_to_look = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_kept or self._is_closed:
            return
        now, next_at = self._loop.now(), math.inf
        for talk in self._talks():
            due = self._due_at(talk)
            if due <= now:
                self._since.pop(talk.contact)
                self._leaving.leave(talk)
            else:
                next_at = min(due, next_at)
        if next_at < math.inf:
            self._timer = self._loop.call_at(next_at, self._guarded(self._look))

    def _due_at(self, talk: Talk) -> float:
        """Return when lines are to be left for a contact; infinity if there are none."""
        if not (self._desk.has_work(talk) and self._desk.may_leave(talk)):
            self._since.pop(talk.contact, None)
            return math.inf
        since = self._since.setdefault(talk.contact, self._loop.now())
        is_soon = talk.is_offline or self._desk.owes_answer(talk)
        due = since + (_PATIENCE if is_soon else _PATIENCE_WITH_ONLINE)
        return max(due, self._leaving.refused_until(talk))

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        if seconds:
            self._loop.call_later(seconds, self._guarded(call))
        else:
            self._loop.call_soon(self._guarded(call))

    def _ask(self, request: Message, then: Callable[[Message], None], failed: OnFailed) -> None:
        self._unanswered += 1
        self._registry_ask(request, partial(self._answered, then), partial(self._answered, failed))

    def _answered(self, then: Callable[[Any], None], value: Any) -> None:
        self._guarded_with(then)(value)
        self._unanswered -= 1
        if not self._unanswered:
            on_quiet, self._on_quiet = self._on_quiet, ignore
            on_quiet()

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return a function that reports a failure of our disk instead of raising it."""
        guarded = self._guarded_with(lambda _: call())
        return lambda: guarded(None)

    def _guarded_with(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        def guarded(value: Any) -> None:
            try:
                call(value)
            except StorageError as error:
                self._on_event(Trouble(error))

        return guarded
