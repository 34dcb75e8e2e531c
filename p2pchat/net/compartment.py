"""The loop as seen by one part of a program; an exception in its callbacks affects only that part.

Knows nothing of the part; `on_broken` closes or resets it (ARCHITECTURE, "Bulkheads").
"""

from collections.abc import Callable
from typing import Protocol

from p2pchat.net.loop import Callback, Timer


class Scheduler(Protocol):
    """The part of a loop's interface that schedules calls."""

    now: Callable[[], float]

    def call_soon(self, callback: Callback) -> None:
        """Call at the end of this turn."""

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        """Call once `now()` has reached the deadline."""

    def call_later(self, timeout: float, callback: Callback) -> Timer:
        """Call after `timeout` seconds."""

    def contain(self, error: Exception, where: str) -> None:
        """Log and count a bug; raise it in tests."""


class Compartment:
    """The loop for the part named `where`.

    An exception in a callback is contained, and `on_broken()` is called once for it.
    """

    def __init__(self, loop: Scheduler, where: str, on_broken: Callable[[], None]) -> None:
        self.now = loop.now
        self._loop = loop
        self._where = where
        self._on_broken = on_broken

    def call_soon(self, callback: Callback) -> None:
        """Call at the end of this turn."""
        self._loop.call_soon(self._contained(callback))

    def call_at(self, deadline: float, callback: Callback) -> Timer:
        """Call once `now()` has reached the deadline."""
        return self._loop.call_at(deadline, self._contained(callback))

    def call_later(self, timeout: float, callback: Callback) -> Timer:
        """Call after `timeout` seconds."""
        return self._loop.call_later(timeout, self._contained(callback))

    def contain(self, error: Exception, where: str) -> None:
        """Log and count a bug; raise it in tests."""
        self._loop.contain(error, where)

    def _contained(self, callback: Callback) -> Callback:
        def call() -> None:
            try:
                callback()
            except Exception as error:  # noqa: BLE001  # logged, counted, raised in tests
                self._loop.contain(error, self._where)
                self._on_broken()

        return call
