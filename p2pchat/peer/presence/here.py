"""Whether each side has a conversation open, as the two report it on a link.

Changes by the contact are passed on at a bounded rate. Knows neither lines nor chats.
"""

from collections.abc import Callable

from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.presence.pacing import Paced
from p2pchat.protocol.talk import Here


class HereStatus:
    """The status of both ends of one link; a new link needs a new one, or `repeat`.

    `tell(here)` is called when the contact has closed the conversation or opened it again.
    """

    def __init__(self, loop: Scheduler, tell: Callable[[bool], None]) -> None:
        self.theirs = False
        """Whether the contact has the conversation open."""
        self._ours = False  # as last reported to the contact
        self._told = Paced(loop, True, tell)

    def say(self, link: Link, *, here: bool) -> None:
        """Report to the contact whether the conversation is open here.

        That it is closed is reported only if the contact took it for open.
        """
        if here or self._ours:
            self._ours = here
            link.send(Here(here=here))

    def repeat(self, link: Link, *, here: bool) -> None:
        """Report on a link that takes the place of another one; the contact's status stays."""
        self._ours = here
        link.send(Here(here=here))

    def hear(self, message: Here) -> None:
        """Handle the contact's message."""
        if message.here != self.theirs:
            self.theirs = message.here
            self._told.set(message.here)
