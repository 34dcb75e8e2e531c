"""Which users are away from the keyboard, exchanged with our contacts.

Sent only while there is a link, and never stored. Knows neither lines nor screens.
"""

from collections.abc import Callable
from functools import partial

from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.presence.pacing import Paced
from p2pchat.protocol.client.events import ContactIdle, Event
from p2pchat.protocol.talk import Idle


class AwayStatus:
    """Our own status is `ours`; changes of contacts are emitted by `on_event`.

    `links` returns the current links.
    """

    def __init__(
        self,
        loop: Scheduler,
        links: Callable[[], list[Link]],
        on_event: Callable[[Event], None],
    ) -> None:
        self._loop = loop
        self._links = links
        self._on_event = on_event
        self._theirs: dict[str, Paced[bool]] = {}
        self.ours = False

    def of(self, contact: str) -> bool:
        """Return whether the contact is known to be away from the keyboard."""
        return contact in self._theirs and self._theirs[contact].value

    def be(self, *, idle: bool) -> None:
        """Record that our user has gone away or is back, and send that to the linked contacts."""
        if idle != self.ours:
            self.ours = idle
            for link in self._links():
                link.send(Idle(idle))

    def linked(self, link: Link) -> None:
        """Send our status on a new link."""
        link.send(Idle(self.ours))

    def hear(self, contact: str, message: Idle) -> None:
        """Handle the contact's message."""
        if contact not in self._theirs:
            tell = partial(self._tell, contact)
            self._theirs[contact] = Paced(self._loop, False, tell)
        self._theirs[contact].set(message.idle)

    def _tell(self, contact: str, idle: bool) -> None:
        self._on_event(ContactIdle(contact, idle))
