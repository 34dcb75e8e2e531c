"""Callers not accepted yet, waiting for the user's answer."""

from collections.abc import Callable
from typing import Final

from p2pchat.peer.calls.calls import IncomingCall
from p2pchat.protocol.client.events import Called, CallWithdrawn, Event
from p2pchat.protocol.talk import Reply

_MAX_ASKING: Final = 8
"""One more hears that we are busy."""


class PendingRequests:
    """At most one call of each; the person is told of them."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._calls: dict[str, IncomingCall] = {}

    @property
    def names(self) -> list[str]:
        """Who waits, the first one first."""
        return list(self._calls)

    def take(self, call: IncomingCall) -> None:
        """Add a waiting caller, if there is room."""
        if len(self._calls) >= _MAX_ASKING or call.contact in self._calls:
            call.refuse(Reply.BUSY)
            return
        self._calls[call.contact] = call
        call.on_gone = self._withdrawn
        self._on_event(Called(call.contact))

    def get(self, contact: str) -> IncomingCall:
        """Return the waiting call of a user; None if there is none."""
        return self._calls[contact]

    def remove(self, contact: str) -> IncomingCall:
        """Return it, and let it wait no more."""
        return self._calls.pop(contact)

    def close(self) -> None:
        """Hang up on all."""
        while self._calls:
            self._calls.popitem()[1].hang_up()

    def _withdrawn(self, call: IncomingCall) -> None:
        if self._calls.get(call.contact) is call:
            del self._calls[call.contact]
            self._on_event(CallWithdrawn(call.contact))
