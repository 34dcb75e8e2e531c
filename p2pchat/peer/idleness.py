"""Whose person is away from the keyboard: what we tell contacts of ours, and they us of theirs.

A courtesy, told while there is a link and kept nowhere. Knows neither lines nor screens.
"""

from collections.abc import Callable
from typing import Final

from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.events import ContactIdle, Event
from p2pchat.protocol.talk import Idle

_EVERY: Final = 1.0
"""Seconds between two events about one contact; a change in between is told at its end."""


class Idleness:
    """Ours is `ours`, theirs are told to `on_event`; `links` gives the links that there are now."""

    def __init__(
        self,
        loop: Scheduler,
        links: Callable[[], list[Link]],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._links = links
        self._on_event = on_event
        self._idle: set[str] = set()
        self._told: dict[str, bool] = {}  # of contacts about whom an event was told just now
        self.ours = False

    def of(self, contact: str) -> bool:
        """Tell whether the contact's person is away, so far as is known."""
        return contact in self._idle

    def be(self, *, idle: bool) -> None:
        """Our person has gone, or is back: tell whom we are linked to."""
        if idle != self.ours:
            self.ours = idle
            for link in self._links():
                link.send(Idle(idle))

    def linked(self, link: Link) -> None:
        """There is a new link, on which each side says how it is."""
        link.send(Idle(self.ours))

    def hear(self, contact: str, message: Idle) -> None:
        """Take what the contact says."""
        if message.idle == self.of(contact):
            return
        (self._idle.add if message.idle else self._idle.discard)(contact)
        if contact not in self._told:
            self._tell(contact)

    def _tell(self, contact: str) -> None:
        idle = self._told[contact] = self.of(contact)
        self._on_event(ContactIdle(contact, idle))
        self._loop.call_later(_EVERY, lambda: self._tell_change(contact))

    def _tell_change(self, contact: str) -> None:
        if self._told.pop(contact) != self.of(contact):
            self._tell(contact)
