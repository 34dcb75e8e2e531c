"""What the profile keeps about mailboxes at one registry.

Our prekeys, the passes between us and contacts, the runs that we have left, and those that we have
taken. Knows neither cryptography nor the registry. Every method may raise StorageError; times are
in seconds since the epoch.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from p2pchat.orm import peewee
from p2pchat.peer.store.mailbox_models import LeftRun, MailboxPass, OwnPrekey, TakenRun
from p2pchat.peer.store.models import Account
from p2pchat.storage import SqliteFile, as_bytes

_REMEMBERED_FOR: Final = 60 * 24 * 3600
"""Seconds for which a received run is remembered."""


class KeptPrekey(NamedTuple):
    """A prekey of ours; see mailbox_models.OwnPrekey."""

    number: bytes
    kem: str
    seed: bytes
    made_at: int
    expires_at: int
    one_time: bool


class Passes(NamedTuple):
    """The passes between us and one key of a contact; see mailbox_models.MailboxPass."""

    ours: bytes | None = None
    theirs: bytes | None = None
    answer_due: bool = False


class KeptRun(NamedTuple):
    """A run that we have left; see mailbox_models.LeftRun."""

    id: bytes
    username: str
    key: bytes
    first: int
    last: int
    until: int
    seen_at: int
    gone_at: int = 0


class MailboxStore:
    """The tables about mailboxes of one account, `us`, at one registry.

    Only one process at a time, the account's node, changes them, except for runs that another one
    takes back while no node is running.
    """

    def __init__(self, store: SqliteFile, registry: str, us: str) -> None:
        self._store = store
        self._registry = registry
        self._us = us
        self._passes: dict[tuple[str, bytes], Passes] = {}  # as they are on disk
        self._prekeys = (OwnPrekey.registry == registry) & (OwnPrekey.username == us)

    @property
    def is_on(self) -> bool:
        """Whether contacts may leave lines for us."""
        query = Account.select(Account.mailbox).where(self._account())
        return all(bool(on) for (on,) in self._rows(query))

    def turn(self, *, on: bool) -> None:
        """Set whether contacts may leave lines for us."""
        self._execute(Account.update(mailbox=on).where(self._account()))

    @property
    def published_passes(self) -> bytes | None:
        """The digest of the passes that the registry has, if any were published."""
        query = Account.select(Account.passes).where(self._account())
        return next((as_bytes(digest) for (digest,) in self._rows(query)), None)

    def note_published(self, digest: bytes | None) -> None:
        """Record the digest of the passes that the registry has."""
        self._execute(Account.update(passes=digest).where(self._account()))

    # Prekeys

    def prekeys(self) -> list[KeptPrekey]:
        """Return our prekeys."""
        columns = [getattr(OwnPrekey, name) for name in KeptPrekey._fields]
        rows = self._rows(OwnPrekey.select(*columns).where(self._prekeys))
        return [_prekey(row) for row in rows]

    def prekey(self, number: bytes) -> KeptPrekey | None:
        """Return our prekey of that number; None if there is none."""
        columns = [getattr(OwnPrekey, name) for name in KeptPrekey._fields]
        query = OwnPrekey.select(*columns).where(self._prekeys & (OwnPrekey.number == number))
        return next((_prekey(row) for row in self._rows(query)), None)

    def keep_prekeys(self, prekeys: Iterable[KeptPrekey]) -> None:
        """Store new prekeys of ours."""
        rows = [{"registry": self._registry, "username": self._us, **p._asdict()} for p in prekeys]
        with self._store.transaction():
            for row in rows:
                OwnPrekey.insert(**row).execute(self._store.database)

    def delete_old(self, now: int, expired_before: int) -> None:
        """Delete prekeys that expired before that time, and forget runs received long ago."""
        old = self._prekeys & (OwnPrekey.expires_at < expired_before)
        self._execute(OwnPrekey.delete().where(old))
        self._execute(TakenRun.delete().where(TakenRun.at < now - _REMEMBERED_FOR))

    # Passes

    def passes(self, username: str, key: bytes) -> Passes:
        """Return the passes between us and a key of a contact."""
        known = self._passes.get((username, key))
        if known is not None:
            return known
        columns = (MailboxPass.ours, MailboxPass.theirs, MailboxPass.answer_due)
        which = (
            (MailboxPass.registry == self._registry)
            & (MailboxPass.username == username)
            & (MailboxPass.key == key)
        )
        found = Passes()
        for ours, theirs, answer_due in self._rows(MailboxPass.select(*columns).where(which)):
            found = Passes(as_bytes(ours), as_bytes(theirs), bool(answer_due))
        self._passes[username, key] = found
        return found

    def keep_passes(self, username: str, key: bytes, passes: Passes) -> None:
        """Store the passes between us and a key of a contact."""
        row = {"registry": self._registry, "username": username, "key": key, **passes._asdict()}
        self._passes.pop((username, key), None)
        self._execute(MailboxPass.insert(**row).on_conflict_replace())

    def given(self) -> list[tuple[str, bytes, bytes]]:
        """Return the passes to our mailbox as (username, key, pass), oldest first."""
        ours = (MailboxPass.registry == self._registry) & MailboxPass.ours.is_null(False)
        columns = (MailboxPass.username, MailboxPass.key, MailboxPass.ours)
        query = MailboxPass.select(*columns).where(ours).order_by(peewee.SQL("rowid"))
        return [(name, bytes(key), bytes(permit)) for name, key, permit in self._rows(query)]

    def answers_due(self) -> list[tuple[str, bytes]]:
        """Return the contacts, with their keys, who must be told what was received."""
        due = (MailboxPass.registry == self._registry) & MailboxPass.answer_due
        query = MailboxPass.select(MailboxPass.username, MailboxPass.key).where(due)
        return [(name, bytes(key)) for name, key in self._rows(query)]

    # What we have left

    def left(self, username: str | None = None, key: bytes | None = None) -> list[KeptRun]:
        """Return the runs that we have left, for one contact or all, in the order of their lines.

        `key`: only those for that key.
        """
        columns = [getattr(LeftRun, name) for name in KeptRun._fields]
        which = LeftRun.registry == self._registry
        if username is not None:
            which &= LeftRun.username == username
        if key is not None:
            which &= LeftRun.key == key
        query = LeftRun.select(*columns).where(which).order_by(LeftRun.username, LeftRun.first)
        return [_run(row) for row in self._rows(query)]

    def keep_left(self, run: KeptRun) -> None:
        """Store a run that we have left."""
        row = {"registry": self._registry, **run._asdict()}
        self._execute(LeftRun.insert(**row).on_conflict_replace())

    def forget_left(self, ids: Sequence[bytes]) -> None:
        """Forget runs that were received or taken back, or that are to be left again."""
        if ids:
            self._execute(LeftRun.delete().where(LeftRun.id.in_(list(ids))))

    def note_left(self, ids: Sequence[bytes], *, now: int, there: bool) -> None:
        """Record that runs are in their mailboxes now, or are not."""
        if not ids:
            return
        which = LeftRun.id.in_(list(ids))
        if there:
            change = LeftRun.update(seen_at=now, gone_at=0).where(which)
        else:
            change = LeftRun.update(seen_at=now, gone_at=now).where(which & (LeftRun.gone_at == 0))
        self._execute(change)

    # What was left for us

    def is_taken(self, digest: bytes) -> bool:
        """Return whether a run was dealt with."""
        return bool(self._rows(TakenRun.select(TakenRun.at).where(TakenRun.digest == digest)))

    def take(self, digest: bytes, number: bytes, now: int) -> None:
        """Record that a run was dealt with, and delete the prekey of that number if it is used up.

        It may be called within the transaction that stores the lines of the run.
        """
        rows = self._store.rows
        with self._store.transaction():
            rows("INSERT OR REPLACE INTO taken_run (digest, at) VALUES (?, ?)", (digest, now))
            rows("DELETE FROM own_prekey WHERE number = ? AND one_time", (number,))

    def owe_answer(self, username: str, key: bytes) -> None:
        """Record that a contact is to be told how far we have received; see `take`."""
        self._passes.pop((username, key), None)
        with self._store.errors():
            self._store.rows(_ANSWER, (self._registry, username, key))

    def _account(self) -> Any:
        return (Account.registry == self._registry) & (Account.username == self._us)

    def _rows(self, query: Any) -> list[Any]:
        with self._store.errors():
            return list(query.tuples().execute(self._store.database))

    def _execute(self, query: Any) -> None:
        with self._store.errors():
            query.execute(self._store.database)


_ANSWER: Final = (
    "INSERT INTO mailbox_pass (registry, username, key, answer_due) VALUES (?, ?, ?, 1)"
    " ON CONFLICT (registry, username, key) DO UPDATE SET answer_due = 1"
)


def _prekey(row: tuple[Any, ...]) -> KeptPrekey:
    number, kem, seed, made_at, expires_at, one_time = row
    return KeptPrekey(bytes(number), kem, bytes(seed), made_at, expires_at, bool(one_time))


def _run(row: tuple[Any, ...]) -> KeptRun:
    run_id, username, key, *rest = row
    return KeptRun(bytes(run_id), username, bytes(key), *rest)
