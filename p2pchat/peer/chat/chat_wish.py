"""Whether the user wants to chat with a contact, and the events that report how that goes.

One table contains every change of state and its event. Knows neither links nor lines.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Final

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


class WishState(Enum):
    """The state of a wish to chat."""

    NONE = auto()
    ASKING = auto()
    """A stranger is being asked and may reject; no lines can be queued for them."""
    SEEKING = auto()
    """We are trying to reach a known contact."""
    UNREACHABLE = auto()
    """As SEEKING; the user has been told that the contact is away or does not answer."""
    OPEN = auto()
    """The chat has started, and continues while links come and go."""
    LEFT = auto()
    """As OPEN; the user has been told that the contact has closed the conversation."""


class _Step(Enum):
    """What may change a wish."""

    CALLED = auto()
    LINKED = auto()
    LINK_LOST = auto()
    CONTACT_LEFT = auto()
    CONTACT_BACK = auto()
    CONTACT_AWAY = auto()
    NOT_REACHED = auto()
    FAILED = auto()
    ENDED = auto()


_S, _Do = WishState, _Step

_UNFULFILLED: Final = (_S.ASKING, _S.SEEKING, _S.UNREACHABLE)
_FULFILLED: Final = (_S.OPEN, _S.LEFT)

_STEPS: Final[Mapping[tuple[WishState, _Step], tuple[WishState, Callable[..., Event]]]] = {
    (_S.ASKING, _Do.CALLED): (_S.ASKING, Calling),
    (_S.ASKING, _Do.NOT_REACHED): (_S.NONE, CallFailed),
    (_S.ASKING, _Do.CONTACT_AWAY): (_S.ASKING, ContactAway),
    (_S.SEEKING, _Do.CONTACT_AWAY): (_S.UNREACHABLE, ContactAway),
    (_S.SEEKING, _Do.NOT_REACHED): (_S.UNREACHABLE, ContactAway),
    **{(state, _Do.LINKED): (_S.OPEN, ChatStarted) for state in _UNFULFILLED},
    **{(state, _Do.LINKED): (_S.OPEN, ContactBack) for state in _FULFILLED},
    **{(state, _Do.LINK_LOST): (state, ContactLost) for state in _FULFILLED},
    **{(state, _Do.CONTACT_AWAY): (state, ContactAway) for state in _FULFILLED},
    (_S.OPEN, _Do.CONTACT_LEFT): (_S.LEFT, ContactLeft),
    (_S.LEFT, _Do.CONTACT_BACK): (_S.OPEN, ContactBack),
    **{(state, _Do.FAILED): (_S.NONE, CallFailed) for state in (*_UNFULFILLED, *_FULFILLED)},
    **{(state, _Do.ENDED): (_S.NONE, ChatEnded) for state in (*_UNFULFILLED, *_FULFILLED)},
}
"""All other combinations change nothing and emit no event."""


class ChatWish:
    """The wish to chat with one contact; `state` is NONE at first."""

    def __init__(self, contact: str, on_event: Callable[[Event], None]) -> None:
        self.state = WishState.NONE
        self._contact = contact
        self._on_event = on_event

    @property
    def wished(self) -> bool:
        """Whether the user wants to chat."""
        return self.state is not WishState.NONE

    @property
    def started(self) -> bool:
        """Whether the chat has started."""
        return self.state in _FULFILLED

    def begin(self, *, stranger: bool) -> None:
        """Request a chat; a stranger must be asked first."""
        self.state = WishState.ASKING if stranger else WishState.SEEKING

    def accepted(self) -> None:
        """Record that the contact has accepted a call, and is no longer a stranger."""
        if self.state is WishState.ASKING:
            self.state = WishState.SEEKING

    def calling(self) -> None:
        """Record that a call has begun; no event is emitted for a known contact."""
        self._step(_Step.CALLED)

    def linked(self, security: Security) -> None:
        """Record that there is a link."""
        if self.started:
            self._step(_Step.LINKED)
        else:
            self._step(_Step.LINKED, security)

    def lost(self, error: P2PError | None) -> None:
        """Record that the link was lost and is being re-established."""
        self._step(_Step.LINK_LOST, error)

    def here(self, *, here: bool) -> None:
        """Record that the contact has opened or closed the conversation; here it stays open."""
        self._step(_Step.CONTACT_BACK if here else _Step.CONTACT_LEFT)

    def away(self) -> None:
        """Record that the contact has gone offline while there is no link."""
        self._step(_Step.CONTACT_AWAY)

    def not_reached(self, error: P2PError) -> None:
        """Record that a call has failed; lines for a known contact stay queued."""
        if isinstance(error, LinkLost | TimedOut | Unreachable):
            self._step(_Step.NOT_REACHED, error)
        elif not self.started:
            self.fail(error)

    def fail(self, error: P2PError, *, even_if_unwished: bool = False) -> None:
        """Record that the chat cannot take place; `even_if_unwished`: report that in any case."""
        if not self.wished and even_if_unwished:
            self._on_event(CallFailed(self._contact, error))
        else:
            self._step(_Step.FAILED, error)

    def end(self) -> None:
        """End the wish."""
        self._step(_Step.ENDED, None)

    def _step(self, step: _Step, *what: Any) -> None:
        """Change the state and emit the event, made from the arguments `what`."""
        self.state, event = _STEPS.get((self.state, step), (self.state, None))
        if event is not None:
            self._on_event(event(self._contact, *what))
