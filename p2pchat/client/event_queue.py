"""A queue of events for one client, sent as fast as the client processes them.

The number of unprocessed events is limited. Beyond the limit the client is behind: messages are
read from the history when it catches up, and other events are merged into the newest state. So a
slow client costs no memory and misses no message. Meanwhile, contacts in clear, who have no
history, are not read. `seen`: the client stands for the user, so it first gets what is unread, and
what it has processed becomes read. `waits`, or `seen`: while it is behind, no contact who sends is
read.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from p2pchat.errors import P2PError
from p2pchat.peer.node import Node
from p2pchat.protocol.client.events import (
    ChatEnded,
    ContactAway,
    ContactBack,
    ContactIdle,
    ContactLeft,
    ContactLost,
    Delivered,
    Event,
    NotKept,
    RegistryBack,
    RegistryLost,
    TextReceived,
    Trouble,
)

T = TypeVar("T")

_MOST_UNTAKEN: Final = 1000
_MOST_CHARACTERS: Final = 1024 * 1024
"""The limit on unprocessed events, plus the characters of text in them."""

_BEGINNING: Final = 200
"""Characters kept of each text if there are very many texts."""

_MOST_MERGED: Final = 1000
"""Events of different kinds or contacts that are kept for a client that is behind."""

_AT_ONCE: Final = 100
"""Messages read from the history at once for a client that catches up."""

_PRESENCE: Final = (ContactAway, ContactBack, ContactLeft, ContactLost)
_REGISTRY: Final = (RegistryBack, RegistryLost)


class _Untaken(NamedTuple):
    number: int
    size: int
    message: TextReceived | None  # to be marked read with the event


class EventQueue:
    """Sends events, numbered from 1, as far as the client has processed them.

    `wait_for_reader(contact, behind)` is called with contacts whose lines must not be read now.
    """

    def __init__(
        self,
        node: Node,
        send: Callable[[int, Event], None],
        wait_for_reader: Callable[[str, bool], None],
        *,
        only: str = "",
        seen: bool = False,
        waits: bool = False,
    ) -> None:
        self._node = node
        self._send = send
        self._wait_for_reader = wait_for_reader
        self._only = only
        self._seen = seen
        self._waits = waits or seen
        self._last_number = 0
        self._untaken: deque[_Untaken] = deque()
        self._untaken_characters = 0
        self._unread: deque[int] = deque()  # ids of messages that were unread at first
        self._after: int | None = None  # messages with a higher id were not sent yet
        self._in_clear: deque[TextReceived] = deque()  # not in the history; their contact is held
        self._merged: dict[object, Event] = {}
        self._held: set[str] = set()
        self._begun = self._ended = False

    def begin(self) -> None:
        """Send unread lines, if the client stands for the user, and events since the welcome."""
        self._begun = True
        if self._seen:
            self._after = None  # they are among the unread lines
            try:
                self._unread.extend(self._node.history.unread_ids(self._only or None))
            except P2PError as error:
                self._merged[Trouble] = Trouble(error)
        self._catch_up()

    def put(self, event: Event) -> None:
        """Send an event, now or when the client has caught up."""
        if self._ended:
            return
        if self._is_behind or self.is_full:
            self._fall_behind(event)
        else:
            self._tell(event)

    def taken(self, number: int) -> None:
        """Record that the client has processed events up to that number."""
        read: dict[str, int] = {}
        while self._untaken and self._untaken[0].number <= number:
            _, size, message = self._untaken.popleft()
            self._untaken_characters -= size
            if message is not None and self._seen:
                read[message.contact] = message.id
        for contact, line_id in read.items():
            try:
                self._node.seen(contact, line_id)
            except P2PError as error:
                self.put(Trouble(error))
        self._catch_up()

    def end(self) -> None:
        """Stop sending, and let all contacts be read again."""
        self._ended = True
        self._unread.clear()
        self._after = None
        self._in_clear.clear()
        self._merged.clear()
        self._let_go()

    @property
    def is_full(self) -> bool:
        """Whether the limit on unprocessed events is reached."""
        return len(self._untaken) >= _MOST_UNTAKEN or self._untaken_characters >= _MOST_CHARACTERS

    @property
    def _is_behind(self) -> bool:
        waits = self._unread or self._merged or self._in_clear
        return not self._begun or bool(waits) or self._after is not None

    def _fall_behind(self, event: Event) -> None:
        """Keep enough of an event to send it when the client catches up."""
        if isinstance(event, TextReceived):
            if not event.id:
                self._in_clear.append(event)
            elif self._after is None:
                self._after = event.id - 1
            if self._waits or not event.id:
                self._hold(event.contact)
            return
        key = _merged_as(event)
        self._merged.pop(key, None)
        self._merged[key] = event
        if len(self._merged) > _MOST_MERGED:
            del self._merged[next(iter(self._merged))]

    def _hold(self, contact: str) -> None:
        if contact not in self._held:
            self._held.add(contact)
            self._wait_for_reader(contact, True)

    def _let_go(self) -> None:
        """Resume reading from the contacts that were held."""
        held, self._held = self._held, set()
        for contact in held:
            self._wait_for_reader(contact, False)

    def _catch_up(self) -> None:
        """Send what the client has missed, messages first, while there is room."""
        while self._is_behind and not self.is_full:
            try:
                missed = self._missed()
            except P2PError as error:
                self._unread.clear()
                self._after = None
                missed = [Trouble(error)]
            for event in missed:
                self._tell(event)
        if not self._is_behind:
            self._let_go()

    def _missed(self) -> Iterable[Event]:
        """Return the next events that the client has missed."""
        node = self._node
        if self._unread:
            return map(node.received, node.history.lines_with(_first(self._unread)))
        if self._after is not None:
            lines = node.history.incoming(self._after, _AT_ONCE, self._only or None)
            self._after = lines[-1].id if len(lines) == _AT_ONCE else None
            return map(node.received, lines)
        if self._in_clear:
            return _first(self._in_clear)
        merged, self._merged = self._merged, {}
        return merged.values()

    def _tell(self, event: Event) -> None:
        event = _bounded(event)
        self._last_number += 1
        message = event if isinstance(event, TextReceived) else None
        size = _size(event)
        self._untaken.append(_Untaken(self._last_number, size, message))
        self._untaken_characters += size
        self._send(self._last_number, event)


def _bounded(event: Event) -> Event:
    """Return an event that fits into a frame: very many texts are cut to their beginnings."""
    if _size(event) > _MOST_CHARACTERS:
        if isinstance(event, NotKept):
            return replace(event, texts=tuple(map(_beginning, event.texts)))
        if isinstance(event, ChatEnded):
            return replace(event, unsent=tuple(map(_beginning, event.unsent)))
    return event


def _beginning(text: str) -> str:
    return text[:_BEGINNING]


def _size(event: Event) -> int:
    """Return the number of characters of text in an event."""
    texts = (getattr(event, "texts", ()), getattr(event, "unsent", ()))
    return len(getattr(event, "text", "")) + sum(len(text) for some in texts for text in some)


def _first(waiting: deque[T]) -> list[T]:
    """Remove and return the first objects, up to the number that is sent at once."""
    return [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]


def _merged_as(event: Event) -> object:
    """Return the key by which to merge events; only the newest of each key is kept."""
    contact = getattr(event, "contact", "")
    if isinstance(event, _PRESENCE):
        return "presence", contact
    if isinstance(event, _REGISTRY):
        return "registry"
    if isinstance(event, ContactIdle | Delivered):
        return type(event), contact
    return event
