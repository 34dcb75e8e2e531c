"""Incoming calls that wait for the user's answer."""

from collections.abc import Callable
from typing import Final

from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.protocol.client.events import Called, CallWithdrawn, Event
from p2pchat.protocol.talk import Reply

_MAX_ASKING: Final = 8
"""Further callers get BUSY."""


class PendingRequests:
    """At most one waiting call of each user, announced by Called and CallWithdrawn."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._calls: dict[str, IncomingCall] = {}

    @property
    def names(self) -> list[str]:
        """The waiting users, the first caller first."""
        return list(self._calls)

    def take(self, call: IncomingCall) -> None:
        """Add a call; answer BUSY if there is no room, or a call of that user waits already."""
        if len(self._calls) >= _MAX_ASKING or call.contact in self._calls:
            call.refuse(Reply.BUSY)
            return
        self._calls[call.contact] = call
        call.on_gone = self._withdrawn
        self._on_event(Called(call.contact))

    def get(self, contact: str) -> IncomingCall:
        """Return the waiting call of a user. Raise KeyError if there is none."""
        return self._calls[contact]

    def remove(self, contact: str) -> IncomingCall:
        """Remove and return the waiting call of a user. Raise KeyError if there is none."""
        return self._calls.pop(contact)

    def close(self) -> None:
        """Hang up on all waiting callers."""
        while self._calls:
            self._calls.popitem()[1].hang_up()

    def _withdrawn(self, call: IncomingCall) -> None:
        if self._calls.get(call.contact) is call:
            del self._calls[call.contact]
            self._on_event(CallWithdrawn(call.contact))
