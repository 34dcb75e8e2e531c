"""The current activity of each transfer: bytes done, rate, or the reason for waiting.

Kept in memory only. Clients see it in the node's state, programs as events.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from p2pchat.net.loop import Loop
from p2pchat.peer.store.transfer_store import KeptTransfer, TransferStore
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.file_events import FileProgress, FileWaiting
from p2pchat.protocol.client.transfers import OVER, Transfer, TransferState
from p2pchat.protocol.files.pieces import PIECE_BYTES

_RATE_OVER_S: Final = 5.0
_EVENT_EVERY_S: Final = 1.0
LISTED: Final = 1000
"""How many of the last transfers clients see."""

_NO_NODE: Final = "your node is not running"


class _Activity:
    def __init__(self, kept: KeptTransfer) -> None:
        self.kept = kept
        self.done = min(kept.offer.size, kept.pieces * PIECE_BYTES)
        self.rate: float | None = None
        self.why = ""
        self.samples: deque[tuple[float, int]] = deque()
        self.told_at = 0.0


class Activities:
    """The active and waiting transfers. Calls `on_change()` when one has changed."""

    def __init__(
        self, loop: Loop, on_event: Callable[[Event], None], on_change: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._on_event = on_event
        self._on_change = on_change
        self._by_id: dict[int, _Activity] = {}

    def moved(self, kept: KeptTransfer, pieces: int) -> None:
        """Record that so many pieces have arrived."""
        activity, now = self._of(kept), self._loop.now()
        activity.done = min(kept.offer.size, pieces * PIECE_BYTES)
        activity.why = ""
        samples = activity.samples
        if samples and samples[-1][1] > activity.done:
            samples.clear()  # it begins again
        samples.append((now, activity.done))
        while now - samples[0][0] > _RATE_OVER_S and len(samples) > 1:
            samples.popleft()
        took = now - samples[0][0]
        activity.rate = (activity.done - samples[0][1]) / took if took else 0.0
        if now - activity.told_at >= _EVENT_EVERY_S:
            activity.told_at = now
            event = FileProgress(
                kept.username, kept.id, activity.done, kept.offer.size, int(activity.rate)
            )
            self._on_event(event)
        self._on_change()

    def waits(self, kept: KeptTransfer, why: str) -> None:
        """Record why a transfer waits."""
        activity = self._of(kept)
        activity.rate = None
        activity.samples.clear()
        if activity.why != why:
            activity.why = why
            self._on_event(FileWaiting(kept.username, kept.id, kept.offer.shown_name, why))
        self._on_change()

    def rests(self, kept: KeptTransfer, why: str) -> None:
        """Record why a transfer that has begun waits for the receiver to ask again."""
        if kept.id in self._by_id:
            self.waits(kept, f"{why}; it continues when {kept.username} asks again")

    def end(self, transfer_id: int) -> None:
        """Forget a transfer that is over."""
        if self._by_id.pop(transfer_id, None) is not None:
            self._on_change()

    def done(self, transfer_id: int) -> int:
        """Return the bytes known to have arrived."""
        activity = self._by_id.get(transfer_id)
        return activity.done if activity is not None else 0

    @property
    def moving(self) -> tuple[Transfer, ...]:
        """The transfers whose bytes are moving."""
        return tuple(self.shown(a.kept) for a in self._by_id.values() if a.rate is not None)

    def shown(self, one: KeptTransfer, *, is_void: bool = False) -> Transfer:
        """Return a transfer as clients see it."""
        found = shown_transfer(one, is_void=is_void)
        activity = self._by_id.get(one.id)
        if activity is None or one.state in OVER:
            return found
        return msgspec.structs.replace(
            found, done=activity.done, rate=activity.rate, why=found.why or activity.why
        )

    def _of(self, kept: KeptTransfer) -> _Activity:
        activity = self._by_id.get(kept.id)
        if activity is None:
            activity = self._by_id[kept.id] = _Activity(kept)
        activity.kept = kept
        return activity


def shown_transfer(one: KeptTransfer, *, is_void: bool = False) -> Transfer:
    """Return a stored transfer as clients see it.

    `is_void`: whether the line with our offer will not be delivered.
    """
    size = one.offer.size
    is_void = is_void and one.state not in OVER
    return Transfer(
        one.id,
        one.username,
        one.outgoing,
        one.uid,
        one.offer.shown_name,
        size,
        one.offer.files,
        one.state,
        one.at,
        done=size if one.state is TransferState.DONE else min(size, one.pieces * PIECE_BYTES),
        why="the offer was not sent: p2p outbox retry" if is_void else one.reason,
        path=one.path,
    )


def stored_transfers(store: TransferStore) -> tuple[Transfer, ...]:
    """Return the last transfers, oldest first, while no node is running."""
    kept = store.all(LISTED)
    void = store.void(kept)
    shown = (shown_transfer(one, is_void=one.uid in void) for one in kept)
    return tuple(
        msgspec.structs.replace(one, why=_NO_NODE) if one.state is TransferState.WANTED else one
        for one in shown
    )
