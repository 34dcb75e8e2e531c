"""The mailboxes: prekeys and passes of their owners, and sealed runs that wait for them.

A box belongs to one key of a user. Nothing here tells who has left a run, or what it says. Every
method blocks and may raise StorageError; `now` is in seconds since the epoch.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from p2pchat.orm import peewee
from p2pchat.protocol.mailbox import MOST_IDS
from p2pchat.protocol.messages import Reason
from p2pchat.protocol.prekeys import ID_BYTES, MOST_PREKEYS, Prekey
from p2pchat.registry.store.models import BoxPass, BoxPrekey, BoxRun, RegistryId
from p2pchat.storage import Store

_DAY: Final = 86400
_AT_ONCE: Final = 500
_COUNTED_FOR: Final = 60
"""Seconds for which the sum over all boxes holds: to count them takes long."""

_MINE: Final = "username = ? AND key = ?"
_LOCK: Final = "UPDATE account SET username = username WHERE username = ?"
"""Makes changes of one user's boxes wait for each other, also those of other nodes."""
_ADD_PREKEY: Final = (
    "INSERT INTO box_prekey (username, key, number, kem, public, signature, one_time, expires_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ADD_PERMIT: Final = (
    "INSERT INTO box_pass (username, key, pass_hash, used_day, used_bytes)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_USED: Final = f"SELECT used_day, used_bytes FROM box_pass WHERE {_MINE} AND pass_hash = ?"  # noqa: S608
_USE: Final = f"UPDATE box_pass SET used_day = ?, used_bytes = ? WHERE {_MINE} AND pass_hash = ?"  # noqa: S608
_HELD: Final = (
    "SELECT COUNT(*), COALESCE(SUM(size), 0),"
    " COALESCE(SUM(CASE WHEN pass_hash = ? THEN 1 ELSE 0 END), 0) FROM box_run WHERE username = ?"
)
_LEAVE: Final = (
    "INSERT INTO box_run (id, username, key, size, sealed, pass_hash, left_at, until)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_STATEMENTS: Final = (_LOCK, _ADD_PREKEY, _ADD_PERMIT, _USED, _USE, _HELD, _LEAVE)


class Owner(NamedTuple):
    """The owner of a box: a user, and one of the keys that the user has had."""

    username: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Quotas:
    """What boxes may hold; 0: no limit. `days`: how long a run is kept.

    `total_bytes` is of all boxes, `box_...` of one, `pass_...` of what one contact leaves in it.
    """

    total_bytes: int = 0
    box_bytes: int = 16 * 1024 * 1024
    box_runs: int = 1000
    pass_bytes_per_day: int = 4 * 1024 * 1024
    pass_runs: int = 200
    days: int = 14


class Left(NamedTuple):
    """A run that was left: its id, until when it is kept, and how many runs the box has now."""

    run: bytes
    until: int
    waiting: int


class Held(NamedTuple):
    """A number of runs, and their bytes."""

    runs: int = 0
    bytes: int = 0


class BoxUse(NamedTuple):
    """What a box holds: runs, bytes, and when the oldest was left (0: there is none)."""

    username: str
    runs: int
    bytes: int
    oldest: int


class Mailboxes:
    """The boxes of one registry, in its database."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._store = store
        self.quotas = quotas
        # Ready SQL: to build it from the models takes longer than to run it.
        self._sql = {sql: sql.replace("?", store.database.param) for sql in _STATEMENTS}
        self._total = 0
        self._total_at: int | None = None
        self.held = Held()
        """What all boxes held when that was last counted, and what was left here since."""

    def registry_id(self) -> bytes:
        """Return the id of the registry, which is made with its database."""
        made = secrets.token_bytes(ID_BYTES)
        with self._store.transaction():  # the first of several nodes decides
            RegistryId.insert(row=1, id=made).on_conflict_ignore().execute(self._store.database)
        ((found,),) = self._rows(RegistryId.select(RegistryId.id))
        return bytes(found)

    def numbers(self, owner: Owner, now: int) -> list[bytes]:
        """Return the numbers of the owner's prekeys that have not expired."""
        query = (
            BoxPrekey.select(BoxPrekey.number)
            .where(self._of(BoxPrekey, owner) & (BoxPrekey.expires_at > now))
            .limit(MOST_PREKEYS)
        )
        return [bytes(number) for (number,) in self._rows(query)]

    def waiting(self, owner: Owner, now: int) -> int:
        """Return how many runs wait for the owner."""
        query = BoxRun.select().where(self._of(BoxRun, owner) & (BoxRun.until > now))
        with self._store.errors():
            return int(query.count(self._store.database))

    def publish(
        self,
        owner: Owner,
        prekeys: Sequence[Prekey],
        passes: Sequence[bytes] | None,
        *,
        replace: bool,
        now: int,
    ) -> bool:
        """Add prekeys, and set the passes (None: leave them); return False if there are too many.

        `replace`: forget all earlier prekeys. Boxes of other keys of the user are closed.
        """
        database = self._store.database
        with self._store.transaction():
            self._lock(owner)
            for model in (BoxPrekey, BoxPass):
                others = (model.username == owner.username) & (model.key != owner.key)
                model.delete().where(others).execute(database)
            old = self._of(BoxPrekey, owner)
            if not replace:
                old &= BoxPrekey.expires_at <= now
            BoxPrekey.delete().where(old).execute(database)
            there = BoxPrekey.select().where(self._of(BoxPrekey, owner)).count(database)
            if there + len(prekeys) > MOST_PREKEYS:
                return False
            rows = [
                (*owner, p.number, p.kem, p.public, p.signature, p.one_time, p.expires_at)
                for p in prekeys
            ]
            if rows:
                self._store.many(self._sql[_ADD_PREKEY], rows)
            if passes is not None:
                self._set_passes(owner, passes)
        return True

    def _set_passes(self, owner: Owner, passes: Sequence[bytes]) -> None:
        """Replace the passes of a box; those that stay keep their recorded use."""
        database, ours = self._store.database, self._of(BoxPass, owner)
        known = BoxPass.select(BoxPass.pass_hash).where(ours).tuples().execute(database)
        before = {bytes(pass_hash) for (pass_hash,) in known}
        ended = [pass_hash for pass_hash in before if pass_hash not in set(passes)]
        if ended:
            BoxPass.delete().where(ours & BoxPass.pass_hash.in_(ended)).execute(database)
        new = [(*owner, pass_hash, 0, 0) for pass_hash in set(passes) - before]
        if new:
            self._store.many(self._sql[_ADD_PERMIT], new)

    def take_prekey(self, owner: Owner, permit: bytes, now: int) -> Prekey | Reason:
        """Return a prekey for the holder of a pass; a one-time one is given once.

        BAD_PASS, or NO_PREKEY if none is left.
        """
        database = self._store.database
        with self._store.transaction():
            reason = self._why_not(owner, permit)
            if reason is not None:
                return reason
            query = (
                BoxPrekey.select()
                .where(self._of(BoxPrekey, owner) & (BoxPrekey.expires_at > now))
                .order_by(BoxPrekey.one_time.desc(), BoxPrekey.expires_at.desc(), BoxPrekey.id)
            )
            for row in query.execute(database):
                if row.one_time:
                    gone = BoxPrekey.delete().where(BoxPrekey.id == row.id).execute(database)
                    if not gone:
                        continue  # another client was faster
                return Prekey(
                    bytes(row.number),
                    row.kem,
                    bytes(row.public),
                    row.expires_at,
                    bytes(row.signature),
                    bool(row.one_time),
                )
        return Reason.NO_PREKEY

    def leave(self, owner: Owner, permit: bytes, sealed: bytes, now: int) -> Left | Reason:
        """Keep a run for the owner; BAD_PASS or FULL."""
        pass_hash, size, today = hashlib.sha256(permit).digest(), len(sealed), now // _DAY
        scope = (*owner, pass_hash)
        with self._store.transaction():
            self._lock(owner)
            reason = self._why_not(owner, permit)
            if reason is not None:
                return reason
            ((used_day, used),) = self._store.rows(self._sql[_USED], scope)
            used = size + (used if used_day == today else 0)
            sums = self._store.rows(self._sql[_HELD], (pass_hash, owner.username))
            ((runs, held, of_pass),) = sums
            if self._is_full(now, size, used, int(runs), int(held), int(of_pass)):
                return Reason.FULL
            self._store.rows(self._sql[_USE], (today, used, *scope))
            left = Left(secrets.token_bytes(ID_BYTES), now + self.quotas.days * _DAY, int(runs) + 1)
            run = (left.run, *owner, size, sealed, pass_hash, now, left.until)
            self._store.rows(self._sql[_LEAVE], run)
        self._total += size
        self.held = Held(self.held.runs + 1, self.held.bytes + size)
        return left

    def listed(self, owner: Owner, after: bytes, now: int) -> list[tuple[bytes, int]]:
        """Return the ids and sizes of the owner's next runs, in the order of leaving."""
        wanted = self._of(BoxRun, owner) & (BoxRun.until > now)
        if after:
            # If that run is gone, the list begins anew.
            last = BoxRun.select(peewee.fn.COALESCE(peewee.fn.MAX(BoxRun.n), 0))
            wanted &= BoxRun.n > last.where(BoxRun.id == after)
        query = BoxRun.select(BoxRun.id, BoxRun.size).where(wanted).order_by(BoxRun.n)
        return [(bytes(run), size) for run, size in self._rows(query.limit(MOST_IDS))]

    def get(self, owner: Owner, run: bytes) -> bytes:
        """Return a run of the owner's; empty if it is no longer there."""
        query = BoxRun.select(BoxRun.sealed).where(self._of(BoxRun, owner) & (BoxRun.id == run))
        return next((bytes(sealed) for (sealed,) in self._rows(query)), b"")

    def forget(self, owner: Owner, runs: Sequence[bytes]) -> None:
        """Delete runs of the owner's."""
        if runs:
            with self._store.transaction():
                BoxRun.delete().where(self._of(BoxRun, owner) & BoxRun.id.in_(list(runs))).execute(
                    self._store.database
                )

    def still_there(self, runs: Sequence[bytes], now: int) -> list[bytes]:
        """Return those of these runs that are still in a box."""
        if not runs:
            return []
        query = BoxRun.select(BoxRun.id).where(BoxRun.id.in_(list(runs)) & (BoxRun.until > now))
        there = {bytes(run) for (run,) in self._rows(query)}
        return [run for run in runs if run in there]

    def take_back(self, runs: Sequence[bytes], now: int) -> list[bytes]:
        """Delete those of these runs that are still in a box, and return them."""
        with self._store.transaction():
            there = self.still_there(runs, now)
            if there:
                BoxRun.delete().where(BoxRun.id.in_(there)).execute(self._store.database)
        return there

    def delete_expired(self, now: int) -> int:
        """Delete what has expired, in small transactions; return how many runs.

        What is left is counted.
        """
        database, count = self._store.database, 0
        with self._store.transaction():
            BoxPrekey.delete().where(BoxPrekey.expires_at <= now).execute(database)
        some = BoxRun.select(BoxRun.n).where(BoxRun.until <= now).limit(_AT_ONCE)
        while expired := [n for (n,) in self._rows(some.clone())]:
            with self._store.transaction():
                count += int(BoxRun.delete().where(BoxRun.n.in_(expired)).execute(database))
        with self._store.errors():
            ((runs, size),) = self._store.rows(
                "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM box_run"
            )
        self.held = Held(int(runs), int(size))
        return count

    def clear(self, username: str) -> int:
        """Delete the runs in a user's boxes, which stay open; return how many there were."""
        with self._store.transaction():
            gone = BoxRun.delete().where(BoxRun.username == username)
            return int(gone.execute(self._store.database))

    def uses(self) -> list[BoxUse]:
        """Return what each box with runs holds, sorted by name."""
        query = (
            BoxRun.select(
                BoxRun.username,
                peewee.fn.COUNT(BoxRun.n),
                peewee.fn.SUM(BoxRun.size),
                peewee.fn.MIN(BoxRun.left_at),
            )
            .group_by(BoxRun.username)
            .order_by(BoxRun.username)
        )
        return [BoxUse(name, *map(int, numbers)) for name, *numbers in self._rows(query)]

    def _why_not(self, owner: Owner, permit: bytes) -> Reason | None:
        """Return why the holder of a pass may not use a box; None if it may.

        Whether there is a box is not told to those who have no pass.
        """
        pass_hash = hashlib.sha256(permit).digest()
        is_known = self._store.rows(self._sql[_USED], (*owner, pass_hash))
        return None if is_known else Reason.BAD_PASS

    def _lock(self, owner: Owner) -> None:
        self._store.rows(self._sql[_LOCK], (owner.username,))

    def _is_full(self, now: int, size: int, used: int, runs: int, held: int, of_pass: int) -> bool:
        """Return whether a further run of that size would exceed a quota.

        `used` is what the pass has left today, with it; `runs` and `held` bytes are in the box,
        `of_pass` runs by the same pass.
        """
        quotas = self.quotas
        total = self._in_all(now) if quotas.total_bytes else 0
        return any(
            limit and value > limit
            for value, limit in (
                (total + size, quotas.total_bytes),
                (held + size, quotas.box_bytes),
                (runs + 1, quotas.box_runs),
                (used, quotas.pass_bytes_per_day),
                (of_pass + 1, quotas.pass_runs),
            )
        )

    def _in_all(self, now: int) -> int:
        """Return the bytes in all boxes: counted once a minute, and what was left here since."""
        if self._total_at is None or not 0 <= now - self._total_at < _COUNTED_FOR:
            ((total,),) = self._store.rows("SELECT COALESCE(SUM(size), 0) FROM box_run")
            self._total, self._total_at = int(total), now
        return self._total

    def _of(self, model: Any, owner: Owner) -> Any:
        return (model.username == owner.username) & (model.key == owner.key)

    def _rows(self, query: Any) -> list[tuple[Any, ...]]:
        with self._store.errors():
            return list(query.tuples().execute(self._store.database))
