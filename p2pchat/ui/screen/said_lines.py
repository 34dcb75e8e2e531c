"""Texts sent to a node that it has not yet confirmed as stored."""

import itertools
from collections.abc import Callable
from typing import Final, NamedTuple

from p2pchat.callbacks import ignore
from p2pchat.client.client import Client
from p2pchat.errors import P2PError
from p2pchat.protocol.client.node_order import Done
from p2pchat.protocol.client.orders import Say
from p2pchat.wall_clock import now_ms

_MOST: Final = 500

_LONGEST_WAIT: Final = 1.0
"""The most seconds that the end of a session waits for a line to be stored."""


class Untold(NamedTuple):
    """Texts that the node may not have stored, because it has ended.

    `said` were given to the node, the first at `since` (milliseconds since the epoch); `waiting`
    were not. `complete`: the input has ended, and nothing else in it is left undone.
    """

    said: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    since: int = 0
    complete: bool = False


class SaidLines:
    """Sends texts through a client; `on_answer()` is called after each answer.

    `not_said(text, error)` is called for each text that was not sent.
    """

    def __init__(
        self,
        client: Callable[[], Client],
        not_said: Callable[[str, P2PError], None],
        on_answer: Callable[[], None],
    ) -> None:
        self._client = client
        self._not_said = not_said
        self._on_answer = on_answer
        self._keys = itertools.count()
        self._unanswered: dict[int, tuple[int, str]] = {}
        self._then: Callable[[], None] = ignore

    def __len__(self) -> int:
        """Return the number of unanswered texts."""
        return len(self._unanswered)

    @property
    def have_room(self) -> bool:
        """Whether more texts may be sent before some are answered."""
        return len(self._unanswered) < _MOST

    @property
    def texts(self) -> tuple[str, ...]:
        """The unanswered texts."""
        return tuple(text for _, text in self._unanswered.values())

    @property
    def since(self) -> int:
        """When the first of them was sent, in milliseconds since the epoch; 0 if there is none."""
        return next(iter(self._unanswered.values()), (0, ""))[0]

    def when_answered(self, then: Callable[[], None]) -> None:
        """Call `then` once no text is unanswered, or when that takes too long."""
        if self._unanswered:
            self._then = then
            self._client().loop.call_later(_LONGEST_WAIT, then)
        else:
            then()

    def _answered(self) -> None:
        if not self._unanswered:
            then, self._then = self._then, ignore
            then()
        self._on_answer()

    def say(self, contact: str, text: str) -> None:
        """Send a text to a contact."""
        key = next(self._keys)
        self._unanswered[key] = now_ms(), text

        def said(_: Done) -> None:
            del self._unanswered[key]
            self._answered()

        def failed(error: P2PError) -> None:
            if key in self._unanswered and self._client().is_open:
                del self._unanswered[key]
                self._not_said(text, error)
                self._answered()

        self._client().order(Say(contact, text), said, failed)
