"""Trying again: pauses that grow with each failure, spread by chance, and cut short on waking.

Spread, so that ten thousand who lose the same registry do not come back in the same second.
"""

import random
from collections.abc import Callable
from typing import Final

from p2pchat.callbacks import ignore
from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

_MOST_DOUBLINGS: Final = 10


class Retries:
    """One thing that is tried again; at most one try is due. Times are in seconds."""

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
        """Whether a try is due."""
        return self._timer is not None

    @property
    def due_at(self) -> float | None:
        """When the next try is due, by the loop's clock; None where none is due."""
        return None if self._timer is None else self._due

    def later(
        self, action: Callable[[], None], *, more: float = 0.0, instead: float | None = None
    ) -> float:
        """Act after the next pause plus `more`, or after `instead`; return that delay (s)."""
        pause = min(self._longest, self._first * 2**self._failures) * self._rng.uniform(0.5, 1.0)
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        pause = pause + more if instead is None else instead
        self.stop()
        self._action = action
        self._due = self._loop.now() + pause
        self._timer = self._loop.call_at(self._due, self._try)
        return pause

    def hurry(self) -> None:
        """If a retry is due later, retry now: what made the last one fail may be over."""
        if self._timer is not None:
            self._timer.cancel()
            self._due = self._loop.now()
            self._timer = self._loop.call_at(self._due, self._try)

    def stop(self) -> None:
        """Do not try again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reset(self) -> None:
        """It works: the next pause is a short one."""
        self._failures = 0

    def _try(self) -> None:
        self._timer = None
        self._action()
