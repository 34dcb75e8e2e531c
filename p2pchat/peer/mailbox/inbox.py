"""Receives the runs left in our mailbox: each once, and only while there is no link.

What cannot be opened, or is not from a contact, is deleted and counted: its sender leaves it again.
Nothing is deleted at the registry before it is on our disk.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Final

from p2pchat.errors import P2PError, RemoteProtocolError, SlowedDown, StorageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.calls.contacts import Contacts
from p2pchat.peer.mailbox.own_box import Ask, OwnBox
from p2pchat.peer.mailbox.runs import Verdict
from p2pchat.peer.mailbox.sealing import NoKem, PrivatePrekey, number_of, open_run
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.peer.store.identity import Identity
from p2pchat.peer.store.mailbox_store import KeptPrekey, MailboxStore
from p2pchat.protocol.client.events import Event, Trouble
from p2pchat.protocol.mailbox import (
    MOST_IDS,
    BoxDone,
    BoxGet,
    BoxList,
    BoxListResult,
    BoxRun,
)
from p2pchat.protocol.messages import Message
from p2pchat.protocol.sealed import Box, Run

_TRY_AGAIN: Final = 300.0
"""Seconds after which runs that could not be received are fetched again.

Too much was unread, or the disk had failed.
"""

_MOST_RUNS: Final = 5000
"""Of one box, above all quotas: a registry that lists more is not believed."""

_MOST_AGAIN: Final = 5
"""How often runs that wait for earlier ones are looked at again in a row."""


class Inbox:
    """Our mailbox as the user `username`. `talk_with(contact)` returns the conversation.

    `on_taken()` is called after runs were received, `on_pass(contact)` for a new pass. Methods
    raise StorageError.
    """

    def __init__(
        self,
        loop: Loop,
        store: MailboxStore,
        own_box: OwnBox,
        contacts: Contacts,
        identity: Identity,
        username: str,
        ask: Ask,
        wall: Callable[[], float],
        guarded: Callable[[Callable[[], None]], Callable[[], None]],
        *,
        talk_with: Callable[[str], Talk | None],
        on_taken: Callable[[], None],
        on_pass: Callable[[str], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._guarded = guarded
        self._store = store
        self._own_box = own_box
        self._contacts = contacts
        self._identity = identity
        self._username = username
        self._ask = ask
        self._wall = wall
        self._talk_with = talk_with
        self._on_taken = on_taken
        self._on_pass = on_pass
        self._on_event = on_event
        self._registry: bytes | None = None
        self._timer: Timer | None = None
        self._is_busy = False
        self._is_wanted = False  # once more, after this time
        self._rest: list[bytes] = []
        self._done: list[bytes] = []
        self._last = b""
        self._listed_so_far = 0
        self._has_taken = self._has_lines = False
        self._gaps = 0
        self._again = 0
        self.waiting = 0
        """The last known number of runs that wait at the registry."""
        self.held = 0
        """How many of them wait because there is a link, or for earlier ones."""
        self.unreadable = 0
        """How many were deleted because they could not be opened, or were from no contact."""

    def logged_in(self, registry: bytes, waiting: int) -> None:
        """Record the id of the registry, and how many runs wait there; fetch them."""
        self._registry = registry
        self._is_busy = False
        self.held = 0
        self.note_waiting(waiting)

    def offline(self) -> None:
        """Record that nothing can be fetched."""
        self._registry = None
        self._is_busy = False
        if self._timer is not None:
            self._timer.cancel()

    def note_waiting(self, waiting: int) -> None:
        """Record how many runs wait, as the registry reports; fetch them."""
        self.waiting = waiting
        if waiting:
            self.fetch()

    def look_again(self) -> None:
        """Fetch runs that could not be received before: a link has ended, or there is room."""
        if self.held:
            self.fetch()

    def fetch(self) -> None:
        """Receive the waiting runs."""
        if self._registry is None:
            return
        self._is_wanted = True
        if not self._is_busy:
            self._begin()

    def _begin(self) -> None:
        self._is_wanted = False
        self._is_busy = True
        self._has_taken = self._has_lines = False
        self._gaps = 0
        self._rest, self._done = [], []
        self._listed_so_far = 0
        self.held = 0
        self._list(b"")

    def _list(self, after: bytes) -> None:
        self._ask(BoxList(after=after), self._careful(self._listed), self._failed)

    def _listed(self, answer: Message) -> None:
        assert isinstance(answer, BoxListResult)
        self._rest = [run for run, _ in answer.runs]
        self._listed_so_far += len(self._rest)
        has_more = len(self._rest) == MOST_IDS and self._listed_so_far < _MOST_RUNS
        self._last = self._rest[-1] if has_more else b""
        self._next()

    def _next(self) -> None:
        if self._rest:
            run = self._rest.pop(0)
            got = self._careful(partial(self._got, run))
            self._ask(BoxGet(run=run), got, self._failed)
        elif self._done:
            done, self._done = self._done, []
            self.waiting = max(0, self.waiting - len(done))
            next_one = self._careful(lambda _: self._next())
            self._ask(BoxDone(runs=tuple(done)), next_one, self._failed)
        elif self._last:
            self._list(self._last)
        else:
            self._end()

    def _end(self) -> None:
        self._is_busy = False
        if self._has_lines:
            self._on_taken()
        if self.held > self._gaps:  # otherwise the end of a link, or an earlier run, is waited for
            self._fetch_later(_TRY_AGAIN)
        is_progress = bool(self._gaps) and self._has_taken and self._again < _MOST_AGAIN
        self._again = self._again + 1 if is_progress else 0
        if self._is_wanted or is_progress:
            self.fetch()

    def _got(self, run: bytes, answer: Message) -> None:
        assert isinstance(answer, BoxRun)
        if self._registry is None:
            return
        if not answer.sealed or self._take(answer.sealed):
            self._done.append(run)
        else:
            self.held += 1
        self._next()

    def _take(self, sealed: bytes) -> bool:
        """Receive a run; return whether it may be deleted."""
        digest, number = hashlib.sha256(sealed).digest(), number_of(sealed)
        if self._store.is_taken(digest):
            return True  # our request to delete it was lost, or the registry repeats itself
        prekey = self._store.prekey(number)
        try:
            run = None if prekey is None else self._opened(sealed, prekey)
        except NoKem:
            return False
        talk = None if run is None else self._talk_of(run)
        if prekey is None or run is None or talk is None:
            return self._reject(digest, number)
        if talk.is_linked or not talk.may_take():
            return False
        self._keep_pass(run)
        is_done = self._take_run(talk, run, digest, number)
        if is_done and prekey.one_time:
            self._own_box.note_used(number)
        self._has_lines |= bool(run.lines)
        self._has_taken |= is_done
        return is_done

    def _reject(self, digest: bytes, number: bytes) -> bool:
        """Count a run that is of no use, and return True: it may be deleted."""
        self.unreadable += 1
        self._store.take(digest, number, int(self._wall()))
        return True

    def _take_run(self, talk: Talk, run: Run, digest: bytes, number: bytes) -> bool:
        """Receive the new lines of a run; return whether it may be deleted."""
        now = int(self._wall())

        def also() -> None:
            self._store.take(digest, number, now)
            self._store.owe_answer(run.sender, run.key)

        try:
            verdict = talk.take_run(run.ack, run.at, run.after, run.lines, also)
        except RemoteProtocolError:
            return self._reject(digest, number)
        if verdict is Verdict.NOT_KEPT:
            return False
        if run.lines:  # a gap, too: our disk may be an older copy, which the sender must be told
            self._store.owe_answer(run.sender, run.key)
        if verdict is Verdict.GAP:
            self._gaps += 1
            return False
        if verdict is Verdict.KNOWN:
            self._store.take(digest, number, now)
        return True

    def _opened(self, sealed: bytes, prekey: KeptPrekey) -> Run | None:
        """Return a run; None if it cannot be opened. Raise NoKem."""
        assert self._registry is not None
        box = Box(self._registry, self._username, self._identity.public, prekey.number, prekey.kem)
        private = PrivatePrekey(prekey.number, prekey.kem, prekey.seed)
        try:
            return open_run(sealed, box, private)
        except RemoteProtocolError:
            return None

    def _talk_of(self, run: Run) -> Talk | None:
        """Return the conversation with the sender; None if it is no contact with that key."""
        contact = self._contacts.get(run.sender)
        if not contact.accepted or contact.blocked or contact.key != run.key:
            return None
        return self._talk_with(run.sender)

    def _keep_pass(self, run: Run) -> None:
        """Keep the pass that is in a run."""
        passes = self._store.passes(run.sender, run.key)
        if run.permit and passes.theirs != run.permit:
            self._store.keep_passes(run.sender, run.key, passes._replace(theirs=run.permit))
            self._on_pass(run.sender)

    def _failed(self, error: P2PError) -> None:
        """Stop; the next login or notification begins again."""
        self._is_busy = False
        if isinstance(error, SlowedDown):
            self._fetch_later(error.seconds)

    def _fetch_later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._guarded(self.fetch))

    def _careful(self, step: Callable[[Message], None]) -> Callable[[Message], None]:
        """Return a function that stops for a while if our disk fails."""

        def take(answer: Message) -> None:
            try:
                step(answer)
            except StorageError as error:
                self._is_busy = False
                self._fetch_later(_TRY_AGAIN)
                self._on_event(Trouble(error))

        return take
