"""The events of a node as lines for a program: all of them, or those of one contact.

The reader sets the pace: an event is marked as taken once the reader can read its lines, and the
node sends only a limited number of events that are not taken (`client.event_queue`). Knows no
orders.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.protocol.client.event_json import event_object
from p2pchat.protocol.client.events import Event, contact_of
from p2pchat.protocol.client.objects import json_object
from p2pchat.protocol.text import json_line
from p2pchat.ui.text.render import plain_lines
from p2pchat.wall_clock import now_ms

WriteLine = Callable[[str, Callable[[], None]], None]
"""Writes a line, and calls the function once the reader can read it."""

_MOST_UNDER_WAY: Final = 64 * 1024
"""The most characters passed to the writer but not written."""

_MANY: Final = 100
"""The number of waiting lines at which no more orders are read."""


class _Due(NamedTuple):
    """A line, or None, and the callback for when everything up to it is written."""

    line: str | None
    written: Callable[[], None]


class Stream:
    """Writes the lines of events and of `put`."""

    def __init__(
        self, write: WriteLine, *, as_json: bool = True, only: str = "", seen: bool = False
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._only = only
        self._seen = seen
        self._client: Client | None = None
        self._due: deque[_Due] = deque()
        self._lines_under_way: deque[_Due] = deque()
        self._under_way = 0
        self._on_empty: Callable[[], None] | None = None
        self.on_room: Callable[[], None] = ignore
        """Called whenever `has_room` becomes true again."""

    @property
    def has_room(self) -> bool:
        """Whether the reader keeps up with the answers to its orders."""
        return len(self._due) < _MANY

    def begin(self, client: Client) -> None:
        """Handle this client's events from now on; report earlier ones, unless the client does."""
        self._client = client
        if self._as_json and not self._seen:
            for contact, count in client.unread.items():
                if self._only in {"", contact}:
                    self.put("unread", **{"from": contact}, count=count)

    def show(self, event: Event) -> None:
        """Write the client's latest event, if it concerns this stream."""
        assert self._client is not None
        if self._only and contact_of(event) != self._only:
            self.skip()
            return
        lines = [json_line(event_object(event, now_ms()))] if self._as_json else plain_lines(event)
        for line in lines:
            self._add(line, ignore)
        self.skip()

    def skip(self) -> None:
        """Mark the client's latest event as taken, once everything before it is written."""
        assert self._client is not None
        self._add(None, partial(self._client.taken, self._client.number))

    def put(self, name: str, /, **fields: Any) -> None:
        """Write an answer to an order, which is not an event of the node."""
        self._add(json_line(json_object(name, now_ms(), **fields)), ignore)

    def close(self, then: Callable[[], None]) -> None:
        """Accept no more lines; call the callback once everything is written."""
        self._on_empty = then
        self._go_on()

    def _add(self, line: str | None, written: Callable[[], None]) -> None:
        if self._on_empty is None:
            self._due.append(_Due(line, written))
            self._go_on()

    def _go_on(self) -> None:
        while self._due and self._under_way < _MOST_UNDER_WAY:
            due = self._due.popleft()
            self._lines_under_way.append(due)
            if due.line is not None:
                self._under_way += len(due.line)
                self._write(due.line, self._written)
        self._take_written()
        if self._on_empty is not None and not self._due and not self._lines_under_way:
            then, self._on_empty = self._on_empty, ignore
            then()

    def _take_written(self) -> None:
        """Mark leading events without lines as taken: everything before them is written."""
        while self._lines_under_way and self._lines_under_way[0].line is None:
            self._lines_under_way.popleft().written()

    def _written(self) -> None:
        """Record that the oldest line passed to the writer is written; writers keep the order."""
        due = self._lines_under_way.popleft()
        self._under_way -= len(due.line or "")
        due.written()
        was_full = not self.has_room
        self._go_on()
        if was_full and self.has_room:
            self.on_room()
