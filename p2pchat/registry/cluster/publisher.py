"""Publishes which users are online at our node in the table that the nodes share.

Our presence table is the desired state. Differences are written in batches, one at a time, and
retried on failure, so it does not matter when or why a write fails. Knows neither the lease nor the
database; runs on the loop and never blocks.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from p2pchat.errors import P2PError
from p2pchat.net.loop import Loop
from p2pchat.net.worker import Worker
from p2pchat.protocol.messages import Reason
from p2pchat.registry.cluster.presence_store import PresenceRow, Published
from p2pchat.registry.service.presence import OnlineSession, PresenceTable

_MOST_AT_ONCE: Final = 500
"""The most users in one transaction, to keep it short."""

_PAUSE: Final = 1.0

OnPublished = Callable[[Published | None], None]
"""Called with the outcome, or None if it could not be written."""

WritePresence = Callable[[list[PresenceRow], list[str]], dict[str, Published] | None]
"""Writes which users are online and which are gone, see PresenceStore.publish; blocks."""


class _Batch(NamedTuple):
    """The entries being written: the users, which of them are online, and the waiting callbacks."""

    waiting: dict[str, list[OnPublished]]
    here: dict[str, OnlineSession]


class Publisher:
    """Keeps the shared table in step with our presence table.

    `on_no_lease` is called when our lease has ended: get another, then call `go_on` (after
    `publish_all`, if the lease is a new one). `on_failed(error)` is called when the table could not
    be written. `on_not_here(names)` is called for users who have left or are online at another
    node, once the table can say where they are; the latter are disconnected here.
    """

    def __init__(
        self,
        loop: Loop,
        worker: Worker,
        write: WritePresence,
        presence: PresenceTable,
        *,
        on_no_lease: Callable[[], None],
        on_failed: Callable[[P2PError], None],
        on_not_here: Callable[[list[str]], None],
    ) -> None:
        self._loop = loop
        self._worker = worker
        self._table_write = write
        self._presence = presence
        self._on_no_lease = on_no_lease
        self._on_failed = on_failed
        self._on_not_here = on_not_here
        self._published: dict[str, OnlineSession] = {}
        self._dirty: dict[str, list[OnPublished]] = {}
        self._writing = False
        self._due = False
        self._stopped = False
        presence.on_change = self.publish

    def publish(self, username: str, on_published: OnPublished | None = None) -> None:
        """Write soon where the user is, even if nothing seems to have changed."""
        callbacks = self._dirty.setdefault(username, [])
        if on_published is not None:
            callbacks.append(on_published)
        if not (self._due or self._writing):
            self._due = True
            self._loop.call_soon(self._write)

    def publish_all(self) -> None:
        """Publish the presence of all our users."""
        for online_session in self._presence:
            self.publish(online_session.username)

    def go_on(self) -> None:
        """Write the entries that waited for a lease."""
        self._write()

    def is_published(self, online_session: OnlineSession) -> bool:
        """Return whether this login is visible to other nodes."""
        return self._published.get(online_session.username) is online_session

    def stop(self) -> None:
        """Stop writing; a batch already under way is finished."""
        self._stopped = True

    def _write(self) -> None:
        self._due = False
        if self._writing or self._stopped or not self._dirty:
            return
        self._writing = True
        waiting = {name: self._dirty.pop(name) for name in list(self._dirty)[:_MOST_AT_ONCE]}
        here = {n: a for n in waiting if (a := self._presence.find(n)) is not None}
        batch = _Batch(waiting, here)
        rows = [self._row(online_session) for online_session in here.values()]
        gone = [name for name in waiting if name not in here]
        self._worker.submit(
            partial(self._table_write, rows, gone),
            partial(self._written, batch),
            partial(self._failed, batch),
        )

    def _written(self, batch: _Batch, outcomes: dict[str, Published] | None) -> None:
        self._writing = False
        if outcomes is None:
            for name, callbacks in batch.waiting.items():
                self._dirty[name] = [*callbacks, *self._dirty.get(name, ())]
            self._on_no_lease()
            return
        for name, callbacks in batch.waiting.items():
            outcome = outcomes.get(name, Published.ELSEWHERE)
            self._note(name, batch.here.get(name), outcome)
            for callback in callbacks:
                callback(outcome)
        self._on_not_here([n for n in batch.waiting if self._presence.find(n) is None])
        self._write()

    def _note(self, name: str, online_session: OnlineSession | None, outcome: Published) -> None:
        """Remember what other nodes can see now; disconnect a user who is at another node."""
        if online_session is not None and outcome is Published.KEPT:
            self._published[name] = online_session
            return
        self._published.pop(name, None)
        here = self._presence.find(name)
        if outcome is Published.ELSEWHERE and here is not None and here is online_session:
            here.hang_up(Reason.REPLACED)
            self._presence.leave(here, elsewhere=True)

    def _failed(self, batch: _Batch, error: P2PError) -> None:
        self._writing = False
        for name in batch.waiting:
            self._dirty.setdefault(name, [])
        for callbacks in batch.waiting.values():
            for callback in callbacks:
                callback(None)
        self._on_failed(error)
        self._due = True
        self._loop.call_later(_PAUSE, self._write)

    def _row(self, online_session: OnlineSession) -> PresenceRow:
        return PresenceRow(
            online_session.username,
            online_session.host,
            online_session.port,
            online_session.clear_port,
            in_clear=online_session.seal is None,
            key=online_session.key,
            meets=online_session.on_meeting is not None,
            hidden=online_session.hidden,
            is_new=not self.is_published(online_session),
        )
