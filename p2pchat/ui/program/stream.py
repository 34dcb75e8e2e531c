"""What happens at a node as lines for a program: all of it, or what concerns one contact.

The reader sets the pace. What it has not read waits here up to a limit; beyond it the reader is
behind: messages are read from the history when it catches up, and other events are merged to the
newest state. So a reader that falls behind costs no memory and misses no message. A contact in
clear, of whom there is no history, is not heard meanwhile. `seen`: the reader stands for the
person, so it gets what is unread first, what was written to it counts as seen, and while it is
behind no contact is heard. Without that it changes nothing. Knows no command.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from p2pchat.callbacks import ignore
from p2pchat.errors import P2PError
from p2pchat.peer.events import (
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    RegistryBack,
    RegistryLost,
    TextReceived,
    Trouble,
)
from p2pchat.peer.node import Node
from p2pchat.peer.store.lines import now_ms
from p2pchat.protocol.text import json_line
from p2pchat.ui.program.json_events import contact_of, event_object, json_object
from p2pchat.ui.text.render import plain_lines

T = TypeVar("T")

WriteLine = Callable[[str, Callable[[], None]], None]
"""Writes a line, and calls the function once it is where the reader finds it."""

_MOST_UNDER_WAY: Final = 64 * 1024
"""Characters that were written and are not there yet; the node's link takes some times that."""

_MOST_WAITING: Final = 1000
_MOST_CHARACTERS: Final = 1024 * 1024
"""Lines and characters that wait; beyond either the reader is behind."""

_MOST_MERGED: Final = 1000
"""Events of different kinds or contacts that are kept for a reader that is behind."""

_AT_ONCE: Final = 100
"""Messages read from the history at once for a reader that catches up."""

_PRESENCE: Final = (ContactAway, ContactBack, ContactLeft, ContactLost)
_REGISTRY: Final = (RegistryBack, RegistryLost)


class _Due(NamedTuple):
    line: str
    of: TextReceived | None  # what is seen with it


class Stream:
    """Write the lines of events and of `put`."""

    def __init__(
        self, write: WriteLine, *, as_json: bool = True, only: str = "", seen: bool = False
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._only = only
        self._seen = seen
        self._node: Node | None = None
        self._due: deque[_Due] = deque()
        self._due_characters = 0
        self._unread: deque[int] = deque()  # ids of messages that were unread at first
        self._after: int | None = None  # messages with a higher id were not told yet
        self._in_clear: deque[TextReceived] = deque()  # in no history; their contact is held
        self._merged: dict[object, Event] = {}
        self._held: set[str] = set()
        self._under_way = 0
        self._writing = False
        self._ended = False
        self._on_empty: Callable[[], None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether the reader keeps up with what it asks for."""
        return not self._is_behind and len(self._due) < _MOST_WAITING // 10

    def begin(self, node: Node) -> None:
        """Write what came before. Raise StorageError if the history cannot be read."""
        self._node = node
        if self._seen:
            self._unread.extend(node.history.unread_ids(self._only or None))
            self._go_on()
        elif self._as_json:
            for contact, count in node.history.unread().items():
                if self._only in {"", contact}:
                    self.put("unread", **{"from": contact}, count=count)

    def show(self, event: Event) -> None:
        """Write what happened, if it concerns this stream."""
        if self._ended:
            return
        fields = event_object(event, now_ms())
        if self._only and contact_of(fields) != self._only:
            return
        if self._is_behind or self._is_full:
            self._fall_behind(event)
        else:
            self._tell(event, fields)
        self._go_on()

    def put(self, name: str, /, **fields: Any) -> None:
        """Write what is not an event of the node: an answer, which its order has asked for."""
        self._add(_Due(json_line(json_object(name, now_ms(), **fields)), None))
        self._go_on()

    def close(self, then: Callable[[], None]) -> None:
        """Accept no more; call the callback once everything that waits is written."""
        self._on_empty = then
        self.end()
        self._go_on()

    def end(self) -> None:
        """Write no more, and let every contact's lines be read again."""
        self._ended = True
        self._unread.clear()
        self._after = None
        self._merged.clear()
        self._in_clear.clear()
        self._let_go()

    @property
    def _is_full(self) -> bool:
        return len(self._due) >= _MOST_WAITING or self._due_characters >= _MOST_CHARACTERS

    @property
    def _is_behind(self) -> bool:
        waits = self._unread or self._merged or self._in_clear
        return bool(waits) or self._after is not None

    def _fall_behind(self, event: Event) -> None:
        """Remember enough of an event to write it when the reader catches up."""
        if isinstance(event, TextReceived):
            if not event.id:
                self._in_clear.append(event)
            elif self._after is None:
                self._after = event.id - 1
            if self._seen or not event.id:
                self._hold(event.contact)
            return
        key = _merged_as(event)
        self._merged.pop(key, None)
        self._merged[key] = event
        if len(self._merged) > _MOST_MERGED:
            del self._merged[next(iter(self._merged))]

    def _hold(self, contact: str) -> None:
        if self._node is not None and contact not in self._held:
            self._held.add(contact)
            self._node.wait_for_reader(contact, behind=True)

    def _catch_up(self) -> None:
        """Write what the reader has missed, as far as there is room: messages first."""
        node = self._node
        assert node is not None
        events: Iterable[Event] = ()
        if self._unread:
            ids = _first(self._unread)
            events = map(node.received, node.history.lines_with(ids))
        elif self._after is not None:
            lines = node.history.incoming(self._after, _AT_ONCE, self._only or None)
            self._after = lines[-1].id if len(lines) == _AT_ONCE else None
            events = map(node.received, lines)
        elif self._in_clear:
            events = iter(_first(self._in_clear))
        else:
            merged, self._merged = self._merged, {}
            events = merged.values()
        for event in events:
            self._tell(event)
        if not self._is_behind:
            self._let_go()

    def _let_go(self) -> None:
        """Resume reading the lines of contacts that were held back."""
        held, self._held = self._held, set()
        for contact in held:
            if self._node is not None:
                self._node.wait_for_reader(contact, behind=False)

    def _tell(self, event: Event, fields: dict[str, Any] | None = None) -> None:
        of = event if isinstance(event, TextReceived) and self._seen else None
        if self._as_json:
            lines = [json_line(fields or event_object(event, now_ms()))]
        else:
            lines = plain_lines(event)
        for line in lines[:-1]:
            self._add(_Due(line, None))
        for line in lines[-1:]:
            self._add(_Due(line, of))

    def _add(self, due: _Due) -> None:
        if self._on_empty is None:
            self._due.append(due)
            self._due_characters += len(due.line)

    def _go_on(self) -> None:
        if self._writing:  # what is seen is an event too, which comes here in the midst of it
            return
        self._writing = True
        try:
            while self._under_way < _MOST_UNDER_WAY and self._has_more():
                due = self._due.popleft()
                self._due_characters -= len(due.line)
                self._under_way += len(due.line)
                self._write(due.line, partial(self._written, due))
        finally:
            self._writing = False
        if self._on_empty is not None and not self._due and not self._under_way:
            then, self._on_empty = self._on_empty, ignore
            then()

    def _has_more(self) -> bool:
        """Return whether a line waits; read on where the reader was behind."""
        while not self._due and self._is_behind and self._node is not None:
            try:
                self._catch_up()
            except P2PError as error:
                self._unread.clear()
                self._after = None
                self._tell(Trouble(error))
        return bool(self._due)

    def _written(self, due: _Due) -> None:
        self._under_way -= len(due.line)
        if due.of is not None and self._node is not None:
            try:
                self._node.seen(due.of.contact, due.of.id)
            except P2PError as error:
                self.show(Trouble(error))
        self._go_on()


def _first(waiting: deque[T]) -> list[T]:
    """Take the first objects, up to the number that is told at once."""
    return [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]


def _merged_as(event: Event) -> object:
    """Return what an event is merged by, for a reader that is behind: the newest one counts."""
    contact = getattr(event, "contact", "")
    if isinstance(event, _PRESENCE):
        return "presence", contact
    if isinstance(event, _REGISTRY):
        return "registry"
    if isinstance(event, ContactIdle | Delivered):
        return type(event), contact
    return event
