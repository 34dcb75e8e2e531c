"""Sends scheduled lines at their time, and gives up lines that have expired."""

import time
from collections.abc import Callable
from typing import Final

from p2pchat.errors import P2PError, StorageError
from p2pchat.net.loop import Loop, Timer
from p2pchat.peer.chat.outbox import Outbox
from p2pchat.peer.store.history import History
from p2pchat.peer.store.schedule import Schedule
from p2pchat.protocol.client.events import Event, Trouble
from p2pchat.protocol.client.lines import ScheduledLine

_EVERY: Final = 5.0  # seconds; other processes add lines while this runs


class ScheduledDelivery:
    """Checks the schedule every few seconds until closed; other processes may change it.

    A line keeps its id, so that one queued just before a crash is not sent twice. `wall` returns
    seconds since the epoch.
    """

    def __init__(
        self,
        loop: Loop,
        schedule: Schedule,
        history: History,
        outbox: Outbox,
        on_event: Callable[[Event], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._schedule = schedule
        self._history = history
        self._outbox = outbox
        self._on_event = on_event
        self._wall = wall
        self._timer: Timer = loop.call_later(0, self._look)

    def close(self) -> None:
        """Stop sending; scheduled lines stay scheduled."""
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(_EVERY, self._look)
        now = int(self._wall() * 1000)
        try:
            for line in self._schedule.due(now):
                self._send(line)
            for contact, uids in self._history.expired(now).items():
                self._outbox.expire(contact, uids)
        except StorageError as error:
            self._on_event(Trouble(error))

    def _send(self, line: ScheduledLine) -> None:
        try:
            self._outbox.put(line.username, (line.text,), (line.uid,))
            if line.expires_at:
                self._history.set_expiry((line.uid,), line.expires_at)
        except StorageError:
            raise  # the line stays scheduled and is retried
        except P2PError as error:
            self._on_event(Trouble(error))
        self._schedule.remove(line.uid)
