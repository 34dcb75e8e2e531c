"""Follows the transfers of a command at a node, and gives up on those without progress."""

from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from p2pchat.client.client import Client
from p2pchat.errors import CallRejected, ContactOffline, LinkLost, P2PError, TimedOut
from p2pchat.protocol.client.events import Event
from p2pchat.protocol.client.file_events import (
    FileDeclined,
    FileDelivered,
    FileFailed,
    FileReceived,
    FileWaiting,
)
from p2pchat.protocol.client.file_orders import ListFiles, Transfers
from p2pchat.protocol.client.transfers import OVER, Transfer, TransferState

_AWAY_FOR: Final = 30.0
"""Seconds that a contact may be offline while no transfer makes progress."""

_REDRAW_S: Final = 0.1

_LOOK_EVERY_S: Final = 1.0
"""Seconds between looks at the list: the user may end a transfer elsewhere, which is no event."""


class Progress(Protocol):
    """Displays the transfers for which a command waits."""

    def draw(self, moving: Sequence[Transfer]) -> None:
        """Display the current state of these transfers."""

    def tell(self, event: Event) -> None:
        """Display an event about a transfer of the command."""

    def offered(self, offered: Transfers) -> None:
        """Display what was offered to the contact."""


class TransferWatch:
    """Follows the transfers of a command; an outcome is an error, or None for success."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self._numbers: dict[int, str] = {}
        self._events: list[Event] = []  # until the numbers are known
        self.whys: dict[int, str] = {}
        self._done: dict[int, int] = {}
        self._quiet_since = client.loop.now()
        self._away_since: dict[str, float] = {}
        self._lost: P2PError | None = None
        self._seen: set[int] = set()  # in the list, which has only the last transfers
        self._is_receiver = False
        self.outcomes: dict[int, P2PError | None] = {}
        client.on_event = self._on_event
        client.on_changed = self._on_changed
        client.on_closed = self._on_closed
        client.begin()

    def wait(
        self, numbers: dict[int, str], wait: float | None, *, is_receiver: bool = False
    ) -> None:
        """Wait for these transfers, each with its contact; see `send_files`."""
        self._numbers = numbers
        self._is_receiver = is_receiver
        for event in self._events:
            self._take(event)
        self._quiet_since = self._client.loop.now()
        self._tick(wait)
        self._look()
        self._client.loop.run_until(lambda: self._is_over or self._lost is not None)
        self._progress.draw(())
        if self._lost is not None:
            raise self._lost

    @property
    def _is_over(self) -> bool:
        return self._numbers.keys() <= self.outcomes.keys()

    def _tick(self, wait: float | None) -> None:
        """Display progress, and give up on transfers that have stalled for too long."""
        if self._is_over:
            return
        loop, state = self._client.loop, self._client.state
        moving = [one for one in state.moving if one.id in self._numbers]
        now = loop.now()
        for one in moving:
            if one.done > self._done.get(one.id, -1):
                self._done[one.id] = one.done
                self._quiet_since = now
        self._progress.draw(moving)
        for number, contact in self._numbers.items():
            if number not in self.outcomes and self._has_waited(number, contact, wait):
                self.outcomes[number] = self._too_late(number, contact)
        loop.call_later(_REDRAW_S, partial(self._tick, wait))

    def _look(self) -> None:
        if not self._is_over and self._lost is None:
            self._client.order(ListFiles(), self._listed, self._not_listed)

    def _listed(self, found: Transfers) -> None:
        """End the wait for transfers that have ended without an event, or were deleted."""
        listed = {one.id: one for one in found.transfers}
        for number in self._numbers.keys() - self.outcomes.keys():
            one = listed.get(number)
            if one is not None:
                self._seen.add(number)
                if one.state in OVER:
                    self.outcomes[number] = _outcome(one)
            elif number in self._seen:
                self.outcomes[number] = P2PError(f"you have deleted transfer {number}")
        self._look_later()

    def _not_listed(self, _: P2PError) -> None:
        """Look again: the profile may be busy for a moment."""
        self._look_later()

    def _look_later(self) -> None:
        self._client.loop.call_later(_LOOK_EVERY_S, self._look)

    def _has_waited(self, number: int, contact: str, wait: float | None) -> bool:
        """Return whether a transfer has stalled for too long."""
        now, chat = self._client.loop.now(), self._client.state.chats.get(contact)
        quiet = now - self._quiet_since
        if wait is not None:
            return quiet >= wait
        if chat is not None and not chat.away:
            self._away_since.pop(contact, None)
            return bool(self.whys.get(number)) and quiet >= _AWAY_FOR
        away = now - self._away_since.setdefault(contact, now)
        return min(away, quiet) >= _AWAY_FOR

    def _too_late(self, number: int, contact: str) -> P2PError:
        why = self.whys.get(number, "")
        advice = "p2p files; it continues while your node is running (p2p login)"
        if number not in self._done:
            how = "has sent nothing" if self._is_receiver else "has not accepted it"
            return ContactOffline(why or f"{contact} {how} yet", advice=advice)
        if why:
            return LinkLost(why, advice=advice)
        return TimedOut("nothing has moved for too long", advice=advice)

    def _on_changed(self) -> None:
        """Do nothing: `_tick` reads the state often enough."""

    def _on_event(self, event: Event) -> None:
        if self._numbers:
            self._take(event)
        else:
            self._events.append(event)

    def _take(self, event: Event) -> None:
        number = getattr(event, "id", None)
        if number not in self._numbers:
            return
        match event:
            case FileDelivered() | FileReceived():
                self.outcomes[number] = None
            case FileDeclined(contact, _, name):
                self.outcomes[number] = CallRejected(f"{contact} declines {name}")
            case FileFailed(_, _, _, error):
                self.outcomes[number] = error
            case FileWaiting(_, _, _, why):
                self.whys[number] = why
            case _:
                return
        is_told_at_the_end = isinstance(event, FileDeclined | FileFailed)
        if not is_told_at_the_end or len(self._numbers) > 1:
            self._progress.tell(event)

    def _on_closed(self, error: P2PError) -> None:
        self._lost = LinkLost(
            f"the node has ended: {error.what}", advice="p2p files shows how far it is"
        )


def _outcome(ended: Transfer) -> P2PError | None:
    """Return the error of a transfer that has ended; None for success."""
    if ended.state is TransferState.DONE:
        return None
    if ended.state is TransferState.DECLINED and ended.outgoing:
        return CallRejected(f"{ended.user} declines {ended.name}")
    did = "declined" if ended.state is TransferState.DECLINED else "cancelled"
    return P2PError(ended.why or f"you have {did} {ended.name}")
