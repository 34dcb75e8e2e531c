"""Retries with growing random pauses, which can be cut short.

They are random so that ten thousand clients that lose a registry do not return at once.
"""

import random
from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

_MOST_DOUBLINGS: Final = 10


class Retries:
    """Retries one action; at most one retry is due. Times are in seconds."""

    def __init__(
        self, loop: Scheduler, rng: random.Random, *, first: float, longest: float
    ) -> None:
        self._loop = loop
        self._rng = rng
        self._first = first
        self._longest = longest
        self._failures = 0
        self._timer: Timer | None = None
        self._due = 0.0
        self._action: Callable[[], None] = ignore

    @property
    def waiting(self) -> bool:
        """Whether a retry is due."""
        return self._timer is not None

    @property
    def due_at(self) -> float | None:
        """The time of the next retry by the loop's clock; None if none is due."""
        return None if self._timer is None else self._due

    def later(
        self, action: Callable[[], None], *, more: float = 0.0, instead: float | None = None
    ) -> float:
        """Call `action` after the next pause plus `more`, or `instead`; return that delay."""
        pause = min(self._longest, self._first * 2**self._failures) * self._rng.uniform(0.5, 1.0)
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        pause = pause + more if instead is None else instead
        self.stop()
        self._action = action
        self._due = self._loop.now() + pause
        self._timer = self._loop.call_at(self._due, self._try)
        return pause

    def hurry(self) -> None:
        """If a retry is due, retry now: the cause of the failure may be gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._due = self._loop.now()
            self._timer = self._loop.call_at(self._due, self._try)

    def stop(self) -> None:
        """Cancel the retry."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reset(self) -> None:
        """Make the next pause a short one, after a success."""
        self._failures = 0

    def _try(self) -> None:
        self._timer = None
        self._action()
