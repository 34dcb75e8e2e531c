"""The profile's stored file transfers at one registry.

A transfer is inserted in the transaction that writes its line (see `thread`). Accesses neither
files nor links. Every method may raise StorageError; times are in milliseconds since the epoch.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from p2pchat.peer.store.transfer_models import Transfer
from p2pchat.protocol.client.lines import LineState
from p2pchat.protocol.client.transfers import OVER, TransferState
from p2pchat.protocol.files.offers import Offer, read_offer, write_offer
from p2pchat.storage import SqliteFile, as_bytes
from p2pchat.wall_clock import now_ms


class KeptTransfer(NamedTuple):
    """A stored transfer without its list of files; see transfer_models.Transfer."""

    id: int
    username: str
    key: bytes
    outgoing: bool
    uid: str
    offer: Offer
    path: str
    state: TransferState
    reason: str
    pieces: int
    root: bytes | None
    told: bool
    at: int

    @property
    def is_over(self) -> bool:
        """Whether the transfer has ended."""
        return self.state in OVER


_TOLD_WITHIN_MS: Final = 14 * 24 * 3600 * 1000
"""After that, no link is opened only to report an outcome to a contact."""

_LATELY: Final = 100

_BELIEVED_MS: Final = 10_000
"""Milliseconds for which `to_tell` is cached, though another process may delete rows."""

_COLUMNS: Final = [getattr(Transfer, name) for name in KeptTransfer._fields]


def paths_being_sent(store: SqliteFile) -> set[str]:
    """Return the paths of unfinished transfers to contacts, at every registry."""
    which = Transfer.outgoing & Transfer.state.not_in(list(OVER))
    with store.errors():
        rows = Transfer.select(Transfer.path).where(which).tuples().execute(store.database)
        return {path for (path,) in rows}


class TransferStore:
    """The table of transfers. Only the account's node changes unfinished ones."""

    def __init__(self, store: SqliteFile, registry: str) -> None:
        self._store = store
        self._registry = registry
        self._here = Transfer.registry == registry
        self._to_tell: set[str] | None = None  # as it is on disk, if that is known
        self._to_tell_until = 0

    @property
    def to_tell(self) -> set[str]:
        """The contacts who have not acknowledged the outcome of a recent transfer."""
        if self._to_tell is None or now_ms() > self._to_tell_until:
            self._to_tell_until = now_ms() + _BELIEVED_MS
            since = now_ms() - _TOLD_WITHIN_MS
            which = ~Transfer.told & Transfer.state.in_(list(OVER)) & (Transfer.at >= since)
            query = Transfer.select(Transfer.username).where(self._here & which).distinct()
            self._to_tell = {username for (username,) in self._rows(query)}
        return self._to_tell

    def prepare(
        self, username: str, key: bytes, uid: str, offer: Offer, path: str, listing: bytes | None
    ) -> int:
        """Store an outgoing transfer before its line is written; return its id."""
        new = Transfer.insert(
            registry=self._registry,
            username=username,
            key=key,
            outgoing=True,
            uid=uid,
            offer=write_offer(offer),
            listing=listing,
            path=path,
            state=TransferState.PREPARING,
            at=now_ms(),
        )
        with self._store.errors():
            return int(new.execute(self._store.database))

    def drop_prepared(self) -> None:
        """Delete prepared transfers of a node that died before writing their lines."""
        unwritten = self._here & (Transfer.state == TransferState.PREPARING)
        self._execute(Transfer.delete().where(unwritten))

    def forget(self, transfer_id: int) -> None:
        """Delete a transfer."""
        self._execute(Transfer.delete().where(Transfer.id == transfer_id))

    def get(self, transfer_id: int) -> KeptTransfer | None:
        """Return the transfer with that id; None if there is none."""
        return next(iter(self._select(Transfer.id == transfer_id)), None)

    def find(self, username: str, key: bytes, uid: str, *, outgoing: bool) -> KeptTransfer | None:
        """Return the transfer offered in that line; None if there is none."""
        which = (Transfer.username == username) & (Transfer.key == key) & (Transfer.uid == uid)
        return next(iter(self._select(which & (Transfer.outgoing == outgoing))), None)

    def all(self, limit: int | None = None) -> list[KeptTransfer]:
        """Return the last transfers, oldest first."""
        query = Transfer.select(*_COLUMNS).where(self._here).order_by(Transfer.id.desc())
        if limit is not None:
            query = query.limit(limit)
        return [_kept(row) for row in reversed(self._rows(query))]

    def in_state(
        self, state: TransferState, username: str | None = None, *, outgoing: bool
    ) -> list[KeptTransfer]:
        """Return the transfers in a state, oldest first, with one contact or with all."""
        which = (Transfer.state == state) & (Transfer.outgoing == outgoing)
        if username is not None:
            which &= Transfer.username == username
        return self._select(which)

    def untold(self, username: str, key: bytes) -> list[KeptTransfer]:
        """Return the ended transfers whose outcome the contact has not acknowledged."""
        which = (Transfer.username == username) & (Transfer.key == key) & ~Transfer.told
        return self._select(which & Transfer.state.in_(list(OVER)))

    def void(self, transfers: Sequence[KeptTransfer]) -> set[str]:
        """Return the ids of lines whose offers will not be delivered."""
        uids = [one.uid for one in transfers if one.outgoing and not one.is_over]
        marks = ", ".join("?" * len(uids))
        with self._store.errors():
            rows = self._store.rows(_FAILED.format(marks), (LineState.FAILED, *uids))
        return {uid for (uid,) in rows}

    def listing(self, transfer_id: int) -> bytes | None:
        """Return the stored list of a folder's files."""
        query = Transfer.select(Transfer.listing).where(Transfer.id == transfer_id)
        return next((as_bytes(data) for (data,) in self._rows(query)), None)

    def accepted_since(self, username: str, at: int) -> list[KeptTransfer]:
        """Return the contact's offers accepted since that time, whatever their state."""
        which = (Transfer.username == username) & ~Transfer.outgoing & (Transfer.at >= at)
        open_ones = (TransferState.OFFERED, TransferState.DECLINED)
        return self._select(which & Transfer.state.not_in(list(open_ones)))

    def ended_lately(self) -> list[KeptTransfer]:
        """Return the last incoming transfers that have ended, except those that may be retried."""
        states = (TransferState.DONE, TransferState.DECLINED, TransferState.CANCELLED)
        return [one for one in self.all(_LATELY) if not one.outgoing and one.state in states]

    def count_offered(self, username: str) -> int:
        """Return the number of the contact's open offers."""
        which = (Transfer.username == username) & ~Transfer.outgoing
        which &= Transfer.state == TransferState.OFFERED
        with self._store.errors():
            query = Transfer.select().where(self._here & which)
            return int(query.count(self._store.database))

    def drop_old(self, most: int) -> None:
        """Delete the oldest ended transfers beyond `most`."""
        newest = Transfer.select(Transfer.id).where(self._here).order_by(Transfer.id.desc())
        with self._store.errors():
            ids = [
                number
                for (number,) in newest.offset(most).limit(1).tuples().execute(self._store.database)
            ]
        for last in ids:
            old = self._here & (Transfer.id <= last) & Transfer.state.in_(list(OVER))
            self._execute(Transfer.delete().where(old))

    def update(self, transfer_id: int, **fields: Any) -> None:
        """Update fields of a transfer; see transfer_models.Transfer."""
        self._to_tell = None
        self._execute(Transfer.update(**fields).where(Transfer.id == transfer_id))

    def tell_nothing(self, username: str) -> None:
        """Mark all outcomes as acknowledged by a contact."""
        self._to_tell = None
        which = self._here & (Transfer.username == username) & Transfer.state.in_(list(OVER))
        self._execute(Transfer.update(told=True).where(which))

    def _select(self, which: Any) -> list[KeptTransfer]:
        query = Transfer.select(*_COLUMNS).where(self._here & which).order_by(Transfer.id)
        return [_kept(row) for row in self._rows(query)]

    def _rows(self, query: Any) -> list[Any]:
        with self._store.errors():
            return list(query.tuples().execute(self._store.database))

    def _execute(self, query: Any) -> None:
        with self._store.errors():
            query.execute(self._store.database)


def _kept(row: tuple[Any, ...]) -> KeptTransfer:
    (number, username, key, outgoing, uid, offer, path, state, reason, pieces, root, told, at) = row
    return KeptTransfer(
        number,
        username,
        bytes(key),
        bool(outgoing),
        uid,
        read_offer(bytes(offer)),
        path,
        TransferState(state),
        reason,
        pieces,
        as_bytes(root),
        bool(told),
        at,
    )


_FAILED: Final = "SELECT uid FROM line WHERE outgoing = 1 AND state = ? AND uid IN ({})"
