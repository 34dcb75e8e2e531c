"""Reports a value that a remote can change at will, at a bounded rate."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from p2pchat.net.compartment import Scheduler
from p2pchat.net.loop import Timer

T = TypeVar("T")

_EVERY: Final = 1.0
"""Seconds between two calls; changes in between are reported afterwards."""


class Paced(Generic[T]):
    """Calls `tell(value)` when the value changes: at once, but at most once a second.

    The last value is always reported, unless it equals the one reported before it.
    """

    def __init__(self, loop: Scheduler, value: T, tell: Callable[[T], None]) -> None:
        self._loop = loop
        self._value = self._told = value
        self._tell = tell
        self._pause: Timer | None = None

    @property
    def value(self) -> T:
        """The value, reported or not."""
        return self._value

    def set(self, value: T) -> None:
        """Set the value."""
        self._value = value
        if self._pause is None:
            self._tell_if_changed()

    def _tell_if_changed(self) -> None:
        if self._value != self._told:
            self._told = self._value
            self._pause = self._loop.call_later(_EVERY, self._go_on)
            self._tell(self._value)

    def _go_on(self) -> None:
        self._pause = None
        self._tell_if_changed()
