"""What we have left in mailboxes of contacts, and whether it is still there.

A line that was left still waits: only the contact's acknowledgement delivers it (PROTOCOL,
"Mailbox"). Knows no cryptography.
"""

from collections.abc import Callable, Sequence
from typing import Final

from p2pchat.errors import P2PError
from p2pchat.peer.mailbox.own_box import Ask
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.peer.store.mailbox_store import KeptRun, MailboxStore
from p2pchat.protocol.mailbox import MOST_IDS, BoxHas, BoxHasResult, BoxUndo, BoxUndoResult
from p2pchat.protocol.messages import Message

_DAY: Final = 24 * 3600
"""Seconds after which the registry is asked again, and for which an answer may be under way."""


class LeftLines:
    """The runs that were left. `wall` returns seconds since the epoch.

    Methods raise StorageError.
    """

    def __init__(self, store: MailboxStore, ask: Ask, wall: Callable[[], float]) -> None:
        self._store = store
        self._ask = ask
        self._wall = wall
        self._runs: dict[tuple[str, bytes], list[KeptRun]] = {}
        for run in store.left():
            self._runs.setdefault((run.username, run.key), []).append(run)

    def of(self, contact: str, key: bytes) -> list[KeptRun]:
        """Return the runs left for a key of a contact, in the order of their lines."""
        return self._runs.get((contact, key), [])

    def up_to(self, talk: Talk) -> int:
        """Return the number up to which all of our lines are left or delivered."""
        number = talk.delivered
        for run in self.of(talk.contact, talk.key):
            if run.first > number + 1:
                break
            number = max(number, run.last)
        return number

    def add(self, run: KeptRun) -> None:
        """Store a run that was left."""
        self._store.keep_left(run)
        runs = self._runs.setdefault((run.username, run.key), [])
        runs.append(run)
        runs.sort(key=lambda one: one.first)

    def delivered(self, talk: Talk) -> None:
        """Forget the runs whose lines are delivered; take back what a link has brought."""
        done = [run for run in self.of(talk.contact, talk.key) if run.last <= talk.delivered]
        self._forget(done)
        if talk.is_linked:
            self.take_back([run.id for run in done])

    def renumbered(self, talk: Talk) -> None:
        """Withdraw the runs whose lines have other numbers now: they will be left again."""
        runs = self.of(talk.contact, talk.key)
        self._forget(runs)
        self.take_back([run.id for run in runs])

    def forget_all(self) -> None:
        """Forget what was left: the registry no longer keeps mailboxes."""
        self._forget([run for runs in self._runs.values() for run in runs])

    def keep_only(self, contact: str, key: bytes | None) -> None:
        """Withdraw the runs left for other keys of a contact than that one."""
        runs = [
            run
            for (username, other), each in self._runs.items()
            if username == contact and other != key
            for run in each
        ]
        self._forget(runs)
        self.take_back([run.id for run in runs])

    def take_back(
        self, ids: Sequence[bytes], then: Callable[[set[bytes]], None] = lambda _: None
    ) -> None:
        """Withdraw runs; `then` gets the ids of those that were still there, and no longer are."""

        def answered(answer: Message) -> None:
            assert isinstance(answer, BoxUndoResult)
            gone.update(answer.runs)
            ask_next()

        def ask_next() -> None:
            some, rest[:] = rest[:MOST_IDS], rest[MOST_IDS:]
            if some:
                self._ask(BoxUndo(runs=tuple(some)), answered, failed)
            else:
                then(gone)

        def failed(_: P2PError) -> None:
            then(gone)

        gone: set[bytes] = set()
        rest = list(ids)
        ask_next()

    def take_back_all(self, talk: Talk, then: Callable[[int], None]) -> None:
        """Withdraw what was left for a contact.

        `then` gets the number up to which lines may have been fetched, 0 if there are none.
        """
        now = self._wall()
        runs = self.of(talk.contact, talk.key)
        asked = [run for run in runs if run.until > now]  # the others were deleted there

        def taken_back(gone: set[bytes]) -> None:
            try:
                self._forget([run for run in runs if run.id in gone or run not in asked])
            finally:
                then(max((run.last for run in asked if run.id not in gone), default=0))

        self.take_back([run.id for run in asked], taken_back)

    def check(self) -> None:
        """Forget the runs that have expired, and those that were gone for a day without an answer.

        Their lines are left again. Ask the registry about those last seen there a day ago.
        """
        now = int(self._wall())
        every = [run for runs in self._runs.values() for run in runs]
        lost = [r for r in every if r.until <= now or (r.gone_at and r.gone_at <= now - _DAY)]
        self._forget(lost)
        due = [r.id for r in every if r not in lost and not r.gone_at and r.seen_at <= now - _DAY]
        if due:
            self._ask_whether_there(due[:MOST_IDS], now)

    def _ask_whether_there(self, ids: Sequence[bytes], now: int) -> None:
        def answered(answer: Message) -> None:
            assert isinstance(answer, BoxHasResult)
            there = set(answer.runs) & set(ids)
            self._store.note_left(list(there), now=now, there=True)
            self._store.note_left([i for i in ids if i not in there], now=now, there=False)
            self._note_seen(there, now, gone_at=0)
            self._note_seen(set(ids) - there, now, gone_at=now)
            self.check()

        self._ask(BoxHas(runs=tuple(ids)), answered, lambda _: None)

    def _note_seen(self, ids: set[bytes], seen_at: int, *, gone_at: int) -> None:
        for runs in self._runs.values():
            runs[:] = [
                run._replace(seen_at=seen_at, gone_at=gone_at) if run.id in ids else run
                for run in runs
            ]

    def _forget(self, gone: Sequence[KeptRun]) -> None:
        if not gone:
            return
        ids = {run.id for run in gone}
        self._store.forget_left(list(ids))
        for scope in list(self._runs):
            self._runs[scope] = [run for run in self._runs[scope] if run.id not in ids]
            if not self._runs[scope]:
                del self._runs[scope]
