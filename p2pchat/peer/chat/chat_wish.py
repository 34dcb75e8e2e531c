"""Whether the person wishes to talk with a contact, and what they are told of how that goes.

Knows no link and no line: what happens to them, it is told.
"""

from collections.abc import Callable

from p2pchat.errors import LinkLost, P2PError, TimedOut, Unreachable
from p2pchat.protocol.client.events import (
    CallFailed,
    Calling,
    ChatEnded,
    ChatStarted,
    ContactAway,
    ContactBack,
    ContactLeft,
    ContactLost,
    Event,
)
from p2pchat.protocol.client.state import Security


class ChatWish:
    """Between `begin` and `end` or `fail` the person wishes to talk; see `wished`.

    The wish is fulfilled by the first link (ChatStarted), and stays so while links come and go.
    """

    def __init__(self, contact: str, on_event: Callable[[Event], None]) -> None:
        self.wished = False
        self.started = False
        """Whether the wish has been fulfilled."""
        self.is_stranger = False
        """Whether the contact has to be asked, and may say no."""
        self.is_unreachable = False
        """Whether the contact's address does not answer, as the person was told."""
        self._is_here = True
        """Whether the contact has the conversation open, as the person was told."""
        self._contact = contact
        self._on_event = on_event

    def begin(self, *, stranger: bool) -> None:
        """The person wishes it from now on."""
        self.wished = True
        self.started = self.is_unreachable = False
        self._is_here = True
        self.is_stranger = stranger

    def calling(self) -> None:
        """Note that a call has begun; for a known contact no event is emitted."""
        if self.wished and not self.started and self.is_stranger:
            self._on_event(Calling(self._contact))

    def linked(self, security: Security) -> None:
        """There is a link."""
        self.is_unreachable = False
        self._is_here = True
        if not self.wished:
            return
        if self.started:
            self._on_event(ContactBack(self._contact))
        else:
            self.started = True
            self._on_event(ChatStarted(self._contact, security))

    def lost(self, error: P2PError | None) -> None:
        """The link is gone, and is sought again."""
        if self.wished and self.started:
            self._on_event(ContactLost(self._contact, error))

    def here(self, *, here: bool) -> None:
        """The contact has opened the conversation, or closed it; here it stays open."""
        if here != self._is_here and self.wished and self.started:
            self._is_here = here
            event = ContactBack if here else ContactLeft
            self._on_event(event(self._contact))

    def away(self) -> None:
        """The contact has gone offline, and there is no link."""
        if self.wished and self.started:
            self._on_event(ContactAway(self._contact))

    def not_reached(self, error: P2PError) -> None:
        """Note that a call has failed; lines for a known contact wait all the same."""
        if self.started:
            return
        away = isinstance(error, LinkLost | TimedOut | Unreachable)
        if self.is_stranger or not away:
            self.fail(error)
        elif self.wished and not self.is_unreachable:
            self.is_unreachable = True
            self._on_event(ContactAway(self._contact, error))

    def fail(self, error: P2PError, *, even_if_unwished: bool = False) -> None:
        """Note that the wish cannot be fulfilled."""
        if self.wished or even_if_unwished:
            self.wished = False
            self._on_event(CallFailed(self._contact, error))

    def end(self) -> None:
        """The person wishes it no more."""
        self.wished = False
        self._on_event(ChatEnded(self._contact, None))
