"""What happens at a node as lines for a program: all of it, or what concerns one contact.

The reader sets the pace, and what it has not read yet waits here. `seen`: the reader stands for the
person, so it gets what is unread first, and what was written to it counts as seen; without that it
is a bystander, who changes nothing. Knows no command.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from p2pchat.errors import P2PError
from p2pchat.peer.events import Event, TextReceived, Trouble
from p2pchat.peer.lines import now_ms
from p2pchat.peer.node import Node
from p2pchat.ui.json_events import contact_of, event_object, json_line, json_object
from p2pchat.ui.render import plain_lines

Write = Callable[[str, Callable[[], None]], None]
"""Writes a line, and calls the function once it is where the reader finds it."""

_MOST_UNDER_WAY: Final = 64 * 1024
"""Characters that were written and are not there yet; the node's link takes some times that."""

_MOST_WAITING: Final = 10_000
"""Lines, besides those that were unread at first; whoever is that late reads no more."""


class _Due(NamedTuple):
    line: str
    of: TextReceived | None  # what is seen with it


class Stream:
    """Write the lines of events and of `put`; `too_late` once the reader is far behind."""

    def __init__(
        self, write: Write, *, as_json: bool = True, only: str = "", seen: bool = False
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._only = only
        self._seen = seen
        self._node: Node | None = None
        self._due: deque[_Due] = deque()
        self._most = _MOST_WAITING
        self._under_way = 0
        self._writing = False
        self._on_empty: Callable[[], None] | None = None

    @property
    def too_late(self) -> bool:
        """Whether more waits than should be kept."""
        return len(self._due) > self._most

    @property
    def has_room(self) -> bool:
        """Whether the reader keeps up with what it asks for."""
        return len(self._due) < _MOST_WAITING // 10

    def begin(self, node: Node) -> None:
        """Tell of what came while nobody was there. Raises StorageError."""
        self._node = node
        if not self._seen:
            for contact, count in node.history.unread().items() if self._as_json else ():
                if self._only in {"", contact}:
                    self.put("unread", **{"from": contact}, count=count)
            return
        unread = node.unread(self._only or None)
        self._most += len(unread)
        for line in unread:
            self.show(TextReceived(line.username, line.text, line.id, line.at))

    def show(self, event: Event) -> None:
        """Tell what happened, if it is to be told."""
        fields = event_object(event, now_ms())
        if self._only and contact_of(fields) != self._only:
            return
        of = event if isinstance(event, TextReceived) and self._seen else None
        lines = [json_line(fields)] if self._as_json else plain_lines(event)
        for line in lines[:-1]:
            self._add(_Due(line, None))
        for line in lines[-1:]:
            self._add(_Due(line, of))

    def put(self, name: str, /, **fields: Any) -> None:
        """Tell something that is no event of the node."""
        self._add(_Due(json_line(json_object(name, now_ms(), **fields)), None))

    def close(self, then: Callable[[], None]) -> None:
        """Take nothing more; call once all is written."""
        self._on_empty = then
        self._go_on()

    def _add(self, due: _Due) -> None:
        if self._on_empty is None:
            self._due.append(due)
            self._go_on()

    def _go_on(self) -> None:
        if self._writing:  # what is seen is an event too, which comes here in the midst of it
            return
        self._writing = True
        try:
            while self._due and self._under_way < _MOST_UNDER_WAY:
                due = self._due.popleft()
                self._under_way += len(due.line)
                self._write(due.line, partial(self._written, due))
        finally:
            self._writing = False
        if self._on_empty is not None and not self._due and not self._under_way:
            then, self._on_empty = self._on_empty, _nothing
            then()

    def _written(self, due: _Due) -> None:
        self._under_way -= len(due.line)
        if due.of is not None and self._node is not None:
            try:
                self._node.seen(due.of.contact, due.of.id)
            except P2PError as error:
                self.show(Trouble(error))
        self._go_on()


def _nothing() -> None:
    """Stand in once it is closed."""
